// A coach looks at the matches, filters them, asks why another job is none, and opens one; with scripts and without.
import assert from "node:assert/strict";

import { signIn, visitor } from "./browser.mjs";
import { addsUp, offerToAll } from "./manager.mjs";

export async function coach(site, step, { scripts }) {
  const one = await visitor(site, { scripts });
  const { page } = one;
  const cards = page.locator("#results").getByRole("listitem").filter({ has: page.getByRole("heading") });
  const tab = (name) => page.getByRole("navigation", { name: "Groups" }).getByRole("link", { name });
  const count = async (name) => Number(await tab(name).locator(".count").innerText());

  await step("a manager offers a job to everyone", () => offerToAll(site, "A job for everyone"));
  await step("signs in by the form", () => signIn(one, site.people.coach));
  await step("sees the matches", async () => {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Matches" }).click();
    await page.getByRole("heading", { name: "Your matches" }).waitFor();
    assert.ok(await cards.count() > 0, "a job for everyone is a match");
    assert.ok(await count("Matches") >= await cards.count());
  });
  await step("filters them by location", async () => {
    const all = await count("Matches") + await count("Why not");
    const place = (await cards.first().locator("p").first().innerText()).split(" · ")[0];
    if (scripts) await page.evaluate(() => { window.stayed = true; });
    await page.getByLabel("Location").selectOption({ label: place });
    if (!scripts) await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL(/[?&]location=[^&]/);
    if (scripts) assert.equal(await page.evaluate(() => window.stayed), true, "the page was left");
    assert.ok(await count("Matches") + await count("Why not") < all, "the filter leaves nothing out");
    const texts = await cards.allInnerTexts();
    assert.ok(texts.length > 0 && texts.every((text) => text.includes(place)), texts.join("\n"));
  });
  await step("asks why other jobs are no match", async () => {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Matches" }).click();
    // The old list is gone when no location is chosen any more.
    await page.waitForURL((url) => url.search === "");
    await tab("Why not").click();
    await page.waitForURL(/show=why_not/);
    assert.ok(await cards.count() > 0, "some jobs are no match");
    await opened(page, cards, /is not a match/);
  });
  await step("opens a match", async () => {
    await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Matches" }).click();
    await opened(page, cards, /is one of your matches/);
  });
  await profile(one, step, scripts);
}

// Fills in what is missing of the profile, and the week.
async function profile({ page, open }, step, scripts) {
  const save = async (section) => {
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("status").filter({ hasText: `${section} saved` }).waitFor();
  };
  await step("sees what is missing of the profile", async () => {
    await open("/coach");
    const missing = page.getByRole("complementary", { name: "Your profile" });
    await missing.getByText(/of 8/).waitFor();
    await missing.getByRole("link", { name: "Pay" }).click();
    await page.getByRole("heading", { level: 1, name: "Pay" }).waitFor();
  });
  await step("says the pay that is wished for", async () => {
    await page.getByLabel("Paid").fill("per class");
    await page.getByLabel("At least").fill("45");
    await page.getByLabel("Currency").fill("usd");
    await save("Pay");
    await page.getByText("from 45 USD per class").waitFor();
  });
  await step("ticks hours of the week", async () => {
    await page.getByRole("link", { name: "Change When you are free" }).click();
    const free = page.getByRole("group", { name: "Free", exact: true });
    const hour = free.getByRole("checkbox", { name: "Saturday 15:00 to 16:00" });
    await hour.setChecked(false);
    if (scripts) {
      await hour.focus();
      await page.keyboard.press("Space");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Space");
    } else {
      await hour.check();
      await free.getByRole("checkbox", { name: "Saturday 16:00 to 17:00" }).check();
    }
    assert.ok(await free.getByRole("checkbox", { name: "Saturday 16:00 to 17:00" }).isChecked());
    await save("When you are free");
    await open("/coach/profile/hours");
    assert.ok((await page.locator("input[type=time]").evaluateAll((all) => all.map((one) => one.value))).includes("17:00"));
  });
  await step("claims a certificate", async () => {
    await open("/coach/profile/certifications");
    const lines = page.getByRole("combobox", { name: /^Certification/ });
    await lines.last().selectOption("AFAA-CGFI");
    await page.getByLabel("Valid until").last().fill("2031-01-31");
    await save("Certifications");
    await page.getByText("AFAA-CGFI, Certified Group Fitness Instructor, valid until 2031-01-31").waitFor();
  });
}

// Opens the first card and reads the whole explanation.
async function opened(page, cards, told) {
  const link = cards.first().getByRole("heading").getByRole("link");
  const title = (await link.innerText()).trim();
  await link.click();
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  await page.getByRole("heading", { name: "Your FitScore" }).waitFor();
  await page.getByText(told).waitFor();
  await addsUp(page);
}
