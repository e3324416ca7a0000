// An admin clears twenty certificates by keys alone: verifies, rejects with a reason, skips, takes back. The mouse is never
// touched, and the focus is always seen where keys bring it.
import assert from "node:assert/strict";

import { eventually, signIn, visitor } from "./browser.mjs";
import { checkFocus } from "./checks.mjs";

const CLEARED = 20;

// Waits until another item is open than the one at an address, and answers its own.
async function another(page, before) {
  await page.waitForURL((url) => /^\/admin\/verify\/\d+$/.test(url.pathname) && url.pathname !== before);
  await page.getByRole("button", { name: /^Verify/ }).first().waitFor();
  await page.waitForLoadState();
  return new URL(page.url()).pathname;
}

export async function desk(site, step) {
  const one = await visitor(site);
  const { page } = one;
  const keys = page.keyboard;
  const waiting = async () => Number(await page.getByRole("link", { name: /^Certificates/ }).locator(".count").textContent());
  let before = 0;
  let here = "";

  await step("sees how much waits, and opens the oldest by n", async () => {
    await signIn(one, site.people.admin);
    await page.addInitScript(() => addEventListener("pointerdown", () => console.error("the mouse was used"), true));
    await one.open("/admin/verify");
    before = await waiting();
    assert.ok(before > CLEARED, `${before} certificates wait in the demo`);
    await keys.press("n");
    here = await another(page, "");
    await eventually(async () => assert.ok((await page.getByText("Yours until").count()) === 1, "it is claimed"));
  });
  await step("goes to the next and back by j and k", async () => {
    await keys.press("j");
    const next = await another(page, here);
    await keys.press("k");
    assert.equal(await another(page, next), here);
  });
  await step("rejects by r without a reason, is told, and rejects with the second one", async () => {
    one.allowed.add(422);
    await keys.press("r");
    assert.equal(await page.evaluate(() => document.activeElement.id), "reason-0");
    assert.deepEqual(await checkFocus(page), []);
    await page.evaluate(() => document.activeElement.form.querySelector("[value=rejected]").focus());
    await keys.press("Enter");
    await page.getByRole("alert").getByText(/is missing/).waitFor();
    await keys.press("2");
    assert.ok(await page.getByLabel(/The name on it is another one/).isChecked());
    await keys.press("Enter");
    const next = await another(page, here);
    await page.locator("[data-toast]").getByText(/rejected/).waitFor();
    await keys.press("u");
    assert.equal(await another(page, next), here, "it is open again");
    await page.locator("[data-toast]").getByText("Taken back").waitFor();
  });
  await step("skips one by s", async () => {
    await keys.press("s");
    here = await another(page, here);
  });
  await step(`clears ${CLEARED} by v, and by r, a digit and Enter`, async () => {
    const began = Date.now();
    for (let n = 0; n < CLEARED; n++) {
      if (n % 4 === 3) {
        await keys.press("r");
        await keys.press(String(1 + n % 6));
        await keys.press("Enter");
      } else {
        await keys.press("v");
      }
      here = await another(page, here);
      await page.locator("[data-toast]").getByText(n % 4 === 3 ? /rejected/ : /verified/).waitFor();
    }
    console.log(`       ${CLEARED} certificates in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    await one.open("/admin/verify");
    assert.equal(await waiting(), before - CLEARED);
  });
  await step("keeps an item while its page is open, and lets go of it when the page is left", async () => {
    const claimed = page.waitForResponse((answer) => answer.url().endsWith("/claim"));
    await one.open(here);
    await claimed;
    const other = await visitor(site);
    await signIn(other, site.people.admin);
    await other.open("/admin/verify");
    assert.equal(await other.page.getByText(/you, until/).count(), 1);
    await one.open("/admin/verify");
    await eventually(async () => {
      await other.open("/admin/verify");
      assert.equal(await other.page.getByText(/you, until/).count(), 0);
    });
    await keys.press("n");
    here = await another(page, "");
  });
  await step("says its keys by ?", async () => {
    await keys.press("?");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Verify", { exact: true }).waitFor();
    await dialog.getByText("Skip for now").waitFor();
    await keys.press("Escape");
  });
}

// The same without scripts: nothing needs them.
export async function deskWithoutScripts(site, step) {
  const one = await visitor(site, { scripts: false });
  const { page } = one;
  await step("looks at the oldest, holds it against the rule, verifies and takes it back", async () => {
    await signIn(one, site.people.admin);
    await one.open("/admin/verify");
    await page.getByRole("button", { name: /Look at the oldest/ }).click();
    await page.waitForURL(/\/admin\/verify\/\d+$/);
    const here = new URL(page.url()).pathname;
    await page.getByText("Yours until").waitFor();
    await page.getByLabel("Issued on").fill("2026-01-15");
    await page.getByRole("button", { name: "Hold it against the rule" }).click();
    await page.waitForURL(/\/rule$/);
    assert.match(await page.locator("#advice").textContent(), /rule/);
    await page.getByRole("button", { name: /^Verify/ }).first().click();
    await page.waitForURL((url) => /^\/admin\/verify\/\d+$/.test(url.pathname) && url.pathname !== here);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.waitForURL((url) => url.pathname === here);
    await page.getByText("Taken back").waitFor();
    await page.getByLabel(/The document cannot be read/).check();
    await page.getByRole("button", { name: "Reject" }).click();
    await page.getByText(/rejected/).first().waitFor();
  });
}
