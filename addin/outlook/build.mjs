// Fills the manifest from settings.json and bundles the event file into dist/.
//   node build.mjs [settings.json] [folder]
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const settingsFile = process.argv[2] ?? join(here, "settings.json");
const out = process.argv[3] ?? join(here, "dist");

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
// An origin alone: no path, no trailing slash. Plain http is refused by Outlook.
const ORIGIN = /^https:\/\/[a-z0-9.-]+(:\d+)?$/i;
const RULES = {
  addinId: GUID,
  provider: /^[^<>&"]{1,125}$/,
  addinOrigin: ORIGIN,
  apiOrigin: ORIGIN,
  supportUrl: /^https:\/\/[^\s<>&"]+$/,
  clientId: GUID,
  tenantId: GUID,
  scope: /^api:\/\/[^\s"]+\/[^\s"]+$/,
};

function fail(text) {
  console.error(`build: ${text}`);
  process.exit(1);
}

if (!existsSync(settingsFile)) {
  fail(`${settingsFile} is missing; copy settings.example.json and fill it in`);
}
const settings = JSON.parse(readFileSync(settingsFile, "utf8"));
for (const [name, rule] of Object.entries(RULES)) {
  if (!rule.test(settings[name] ?? "")) fail(`settings: ${name} must match ${rule}`);
}
for (const name of Object.keys(settings)) {
  if (!(name in RULES)) fail(`settings: unknown member ${name}`);
}

const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const words = {
  ADDIN_ID: settings.addinId,
  VERSION: `${version}.0`,
  PROVIDER: settings.provider,
  ADDIN_ORIGIN: settings.addinOrigin,
  API_ORIGIN: settings.apiOrigin,
  SUPPORT_URL: settings.supportUrl,
};
const manifest = readFileSync(join(here, "manifest.xml"), "utf8")
  .replace(/\n<!-- A template:[\s\S]*?-->/, "")
  .replace(/__([A-Z]+(?:_[A-Z]+)*)__/g, (all, word) => words[word] ?? fail(`manifest: ${all}?`));

// Only what the client needs; nothing here is secret.
const { apiOrigin, clientId, tenantId, scope } = settings;
const event = [
  `var UNHOOK_SETTINGS = ${JSON.stringify({ apiOrigin, clientId, tenantId, scope })};`,
  readFileSync(join(here, "node_modules/@azure/msal-browser/lib/msal-browser.min.js"), "utf8")
    .replace(/^\/\/# sourceMappingURL=.*$/m, ""),
  ...["report.js", "token.js", "launch.js"].map((f) => readFileSync(join(here, "src", f), "utf8")),
].join("\n;\n");

mkdirSync(join(out, ".well-known"), { recursive: true });
writeFileSync(join(out, "manifest.xml"), manifest);
writeFileSync(join(out, "event.js"), event);
cpSync(join(here, "src/event.html"), join(out, "event.html"));
cpSync(join(here, "assets"), join(out, "assets"), { recursive: true });
// Classic Outlook allows CORS from the script only if its origin lists it here.
writeFileSync(
  join(out, ".well-known/microsoft-officeaddins-allowed.json"),
  `${JSON.stringify({ allowed: [`${settings.addinOrigin}/event.js`] })}\n`,
);
console.log(`built ${out}`);
