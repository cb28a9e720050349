// oauth2-mock-server: it has no login page, signs everybody in as johndoe, and makes single faults on demand. Run in the folder that
// holds node_modules:
//   node mock-server.mjs '{"port": 12000}'
// POST /fault names the fault that the next exchange of its kind has; after it everything is as it should be.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { OAuth2Server } = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("oauth2-mock-server")));
const { port } = JSON.parse(process.argv[2]);

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
const { service } = server;

const id = (change) => ["beforeTokenSigning", (token) => "nonce" in token.payload && change(token.payload)];
const answer = (change) => ["beforeResponse", change];
const redirect = (change) => ["beforeAuthorizeRedirect", ({ url }) => change(url.searchParams)];
const now = () => Math.floor(Date.now() / 1000);

const faults = {
  "another issuer": id((claims) => { claims.iss = "https://evil.example"; }),
  "another audience": id((claims) => { claims.aud = "somebody-else"; }),
  "several audiences": id((claims) => { claims.aud = [claims.aud, "somebody-else"]; }),
  "another nonce": id((claims) => { claims.nonce += "x"; }),
  "no nonce": id((claims) => { delete claims.nonce; }),
  "no subject": id((claims) => { delete claims.sub; }),
  "expired": id((claims) => { claims.exp = now() - 3600; claims.iat = now() - 7200; }),
  "from the future": id((claims) => { claims.iat = now() + 7200; claims.exp = now() + 10800; }),
  "no ID token": answer((response) => { delete response.body.id_token; }),
  "no access token": answer((response) => { delete response.body.access_token; }),
  "another token type": answer((response) => { response.body.token_type = "mac"; }),
  "no object": answer((response) => { response.body = ["a list"]; }),
  "invalid grant": answer((response) => { response.statusCode = 400; response.body = { error: "invalid_grant" }; }),
  "internal error": answer((response) => { response.statusCode = 500; response.body = { error: "oops" }; }),
  "another state": redirect((parameters) => parameters.set("state", "another")),
  "no code": redirect((parameters) => parameters.delete("code")),
  "access denied": redirect((parameters) => { parameters.delete("code"); parameters.set("error", "access_denied"); }),
  "userinfo of somebody else": ["beforeUserinfo", (response) => { response.body.sub = "janedoe"; }],
  "no userinfo": ["beforeUserinfo", (response) => { response.statusCode = 500; }],
  "inactive": ["beforeIntrospect", (response) => { response.body = { active: false }; }],
  "perhaps active": ["beforeIntrospect", (response) => { response.body.active = "yes"; }],
  "introspection error": ["beforeIntrospect", (response) => { response.statusCode = 500; }],
};

// Signing happens twice an answer: a fault of it lasts until the answer.
service.addRoute("POST", "/fault", (request, response) => {
  const [event, change] = faults[request.body.fault];
  const once = event === "beforeTokenSigning" ? "beforeResponse" : event;
  service.on(event, change);
  service.once(once, () => service.off(event, change));
  response.statusCode = 204;
  response.end();
});

service.on("beforeResponse", ({ body }) => { if (body.id_token) body.expires_in = 8; });

await server.start(port, "127.0.0.1");
// The issuer is what the tests are told, not what the library makes of the address.
server.issuer.url = `http://127.0.0.1:${port}`;
