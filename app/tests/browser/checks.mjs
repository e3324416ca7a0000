// What must hold for a page, whichever it is: nothing for axe to find, nothing wider than the window, little to load, one
// heading, a skip link that works; and what must hold for the focus wherever a key has moved it. Checks return what they find.
import { readFileSync } from "node:fs";

import { tool } from "./browser.mjs";

// Every page is looked at in each of these.
export const LOOKS = ["light", "dark"].flatMap((theme) =>
  [[360, 740], [1440, 900]].map(([width, height]) => ({ theme, width, height, name: `${theme} ${width}` })));

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// Compressed, without images.
const MOST_BYTES = 60 * 1024;

let axe;

// Changes window and theme and waits until the page has followed.
export async function wear(page, look) {
  await page.setViewportSize({ width: look.width, height: look.height });
  await page.emulateMedia({ colorScheme: look.theme, reducedMotion: "reduce" });
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (const animation of document.getAnimations()) {
      if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish();
    }
  });
}

// Everything that is checked of a page with scripts, in every look.
export async function checkPage(one) {
  const { page } = one;
  const found = [...await checkFrame(page), ...await checkSkipLink(page)];
  // What is folded away is part of the page.
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  for (const look of LOOKS) {
    await wear(page, look);
    const here = [...await tooWide(page), ...await axeFinds(page)];
    found.push(...here.map((text) => `[${look.name}] ${text}`));
  }
  return [...found, ...await tooHeavy(page), ...one.problems()];
}

// What a page weighs with its style and script, as they are sent, without images.
export async function weight(page) {
  return page.evaluate(() => performance.getEntries()
    .filter((entry) => entry.encodedBodySize && !["img", "image", "input"].includes(entry.initiatorType) && !/[.]svg$/.test(entry.name))
    .reduce((sum, entry) => sum + entry.encodedBodySize, 0));
}

async function tooHeavy(page) {
  const bytes = await weight(page);
  return bytes > MOST_BYTES ? [`too heavy: ${bytes} bytes are more than ${MOST_BYTES}`] : [];
}

// Title, language and headings.
async function checkFrame(page) {
  const { title, lang, headings } = await page.evaluate(() => ({
    title: document.title.replace(/·.*/, "").trim(),
    lang: document.documentElement.lang,
    headings: [...document.querySelectorAll("h1")].map((h1) => h1.textContent.trim()),
  }));
  const found = [];
  if (!title) found.push("the title says nothing");
  if (!lang) found.push("the language is not named");
  if (headings.length !== 1 || !headings[0]) found.push(`one h1 is wanted, not ${JSON.stringify(headings)}`);
  return found;
}

// The first thing that a key reaches leads to the main part.
async function checkSkipLink(page) {
  const first = await page.evaluate(() => {
    const link = document.querySelector("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]");
    link?.focus();
    const box = link?.getBoundingClientRect();
    return { target: link?.getAttribute("href"), shown: !!box && box.left >= 0 && box.top >= 0 && box.width > 0 };
  });
  if (!first.target?.startsWith("#")) return [`the first thing to reach is no skip link but ${first.target}`];
  const found = first.shown ? [] : ["the skip link is not seen when it has the focus"];
  await page.keyboard.press("Enter");
  if (!await page.evaluate(() => document.activeElement === document.querySelector("main"))) {
    found.push("the skip link does not move the focus to main");
  }
  return found;
}

// Elements that make the page scroll sideways.
export async function tooWide(page) {
  return page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.scrollingElement.scrollWidth <= room) return [];
    // What scrolls by itself may hold what is wide, and what nobody sees is not to blame.
    const scrolls = (element) => element && element !== document.documentElement && element !== document.body
      && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
    const wide = (element) => {
      const box = element.getBoundingClientRect();
      return box.right > room + 0.5 && box.width > 1 && !scrolls(element.parentElement);
    };
    const innermost = [...document.body.querySelectorAll("*")]
      .filter((element) => wide(element) && ![...element.children].some(wide));
    const named = innermost.slice(0, 3).map((element) => element.outerHTML.slice(0, 100)).join(" … ");
    return [`scrolls sideways: ${document.scrollingElement.scrollWidth} > ${room}: ${named}`];
  });
}

async function axeFinds(page) {
  axe ??= readFileSync(tool("axe-core/axe.min.js"), "utf8");
  // By the debugger, because the pages' policy lets no other script in. Once for each page that is loaded.
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe);
  return page.evaluate(async (tags) => {
    const { violations } = await window.axe.run(document, {
      runOnly: { type: "tag", values: tags }, resultTypes: ["violations"], preload: false,
      // A frame shows a document by the browser's own viewer, which is not ours to mend.
      iframes: false,
    });
    return violations.flatMap(({ id, nodes }) => {
      const more = nodes.length > 3 ? [`axe ${id}: and ${nodes.length - 3} more`] : [];
      return [...nodes.slice(0, 3).map((node) => {
        const why = node.failureSummary.split("\n").slice(1).map((line) => line.trim()).join("; ");
        return `axe ${id}: ${node.target.join(" ")} — ${why} — ${node.html.slice(0, 160)}`;
      }), ...more];
    });
  }, TAGS);
}

// What has the focus: is it seen, inside the window and not covered, and does it look like it has the focus?
export async function checkFocus(page) {
  return page.evaluate(() => {
    const here = document.activeElement;
    const named = here?.outerHTML.slice(0, 120);
    if (!here || here === document.body) return ["nothing has the focus"];
    const found = [];
    const style = getComputedStyle(here);
    const clear = /^(transparent|rgba\(.*, 0\))$/;
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && !clear.test(style.outlineColor);
    // What only holds the content, reached by the skip link, is no control and need not look like one.
    if (!outlined && style.boxShadow === "none" && here.tagName !== "MAIN") found.push(`the focus is not seen on ${named}`);
    if (here.tagName === "MAIN") return found;
    const box = here.getClientRects()[0];
    if (!box || box.width < 1 || box.height < 1) return [...found, `has the focus but no size: ${named}`];
    const left = Math.max(box.left, 0);
    const right = Math.min(box.right, innerWidth);
    const top = Math.max(box.top, 0);
    const bottom = Math.min(box.bottom, innerHeight);
    // A control must be inside as a whole; of a part that scrolls, a part will do.
    const whole = here.getAttribute("role") !== "region" && box.width <= innerWidth && box.height <= innerHeight;
    const hidden = Math.max(left - box.left, box.right - right, top - box.top, box.bottom - bottom);
    if (right <= left || bottom <= top || (whole && hidden > 1)) {
      return [...found, `has the focus outside of the window: ${named}`];
    }
    const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (!over || !(here.contains(over) || over.contains(here))) {
      found.push(`${over?.outerHTML.slice(0, 80)} covers what has the focus: ${named}`);
    }
    return found;
  });
}
