"use strict";

/* A small Office: enough of it for the handler, with each part breakable. */
function office(overrides) {
  const item = {
    itemId: "AAMkAGI/A+B=",
    internetMessageId: "<one@example.test>",
    getAsFileAsync(done) {
      done({ status: "succeeded", value: "RnJvbTogYQ0K" });
    },
    ...(overrides && overrides.item),
  };
  return {
    context: {
      mailbox: {
        item,
        userProfile: { emailAddress: "rita@example.test" },
        convertToRestId: (id) => id.replaceAll("/", "-").replaceAll("+", "_"),
        ...(overrides && overrides.mailbox),
      },
    },
    MailboxEnums: {
      RestVersion: { v2_0: "v2.0" },
      MoveSpamItemTo: { NoMove: "noMove" },
    },
  };
}

/* Runs one report to its end; gives what was posted and how it was completed. */
function play(run, options) {
  const posts = [];
  const completed = [];
  const order = [];
  const answers = [...(options.answers ?? [202])];
  let expire;
  const parts = {
    Office: options.Office ?? office(options),
    event: {
      options: options.ticked ?? [true, false, false],
      freeText: options.freeText ?? "  odd link  ",
      completed(value) {
        order.push("completed");
        completed.push(value);
      },
    },
    settings: { apiOrigin: "https://unhook.example.test" },
    setTimeout(callback) {
      expire = callback;
    },
    getToken: options.getToken ?? ((done) => done(null, "token-1")),
    fetch(url, request) {
      posts.push({ url, ...request, body: JSON.parse(request.body) });
      const answer = answers.shift();
      if (answer === "never") return new Promise(() => {});
      return new Promise((resolve, reject) => {
        setImmediate(() => {
          order.push("answered");
          if (answer === "error") reject(new TypeError("Failed to fetch"));
          else resolve({ status: answer });
        });
      });
    },
  };
  run(parts);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
  return settle().then(() => ({ posts, completed, order, expire, settle }));
}

module.exports = { office, play };
