"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const report = require("../src/report.js");
const { office, play } = require("./fake.js");

const { LETTERS } = report;

/* Every ending is one completion that moves and deletes nothing. */
function endsWith(result, letter) {
  assert.equal(result.completed.length, 1, "event.completed exactly once");
  assert.deepEqual(result.completed[0], {
    moveItemTo: "noMove",
    onErrorDeleteItem: false,
    showPostProcessingDialog: letter,
  });
}

test("a report is posted first and completed after", async () => {
  const result = await play(report.run, {});
  endsWith(result, LETTERS.thanks);
  assert.deepEqual(result.order, ["answered", "completed"]);
  assert.equal(result.posts.length, 1);
  const [post] = result.posts;
  assert.equal(post.url, "https://unhook.example.test/api/v1/reports");
  assert.equal(post.method, "POST");
  assert.equal(post.credentials, "omit");
  assert.equal(post.headers.Authorization, "Bearer token-1");
  assert.equal(post.headers["Content-Type"], "application/json");
  assert.match(post.headers["Idempotency-Key"], /^outlook-[0-9a-f]{32}$/);
  assert.deepEqual(post.body, {
    client: "outlook",
    item_id: "AAMkAGI-A_B=",
    internet_message_id: "<one@example.test>",
    mailbox: "rita@example.test",
    reason: "phishing",
    comment: "odd link",
    raw_base64: "RnJvbTogYQ0K",
  });
});

for (const [status, letter] of [
  [202, LETTERS.thanks],
  [409, LETTERS.known],
  [401, LETTERS.signIn],
  [403, LETTERS.signIn],
  [400, LETTERS.failed],
  [429, LETTERS.failed],
  [503, LETTERS.failed],
]) {
  test(`answer ${status}: "${letter.title}", posted once`, async () => {
    const result = await play(report.run, { answers: [status] });
    endsWith(result, letter);
    assert.equal(result.posts.length, 1);
  });
}

for (const [name, item] of Object.entries({
  "getAsFileAsync answers with an error": {
    getAsFileAsync: (done) => done({ status: "failed", error: { code: 9020 } }),
  },
  "getAsFileAsync throws": {
    getAsFileAsync() {
      throw new Error("unsupported");
    },
  },
  "getAsFileAsync is missing": { getAsFileAsync: undefined },
  "the message is larger than 3 MB": {
    getAsFileAsync: (done) =>
      done({ status: "succeeded", value: "A".repeat(4 * 1024 * 1024 + 8) }),
  },
})) {
  test(`${name}: the ids alone are sent`, async () => {
    const result = await play(report.run, { item });
    endsWith(result, LETTERS.thanks);
    assert.equal(result.posts.length, 1);
    assert.equal("raw_base64" in result.posts[0].body, false);
    assert.equal(result.posts[0].body.internet_message_id, "<one@example.test>");
  });
}

test("just 3 MB still go along", async () => {
  const value = "A".repeat(4 * 1024 * 1024);
  const result = await play(report.run, {
    item: { getAsFileAsync: (done) => done({ status: "succeeded", value }) },
  });
  assert.equal(result.posts[0].body.raw_base64.length, value.length);
});

for (const lost of ["error", 413, 408]) {
  test(`bytes that do not get through (${lost}) are left out the second time`, async () => {
    const result = await play(report.run, { answers: [lost, 202] });
    endsWith(result, LETTERS.thanks);
    assert.equal(result.posts.length, 2);
    assert.equal("raw_base64" in result.posts[1].body, false);
    const keys = result.posts.map((post) => post.headers["Idempotency-Key"]);
    assert.equal(keys[0], keys[1]);
  });
}

test("a lost answer to a post that arrived ends as already reported", async () => {
  endsWith(await play(report.run, { answers: ["error", 409] }), LETTERS.known);
});

test("a dead network ends in a message, after two tries", async () => {
  const result = await play(report.run, { answers: ["error", "error", 202] });
  endsWith(result, LETTERS.failed);
  assert.equal(result.posts.length, 2);
});

for (const [name, getToken] of Object.entries({
  "an error": (done) => done(new Error("interaction_required"), ""),
  "no token": (done) => done(null, ""),
})) {
  test(`signing in gives ${name}: nothing is sent`, async () => {
    const result = await play(report.run, { getToken });
    endsWith(result, LETTERS.signIn);
    assert.equal(result.posts.length, 0);
  });
}

test("a throw anywhere still completes", async () => {
  const getToken = () => {
    throw new Error("boom");
  };
  endsWith(await play(report.run, { getToken }), LETTERS.failed);
  const broken = office();
  Object.defineProperty(broken.context.mailbox, "item", {
    get() {
      throw new Error("gone");
    },
  });
  endsWith(await play(report.run, { Office: broken }), LETTERS.failed);
});

test("a call that never returns is ended by the deadline, once", async () => {
  for (const hanging of [
    { getToken: () => {} },
    { answers: ["never"] },
    { item: { getAsFileAsync() {} } },
  ]) {
    const result = await play(report.run, hanging);
    assert.equal(result.completed.length, 0);
    result.expire();
    endsWith(result, LETTERS.failed);
  }
  assert.ok(report.DEADLINE_MS < 5 * 60 * 1000);
});

test("the deadline after the end changes nothing; nor do double callbacks", async () => {
  const result = await play(report.run, {
    item: {
      getAsFileAsync(done) {
        done({ status: "succeeded", value: "QQ==" });
        done({ status: "succeeded", value: "Qg==" });
      },
    },
  });
  result.expire();
  await result.settle();
  endsWith(result, LETTERS.thanks);
  assert.equal(result.posts.length, 1);
});

test("in a shared mailbox its owner is named", async () => {
  const shared = (value) => ({
    item: { getSharedPropertiesAsync: (done) => done(value) },
  });
  const found = await play(
    report.run,
    shared({ status: "succeeded", value: { targetMailbox: "team@example.test" } }),
  );
  assert.equal(found.posts[0].body.mailbox, "team@example.test");
  const none = await play(report.run, shared({ status: "failed" }));
  assert.equal(none.posts[0].body.mailbox, "rita@example.test");
});

test("an id that cannot be converted goes as it is", async () => {
  const result = await play(report.run, { mailbox: { convertToRestId: undefined } });
  assert.equal(result.posts[0].body.item_id, "AAMkAGI/A+B=");
});

test("the key is the item's: stable for it, another for another", async () => {
  const { idempotencyKey } = report;
  const key = idempotencyKey("Rita@example.test", "AAA");
  assert.equal(key, idempotencyKey("rita@example.test", "AAA"));
  assert.notEqual(key, idempotencyKey("rita@example.test", "AAB"));
  assert.notEqual(key, idempotencyKey("bob@example.test", "AAA"));
  const keys = new Set();
  for (let i = 0; i < 20000; i += 1) keys.add(idempotencyKey("a@b", `AAMk${i}=`));
  assert.equal(keys.size, 20000);
  // a sender chooses the Message-ID: two items that share it both arrive
  const twin = await play(report.run, { item: { itemId: "other" } });
  const first = await play(report.run, {});
  assert.notEqual(
    twin.posts[0].headers["Idempotency-Key"],
    first.posts[0].headers["Idempotency-Key"],
  );
});

test("reasons follow the manifest's order; comments are trimmed and capped", () => {
  assert.equal(report.reasonOf([false, true, true]), "spam");
  assert.equal(report.reasonOf([false, false, true]), "other");
  assert.equal(report.reasonOf([]), "phishing");
  assert.equal(report.reasonOf(undefined), "phishing");
  assert.equal(report.commentOf("\n a \t"), "a");
  assert.equal(report.commentOf(undefined), "");
  assert.equal(report.commentOf("x".repeat(5000)).length, 2000);
});
