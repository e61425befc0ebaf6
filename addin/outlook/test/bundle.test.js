"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const { webcrypto } = require("node:crypto");
const { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { after, test } = require("node:test");
const vm = require("node:vm");
const acorn = require("acorn");
const report = require("../src/report.js");
const { office } = require("./fake.js");

const root = join(__dirname, "..");
const out = mkdtempSync(join(tmpdir(), "unhook-addin-"));
after(() => rmSync(out, { recursive: true, force: true }));

const build = (settings) =>
  spawnSync(process.execPath, [join(root, "build.mjs"), settings, out], { encoding: "utf8" });

/* Every node of a syntax tree. */
function* nodes(tree) {
  if (!tree || typeof tree !== "object") return;
  if (typeof tree.type === "string") yield tree;
  for (const value of Object.values(tree)) yield* nodes(value);
}

const refused = (text) =>
  [...nodes(acorn.parse(text, { ecmaVersion: 5 }))].filter(
    (node) => node.type === "ConditionalExpression",
  );

test("our event code is ES5 without the ternary operator", () => {
  for (const file of ["report.js", "token.js", "launch.js"]) {
    const text = readFileSync(join(root, "src", file), "utf8");
    assert.deepEqual(refused(text), [], file);
  }
  assert.throws(() => refused("const a = 1;"));
  assert.throws(() => refused("import a from 'b';"));
  assert.equal(refused("var a = b ? 1 : 2;").length, 1);
});

test("the build fills the manifest and bundles one file", () => {
  const built = build(join(root, "settings.example.json"));
  assert.equal(built.status, 0, built.stderr);
  const manifest = readFileSync(join(out, "manifest.xml"), "utf8");
  assert.doesNotMatch(manifest, /__[A-Z]/);
  assert.match(manifest, /<Version>\d+\.\d+\.\d+\.0<\/Version>/);
  assert.match(manifest, /https:\/\/addin\.example\.com\/event\.js/);
  const allowed = JSON.parse(
    readFileSync(join(out, ".well-known/microsoft-officeaddins-allowed.json"), "utf8"),
  );
  assert.deepEqual(allowed, { allowed: ["https://addin.example.com/event.js"] });
  for (const [, url] of manifest.matchAll(/https:\/\/addin\.example\.com(\/[^"<]+)"/g)) {
    assert.ok(existsSync(join(out, url)), `${url} is in the manifest, not in dist`);
  }
});

test("the manifest keeps what Outlook insists on", () => {
  const manifest = readFileSync(join(root, "manifest.xml"), "utf8");
  const [, runtime] = manifest.match(/<Runtime resid="([^"]+)">/);
  assert.match(manifest, new RegExp(`<SourceLocation resid="${runtime}"/>`));
  assert.match(manifest, /<FunctionName>onSpamReport<\/FunctionName>/);
  assert.match(manifest, /DefaultMinVersion="1\.14"/);
  const options = [...manifest.matchAll(/<Option resid="Option\.(\w+)"\/>/g)].map((m) => m[1]);
  assert.deepEqual(options.map((o) => o.toLowerCase()), report.REASONS);
  const used = new Set([...manifest.matchAll(/resid="([^"]+)"/g)].map((m) => m[1]));
  const defined = new Set(
    [...manifest.matchAll(/<bt:(?:Image|Url|String) id="([^"]+)"/g)].map((m) => m[1]),
  );
  assert.deepEqual([...used].sort(), [...defined].sort());
  // limits of the schema: 125 characters for short strings, 250 for long ones
  const [short] = manifest.match(/<bt:ShortStrings>[\s\S]*<\/bt:ShortStrings>/);
  for (const [, text] of short.matchAll(/DefaultValue="([^"]*)"/g)) {
    assert.ok(text.length <= 125, text);
  }
});

test("the bundled file reports, with the real msal-browser inside", async () => {
  assert.equal(build(join(root, "settings.example.json")).status, 0);
  const handlers = {};
  const host = office();
  host.actions = { associate: (name, handler) => (handlers[name] = handler) };
  const completed = new Promise((resolve) => {
    const sandbox = {
      Office: host,
      fetch: async () => ({ status: 202 }),
      // the deadline must not keep the test alive
      setTimeout: (run, milliseconds) => setTimeout(run, milliseconds).unref(),
      clearTimeout,
      console,
      crypto: webcrypto,
    };
    sandbox.globalThis = sandbox;
    vm.createContext(sandbox);
    vm.runInContext(readFileSync(join(out, "event.js"), "utf8"), sandbox);
    assert.deepEqual(Object.keys(handlers), ["onSpamReport"]);
    assert.equal(typeof sandbox.msal.createNestablePublicClientApplication, "function");
    handlers.onSpamReport({ options: [true], freeText: "", completed: resolve });
  });
  // Outside Outlook nobody is signed in: it says so, and completes.
  const ending = await completed;
  assert.equal(ending.onErrorDeleteItem, false);
  assert.equal(ending.showPostProcessingDialog.title, report.LETTERS.signIn.title);
});

test("wrong settings stop the build", () => {
  const good = JSON.parse(readFileSync(join(root, "settings.example.json"), "utf8"));
  for (const change of [
    { apiOrigin: "http://unhook.example.com" },
    { addinOrigin: "https://addin.example.com/" },
    { clientId: "not a guid" },
    { provider: "<b>" },
    { secret: "x" },
  ]) {
    const file = join(out, "settings.json");
    writeFileSync(file, JSON.stringify({ ...good, ...change }));
    const built = build(file);
    assert.equal(built.status, 1, JSON.stringify(change));
    assert.match(built.stderr, /settings: /);
  }
});

test("the manifest is well-formed XML", () => {
  // From libxml2-utils, which tests/run installs; without it this fails.
  execFileSync("xmllint", ["--noout", join(root, "manifest.xml")], { stdio: "pipe" });
});
