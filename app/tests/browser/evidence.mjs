// From a certificate to a ranking, and from a video to a rating: a coach uploads a real document, an admin sees it beside the
// claim and decides, and the manager's next look knows. Then a video: it plays on the candidate's card, and an admin tags it by
// keys at the moments that are shown.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { eventually, signIn, visitor } from "./browser.mjs";
import { checkPage } from "./checks.mjs";
import { plays, recorded } from "./upload.mjs";

// Nothing of ours has this colour, so that whoever sees it sees the document.
const INK = [214, 31, 139];
const PAPER = `<body style="margin:0;background:rgb(${INK})"><h1 style="color:#fff;padding:2cm">Certificate of training</h1></body>`;

export async function evidence(site, step) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "fithire-evidence-"));
  try {
    await walk(site, step, (name) => path.join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function walk(site, step, file) {
  const [coach, admin, manager] = [await visitor(site), await visitor(site), await visitor(site)];
  const known = { file, name: "", code: "NCSF-CPT", job: "", before: 0 };
  await step("makes a document, and signs in as all three", async () => {
    writeFileSync(file("certificate.pdf"), await printed(site, PAPER));
    writeFileSync(file("class.webm"), await recorded(site));
    writeFileSync(file("long.mp4"), "");
    truncateSync(file("long.mp4"), 500 * 1024 * 1024 + 1);
    for (const [one, role] of [[coach, "coach"], [admin, "admin"], [manager, "manager"]]) await signIn(one, site.people[role]);
    await coach.open("/coach/profile/about");
    known.name = await coach.page.getByLabel("Name", { exact: true }).inputValue();
  });
  await certified(step, [coach, admin, manager], known);
  await rejected(step, [coach, admin], known);
  await filmed(step, [coach, admin, manager], known);
}

async function certified(step, [coach, admin, manager], known) {
  const { page } = coach;
  const card = page.getByRole("form", { name: "The document of a certificate" });
  await step("a manager asks for a certification that nobody of the demo holds", async () => {
    await manager.open("/manager/jobs/new");
    await manager.page.getByLabel("Title").fill("For whoever can prove it");
    await manager.page.getByLabel("from anywhere").check();
    await manager.page.getByLabel("Rank from").fill("0");
    await manager.page.getByLabel("Any one of").first().fill(known.code);
    await manager.page.getByRole("button", { name: "Create the job" }).click();
    await manager.page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
    known.job = new URL(manager.page.url()).pathname;
    assert.equal(await candidate(manager, known).count(), 0, "who holds nothing is not ranked");
  });
  await step("the coach uploads the document and sees how much has arrived", async () => {
    let go;
    const held = new Promise((done) => { go = done; });
    await coach.open("/coach/media");
    await page.route((url) => url.searchParams.has("X-Amz-Signature"), async (route) => {
      if (route.request().method() === "PUT") await held;
      await route.continue();
    });
    await card.getByLabel("Certification").selectOption(known.code);
    await card.getByLabel("Valid until").fill("2028-05-31");
    await card.getByLabel("File").setInputFiles(known.file("certificate.pdf"));
    await card.getByRole("button", { name: "Upload" }).click();
    await card.getByText(/^0\.0 of \d+\.\d MB$/).waitFor();
    assert.ok(await card.getByRole("progressbar", { name: "How much has arrived" }).isVisible());
    go();
    await page.locator("[data-toast]").filter({ hasText: "certificate.pdf is handed in" }).waitFor();
    await page.unrouteAll({ behavior: "wait" });
    await page.getByRole("region", { name: "Your certificates" }).getByText("Awaiting review").first().waitFor();
  });
  await step("the manager's next look ranks the coach, with the doubt", async () => {
    await manager.open(known.job);
    known.before = await score(manager, known);
    await reads(manager, known, `${known.code} awaiting review`);
  });
  await step("an admin sees the very document beside the claim", async () => {
    await admin.open("/admin/verify");
    await follow(admin.page, "Certificates that wait", known.name, known.code);
    await admin.page.getByRole("heading", { level: 1, name: `${known.name}: ${known.code}` }).waitFor();
    await admin.page.getByText("2028-05-31").first().waitFor();
    const frame = admin.page.locator("iframe");
    await eventually(async () => {
      const share = await inked(admin.page, await frame.screenshot());
      assert.ok(share > 0.1, `${(100 * share).toFixed(1)} % of the frame is the document`);
    });
  });
  await step("that page is right in every look", () => checkPage(admin));
  await step("and verifies it by a key", async () => {
    await admin.page.keyboard.press("v");
    await admin.page.locator("[data-toast]").getByText(`${known.code} of ${known.name}: verified`).waitFor();
  });
  await step("the manager's next look ranks the coach higher, without the doubt", async () => {
    await manager.open(known.job);
    const now = await score(manager, known);
    assert.ok(now > known.before, `${known.before} to ${now}`);
    await reads(manager, known, "Required certs met");
    await coach.open("/coach/media");
    await page.getByRole("listitem").filter({ hasText: known.code }).getByText("Verified").waitFor();
  });
}

async function rejected(step, [coach, admin], known) {
  const { page } = coach;
  const code = "TRX-STC";
  const card = page.getByRole("form", { name: "The document of a certificate" });
  await step("what is rejected says why, and leads to where a better document is uploaded", async () => {
    await coach.open("/coach/media");
    await handIn(page, known.file("certificate.pdf"), { code });
    await admin.open("/admin/verify");
    await follow(admin.page, "Certificates that wait", known.name, code);
    await admin.page.waitForURL(/\/admin\/verify\/\d+$/);
    await admin.page.waitForLoadState();
    await admin.page.keyboard.press("r");
    await admin.page.keyboard.press("1");
    await admin.page.keyboard.press("Enter");
    await admin.page.locator("[data-toast]").getByText(`${code} of ${known.name}: rejected`).waitFor();
    await coach.open("/coach/media");
    const line = page.getByRole("region", { name: "Your certificates" }).getByRole("listitem").filter({ hasText: code });
    await line.getByText("The document cannot be read").waitFor();
    await line.getByRole("link", { name: `Upload a better document of ${code}` }).click();
    await page.waitForURL(/code=/);
    assert.equal(await card.getByLabel("Certification").inputValue(), code);
    const first = page.getByRole("form").filter({ has: page.getByLabel("File") }).first();
    assert.equal(await first.getAttribute("data-upload"), "certificate", "the form that is wanted comes first");
  });
  await step("that page is right in every look", () => checkPage(coach));
}

async function filmed(step, [coach, admin, manager], known) {
  const { page } = coach;
  const video = page.getByRole("form", { name: "A video of how you teach" });
  const upload = async (name) => {
    await video.getByLabel("File").setInputFiles(known.file(name));
    await video.getByRole("button", { name: "Upload" }).click();
  };
  await step("a video of 500 MB and one byte is refused before a byte is sent", async () => {
    await coach.open("/coach/media");
    await upload("long.mp4");
    await video.getByText("This file has 500.0 MB; 500 MB is the most.").waitFor();
    assert.equal(await page.getByRole("article", { name: "long.mp4" }).count(), 0);
  });
  await step("the coach uploads a video, and it plays on the candidate's card", async () => {
    await upload("class.webm");
    await page.locator("[data-toast]").filter({ hasText: "class.webm is there" }).waitFor();
    await manager.open(known.job);
    const row = candidate(manager, known);
    await row.getByText("Video", { exact: false }).first().click();
    await row.locator("video").evaluate((one) => {
      one.muted = true;
      return one.play();
    });
    await plays(row.locator("video"));
    await eventually(async () => assert.ok(await row.locator("video").evaluate((one) => one.currentTime > 0.2)));
  });
  await step("an admin tags it by keys at the moments that are shown", async () => {
    await admin.open("/admin/tags");
    await follow(admin.page, "Videos", known.name, "class.webm");
    await tagged(admin, known);
  });
  await step("that page is right in every look", () => checkPage(admin));
  await step("the saved tags rate the coach, and can be taken back", async () => {
    await admin.page.getByRole("button", { name: "Save and go on" }).click();
    await admin.page.locator("[data-toast]").getByText("2 tags saved").waitFor();
    const at = () => admin.page.locator("[name$=-at_seconds]").evaluateAll((all) => all.map((one) => Number(one.value)));
    assert.deepEqual((await at()).filter(Boolean), known.times.filter(Boolean));
    const profile = await admin.page.getByRole("link", { name: "See the profile" }).getAttribute("href");
    const rated = async (dimension, level) => {
      await manager.open(profile);
      const name = dimension[0].toUpperCase() + dimension.slice(1);
      return manager.page.getByText(`${name}: ${level} of 4, seen by a reviewer`, { exact: true }).count();
    };
    for (const [dimension, level] of known.levels) assert.equal(await rated(dimension, level), 1, dimension);
    await admin.page.getByRole("button", { name: "Undo" }).click();
    await admin.page.locator("[data-toast]").getByText("Taken back; the tags are as they were").waitFor();
    for (const [dimension, level] of known.levels) assert.equal(await rated(dimension, level), 0, dimension);
  });
}

// Plays, pauses, goes back and forth, and gives two levels.
async function tagged({ page }, known) {
  const keys = page.keyboard;
  const player = page.locator("[data-player]");
  const line = (n) => page.locator("[data-tag]").nth(n);
  await plays(player);
  await keys.press("Space");
  await eventually(async () => assert.ok(await player.evaluate((one) => one.currentTime > 0.3)));
  await keys.press("Space");
  const time = () => player.evaluate((one) => Number(one.currentTime.toFixed(1)));
  const first = await time();
  await keys.press("3");
  const chosen = page.locator("[data-dimension]");
  await keys.press("ArrowDown");
  assert.ok(await chosen.nth(1).isChecked());
  await keys.press("ArrowLeft");
  await eventually(async () => assert.equal(await time(), 0));
  await keys.press("1");
  known.times = [0, first];
  known.levels = [];
  for (const [n, [at, dimension, level]] of [[first, 0, "3"], [0, 1, "1"]].entries()) {
    known.levels.push([await chosen.nth(dimension).getAttribute("value"), level]);
    const values = await line(n).evaluate((one) => ["at_seconds", "dimension", "level"].map((key) => one.querySelector(`[name$="-${key}"]`).value));
    assert.deepEqual(values, [at.toFixed(1), known.levels[n][0], level]);
  }
}

// Uploads a document on the page of files.
export async function handIn(page, file, { code, last = "" }) {
  const card = page.getByRole("form", { name: "The document of a certificate" });
  await card.getByLabel("Certification").selectOption(code);
  await card.getByLabel("Valid until").fill(last);
  await card.getByLabel("File").setInputFiles(file);
  await card.getByRole("button", { name: "Upload" }).click();
  await page.locator("[data-toast]").filter({ hasText: `${path.basename(file)} is handed in` }).waitFor();
}

// The row of the coach in the list of candidates.
function candidate({ page }, { name }) {
  return page.getByRole("region", { name: "Candidates" }).locator("tbody tr")
    .filter({ has: page.getByRole("rowheader").getByRole("link", { name, exact: true }) });
}

// The candidate's card says something.
async function reads(one, known, text) {
  await candidate(one, known).getByRole("rowheader").getByRole("link").click();
  await one.page.getByRole("heading", { level: 1, name: known.name }).waitFor();
  await one.page.getByText(text).first().waitFor();
}

async function score(one, known) {
  const text = await candidate(one, known).getByRole("cell").nth(2).innerText();
  return Number(/\d\.\d+/.exec(text)[0]);
}

// Opens what a table says of somebody and something; the list has pages, and what is new is on the last.
export async function follow(page, table, ...texts) {
  const region = page.getByRole("region", { name: table });
  const row = texts.reduce((rows, hasText) => rows.filter({ hasText }), region.locator("tbody tr"));
  while (await row.count() === 0) {
    await page.getByRole("link", { name: "Later ones" }).click();
    await page.waitForLoadState();
  }
  await row.getByRole("link").click();
}

// The share of a picture that has the colour of the document.
async function inked(page, png) {
  const blank = await page.context().newPage();
  const share = await blank.evaluate(async ([base64, ink]) => {
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const brush = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    brush.drawImage(picture, 0, 0);
    const { data } = brush.getImageData(0, 0, picture.width, picture.height);
    let count = 0;
    for (let n = 0; n < data.length; n += 4) count += ink.every((part, m) => Math.abs(data[n + m] - part) < 12);
    return count / (data.length / 4);
  }, [png.toString("base64"), INK]);
  await blank.close();
  return share;
}

// A document as a browser prints it.
export async function printed(site, paper) {
  const context = await site.browser.newContext();
  const page = await context.newPage();
  await page.setContent(paper);
  const bytes = await page.pdf({ printBackground: true });
  await context.close();
  return bytes;
}
