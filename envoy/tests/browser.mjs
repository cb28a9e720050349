// A real browser signs in, opens three tabs at once, signs out. Run in the folder that holds node_modules:
// With `careful` instead of `application`: fragments, forms, silence and frames.
//   node browser.mjs '{"chromium": "/usr/bin/chromium", "application": "http://localhost:12001", "user": "alice", "name": "Alice Example"}'
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const { chromium: executablePath, application, careful, embedded, elsewhere, user, name } = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

try {
  if (application) {
    await signsInAndOut();
    await opensThreeTabsWithoutASession();
    await opensThreeTabsThatTheProviderRemembers();
  }
  if (careful) {
    await keepsTheFragmentOverALogin();
    await keepsAForm();
    await isSignedInSilently();
    await signsInInsideAnotherSite();
  }
} catch (error) {
  // What the person sees.
  for (const page of browser.contexts().flatMap((person) => person.pages())) {
    console.error(page.url(), (await page.content()).replace(/<style>.*<\/style>/s, ""));
  }
  throw error;
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
  await page.waitForSelector("text=You are signed out");

  await page.goto(`${application}/report?month=8`);
  await page.waitForSelector('input[name="password"]');
  await signIn(page);
  await showsTarget(page, "/report?month=8");
  await page.context().close();
}

async function opensThreeTabsWithoutASession() {
  const person = await newPerson();
  const tabs = await openAtOnce(person, ["/tab/1?a=b", "/tab/2", "/tab/3"]);
  // One after the other, as people type: at the same moment the provider itself takes one tab's sign-in for another's.
  for (const { tab } of tabs) await signIn(tab);
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
  const marks = left.filter((cookie) => cookie.name === "latchkey-login" && /^\d\.$/.test(cookie.value));
  assert.equal(left.length - marks.length, 1, `logins leave nothing behind but the session: ${left.map((cookie) => cookie.name)}`);
  await person.close();
}

// Typed at the provider: our page has asked for the fragment before. Without being asked: the browser keeps it by itself.
async function keepsTheFragmentOverALogin() {
  for (const javaScriptEnabled of [true, false]) {
    const person = await newPerson({ javaScriptEnabled });
    const page = await person.newPage();
    await page.goto(`${careful}/app?x=1#/orders/7?open=1&sort=a%20b`);
    await signIn(page);
    await page.waitForSelector("#user");
    const fragment = javaScriptEnabled ? "#/orders/7?open=1&sort=a%20b" : "";
    assert.equal(page.url(), `${careful}/app?x=1${fragment}`);
    await person.clearCookies({ name: /latchkey/ });
    await page.goto("about:blank");
    await page.goto(`${careful}/app?x=2#again`);
    await page.waitForSelector("#user");
    if (javaScriptEnabled) assert.equal(page.url(), `${careful}/app?x=2#again`);
    await person.close();
  }
}

// The session is lost while a person writes.
async function keepsAForm() {
  for (const javaScriptEnabled of [true, false]) {
    const person = await newPerson({ javaScriptEnabled });
    const page = await person.newPage();
    await page.goto(`${careful}/form`);
    await signIn(page);
    await page.waitForSelector("#form");
    const text = 'two\nlines, "quotes" & <b>umlauts</b>: äöü €';
    await page.fill("#note", text);
    await person.clearCookies();
    await page.click("#send");
    await signIn(page);
    if (!javaScriptEnabled) {
      await page.waitForSelector("button");
      await page.click("button");
    }
    await page.waitForSelector("#posted");
    assert.equal(page.url(), `${careful}/form?to=7`);
    const sent = new URLSearchParams(await page.textContent("#posted"));
    assert.equal(sent.get("note"), text.replace("\n", "\r\n"));
    assert.equal(sent.get("submit"), "a field of this name");
    assert.equal(await page.textContent("#user"), name);
    const left = (await person.cookies(careful)).filter((cookie) => cookie.name.includes("-form"));
    assert.deepEqual(left, []);
    await person.close();
  }
}

async function isSignedInSilently() {
  const person = await newPerson();
  const page = await person.newPage();
  await page.goto(`${careful}/first`);
  await signIn(page);
  await page.waitForSelector("#user");
  await person.clearCookies({ name: /latchkey/ });
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${careful}/second#kept`);
  await page.waitForSelector("#user");
  assert.equal(page.url(), `${careful}/second#kept`);
  assert.ok(asked.some((url) => url.includes("prompt=none")), "asked without the person");
  await person.close();
}

// A page of another site with the application in a frame.
async function signsInInsideAnotherSite() {
  const person = await newPerson();
  const page = await person.newPage();
  await page.goto(`${elsewhere}/?frame=${encodeURIComponent(`${embedded}/widget`)}`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await signIn(frame);
  await frame.waitForSelector("#user");
  assert.equal(await frame.textContent("#user"), name);
  const ours = (await person.cookies(embedded)).filter((cookie) => cookie.name === "__Host-latchkey");
  assert.deepEqual(ours.map(({ sameSite, secure, partitionKey }) => [sameSite, secure, Boolean(partitionKey)]), [["None", true, true]]);
  await frame.goto(`${embedded}/again`);
  await frame.waitForSelector("#user");
  await person.close();
}

async function newPerson(options = {}) {
  const person = await browser.newContext(options);
  person.setDefaultTimeout(20_000);
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
