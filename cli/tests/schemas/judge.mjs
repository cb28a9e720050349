// Judges Kubernetes manifests by the published schemas of their custom resources, as @kubernetes-models has them: JSON array on the
// standard input, nothing on the standard output when all are right. Values are judged by the schemas; TypeScript finds the members that
// no schema has, which Kubernetes would drop without a word.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const packages = {
  "extensions.istio.io": "istio",
  "networking.istio.io": "istio",
  "gateway.envoyproxy.io": "envoy-gateway",
  "gateway.networking.k8s.io": "gateway-api",
};

const models = [];
const checks = [];
for (const [index, { apiVersion, kind, ...rest }] of JSON.parse(readFileSync(0, "utf8")).entries()) {
  const name = `@kubernetes-models/${packages[apiVersion.split("/")[0]]}/${apiVersion}`;
  models.push(`import { ${kind} as Kind${index} } from "${name}";`, `const model${index} = new Kind${index}(${JSON.stringify(rest)});`);
  checks.push(`try { model${index}.validate(); } catch (error) { console.log("${kind}:", error.message); }`);
}

// Beside the packages, so that they are found.
const [script, types] = ["mjs", "mts"].map((ending) => join(folder, `manifests-${process.pid}.${ending}`));
writeFileSync(script, [...models, ...checks].join("\n"));
writeFileSync(types, models.join("\n"));
const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "esnext", "--module", "nodenext", "--moduleResolution", "nodenext"];
let said = "";
for (const command of [[script], ["node_modules/typescript/bin/tsc", ...options, types]]) {
  try {
    said += execFileSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
  } catch (error) {
    said += error.stdout + error.stderr;
  }
}
rmSync(script);
rmSync(types);
process.stdout.write(said);
process.exit(said.trim() === "" ? 0 : 1);
