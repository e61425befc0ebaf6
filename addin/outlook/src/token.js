/*
 * An access token for the Unhook API, by nested app authentication. In event
 * code only the silent call is allowed (no window can open), and the scope has
 * to be one of our own API: an ID token is never sent to a service.
 */
var UnhookToken = (function () {
  "use strict";

  /* `msal`: the msal-browser library. Calls done(error, token) once. */
  function getter(msal, settings) {
    return function (done) {
      var called = false;
      function answer(error, token) {
        if (!called) {
          called = true;
          done(error, token);
        }
      }
      try {
        msal
          .createNestablePublicClientApplication({
            auth: {
              clientId: settings.clientId,
              authority: "https://login.microsoftonline.com/" + settings.tenantId
            }
          })
          .then(function (app) {
            return app.acquireTokenSilent({ scopes: [settings.scope] });
          })
          .then(
            function (result) {
              answer(null, result.accessToken);
            },
            function (error) {
              answer(error || new Error("no token"), "");
            }
          );
      } catch (error) {
        answer(error, "");
      }
    };
  }

  return { getter: getter };
})();

if (typeof module !== "undefined" && module.exports) {
  module.exports = UnhookToken;
}
