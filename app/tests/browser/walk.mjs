// Walks through FitHire in a browser:
//
//   node app/tests/browser/walk.mjs --url URL --admin "EMAIL / PASSWORD" --manager … --coach … [--path ROLE:/PATH]… WALK…
//
// The sign-ins are as `fithire demo` prints them. Prints a line for each step; what went wrong is repeated at the end,
// and the exit code is 1. FITHIRE_TEST_BROWSER_TOOLS and FITHIRE_TEST_CHROMIUM come from scripts/browser-tools.
import { parseArgs } from "node:util";

import { launch } from "./browser.mjs";
import { checksBite } from "./checks-bite.mjs";
import { coach } from "./coach.mjs";
import { desk, deskWithoutScripts } from "./desk.mjs";
import { everyPage } from "./every-page.mjs";
import { evidence } from "./evidence.mjs";
import { inert } from "./inert.mjs";
import { keyboard } from "./keyboard.mjs";
import { manager } from "./manager.mjs";
import { upload } from "./upload.mjs";

const WALKS = {
  "checks-bite": checksBite,
  "every-page": everyPage,
  manager: (site, step) => manager(site, step, { scripts: true }),
  "manager-without-scripts": (site, step) => manager(site, step, { scripts: false }),
  coach: (site, step) => coach(site, step, { scripts: true }),
  "coach-without-scripts": (site, step) => coach(site, step, { scripts: false }),
  keyboard,
  desk,
  "desk-without-scripts": deskWithoutScripts,
  evidence,
  inert,
  upload,
};

const text = { type: "string" };
const list = { type: "string", multiple: true, default: [] };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  // `text` is what the walk inert must have seen on some page.
  options: { url: text, admin: text, manager: text, coach: text, path: list, text: list },
});
const unknown = positionals.filter((name) => !(name in WALKS));
if (!values.url || positionals.length === 0 || unknown.length > 0) {
  console.error("usage: walk.mjs --url URL --ROLE \"EMAIL / PASSWORD\"… WALK…");
  console.error(`WALK is one of ${Object.keys(WALKS).join(", ")}`);
  process.exit(2);
}

const people = {};
for (const role of ["admin", "manager", "coach"]) {
  const [email, password] = values[role]?.split(" / ") ?? [];
  if (!password) throw new Error(`--${role} is to be "EMAIL / PASSWORD"`);
  people[role] = { email, password };
}

const failures = [];
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
const browser = await launch();
for (const name of positionals) {
  const site = { browser, url: values.url, people, paths: values.path, texts: values.text, visitors: [] };
  const began = Date.now();
  // A step that throws ends its walk, because the next one stands on it. One that returns what it has found does not.
  const step = async (what, run) => {
    const since = Date.now();
    let found;
    try {
      found = [await run() ?? [], ...site.visitors.map((one) => one.problems())].flat();
    } catch (error) {
      const where = site.visitors.map((one) => one.page.url()).join(", ");
      console.log(`FAILED ${name}: ${what} (${seconds(since)})`);
      failures.push(`${name}: ${what}, at ${where}: ${error.stack}`);
      error.told = true;
      throw error;
    }
    console.log(`${found.length > 0 ? "FAILED" : "ok    "} ${name}: ${what} (${seconds(since)})`);
    failures.push(...found.map((problem) => `${name}: ${what}: ${problem}`));
  };
  try {
    await WALKS[name](site, step);
  } catch (error) {
    if (!error.told) failures.push(`${name}: ${error.stack}`);
  }
  for (const one of site.visitors) await one.context.close();
  console.log(`${name} took ${seconds(began)}`);
}
await browser.close();
if (failures.length > 0) {
  console.log(`\n${failures.length} things are not right:\n${failures.map((failure) => `- ${failure}`).join("\n")}`);
  process.exitCode = 1;
}
