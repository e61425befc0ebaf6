"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { getter } = require("../src/token.js");

const settings = { clientId: "client-1", tenantId: "tenant-1", scope: "api://x/report" };

function ask(msal) {
  return new Promise((resolve) => {
    getter(msal, settings)((error, token) => resolve({ error, token }));
  });
}

test("asks silently for the scope of the API in the one tenant", async () => {
  const seen = {};
  const msal = {
    async createNestablePublicClientApplication(config) {
      seen.config = config;
      return {
        async acquireTokenSilent(request) {
          seen.request = request;
          return { accessToken: "abc", idToken: "must not be sent" };
        },
      };
    },
  };
  assert.deepEqual(await ask(msal), { error: null, token: "abc" });
  assert.equal(seen.config.auth.authority, "https://login.microsoftonline.com/tenant-1");
  assert.equal(seen.config.auth.clientId, "client-1");
  assert.deepEqual(seen.request, { scopes: ["api://x/report"] });
});

test("every failure is an answer", async () => {
  const failing = [
    undefined,
    {},
    { createNestablePublicClientApplication: () => Promise.reject(new Error("no host")) },
    {
      createNestablePublicClientApplication: async () => ({
        acquireTokenSilent: () => Promise.reject(new Error("interaction_required")),
      }),
    },
  ];
  for (const msal of failing) {
    const { error, token } = await ask(msal);
    assert.ok(error instanceof Error);
    assert.equal(token, "");
  }
});
