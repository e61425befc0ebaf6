/*
 * The one event handler. The build puts the settings, msal-browser, report.js
 * and token.js before this file: the event runtime cannot import.
 */
/* global Office, msal, fetch, setTimeout, UNHOOK_SETTINGS, UnhookReport, UnhookToken */
function onSpamReport(event) {
  UnhookReport.run({
    Office: Office,
    event: event,
    settings: UNHOOK_SETTINGS,
    fetch: function (url, options) {
      return fetch(url, options);
    },
    setTimeout: function (run, milliseconds) {
      return setTimeout(run, milliseconds);
    },
    getToken: function (done) {
      UnhookToken.getter(msal, UNHOOK_SETTINGS)(done);
    }
  });
}

/* Office.onReady is not run by the handler of classic Outlook. */
Office.actions.associate("onSpamReport", onSpamReport);
