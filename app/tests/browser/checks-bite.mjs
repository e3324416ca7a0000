// The checks themselves, against a page that is broken on purpose in one way at a time: each must be found, and nothing
// on the page before. A check that finds nothing anywhere would else look like good pages.
import assert from "node:assert/strict";

import { signIn, visitor } from "./browser.mjs";
import { checkFocus, checkPage } from "./checks.mjs";
import { checkInert } from "./inert.mjs";

// What is done to the page, and what must then be found.
const BREAKS = [
  ["something wide", () => append("<div>wide</div>", "width: 900px"), /\[dark 360\] scrolls sideways/],
  ["a field without a label", () => append("<input>"), /\[light 1440\] axe label/],
  ["pale text in the dark alone", () => append("<p>pale</p>", "color: light-dark(black, #222)"), /\[dark 360\] axe color/],
  ["a target that is too small", () => append("<p><button>a</button><button>b</button></p>", "zoom: 0.3"), /axe target-size/],
  ["a second h1", () => append("<h1>Another</h1>"), /one h1/],
  ["no title", () => { document.title = " · FitHire"; }, /title/],
  ["no language", () => { document.documentElement.lang = ""; }, /language/],
  ["no skip link", () => document.querySelector(".skip").remove(), /no skip link/],
  ["a skip link that leads nowhere", () => { document.querySelector(".skip").href = "#nowhere"; }, /does not move the focus/],
  ["a warning on the console", () => console.warn("beware"), /console warning: beware/],
  ["a script that fails", () => setTimeout(() => { throw new Error("broken"); }), /script error: broken/],
  ["a script that was written into the page", () => append("<script>1</script>"), /policy script-src/],
  ["a style that was written into the page", () => document.querySelector("main").setAttribute("style", "color: red"), /policy style-src/],
  ["an image of another host", () => append('<img alt="" src="https://fithire.invalid/x.png">'), /another host/],
  ["a page that is too heavy", () => fetch("/docs/api").then((answer) => answer.text()), /too heavy/],
  ["a dialog", () => setTimeout(() => alert("hello")), /a dialog opened: alert hello/],
];

const HOSTILE = [
  ["a script that ran", () => { window.pwned = 1; }, /pwned/],
  ["a script element", () => document.body.append(document.createElement("script")), /script/],
  ["an event handler", () => document.body.setAttribute("onpwn", "1"), /onpwn/],
  ["a link that is a script", () => { document.querySelector("main a").href = "javascript:pwned=1"; }, /javascript:/],
  ["an image", () => document.querySelector("main").append(new Image()), /img/],
];

export async function checksBite(site, step) {
  const one = await visitor(site);
  await signIn(one, site.people.manager);
  // A style is set by script, because the policy takes none from the text of a page.
  const broken = async (deed) => {
    await one.open("/manager/jobs");
    assert.deepEqual(one.problems(), []);
    await one.page.evaluate(`{
      const append = (html, style = "") => {
        const made = document.createRange().createContextualFragment(html);
        for (const element of made.children) element.style.cssText = style;
        document.querySelector("main").append(made);
      };
      (${deed})();
    }`);
  };
  await step("a good page has nothing to be found", async () => {
    await one.open("/manager/jobs");
    return [...await checkPage(one), ...await checkInert(one)];
  });
  for (const [what, deed, expected] of BREAKS) {
    await step(`finds ${what}`, async () => {
      await broken(deed);
      const found = await checkPage(one);
      assert.ok(found.some((text) => expected.test(text)), `it was not found; only ${JSON.stringify(found)}`);
    });
  }
  for (const [what, deed, expected] of HOSTILE) {
    await step(`finds ${what}`, async () => {
      await broken(deed);
      const found = await checkInert(one);
      assert.ok(found.some((text) => expected.test(text)), `it was not found; only ${JSON.stringify(found)}`);
      one.problems();
    });
  }
  for (const [what, style, expected] of [
    ["a focus that is not seen", "outline: none !important", /not seen/],
    ["a focus out of the window", "position: absolute; left: -900px", /outside/],
    ["nothing wrong with a good focus", "", undefined],
  ]) {
    await step(`finds ${what}`, async () => {
      await one.open("/manager/jobs");
      await one.page.keyboard.press("Tab");
      await one.page.keyboard.press("Tab");
      await one.page.evaluate((style) => { document.activeElement.style.cssText = style; }, style);
      const found = await checkFocus(one.page);
      if (expected) assert.match(found.join(), expected);
      else assert.deepEqual(found, []);
      one.problems();
    });
  }
  await step("finds what covers the focus", async () => {
    await one.open("/manager/jobs");
    await one.page.keyboard.press("Tab");
    await one.page.keyboard.press("Tab");
    await one.page.evaluate(() => {
      const cover = document.createElement("div");
      cover.style.cssText = "position: fixed; inset: 0; background: white";
      document.body.append(cover);
    });
    assert.match((await checkFocus(one.page)).join(), /covers/);
  });
}
