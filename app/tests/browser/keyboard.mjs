// The whole way by keys alone, from a fresh page: sign in, open a job, choose and compare two candidates, change a
// weight, export. Wherever the focus comes by, it must be seen.
import assert from "node:assert/strict";

import { eventually, visitor } from "./browser.mjs";
import { checkFocus } from "./checks.mjs";
import { exported, ranked } from "./manager.mjs";

// More controls than any page has before the one that is looked for.
const FAR = 80;

export async function keyboard(site, step) {
  const one = await visitor(site);
  const { page } = one;
  const keys = page.keyboard;
  const rows = page.getByRole("region", { name: "Candidates" }).locator("tbody tr");

  // Presses a key and looks where the focus is then.
  const press = async (key) => {
    await keys.press(key);
    assert.deepEqual(await checkFocus(page), []);
  };
  // Goes on until something has the focus.
  const reach = async (wanted, key = "Tab") => {
    for (let n = 0; n < FAR; n++) {
      await press(key);
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
    }
    assert.fail(`${FAR} times ${key} do not lead to ${wanted}`);
  };

  await step("signs in, past the head of the page", async () => {
    await one.open("/sign-in");
    await press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await press("Enter");
    await press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "email", "the skip link skips nothing");
    await keys.type(site.people.manager.email);
    await press("Tab");
    await keys.type(site.people.manager.password);
    await keys.press("Enter");
    await page.waitForURL((url) => url.pathname !== "/sign-in");
  });
  await step("opens a job by j and Enter", async () => {
    await reach(page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Jobs" }));
    await keys.press("Enter");
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
    await page.waitForLoadState();
    const jobs = page.getByRole("region", { name: "Jobs" }).locator("[data-row]");
    for (let n = 1; n <= await jobs.count(); n++) {
      for (let down = 0; down < n; down++) await press("j");
      await keys.press("Enter");
      await page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
      if (await rows.count() >= 3) return;
      await keys.press("Alt+ArrowLeft");
      await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
    }
    assert.fail("no job has three candidates");
  });
  await step("chooses two by j, k and x, and compares them", async () => {
    const boxes = rows.getByRole("checkbox");
    const chosen = async () => [await boxes.nth(0).isChecked(), await boxes.nth(1).isChecked(), await boxes.nth(2).isChecked()];
    await press("j");
    await press("x");
    await press("j");
    await press("j");
    await press("x");
    assert.deepEqual(await chosen(), [true, false, true]);
    await press("x");
    await press("k");
    await press("x");
    assert.deepEqual(await chosen(), [true, true, false]);
    // The same by the box itself.
    await reach(boxes.nth(1), "Shift+Tab");
    await press("Space");
    await press("Space");
    assert.deepEqual(await chosen(), [true, true, false]);
    await reach(page.getByRole("button", { name: "Compare the chosen" }), "Shift+Tab");
    await keys.press("Enter");
    await page.getByRole("heading", { name: "Compare", exact: true }).waitFor();
    const side = page.getByRole("region", { name: "Candidates side by side" });
    assert.equal(await side.getByRole("columnheader").count(), 2);
    await reach(page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link").last());
    await keys.press("Enter");
    await page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
  });
  await step("changes a weight by typing and by arrows", async () => {
    await page.waitForLoadState();
    const before = await rows.allInnerTexts();
    await reach(page.locator("summary", { hasText: "What if the weights were different?" }));
    await press("Enter");
    await reach(page.getByLabel("Engagement"));
    await keys.type("89");
    await press("ArrowUp");
    await reach(page.getByLabel("FitScore at least"));
    await keys.type("0");
    await page.waitForURL(/[?&]engagement=90&.*min_score=0(&|$)/);
    assert.notDeepEqual(await rows.allInnerTexts(), before);
    assert.deepEqual(await checkFocus(page), []);
    await eventually(async () => assert.notEqual(await page.locator("#said").textContent(), ""));
  });
  await step("exports by Space", async () => {
    const lines = await exported(page, async (button) => {
      await reach(button);
      await keys.press("Space");
    });
    assert.equal(lines.length - 1, await ranked(page));
  });
  await step("reaches everything on the page, and the end of it", async () => {
    await one.open(page.url());
    const reached = new Set();
    for (let n = 0; n < 400; n++) {
      await keys.press("Tab");
      const here = await page.evaluate(() => document.activeElement === document.body ? "" : document.activeElement.outerHTML);
      if (here === "") break;
      assert.deepEqual(await checkFocus(page), []);
      reached.add(here);
    }
    const controls = await page.evaluate(() => {
      const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")];
      return all.filter((control) => control.checkVisibility({ visibilityProperty: true })).map((control) => control.outerHTML);
    });
    assert.deepEqual([...new Set(controls)].filter((control) => !reached.has(control)), []);
  });
}
