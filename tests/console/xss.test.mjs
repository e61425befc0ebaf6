// Every vector of a public collection against sanitisers, reported as a mail and
// looked at as an analyst does: no script runs, nothing is requested from
// elsewhere, nothing navigates.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { startService } from "./service.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const shared = process.env.UNHOOK_SHARED ?? join(here, "../../../shared");
const vectors = join(shared, "vectors/xss/dompurify/expect.json");

const mail = (number, html) =>
  [
    "From: Mallory <mallory@attacker.example>",
    "To: maya@example.org",
    `Subject: vector ${number}`,
    `Message-ID: <vector-${number}@attacker.example>`,
    "MIME-Version: 1.0",
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from(`<p>before</p>${html}<p>after</p>`).toString("base64").replace(/.{76}/g, "$&\r\n"),
    "",
  ].join("\r\n");

describe("hostile HTML in the console", { skip: existsSync(vectors) ? false : `left out: ${vectors} is not there` }, () => {
  let service;
  let browser;
  before(async () => {
    service = await startService();
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
    });
  });
  after(async () => {
    await browser?.close();
    await service?.stop();
  });

  test("no vector runs, loads or navigates", { timeout: 900_000 }, async () => {
    const payloads = JSON.parse(readFileSync(vectors, "utf8")).map((vector) => vector.payload);
    assert.ok(payloads.length > 200);
    for (const [number, payload] of payloads.entries()) await service.report(mail(number, payload));
    const submissions = await service.judged(payloads.length);
    assert.equal(submissions.length, payloads.length, "every report is its own message");

    const context = await browser.newContext();
    const page = await context.newPage();
    const faults = [];
    let now = "";
    const blame = (what) => faults.push(`${now}: ${what}`);
    page.on("dialog", (dialog) => {
      blame(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("pageerror", (error) => blame(`a script ran and failed: ${error.message}`));
    page.on("popup", () => blame("a window opened"));
    page.on("download", (download) => blame(`a download began: ${download.url()}`));
    await context.route("**/*", (route) => {
      const url = route.request().url();
      if (url.startsWith(service.origin)) return route.continue();
      blame(`a request to ${url}`);
      return route.abort();
    });
    await page.goto(`${service.origin}/console`);
    await page.locator('form[method="post" i] input:not([type="hidden"])').first().fill(service.key);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);

    let rendered = 0;
    for (const { id, subject } of submissions) {
      for (const view of ["rendered", "text", "source"]) {
        now = `${subject}, ${view}`;
        const address = `${service.origin}/console/submissions/${id}?view=${view}`;
        await page.goto(address, { waitUntil: "load" });
        for (const frame of page.frames().slice(1)) {
          rendered += 1;
          if (!frame.url().endsWith("/frame")) blame(`the frame went to ${frame.url()}`);
          // what a person may do: hover, click, press Enter on what can be focused
          const targets = await frame.locator("a, button, input, summary, label").all();
          for (const target of targets.slice(0, 3)) {
            await target.click({ timeout: 500, force: true, noWaitAfter: true }).catch(() => {});
          }
        }
        if (page.url() !== address) blame(`the page went to ${page.url()}`);
      }
    }
    assert.ok(rendered >= payloads.length * 0.9, `only ${rendered} of ${payloads.length} were drawn`);
    assert.deepEqual(faults, []);
    await context.close();
  });
});
