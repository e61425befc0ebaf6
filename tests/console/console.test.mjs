// The console as an analyst meets it: sign in, queue, one submission, verdict,
// restore. Every page is watched for script errors, foreign requests, a missing
// policy and sideways scrolling.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { startDemo } from "./demo.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const PICTURES = process.env.UNHOOK_SCREENSHOTS;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

let browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
});
after(() => browser?.close());

/** A page of its own session, watched; `faults` holds what must not happen. */
async function watched(origin, viewport = { width: 1280, height: 800 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`a dialog opened: ${dialog.message()}`);
    dialog.dismiss();
  });
  await context.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith(origin) || url.startsWith("data:") || url.startsWith("about:")) {
      return route.continue();
    }
    faults.push(`a request to ${url}`);
    return route.abort();
  });
  page.on("response", (response) => {
    const type = response.headers()["content-type"] ?? "";
    if (!type.startsWith("text/html")) return;
    const policy = response.headers()["content-security-policy"] ?? "";
    if (!/default-src '(none|self)'/.test(policy)) {
      faults.push(`${response.url()} has no strict policy: "${policy}"`);
    }
    const scripts = /script-src([^;]*)/.exec(policy)?.[1] ?? "";
    if (/unsafe-inline|unsafe-eval|\*/.test(scripts)) {
      faults.push(`${response.url()} allows loose scripts: "${policy}"`);
    }
  });
  return { context, page, faults };
}

/** Does what leads to another page, and waits for that page (live ones never idle). */
async function follow(page, action) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), action()]);
}

async function signIn(page, url, key) {
  await page.goto(url);
  const field = page.locator('form[method="post" i] input:not([type="hidden"])').first();
  await field.fill(key);
  await follow(page, () => field.press("Enter"));
}

async function fitsSideways(page) {
  const [scroll, width] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(scroll <= width, `${page.url()} is ${scroll} px wide in a window of ${width}`);
}

async function picture(page, name) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: false });
}

const SUBMISSION = 'main a[href*="/submissions/sub_"]';

describe("the console of a demo", () => {
  let demo;
  let origin;
  before(async () => {
    demo = await startDemo("--mailboxes", "60");
    origin = new URL(demo.url).origin;
  });
  after(async () => {
    if (!demo) return;
    const { code, signal } = await demo.stop();
    assert.equal(signal, null, "Ctrl-C ends the demo by itself");
    assert.equal(code, 0);
  });

  test("a stranger sees the sign-in page and nothing else", async () => {
    const { context, page, faults } = await watched(origin);
    await page.goto(demo.url);
    await page.locator('form[method="post" i]').first().waitFor();
    assert.equal(await page.locator(SUBMISSION).count(), 0);
    await picture(page, "sign-in");
    await signIn(page, demo.url, "uhk_wrong_wrong_wrong_wrong_wrong_wrong");
    assert.equal(await page.locator(SUBMISSION).count(), 0, "a wrong key opens nothing");
    const cookies = await context.cookies();
    for (const cookie of cookies) {
      assert.equal(cookie.httpOnly, true, `cookie ${cookie.name} is readable by scripts`);
      assert.notEqual(cookie.sameSite, "None");
    }
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("queue, evidence, verdict and restore", async () => {
    const { context, page, faults } = await watched(origin);
    await signIn(page, demo.url, demo.key);
    await page.locator(SUBMISSION).first().waitFor();
    assert.ok((await page.title()).length > 0);
    assert.equal(await page.locator("h1").count(), 1, "one heading a page");
    for (const cookie of await context.cookies()) {
      assert.equal(cookie.httpOnly, true);
      assert.equal(cookie.sameSite, "Strict");
    }
    assert.ok(!page.url().includes(demo.key), "the key is not in the address");
    await fitsSideways(page);
    await picture(page, "queue");

    await follow(page, () => page.locator(SUBMISSION).first().click());
    const submission = page.url();
    assert.match(submission, /\/submissions\/sub_/);
    for (const frame of await page.locator("iframe").all()) {
      const sandbox = await frame.getAttribute("sandbox");
      assert.notEqual(sandbox, null, "mail is shown only in a sandbox");
      assert.doesNotMatch(sandbox, /allow-scripts|allow-same-origin|allow-top-navigation/);
    }
    await fitsSideways(page);
    await picture(page, "submission");

    const restore = page.locator('form[method="post" i][action*="restore"] button').first();
    assert.ok((await restore.count()) > 0, "a pulled copy can be restored");
    const verdict = page.locator('form[method="post" i][action*="verdict"]').first();
    assert.ok((await verdict.count()) > 0, "a verdict can be set");
    const before = await page.locator("main").innerText();
    await follow(page, () => restore.click());
    await page.goto(submission);
    assert.notEqual(await page.locator("main").innerText(), before, "the restore is to be seen");
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("a link from elsewhere changes nothing: GET on an action is refused", async () => {
    const { context, page } = await watched(origin);
    await signIn(page, demo.url, demo.key);
    await follow(page, () => page.locator(SUBMISSION).first().click());
    const actions = await page
      .locator('form[method="post" i]')
      .evaluateAll((forms) => forms.map((form) => form.action));
    assert.ok(actions.length > 0);
    for (const action of new Set(actions)) {
      const answer = await context.request.get(action, { maxRedirects: 0 });
      assert.ok([404, 405].includes(answer.status()), `GET ${action}: ${answer.status()}`);
      const foreign = await context.request.post(action, {
        headers: { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" },
        form: { verdict: "benign" },
        maxRedirects: 0,
      });
      assert.equal(foreign.status(), 403, `POST ${action} from another site`);
    }
    await context.close();
  });

  test("the reasons are marked in the message, and a policy is tried before it goes live", async () => {
    const { context, page, faults } = await watched(origin);
    await signIn(page, demo.url, demo.key);
    await follow(page, () => page.locator(SUBMISSION).first().click());
    await page.goto(`${page.url().split(/[?#]/)[0]}?view=text`);
    const marked = page.locator("pre.mail mark").first();
    assert.ok((await marked.count()) > 0, "evidence is marked in the text");
    assert.ok((await marked.getAttribute("title")).length > 5, "and says why");

    await page.goto(`${origin}/console/policy`);
    const editor = page.locator('textarea[name="text"]');
    const inForce = await editor.inputValue();
    const first = await page.locator(".head code").first().innerText();
    await editor.fill("malicious_from = 0.2\n");
    await follow(page, () => page.getByRole("button", { name: "Try it on the history" }).click());
    const refused = await page.locator('[role="alert"]').innerText();
    assert.match(refused, /malicious_from/, "the field is named");
    assert.equal((await editor.inputValue()).trim(), "malicious_from = 0.2", "what was typed is not lost");

    await editor.fill(`${inForce}\n[[actions]]\nverdict = "malicious"\ndo = "propose"\n`);
    await follow(page, () => page.getByRole("button", { name: "Try it on the history" }).click());
    // the page looks for the result by itself
    const trial = page.locator("#trial");
    await trial.waitFor({ timeout: 60_000 });
    assert.match(await trial.innerText(), /Pulled without a person/);
    await fitsSideways(page);
    await picture(page, "policy-trial");
    await page.locator("#trial summary").click();
    await follow(page, () => page.locator("#trial button.danger").click());
    const second = await page.locator(".head code").first().innerText();
    assert.notEqual(second, first, "another policy is in force");
    assert.match(await editor.inputValue(), /propose/);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("a campaign's plan and receipt, and a dry run with its live progress", async () => {
    const { context, page, faults } = await watched(origin);
    await signIn(page, demo.url, demo.key);
    await page.goto(`${origin}/console/campaigns`);
    await follow(page, () => page.locator('a[href*="/campaigns/cmp_"]').first().click());
    await follow(page, () => page.getByRole("link", { name: "Plan and progress" }).click());
    assert.match(await page.locator("#plan").innerText(), /calls planned/);
    assert.match(await page.locator("#progress").innerText(), /Mailboxes searched/);
    await fitsSideways(page);
    await picture(page, "search");
    await follow(page, () => page.locator("#progress a", { hasText: "Receipt" }).click());
    const receipt = await page.locator("main").innerText();
    assert.match(receipt, /Complete: nothing was still open/);
    assert.match(receipt, /Fewest calls possible/);
    await fitsSideways(page);
    await picture(page, "receipt");
    const file = await context.request.get(`${page.url()}.json`);
    assert.equal(file.status(), 200);
    const signed = await file.json();
    assert.equal(signed.signature.algorithm, "Ed25519");
    assert.equal(signed.receipt.complete, true);

    await page.goto(`${origin}/console/searches`);
    await page.locator('input[name="query"]').fill("everything");
    await follow(page, () => page.getByRole("button", { name: "Show what would be found" }).click());
    assert.match(await page.locator("main").innerText(), /no known kind/);
    await page.goto(`${origin}/console/campaigns`);
    await follow(page, () => page.locator('a[href*="/campaigns/cmp_"]').first().click());
    await follow(page, () => page.getByRole("button", { name: "Dry run" }).click());
    assert.match(page.url(), /\/searches\/sch_/);
    // the page looks for news by itself until the search is through
    await page.getByText("Through", { exact: true }).first().waitFor({ timeout: 60_000 });
    assert.match(await page.locator("#hits").innerText(), /What a pull would find/);
    await fitsSideways(page);
    await picture(page, "dry-run");
    const table = await context.request.get(`${page.url().split("?")[0]}/hits.csv`);
    assert.match(await table.text(), /"mailbox","platform","outcome"/);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("a large pull is rolled back, waits for a second person, and is stopped and released", async () => {
    const { context, page, faults } = await watched(origin);
    await signIn(page, demo.url, demo.key);
    await page.goto(`${origin}/console/campaigns`);
    await follow(page, () => page.locator('a[href*="/campaigns/cmp_"]').first().click());
    const campaign = page.url().split("?")[0];
    assert.match(await page.locator(".staging").innerText(), /Stage: all copies, \d+ of \d+ copies moved/);
    const timeline = await page.locator("aside").innerText();
    assert.match(timeline, /Approved by a second person/);
    assert.match(timeline, /Next stage of the pull/);

    // Rolled back, in one call.
    await page.getByText("Restore all…").click();
    await follow(page, () => page.getByRole("button", { name: "Restore every copy" }).click());
    const told = async (where, wanted) => {
      for (let tries = 0; tries < 120; tries += 1) {
        await page.goto(where);
        if (wanted.test(await page.locator("main").innerText())) return;
        await page.waitForTimeout(500);
      }
      assert.fail(`${where} never said ${wanted}: ${await page.locator("main").innerText()}`);
    };
    await told(campaign, /Remediation\s+Put back/i);

    // Once more malicious: this time by a person, who cannot approve it too.
    await follow(page, () => page.locator('aside a[href*="/submissions/sub_"]').first().click());
    await page.locator('input[name="verdict"][value="malicious"]').check();
    await page.locator('form[action$="/verdict"] [name="reason"]').fill("a phish after all");
    await follow(page, () => page.getByRole("button", { name: "Set verdict" }).click());
    const pulls = `${origin}/console/pulls`;
    await told(pulls, /You decided this pull: another person has to approve it/);
    await fitsSideways(page);
    await picture(page, "approvals");
    await told(campaign, /a second person has to approve the rest/);

    const other = await watched(origin);
    await signIn(other.page, demo.url, demo.second);
    await other.page.goto(pulls);
    const approve = other.page.getByRole("button", { name: /^Approve \d+ mailboxes$/ });
    await follow(other.page, () => approve.first().click());
    assert.match(await other.page.locator("main").innerText(), /Approved\. The pull goes on\./);
    await told(campaign, /Stage: all copies, (\d+) of \1 copies moved/);

    // The kill switch, seen on every page, and released by whoever may.
    await page.goto(pulls);
    await page.getByText("Stop pulls…").click();
    await page.locator('form[action$="/stop"] [name="reason"]').fill("newsletters were pulled");
    await follow(page, () => page.getByRole("button", { name: "Stop", exact: true }).click());
    await picture(page, "kill-switch");
    await page.goto(`${origin}/console/campaigns`);
    assert.match(await page.locator("main").innerText(), /Pulls are stopped/);
    await other.page.goto(pulls);
    assert.match(await other.page.locator("main").innerText(), /Every pull by .* newsletters were pulled/);
    await other.page.getByText("Release…").click();
    await other.page.locator('form[action$="/release"] [name="reason"]').fill("all is well");
    await follow(other.page, () => other.page.getByRole("button", { name: "Let pulls go on" }).click());
    assert.match(await other.page.locator("main").innerText(), /Released/);

    // Who did all that, in ids and hashes.
    await page.goto(`${origin}/console/audit`);
    const trail = await page.locator("tbody").innerText();
    for (const deed of [/pulls released/, /pulls stopped/, /approved/, /content viewed/]) {
      assert.match(trail, deed);
    }
    assert.ok(!trail.includes("newsletters were pulled"), "a reason stands there as its hash");
    await page.locator('input[name="action"]').fill("pulls_stopped");
    await follow(page, () => page.getByRole("button", { name: "Show" }).click());
    assert.equal(await page.locator("tbody tr").count(), 1);
    await fitsSideways(page);
    await picture(page, "audit");
    assert.deepEqual([...faults, ...other.faults], []);
    await other.context.close();
    await context.close();
  });

  test("a narrow window is read without scrolling sideways", async () => {
    const { context, page, faults } = await watched(origin, { width: 390, height: 800 });
    await signIn(page, demo.url, demo.key);
    await fitsSideways(page);
    await follow(page, () => page.locator(SUBMISSION).first().click());
    await fitsSideways(page);
    assert.deepEqual(faults, []);
    await context.close();
  });
});

describe("a hostile message in the console", () => {
  test("no script runs, nothing is loaded, nothing navigates", async () => {
    const demo = await startDemo("--mailboxes", "40", "--message", join(here, "hostile.eml"));
    const origin = new URL(demo.url).origin;
    const { context, page, faults } = await watched(origin);
    await context.addInitScript(() => {
      // A policy that stops the mail is the second wall; the first is the page's text.
      globalThis.stopped = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        globalThis.stopped.push(`${event.violatedDirective} ${event.blockedURI}`);
      });
      globalThis.pwned = () => {
        throw new Error("a script of the mail ran");
      };
    });
    try {
      await signIn(page, demo.url, demo.key);
      assert.match(await page.locator("main").innerText(), /Quarterly/, "the subject is shown as text");
      await follow(page, () => page.locator(SUBMISSION).first().click());
      await page.waitForTimeout(1000);
      assert.match(page.url(), /\/submissions\/sub_/, "the page stayed");
      assert.deepEqual(await page.evaluate(() => globalThis.stopped), [], "markup of the mail reached the page");
      const foreign = await page.evaluate(() =>
        [...document.querySelectorAll("*")]
          .filter(
            (element) =>
              [...element.attributes].some(({ name }) => name.startsWith("on")) ||
              (element.tagName === "SCRIPT" && element.textContent.includes("pwned")),
          )
          .map((element) => element.outerHTML.slice(0, 120)),
      );
      assert.deepEqual(foreign, [], "elements of the mail are in the page");
      const live = await page
        .locator("main a[href]")
        .evaluateAll((links) => links.map((link) => link.href));
      for (const link of live) {
        assert.ok(link.startsWith(origin), `a live link to ${link}`);
      }
      await picture(page, "hostile");
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
      await demo.stop();
    }
  });
});
