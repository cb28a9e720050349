// The playground in a real browser. Run in the folder that holds node_modules, with a file: {"do": "person", "chromium": …, "page": …}
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const { do: what, chromium: executablePath, page: file, cases, now } = JSON.parse(readFileSync(process.argv[2]));
const address = pathToFileURL(file).href;

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const page = await browser.newPage();
const requests = [];
const complaints = [];
page.on("request", (request) => requests.push(request.url()));
page.on("console", (message) => complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));

try {
  await page.goto(address);
  await page.waitForSelector("#verdict .summary");
  await { person, compare }[what]();
} catch (error) {
  console.error(await page.locator("main").innerText(), complaints);
  throw error;
} finally {
  await browser.close();
}

async function person() {
  await shows("#verdict .summary", "goes to the application");
  await shows("#verdict .fields", "x-auth-groups: staff,admins");

  await page.fill("#claims", "sub: bob\ngroups: [staff]");
  await shows("#verdict .summary", "refused, status 403");
  assert.equal(await page.getAttribute("#verdict a", "href"), "../reason-codes.html#policy.require_not_met");
  await shows("#marks .rule", "name: admin");

  await page.fill("#claims", "sub: [");
  await shows("#claims-objection", "expected");
  await page.check("input[value=token]");
  await page.fill("#token", "not a token");
  await shows("#verdict .summary", "status");
  await page.check("input[value=nobody]");
  await shows("#verdict .summary", "sent elsewhere, status 302");
  await page.check("#program");
  await shows("#verdict .summary", "refused, status 401");

  await page.fill("#request", "portal");
  await shows("#request-objection", "no URL");
  await page.fill("#request", "GET https://portal.example.org/healthz");
  await page.click("summary");
  await page.fill("#headers", "x-auth-subject: root");
  await shows("#verdict", "x-auth-subject, which the client sent");
  await page.fill("#headers", "root");
  await shows("#headers-objection", "expected lines");
  await page.fill("#headers", "");

  const good = await page.inputValue("#configuration");
  await page.fill("#configuration", good.replace("path_prefix", "path_prefx"));
  await shows("#marks .said", "found an unknown key: did you mean path_prefix?");
  await shows("#numbers .wrong", "19");
  await shows("#findings li", "line 19, column 11 rules[1].match.path_prefx");
  await page.click("#findings button");
  const selected = await page.$eval("#configuration", (field) => field.value.slice(field.selectionStart, field.selectionEnd));
  assert.equal(selected, "path_prefx: /admin");
  // What stands in a configuration is text and nothing else.
  await page.fill("#configuration", `${good}\n"<img src=x onerror=alert(1)></textarea><script>alert(1)</script>": 1\n`);
  await shows("#findings li", "<img src=x");
  assert.equal(await page.locator("main img, main script").count(), 0);
  await page.fill("#configuration", good);
  await gone("#findings li");

  for (const index of (await page.locator("#sample option").all()).keys()) {
    await page.selectOption("#sample", String(index));
    await shows("#verdict .summary", "");
    assert.equal(await page.locator("#findings li").count(), 0, `sample ${index}`);
    assert.notEqual(await page.getAttribute("#verdict", "class"), "", `sample ${index}`);
  }

  assert.deepEqual(requests, [address], "the page loads itself and nothing else");
  assert.deepEqual(complaints, []);
  const refused = await page.evaluate(() => fetch("http://127.0.0.1:9/").catch((error) => error.name));
  assert.equal(refused, "TypeError", "the policy forbids every connection");
  assert.match(complaints.join(), /Content Security Policy/);
}

async function compare() {
  const answers = await page.evaluate(
    ({ cases, now }) => cases.map(({ question }) => wasm_bindgen.answer(question, now)),
    { cases, now },
  );
  for (const [index, { question, answer }] of cases.entries()) assert.equal(answers[index], answer, question);
}

/** Waits until the first of these elements says this. */
async function shows(selector, text) {
  await page.waitForFunction(
    ([selector, text]) => document.querySelector(selector)?.textContent.includes(text),
    [selector, text],
    { timeout: 10_000 },
  ).catch(() => assert.fail(`${selector} does not say: ${text}`));
}

async function gone(selector) {
  await page.waitForFunction((selector) => !document.querySelector(selector), selector, { timeout: 10_000 });
}
