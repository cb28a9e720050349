// A real browser signs in, opens three tabs at once, signs out. Run in the folder that holds node_modules:
//   node browser.mjs '{"chromium": "/usr/bin/chromium", "application": "http://localhost:12001", "user": "alice", "name": "Alice Example"}'
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const { chromium: executablePath, application, user, name } = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

try {
  await signsInAndOut();
  await opensThreeTabsWithoutASession();
  await opensThreeTabsThatTheProviderRemembers();
} finally {
  await browser.close();
}

async function signsInAndOut() {
  const page = await (await newPerson()).newPage();
  await page.goto(`${application}/report?month=7`);
  await signIn(page);
  await showsTarget(page, "/report?month=7");

  await page.click("a#logout");
  await page.click('button[name="logout"]');
  await page.waitForSelector('input[name="password"]');

  await page.goto(`${application}/report?month=8`);
  await page.waitForSelector('input[name="password"]');
  await signIn(page);
  await showsTarget(page, "/report?month=8");
  await page.context().close();
}

async function opensThreeTabsWithoutASession() {
  const person = await newPerson();
  const tabs = await openAtOnce(person, ["/tab/1?a=b", "/tab/2", "/tab/3"]);
  await Promise.all(tabs.map(({ tab }) => signIn(tab)));
  for (const { tab, target } of tabs) await showsTarget(tab, target);
  await person.close();
}

async function opensThreeTabsThatTheProviderRemembers() {
  const person = await newPerson();
  const page = await person.newPage();
  await page.goto(`${application}/`);
  await signIn(page);
  await showsTarget(page, "/");
  await person.clearCookies({ name: /latchkey/ });
  for (const { tab, target } of await openAtOnce(person, ["/again/1", "/again/2", "/again/3?c=d"])) {
    await showsTarget(tab, target);
  }
  const left = (await person.cookies(application)).filter((cookie) => cookie.name.includes("latchkey"));
  assert.equal(left.length, 1, `logins leave nothing behind but the session: ${left.map((cookie) => cookie.name)}`);
  await person.close();
}

async function newPerson() {
  const person = await browser.newContext();
  person.setDefaultTimeout(30_000);
  // The provider's pages name a font on the internet.
  await person.route((url) => !["localhost", "127.0.0.1"].includes(url.hostname), (route) => route.abort());
  return person;
}

function openAtOnce(person, targets) {
  return Promise.all(targets.map(async (target) => {
    const tab = await person.newPage();
    await tab.goto(application + target);
    return { tab, target };
  }));
}

// Answers the provider's pages, login and perhaps consent, until the application shows.
async function signIn(page) {
  await page.fill('input[name="login"]', user);
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
  const consent = 'input[name="prompt"][value="consent"]';
  await page.waitForSelector(`${consent}, #user`, { state: "attached" });
  if (await page.$(consent)) await page.click('button[type="submit"]');
}

async function showsTarget(page, target) {
  await page.waitForSelector("#user");
  assert.equal(page.url(), application + target);
  assert.equal(await page.textContent("#user"), name);
  assert.equal(await page.textContent("#target"), target);
}
