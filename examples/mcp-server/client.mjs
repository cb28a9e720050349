// A client with the protocol's own SDK. It is told the server's address and nothing else. In the folder that holds node_modules:
//   npm install @modelcontextprotocol/sdk
//   node client.mjs https://mcp.example.org/mcp
import { createServer } from "node:http";
import { createRequire } from "node:module";

const sdk = createRequire(`${process.cwd()}/`);
const { Client } = sdk("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = sdk("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { UnauthorizedError } = sdk("@modelcontextprotocol/sdk/client/auth.js");

// The person comes back from the authorization server to this program.
let arrived;
const code = new Promise((resolve) => { arrived = resolve; });
const callback = createServer((request, response) => {
  response.end("You may close this page.");
  arrived(new URL(request.url, "http://127.0.0.1").searchParams.get("code"));
});
await new Promise((listening) => callback.listen(0, "127.0.0.1", listening));

const kept = {};
const authProvider = {
  redirectUrl: `http://127.0.0.1:${callback.address().port}/callback`,
  get clientMetadata() {
    return {
      client_name: "An assistant", application_type: "native", token_endpoint_auth_method: "none",
      redirect_uris: [this.redirectUrl], grant_types: ["authorization_code"], response_types: ["code"],
    };
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  redirectToAuthorization: (address) => console.log(`open ${address}`),
};

const connect = async () => {
  const client = new Client({ name: "assistant", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]), { authProvider });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(await code);
    return undefined;
  }
};

const client = (await connect()) ?? (await connect());
console.log("tools", (await client.listTools()).tools.map(({ name }) => name).join(" "));
for (const [name, text] of [["whoami"], ["add_note", "buy milk"]]) {
  const { content } = await client.callTool({ name, arguments: text ? { text } : {} });
  console.log(name, content[0].text);
}
await client.close();
callback.close();
