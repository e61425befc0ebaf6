// Starts `unhook simulate` and `unhook serve` against it, with keys and tokens:
// a service that takes reports over its real API.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const binary = process.env.UNHOOK_BIN ?? join(target, "debug/unhook");

/** A port that is free just now. */
function freePort() {
  return new Promise((settle, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => settle(port));
    });
  });
}

/** Runs a program until `ready(output)` gives something. */
function until(child, ready, what) {
  return new Promise((settle, fail) => {
    let out = "";
    let log = "";
    const late = setTimeout(() => fail(new Error(`${what} is not ready after 60 s\n${out}\n${log}`)), 60_000);
    child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-4000)));
    child.stdout.on("data", (bytes) => {
      out += bytes;
      const found = ready(out);
      if (found) {
        clearTimeout(late);
        settle(found);
      }
    });
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(new Error(`${what} ended with ${code}\n${out}\n${log}`));
    });
  });
}

/** The service; `report(eml)` hands a message in, `stop()` ends everything. */
export async function startService() {
  const folder = mkdtempSync(join(tmpdir(), "unhook-console-"));
  const [simPort, port] = [await freePort(), await freePort()];
  const simulated = spawn(binary, ["simulate", "--listen", `127.0.0.1:${simPort}`, "--mailboxes", "20"]);
  const printed = await until(
    simulated,
    (out) => (out.includes("/sim/truth") ? out : null),
    "the simulated organisation",
  );
  const user = /"user":"([^"]+)"/.exec(printed)[1];
  const origin = `http://127.0.0.1:${port}`;
  const config = join(folder, "unhook.toml");
  writeFileSync(config, printed.split("\n").filter((line) => !line.startsWith("#")).join("\n"));
  const env = {
    ...process.env,
    UNHOOK__SERVER__LISTEN: `127.0.0.1:${port}`,
    UNHOOK__SERVER__PUBLIC_URL: origin,
    UNHOOK__SERVER__REPORTS_PER_MINUTE: "0",
    UNHOOK__DATABASE__URL: `sqlite:${join(folder, "unhook.db")}`,
    UNHOOK__BLOBS__PATH: join(folder, "blobs"),
  };
  const key = execFileSync(
    binary,
    ["keys", "create", "--config", config, "--name", "console", "--scopes", "admin"],
    { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
  ).match(/uhk_\S+/)[0];
  const service = spawn(binary, ["serve", "--config", config], { env, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  service.stderr.on("data", (bytes) => (log = (log + bytes).slice(-4000)));
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${origin}/readyz`).catch(() => null);
    if (ready?.ok) break;
    if (tries > 200 || service.exitCode !== null) throw new Error(`the service is not ready\n${log}`);
    await new Promise((next) => setTimeout(next, 100));
  }
  const tokens = await fetch(`http://127.0.0.1:${simPort}/sim/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kind: "entra", user }),
  });
  const token = Object.values(await tokens.json())[0];
  const api = async (path) => {
    const answer = await fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${key}` } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  return {
    origin,
    key,
    api,
    async report(eml) {
      const answer = await fetch(`${origin}/api/v1/reports`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "message/rfc822" },
        body: eml,
      });
      if (answer.status !== 202) throw new Error(`not taken: ${answer.status} ${await answer.text()}`);
      return answer.json();
    },
    /** Every submission, once all of them are judged. */
    async judged(count) {
      for (let tries = 0; tries < 1200; tries += 1) {
        const found = [];
        let path = "/api/v1/submissions?limit=100";
        while (path) {
          const page = await api(path);
          found.push(...page.items);
          path = page.next ? `/api/v1/submissions?limit=100&after=${encodeURIComponent(page.next)}` : null;
        }
        if (found.length >= count && found.every((one) => one.verdict)) return found;
        await new Promise((next) => setTimeout(next, 250));
      }
      throw new Error(`not all of ${count} messages were judged\n${log}`);
    },
    async stop() {
      for (const child of [service, simulated]) {
        child.removeAllListeners("exit");
        child.kill("SIGKILL");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
