// oidc-provider (OpenID-certified) with two users and a client for every way to authenticate. Run in the folder that holds node_modules:
//   node oidc-provider.mjs '{"port": 12000, "application": "http://localhost:12001"}'
// Its own development pages ask for a login (any password will do) and for consent.
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Provider, interactionPolicy } = createRequire(`${process.cwd()}/`)("oidc-provider");
// Besides: `scope`, what an API's tokens may be for, and whether any client may register itself.
const { port, application, scope = "orders.read orders.write", registration = false } = JSON.parse(process.argv[2]);

const users = {
  alice: { name: "Alice Example", email: "alice@example.org", groups: ["staff", "finance"] },
  bob: { name: "Bob Example", email: "bob@example.org", groups: ["staff"] },
};

const client = {
  redirect_uris: [`${application}/oauth2/callback`],
  post_logout_redirect_uris: [`${application}/`],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  backchannel_logout_uri: `${application}/oauth2/backchannel-logout`,
  backchannel_logout_session_required: true,
};

// A client that signs with a key of the core's tests.
const withKey = (name, alg) => {
  const pem = readFileSync(new URL(`../../relying-party/src/jose/testdata/keys/${name}.pem`, import.meta.url));
  const jwk = { ...createPublicKey(pem).export({ format: "jwk" }), kid: name, alg, use: "sig" };
  return { ...client, client_id: name, token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: alg, jwks: { keys: [jwk] } };
};

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  alg,
  kid: alg.toLowerCase(),
  use: "sig",
});

// Who asks for a class of authentication gets another login, unless the last one was of it.
const { Check, base } = interactionPolicy;
const policy = base();
policy.get("login").checks.add(new Check("acr_values", "another authentication is wanted", ({ oidc }) => {
  const wanted = oidc.params.acr_values?.split(" ");
  return wanted && !wanted.includes(oidc.acr) && !oidc.result?.login ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
}));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...client, client_id: "basic", client_secret: "a secret:with/reserved+characters%", token_endpoint_auth_method: "client_secret_basic", id_token_signed_response_alg: "RS256" },
    { ...client, client_id: "post", client_secret: "another secret", backchannel_logout_session_required: false, token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: "ES256" },
    { ...client, client_id: "public", token_endpoint_auth_method: "none", id_token_signed_response_alg: "RS256" },
    { ...withKey("p256", "ES256"), require_pushed_authorization_requests: true },
    withKey("ed25519", "EdDSA"),
    withKey("rsa", "RS256"),
    { ...client, client_id: "brief", client_secret: "a brief secret", token_endpoint_auth_method: "client_secret_basic", id_token_signed_response_alg: "RS256" },
    { client_id: "machine", client_secret: "a machine's secret", token_endpoint_auth_method: "client_secret_post", redirect_uris: [], grant_types: ["client_credentials"], response_types: [] },
  ],
  jwks: { keys: [key("rsa", { modulusLength: 2048 }, "RS256"), key("ec", { namedCurve: "P-256" }, "ES256")] },
  acrValues: ["urn:example:mfa"],
  interactions: { policy },
  claims: { openid: ["sub"], profile: ["name", "groups"], email: ["email"] },
  // The claims of the scopes stand in the ID token, not only in UserInfo.
  conformIdTokenClaims: false,
  cookies: { keys: ["a key for the provider's own cookies"] },
  pkce: { required: () => true },
  // A client that registers itself says which scopes it will ask for.
  ...(registration ? { scopes: ["openid", "offline_access", ...scope.split(" ")] } : {}),
  enabledJWA: { clientAuthSigningAlgValues: ["ES256", "EdDSA", "RS256"] },
  // By itself it calls no address of this machine, where all of a test is.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope,
        audience: resource,
        accessTokenFormat: resource.endsWith("/opaque") ? "opaque" : "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
      useGrantedResource: () => false,
    },
    registration: { enabled: registration },
    rpInitiatedLogout: { enabled: true },
  },
  // Each refresh brings another refresh token; one that comes twice ends everything.
  rotateRefreshToken: true,
  ttl: { AccessToken: (_, __, { clientId }) => (clientId === "brief" ? 4 : 600), RefreshToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  findAccount: (_, id) => users[id] && { accountId: id, claims: () => ({ sub: id, ...users[id] }) },
});

// Alice has a second factor, and uses it whenever she signs in.
const finish = provider.interactionFinished.bind(provider);
provider.interactionFinished = (request, response, result, options) => {
  const strong = result.login?.accountId === "alice" ? { acr: "urn:example:mfa" } : {};
  return finish(request, response, result.login ? { ...result, login: { ...result.login, ...strong } } : result, options);
};

provider.on("server_error", (_, error) => console.error(error));
provider.on("backchannel.error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("ready"));
