// A manager's day: from the sign-in over the candidates of a job to a new job, with scripts and without. What scripts
// make quicker must come to the same without them.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { eventually, signIn, visitor } from "./browser.mjs";

// Both of what is typed have reached the address.
const WEIGHED = /[?&]engagement=90&.*min_score=0(&|$)/;

export async function manager(site, step, { scripts }) {
  const one = await visitor(site, { scripts });
  const { page } = one;
  const candidates = page.getByRole("region", { name: "Candidates" });
  const rows = candidates.locator("tbody tr");
  const compared = page.getByRole("region", { name: "Candidates side by side" }).getByRole("columnheader").getByRole("link");

  await step("signs in by the form", () => signIn(one, site.people.manager));
  await step("opens the jobs", async () => {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Jobs" }).click();
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  });
  await step("opens a job's candidates", () => openCandidates(page, rows));
  await step("changes a weight", () => (scripts ? weighLive(page, rows) : weighBySubmitting(page, rows)));
  await step("exports all as CSV", async () => {
    const lines = await exported(page);
    assert.ok(lines.length > 3 && lines[0].includes(","), lines.slice(0, 2).join("\n"));
    assert.equal(lines.length - 1, await ranked(page));
  });
  await step("goes back to the preset", async () => {
    await page.getByRole("link", { name: "Back to the preset" }).click();
    await page.getByText("trying out").waitFor({ state: "detached" });
  });
  await step("chooses two, exports and compares them", async () => {
    const names = [];
    for (const n of [0, 1]) {
      await rows.nth(n).getByRole("checkbox").check();
      names.push((await rows.nth(n).getByRole("rowheader").getByRole("link").innerText()).trim());
    }
    const lines = await exported(page);
    assert.equal(lines.length, 3, lines.join("\n"));
    await page.getByRole("button", { name: "Compare the chosen" }).click();
    await page.getByRole("heading", { name: "Compare", exact: true }).waitFor();
    assert.deepEqual((await compared.allInnerTexts()).sort(), names.sort());
  });
  await step("opens one coach with the whole explanation", async () => {
    const name = (await compared.first().innerText()).trim();
    await compared.first().click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await addsUp(page);
    await page.getByText("What this was computed from").click();
    await page.getByText("Rests on known facts").waitFor();
  });
  await newJob(one, step, scripts);
}

// Opens the first job that has enough candidates to choose from.
export async function openCandidates(page, rows) {
  const jobs = page.getByRole("region", { name: "Jobs" }).locator("[data-row]");
  const count = await jobs.count();
  for (let n = 0; n < count; n++) {
    await jobs.nth(n).click();
    await page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
    if (await rows.count() >= 3) return;
    await page.goBack();
  }
  assert.fail(`none of ${count} jobs has three candidates`);
}

// The list follows while the weight is typed: the same page, other scores, an address that can be shared.
async function weighLive(page, rows) {
  const before = await rows.allInnerTexts();
  await page.evaluate(() => { window.stayed = true; });
  await fillWeights(page);
  await page.waitForURL(WEIGHED);
  const live = await rows.allInnerTexts();
  assert.notDeepEqual(live, before);
  assert.equal(await page.evaluate(() => window.stayed), true, "the page was left");
  await eventually(async () => assert.notEqual(await page.locator("#said").textContent(), ""));
  await page.reload();
  assert.deepEqual(await rows.allInnerTexts(), live, "the address gives another list than the one that was seen");
}

async function weighBySubmitting(page, rows) {
  const before = await rows.allInnerTexts();
  await fillWeights(page);
  await page.getByRole("button", { name: "Rank again" }).click();
  await page.waitForURL(WEIGHED);
  assert.equal(await page.getByLabel("Engagement").inputValue(), "90");
  assert.notDeepEqual(await rows.allInnerTexts(), before);
}

// Every job asks for engagement, and from 0 on nobody leaves the list: it changes on any day that the demo is made up for.
async function fillWeights(page) {
  await page.getByText("What if the weights were different?").click();
  await page.getByLabel("Engagement").fill("90");
  await page.getByLabel("FitScore at least").fill("0");
}

// The lines of the file that is saved.
export async function exported(page, press) {
  const button = page.getByRole("button", { name: "Export as CSV" });
  const [download] = await Promise.all([page.waitForEvent("download"), press ? press(button) : button.click()]);
  assert.match(download.suggestedFilename(), /\.csv$/);
  return (await readFile(await download.path(), "utf8")).trim().split("\n");
}

// How many the list says are ranked.
export async function ranked(page) {
  const tab = page.getByRole("navigation", { name: "Groups" }).getByRole("link", { name: "Ranked" });
  return Number(await tab.locator(".count").innerText());
}

// Makes a job that every coach is a match for, whatever the demo has made up.
export async function offerToAll(site, title) {
  const one = await visitor(site);
  await signIn(one, site.people.manager);
  await one.open("/manager/jobs/new");
  await one.page.getByLabel("Title").fill(title);
  await one.page.getByLabel("from anywhere").check();
  await one.page.getByLabel("Rank from").fill("0");
  await one.page.getByRole("button", { name: "Create the job" }).click();
  await one.page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
  await one.context.close();
  site.visitors.pop();
}

// The contributions of the parts are the score, to the last digit.
export async function addsUp(page) {
  const table = page.getByRole("region", { name: "How the score is made up" });
  const figures = [];
  for (const row of await table.locator("tbody tr").all()) {
    const cells = await row.getByRole("cell").allInnerTexts();
    if (cells.length === 4) figures.push(Math.round(Number(cells[2]) * 10_000));
  }
  const total = Math.round(Number((await table.locator("tfoot tr").getByRole("cell").allInnerTexts()).join("")) * 10_000);
  assert.ok(figures.length > 0 && total > 0, `${figures} and ${total}`);
  assert.equal(figures.reduce((sum, figure) => sum + figure, 0), total, figures.join(" + "));
}

async function newJob(one, step, scripts) {
  const { page } = one;
  const title = `Early HIIT ${scripts ? "with" : "without"} scripts`;
  const preview = page.locator("#preview");
  await step("makes a job, first with a time that is no quarter-hour", async () => {
    await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Jobs" }).click();
    await page.getByRole("link", { name: "New job" }).click();
    await page.getByLabel("Title").fill(title);
    await page.getByLabel("Description").fill("Before work,\nfor everyone.");
    await page.getByLabel("Modality").selectOption("hiit");
    await page.getByLabel("Rank from").fill("0.5");
    await page.locator("#slots-0-start").fill("07:10");
    await page.locator("#slots-0-minutes").fill("60");
    // A form that is refused is told on the console; by the preview, too, which asks while the form is filled in.
    one.allowed.add(422);
    await page.getByRole("button", { name: "Create the job" }).click();
    const summary = page.getByRole("alert");
    await summary.waitFor();
    if (scripts) assert.equal(await page.evaluate(() => document.activeElement.id), "errors", "the summary has not the focus");
    await summary.getByRole("link").first().click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "slots-0-start");
    assert.equal(await page.locator("#slots-0-start").getAttribute("aria-invalid"), "true");
    const labels = ["Title", "Description", "Modality", "Rank from"];
    const kept = await Promise.all(labels.map((label) => page.getByLabel(label).inputValue()));
    assert.deepEqual(kept.map((text) => text.replaceAll("\r", "")), [title, "Before work,\nfor everyone.", "hiit", "0.5"]);
  });
  await step("counts the coaches before the job is made", async () => {
    await page.locator("#slots-0-start").fill("07:15");
    if (scripts) await page.evaluate(() => { window.stayed = true; });
    await page.getByRole("button", { name: "Count the coaches" }).click();
    // The question that stands there before has other words.
    await preview.getByText(/would be ranked, \d+ below the threshold/).waitFor();
    const counts = (await preview.innerText()).match(/\d+/g).map(Number);
    assert.ok(counts.reduce((sum, count) => sum + count, 0) > 100, `${counts} is not the whole brand`);
    if (scripts) assert.equal(await page.evaluate(() => window.stayed), true, "the page was left");
    assert.equal(await page.getByLabel("Title").inputValue(), title);
  });
  await step("makes the job and sees as many candidates as were counted", async () => {
    const counted = Number((await preview.innerText()).match(/\d+/)[0]);
    await page.getByRole("button", { name: "Create the job" }).click();
    await page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
    assert.equal(await ranked(page), counted);
  });
  await step("deactivates it again", async () => {
    const [, id] = new URL(page.url()).pathname.match(/\/jobs\/(\d+)\//);
    await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Jobs" }).click();
    const row = page.getByRole("row").filter({ has: page.locator(`form[action="/manager/jobs/${id}/switch"]`) });
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
    // The list has pages, and what is new is on the last.
    while (await row.count() === 0) await page.getByRole("link", { name: "Next jobs" }).click();
    await row.getByText("Looking for coaches").waitFor();
    await row.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
    await one.open(`/manager/jobs/${id}/candidates`);
    await page.getByText("This job is deactivated").waitFor();
  });
  if (scripts) await step("clicks twice and makes one job", () => clickTwice(one, "Late HIIT, once"));
}

// Without scripts a browser sends a form as often as it is asked to; with them, the second click is none.
async function clickTwice(one, title) {
  const { page } = one;
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(new URL(request.url()).pathname));
  await one.open("/manager/jobs/new");
  await page.getByLabel("Title").fill(title);
  const button = page.getByRole("button", { name: "Create the job" });
  await button.scrollIntoViewIfNeeded();
  const box = await button.boundingBox();
  const click = () => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  // Two clicks that come before the first is on its way are one for the browser already; the answer waits for the second.
  let begin, answer;
  const begun = new Promise((resolve) => { begin = resolve; });
  const clicked = new Promise((resolve) => { answer = resolve; });
  await page.route("**/manager/jobs/new", async (route) => {
    begin();
    await clicked;
    await route.continue();
  });
  await click();
  await begun;
  await click();
  answer();
  await page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
  await page.unroute("**/manager/jobs/new");
  assert.deepEqual(sent.filter((path) => path === "/manager/jobs/new"), ["/manager/jobs/new"]);
  await one.open(`/manager/jobs?${new URLSearchParams({ titled: title })}`);
  assert.equal(await page.getByRole("region", { name: "Jobs" }).getByRole("link", { name: title, exact: true }).count(), 1);
}
