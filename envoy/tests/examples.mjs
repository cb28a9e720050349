// People in a real browser use the examples. Which one says the argument: `shop`, `portal` with `corp` and `partner`, or `approvals`.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const { chromium: executablePath, shop, portal, corp, partner, approvals } = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

try {
  if (shop) await usesTheSinglePageApplication();
  if (portal) await signInAtHome();
  if (approvals) await stepsUpForAnApproval();
} catch (error) {
  // What the person sees.
  for (const page of browser.contexts().flatMap((person) => person.pages())) {
    const content = await page.content().catch(() => "(on the way to another page)");
    console.error(page.url(), content.replace(/<(style|script)>.*?<\/\1>/gs, ""));
  }
  throw error;
} finally {
  await browser.close();
}

async function usesTheSinglePageApplication() {
  const person = await newPerson();
  const page = await person.newPage();
  const answers = [];
  page.on("response", (response) => answers.push([new URL(response.url()).pathname, response.status()]));
  await page.goto(`${shop}/#/orders/7`);
  await signIn(page, "alice", "#user");
  await shows(page, "#user", "Alice Example");
  await shows(page, "#orders", "7: a lamp");
  assert.equal(page.url(), `${shop}/#/orders/7`, "back where they were");
  assert.ok(answers.some(([path, status]) => path === "/api/orders/7" && status === 401), "the script was told");
  assert.ok(!answers.some(([path, status]) => path.startsWith("/api") && status === 302), "and not redirected");
  assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");

  // The session is lost while they write. What they wrote is still there when they have signed in in another tab.
  await person.clearCookies({ name: /latchkey/ });
  await page.fill("#article", "a table");
  await page.click("#form button");
  const [tab] = await Promise.all([person.waitForEvent("page"), page.click("#message a")]);
  await shows(tab, "#user", "Alice Example");
  assert.equal(page.url(), `${shop}/#/orders/7`);
  assert.equal(await page.inputValue("#article"), "a table");
  await page.click("#form button");
  await page.waitForFunction(() => document.getElementById("article").value === "");
  await page.click("nav a >> text=All");
  await shows(page, "#orders li:last-child", "9: a table");
  await person.close();
}

async function signInAtHome() {
  const ada = await newPerson();
  const page = await ada.newPage();
  await page.goto(`${portal}/reports?year=2026`);
  await page.click("text=Example Corporation");
  assert.ok(page.url().startsWith(corp), page.url());
  await signIn(page, "alice", "#x-auth-user");
  assert.equal(page.url(), `${portal}/reports?year=2026`);
  await shows(page, "#x-auth-user", "corp:alice");
  await shows(page, "#x-auth-email", "alice@example.org");
  await ada.close();

  const bob = await newPerson({ javaScriptEnabled: false });
  const tab = await bob.newPage();
  await tab.goto(`${portal}/reports`);
  await tab.fill("#email", "bob@partner.example");
  await tab.press("#email", "Enter");
  await tab.waitForSelector('input[name="login"]');
  assert.ok(tab.url().startsWith(partner), tab.url());
  await signIn(tab, "bob", "#x-auth-user");
  assert.equal(tab.url(), `${portal}/reports`);
  await shows(tab, "#x-auth-user", "partner:bob");
  // That provider says bob@example.org, and has no say there.
  await shows(tab, "#x-auth-email", "none");
  await bob.close();
}

// Bob has no second factor. Alice, who comes to help, has one.
async function stepsUpForAnApproval() {
  const person = await newPerson();
  const page = await person.newPage();
  await page.goto(`${approvals}/reports`);
  await signIn(page, "bob", "#x-auth-user");
  await shows(page, "#x-auth-user", "bob");
  await shows(page, "#x-auth-acr", "none");
  await page.fill("#note", "goes to Ada");
  await page.click("#send");
  await signIn(page, "bob", "code:has-text('step_up.acr_not_met')");
  await page.goto(`${approvals}/reports`);
  await shows(page, "#x-auth-user", "bob");

  await page.fill("#note", "goes to Ada");
  await page.click("#send");
  await signIn(page, "alice", "#posted");
  assert.equal(page.url(), `${approvals}/approvals/7`);
  await shows(page, "#posted", "note=goes+to+Ada");
  await shows(page, "#x-auth-user", "alice");
  await shows(page, "#x-auth-acr", "urn:example:mfa");
  await page.goto(`${approvals}/approvals/8`);
  await shows(page, "#x-auth-user", "alice");
  await person.close();
}

async function newPerson(options = {}) {
  const person = await browser.newContext(options);
  person.setDefaultTimeout(30_000);
  // The provider's pages name a font on the internet.
  await person.route((url) => !["localhost", "127.0.0.1"].includes(url.hostname), (route) => route.abort());
  return person;
}

// Answers the provider's pages, login and perhaps consent, until what was wanted shows.
async function signIn(page, user, wanted) {
  await page.fill('input[name="login"]', user);
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
  const consent = 'input[name="prompt"][value="consent"]';
  await page.waitForSelector(`${consent}, ${wanted}`, { state: "attached" });
  if (await page.$(consent)) await page.click('button[type="submit"]');
  await page.waitForSelector(wanted, { state: "attached" });
}

async function shows(page, selector, text) {
  await page.waitForSelector(`${selector}:has-text("${text}")`);
  assert.equal(await page.textContent(selector), text);
}
