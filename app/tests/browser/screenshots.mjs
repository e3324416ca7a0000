// Pictures of every page, for people to look at, or those of the README:
//
//   node app/tests/browser/screenshots.mjs --url URL --admin … --manager … --coach … [--readme] FOLDER
//
// scripts/screenshots starts the demo and calls this.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { launch, signIn, visitor } from "./browser.mjs";
import { LOOKS, wear } from "./checks.mjs";
import { crawl, kind } from "./crawl.mjs";
import { follow, handIn, printed } from "./evidence.mjs";
import { openCandidates } from "./manager.mjs";

// A clone should not grow by pictures.
const README_BYTES = 200_000;

// Each comes to its page.
const README = [
  ["candidates", "manager", async ({ page }) => {
    await page.goto("/manager/jobs");
    await openCandidates(page, page.getByRole("region", { name: "Candidates" }).locator("tbody tr"));
  }],
  ["compare", "manager", async ({ page }) => {
    const boxes = page.getByRole("region", { name: "Candidates" }).getByRole("checkbox");
    for (const n of [0, 1, 2]) await boxes.nth(n).check();
    await page.getByRole("button", { name: "Compare the chosen" }).click();
    await page.getByRole("heading", { name: "Compare", exact: true }).waitFor();
  }],
  ["manager", "manager", async ({ page }) => {
    await page.goto("/manager");
  }],
  ["match", "coach", async ({ page }) => {
    await page.goto("/coach/matches");
    if (await page.locator(".match").count() === 0) await page.goto("/coach/matches?show=why_not");
    await page.locator(".match").first().getByRole("heading").getByRole("link").click();
    await page.getByRole("heading", { name: "Your FitScore" }).waitFor();
  }],
  ["profile", "coach", async ({ page }) => {
    await page.goto("/coach/profile");
  }],
  ["files", "coach", async ({ page }) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "fithire-document-"));
    try {
      const file = path.join(folder, "YogaAlliance.pdf");
      await page.goto("/coach/profile/about");
      writeFileSync(file, await printed(site, paper(await page.getByLabel("Name", { exact: true }).inputValue())));
      await page.goto("/coach/media?code=RYT-200");
      await handIn(page, file, { code: "RYT-200", last: "2031-05-31" });
      await page.goto("/coach/media?code=RYT-200");
    } finally {
      rmSync(folder, { recursive: true });
    }
  }],
  ["desk", "admin", async ({ page }) => {
    await page.goto("/admin/verify");
    await follow(page, "Certificates that wait", "RYT-200", "there");
    await page.locator("iframe").waitFor();
    // The viewer of documents says nothing when it is done.
    await page.waitForTimeout(3_000);
  }],
];

// A certificate as a school might print it.
function paper(name) {
  return `<body style="margin:0;font-family:serif;text-align:center;color:#20304a">
    <div style="margin:1.5cm;padding:3cm 2cm;border:6px double #20304a">
    <p style="letter-spacing:.2em">CERTIFICATE OF COMPLETION</p><h1 style="font-size:30pt">${name}</h1>
    <p style="font-size:14pt">has completed 200 hours of teacher training</p><p>RYT-200 · valid until 31 May 2031</p></div>`;
}

const text = { type: "string" };
const { values, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { url: text, admin: text, manager: text, coach: text, readme: { type: "boolean", default: false } },
});
assert.ok(values.url && folder, "usage: screenshots.mjs --url URL --ROLE \"EMAIL / PASSWORD\"… [--readme] FOLDER");
mkdirSync(folder, { recursive: true });
const site = { browser: await launch(), url: values.url, visitors: [] };
const as = async (role) => {
  const one = await visitor(site);
  const [email, password] = values[role].split(" / ");
  await signIn(one, { email, password });
  return one;
};
await (values.readme ? forTheReadme() : ofEveryPage());
await site.browser.close();

async function forTheReadme() {
  const people = new Map();
  for (const [name, role, reach] of README) {
    if (!people.has(role)) people.set(role, await as(role));
    const { page } = people.get(role);
    await reach(people.get(role));
    await page.evaluate(() => scrollTo(0, 0));
    const file = path.join(folder, `${name}.png`);
    await page.screenshot({ path: file, clip: { x: 0, y: 0, width: 1440, height: 900 } });
    const bytes = statSync(file).size;
    console.log(`${file}: ${bytes} bytes`);
    assert.ok(bytes <= README_BYTES, `${file} is over ${README_BYTES} bytes`);
  }
}

async function ofEveryPage() {
  for (const role of ["nobody", "coach", "manager", "admin"]) {
    const one = role === "nobody" ? await visitor(site) : await as(role);
    if (role === "nobody") await one.open("/sign-in");
    await crawl(one, {
      starts: ["/"],
      look: async (address) => {
        const name = kind(address).replaceAll(/[^a-z0-9]+/gi, "-").replaceAll(/^-|-$/g, "") || "start";
        for (const look of LOOKS) {
          await wear(one.page, look);
          const file = path.join(folder, `${role}--${name}--${look.theme}-${look.width}.png`);
          await one.page.screenshot({ path: file, fullPage: true });
          console.log(file);
        }
      },
    });
  }
}
