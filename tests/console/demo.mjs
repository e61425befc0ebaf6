// Starts `unhook demo --json`, waits for its receipt, and ends it with SIGINT.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const binary = process.env.UNHOOK_BIN ?? join(target, "debug/unhook");

/** Every [name, value] of a JSON document, however deep; names joined by dots. */
function* members(value, path = "") {
  if (value !== null && typeof value === "object") {
    for (const [name, inner] of Object.entries(value)) {
      yield* members(inner, path ? `${path}.${name}` : name);
    }
  } else {
    yield [path, value];
  }
}

/** The console's address and the analyst's key, from the demo's receipt. */
export function consoleOf(receipt) {
  const all = [...members(receipt)];
  const pick = (name, looksRight) =>
    all.find(([path, value]) => name.test(path) && typeof value === "string" && looksRight(value))?.[1];
  return {
    url: pick(/console/i, (value) => /^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+/.test(value)),
    key: pick(/key/i, (value) => value.length >= 20),
  };
}

/** Runs the demo until its receipt stands; `stop()` ends it and gives its code. */
export async function startDemo(...args) {
  if (!existsSync(binary)) throw new Error(`${binary} is missing; run cargo build first`);
  const child = spawn(binary, ["demo", "--json", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-8000)));
  const ended = once(child, "exit");
  const receipt = await new Promise((settle, fail) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      fail(new Error(`no receipt after 180 s\n${log}`));
    }, 180_000);
    child.stdout.on("data", (bytes) => {
      out += bytes;
      try {
        const parsed = JSON.parse(out);
        clearTimeout(late);
        settle(parsed);
      } catch {
        // the object is not whole yet
      }
    });
    ended.then(([code]) => {
      clearTimeout(late);
      fail(new Error(`the demo ended with ${code} before its receipt\n${out}\n${log}`));
    });
  });
  ended.catch(() => {});
  const { url, key } = consoleOf(receipt);
  if (!url || !key) {
    child.kill("SIGKILL");
    throw new Error(`the receipt names no console address or key: ${JSON.stringify(receipt).slice(0, 2000)}`);
  }
  return {
    receipt,
    url,
    key,
    second: receipt.console.second,
    stdout: () => out,
    async stop() {
      child.kill("SIGINT");
      const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const [code, signal] = await ended;
      clearTimeout(late);
      return { code, signal };
    },
  };
}
