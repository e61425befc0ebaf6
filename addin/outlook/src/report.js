/*
 * The courier: reads the reported message, posts it, says thanks.
 *
 * Runs in Outlook's event runtimes, one of which has no DOM, no modules and a
 * strict idea of syntax, so this file is ES5 without the ternary operator (a
 * test parses it). Everything it touches is handed in, so that it runs under
 * Node's test runner too. An event object is never logged: it holds live tokens.
 */
var UnhookReport = (function () {
  "use strict";

  /* In the order of the options in manifest.xml. */
  var REASONS = ["phishing", "spam", "other"];
  /* Classic Outlook loses larger posts; above this the server fetches alone. */
  var MAX_RAW_BYTES = 3 * 1024 * 1024;
  var MAX_COMMENT_CHARS = 2000;
  /* Outlook kills the handler after five minutes, with a text of its own. */
  var DEADLINE_MS = 90 * 1000;

  var LETTERS = {
    thanks: {
      title: "Thank you",
      description:
        "Your report has arrived. You will hear how it ended."
    },
    known: {
      title: "Already reported",
      description: "You have reported this message before. Nothing more to do."
    },
    signIn: {
      title: "Not reported",
      description:
        "Outlook could not sign you in, so nothing was sent. " +
        "The message is still where it was. Please restart Outlook and try again."
    },
    failed: {
      title: "Not reported",
      description:
        "The report could not be sent. The message is still where it was. " +
        "Please try again in a few minutes."
    }
  };

  /* Calls `done` at most once, whatever happens. */
  function once(done) {
    var called = false;
    return function (value) {
      if (!called) {
        called = true;
        done(value);
      }
    };
  }

  /* The size in bytes of what a Base64 text holds. */
  function rawBytes(base64) {
    return Math.floor((base64.length * 3) / 4);
  }

  /* The first ticked option; a report without one is about phishing. */
  function reasonOf(options) {
    var i;
    if (options) {
      for (i = 0; i < REASONS.length; i += 1) {
        if (options[i] === true) {
          return REASONS[i];
        }
      }
    }
    return REASONS[0];
  }

  function commentOf(freeText) {
    if (typeof freeText !== "string") {
      return "";
    }
    return freeText.replace(/^\s+|\s+$/g, "").slice(0, MAX_COMMENT_CHARS);
  }

  function mix(text, seed) {
    var hash = seed;
    var i;
    for (i = 0; i < text.length; i += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      hash = (hash << 13) | (hash >>> 19);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ("0000000" + ((hash ^ (hash >>> 16)) >>> 0).toString(16)).slice(-8);
  }

  /*
   * The same for the same item, so that a second click is no second report. Made
   * from the item's id and not from its Message-ID: a sender chooses the latter,
   * and two messages that share one must both arrive.
   */
  function idempotencyKey(mailbox, itemId) {
    var text = mailbox.toLowerCase() + "\n" + itemId;
    return (
      "outlook-" +
      mix(text, 0x811c9dc5) +
      mix(text, 0x9e3779b9) +
      mix(text, 0x7f4a7c15) +
      mix(text, 0x2545f491)
    );
  }

  /* Desktop and web give EWS ids; the server wants the REST form. */
  function restId(Office, item) {
    var mailbox = Office.context.mailbox;
    if (!item.itemId) {
      return "";
    }
    try {
      return mailbox.convertToRestId(
        item.itemId,
        Office.MailboxEnums.RestVersion.v2_0
      );
    } catch (ignored) {
      return item.itemId;
    }
  }

  /* The owner of a shared mailbox, else the person who is signed in. */
  function withMailbox(Office, item, next) {
    var own = Office.context.mailbox.userProfile.emailAddress;
    var answer = once(next);
    if (typeof item.getSharedPropertiesAsync !== "function") {
      answer(own);
      return;
    }
    try {
      item.getSharedPropertiesAsync(function (result) {
        var shared = result.value;
        if (result.status === "succeeded" && shared) {
          answer(shared.targetMailbox || shared.owner || own);
        } else {
          answer(own);
        }
      });
    } catch (ignored) {
      answer(own);
    }
  }

  /* The message as Base64, or nothing: then the server fetches it alone. */
  function withRaw(item, next) {
    var answer = once(next);
    if (typeof item.getAsFileAsync !== "function") {
      answer("");
      return;
    }
    try {
      item.getAsFileAsync(function (result) {
        var raw = "";
        if (result.status === "succeeded" && typeof result.value === "string") {
          raw = result.value;
        }
        if (rawBytes(raw) > MAX_RAW_BYTES) {
          raw = "";
        }
        answer(raw);
      });
    } catch (ignored) {
      answer("");
    }
  }

  function send(parts, token, key, body, next) {
    var answer = once(next);
    parts
      .fetch(parts.settings.apiOrigin + "/api/v1/reports", {
        method: "POST",
        credentials: "omit",
        headers: {
          Authorization: "Bearer " + token,
          "Content-Type": "application/json",
          "Idempotency-Key": key
        },
        body: JSON.stringify(body)
      })
      .then(
        function (response) {
          answer(response.status);
        },
        function () {
          answer(0);
        }
      );
  }

  /*
   * Posts with the bytes, and once more without them when they did not get
   * through. Safe, since the key is the same: had the first post arrived, the
   * second is answered 409 and no report is doubled.
   */
  function deliver(parts, token, key, body, next) {
    send(parts, token, key, body, function (status) {
      var lost = status === 0 || status === 413 || status === 408;
      if (lost && body.raw_base64) {
        delete body.raw_base64;
        send(parts, token, key, body, next);
      } else {
        next(status);
      }
    });
  }

  function letterFor(status) {
    if (status === 202 || status === 200) {
      return LETTERS.thanks;
    }
    if (status === 409) {
      return LETTERS.known;
    }
    if (status === 401 || status === 403) {
      return LETTERS.signIn;
    }
    return LETTERS.failed;
  }

  /*
   * The whole report. `parts`: Office, event, fetch, getToken(done(error,
   * token)), settings {apiOrigin}, setTimeout. Ends with exactly one
   * `event.completed`, after the post, on every path.
   */
  function run(parts) {
    var Office = parts.Office;
    var event = parts.event;
    var finish = once(function (letter) {
      event.completed({
        /* The server moves the message, to where it can be put back from. */
        moveItemTo: Office.MailboxEnums.MoveSpamItemTo.NoMove,
        /* Never true: an error of ours must not destroy the evidence. */
        onErrorDeleteItem: false,
        showPostProcessingDialog: letter
      });
    });
    if (typeof parts.setTimeout === "function") {
      parts.setTimeout(function () {
        finish(LETTERS.failed);
      }, DEADLINE_MS);
    }
    /* A failure in any callback ends here too, so each step is wrapped. */
    function guarded(step) {
      return function (a, b) {
        try {
          step(a, b);
        } catch (ignored) {
          finish(LETTERS.failed);
        }
      };
    }
    guarded(function () {
      var item = Office.context.mailbox.item;
      withMailbox(
        Office,
        item,
        guarded(function (mailbox) {
          withRaw(
            item,
            guarded(function (raw) {
              var body = {
                client: "outlook",
                item_id: restId(Office, item),
                internet_message_id: item.internetMessageId || "",
                mailbox: mailbox,
                reason: reasonOf(event.options),
                comment: commentOf(event.freeText)
              };
              var key = idempotencyKey(
                mailbox,
                body.item_id || body.internet_message_id
              );
              if (raw) {
                body.raw_base64 = raw;
              }
              parts.getToken(
                guarded(function (error, token) {
                  if (error || !token) {
                    finish(LETTERS.signIn);
                    return;
                  }
                  deliver(
                    parts,
                    token,
                    key,
                    body,
                    guarded(function (status) {
                      finish(letterFor(status));
                    })
                  );
                })
              );
            })
          );
        })
      );
    })();
  }

  return {
    run: run,
    idempotencyKey: idempotencyKey,
    reasonOf: reasonOf,
    commentOf: commentOf,
    rawBytes: rawBytes,
    letterFor: letterFor,
    LETTERS: LETTERS,
    REASONS: REASONS,
    MAX_RAW_BYTES: MAX_RAW_BYTES,
    DEADLINE_MS: DEADLINE_MS
  };
})();

if (typeof module !== "undefined" && module.exports) {
  module.exports = UnhookReport;
}
