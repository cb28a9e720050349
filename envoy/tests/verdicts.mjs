// A second reader of tokens: `jose`, which comes with oidc-provider, and OpenSSL beneath it. Run in the folder that holds node_modules:
//   node verdicts.mjs '{"do": "sign" | "judge", "input": "FILE", "output": "FILE"}'
// sign: [{alg, header, payload}], both texts in base64 → {keys, tokens}, with a new key for each algorithm whose `kid` is its name.
// judge: {keys, tokens} → for each token its claims as JSON text, or null.
import { constants, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const jose = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("jose")));
const { do: task, input, output } = JSON.parse(process.argv[2]);

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const curves = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function newKey(alg) {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519");
  if (alg in curves) return generateKeyPairSync("ec", { namedCurve: curves[alg] });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function signature(alg, key, text) {
  if (alg === "EdDSA") return sign(null, text, key);
  const options = { key, dsaEncoding: "ieee-p1363" };
  if (alg.startsWith("PS")) {
    options.padding = constants.RSA_PKCS1_PSS_PADDING;
    options.saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  }
  return sign(`sha${alg.slice(2)}`, text, options);
}

function signAll(cases) {
  const pairs = Object.fromEntries(algorithms.map((alg) => [alg, newKey(alg)]));
  const base64url = (base64) => Buffer.from(base64, "base64").toString("base64url");
  const tokens = cases.map(({ alg, header, payload }) => {
    const text = `${base64url(header)}.${base64url(payload)}`;
    return `${text}.${signature(alg, pairs[alg].privateKey, Buffer.from(text)).toString("base64url")}`;
  });
  const keys = algorithms.map((alg) => ({ ...pairs[alg].publicKey.export({ format: "jwk" }), alg, kid: alg, use: "sig" }));
  return { keys: { keys }, tokens };
}

async function judgeAll({ keys, tokens }) {
  const set = jose.createLocalJWKSet(keys);
  return Promise.all(
    tokens.map(async (token) => {
      try {
        const { payload } = await jose.compactVerify(token, set, { algorithms });
        const claims = JSON.parse(new TextDecoder().decode(payload));
        return claims?.constructor === Object ? JSON.stringify(claims) : null;
      } catch {
        return null;
      }
    }),
  );
}

const given = JSON.parse(readFileSync(input, "utf8"));
writeFileSync(output, JSON.stringify(task === "sign" ? signAll(given) : await judgeAll(given)));
