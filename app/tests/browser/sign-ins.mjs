// Signs people up, in and out by a provider that is not ours:
//
//   node app/tests/browser/sign-ins.mjs URL LINK CODE ADMIN CONTROL
//
// LINK is a brand's for signing up, CODE an invitation's, ADMIN the address of an account that nobody has confirmed, and
// CONTROL steers the provider.
import assert from "node:assert/strict";

import { launch } from "./browser.mjs";

const [url, link, code, admin, control] = process.argv.slice(2);
const browser = await launch();

async function somebody() {
  const context = await browser.newContext({ baseURL: url });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  // Our own policy forbids nothing that this needs.
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) throw new Error(message.text());
  });
  return page;
}

// What the provider asks.
async function at(page, login) {
  await page.locator("[name=login]").fill(login);
  await page.locator("[name=password]").fill("whatever");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const heading = (page) => page.getByRole("heading", { level: 1 });
const path = (page) => new URL(page.url()).pathname;

// Somebody new signs up by the link of a brand, goes out and comes in again.
const zoe = await somebody();
await zoe.goto(`/sign-up?link=${link}`);
await zoe.getByRole("link", { name: "Sign up with The Provider" }).click();
await at(zoe, "zoe");
await zoe.waitForURL("**/coach");
await zoe.goto("/account");
await zoe.getByText("zoe@people.test").waitFor();
await zoe.getByText("Confirmed", { exact: true }).waitFor();
const session = (await zoe.context().cookies()).find((cookie) => cookie.name === "fithire");
assert.ok(session.httpOnly && session.sameSite === "Lax");
await zoe.getByRole("button", { name: "Sign out" }).click();
await zoe.waitForURL("**/sign-in");
await zoe.goto("/coach/matches?min=50");
await zoe.getByRole("link", { name: "Sign in with The Provider" }).click();
await zoe.waitForURL("**/coach/matches?min=50");

// Somebody whose address is invited becomes what the invitation says.
const ivy = await somebody();
await ivy.goto("/sign-in");
await ivy.getByRole("link", { name: "Sign in with The Provider" }).click();
await at(ivy, "ivy");
await ivy.waitForURL("**/manager");

// Whoever has the link of an invitation may take it up, whatever their address.
const max = await somebody();
await max.goto(`/invitation?code=${code}`);
await max.getByRole("link", { name: "Join with The Provider" }).click();
await at(max, "max");
await max.waitForURL("**/manager");

// A stranger has an account, and no brand.
const eve = await somebody();
await eve.goto("/sign-in");
await eve.getByRole("link", { name: "Sign in with The Provider" }).click();
await at(eve, "eve");
await eve.getByText("You are not signed in").waitFor();
assert.match(await eve.locator("main").innerText(), /not a member of this brand/);
// An address that the provider has not verified opens nobody's account.
const mallory = await somebody();
await mallory.goto("/sign-in");
await mallory.getByRole("link", { name: "Sign in with The Provider" }).click();
await at(mallory, `unverified-${admin}`);
await mallory.getByText("You are not signed in").waitFor();

// One that it has verified opens the account that has it; the password that somebody else may have chosen is over.
const boss = await somebody();
await boss.goto("/sign-in");
await boss.getByRole("link", { name: "Sign in with The Provider" }).click();
await at(boss, admin);
await boss.waitForURL("**/admin");
await boss.goto("/account");
await heading(boss).waitFor();
await boss.getByText("Choose a password").first().waitFor();

// Who changes their mind, comes back with another's state, or twice, is not signed in.
const ann = await somebody();
await ann.goto("/sign-in");
await ann.getByRole("link", { name: "Sign in with The Provider" }).click();
await ann.getByRole("link", { name: "Cancel" }).click();
await ann.getByText("You are not signed in").waitFor();
for (const back of ["?code=x&state=y", "?error=access_denied", ""]) {
  const answer = await ann.goto(`/sign-in/with/provider/back${back}`);
  assert.equal(answer.status(), 401, back);
}
assert.equal((await ann.goto("/sign-in/with/nobody")).status(), 404);
assert.equal((await ann.goto("/coach")).url(), `${url}/sign-in?next=%2Fcoach`);

// No other site makes somebody a member by a link of its own.
for (const purpose of [`link=${link}`, "code=1.x", `link=${link}&form_token=guessed`]) {
  assert.equal((await ann.goto(`/sign-in/with/provider?${purpose}`)).status(), 403, purpose);
}

// A provider that goes away while somebody is there: they are told so, and when it is back they sign in.
const begun = await ann.context().request.get("/sign-in/with/provider", { maxRedirects: 0 });
const state = new URL(begun.headers().location).searchParams.get("state");
await fetch(`${control}/down`, { method: "POST" });
const away = await ann.goto(`/sign-in/with/provider/back?code=x&state=${state}`);
assert.equal(away.status(), 503);
assert.ok(away.headers()["retry-after"]);
assert.match(await ann.locator("main").innerText(), /The Provider cannot be reached right now/);
await fetch(`${control}/up`, { method: "POST" });
await ann.getByRole("link", { name: "Try again" }).click();
await ann.getByRole("link", { name: "Sign in with The Provider" }).click();
await at(ann, "ivy");
await ann.waitForURL("**/manager");

await browser.close();
console.log("all is right");
