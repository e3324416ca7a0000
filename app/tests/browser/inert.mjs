// Text that people have stored is shown as text, whatever it looks like. The pages of all roles are crawled on a phone;
// the texts of `--text` must have been seen somewhere, as they were written, and must have done nothing.
import assert from "node:assert/strict";

import { signIn, visitor } from "./browser.mjs";
import { tooWide } from "./checks.mjs";
import { crawl, given, kind } from "./crawl.mjs";

// Every job and every coach that a test makes, not one example of each; of their pairs, some.
const EXAMPLES = 30;

// What text must never become.
export async function checkInert(one) {
  const found = await one.page.evaluate(() => {
    const FOREIGN = ["iframe", "object", "embed", "base", "style"];
    const ADDRESSES = ["href", "action", "formaction", "src"];
    const found = [];
    if (window.pwned !== undefined) found.push("a stored text ran as a script: window.pwned is set");
    const own = (address) => address.startsWith(`${location.origin}/assets/`);
    for (const element of document.querySelectorAll("*")) {
      const told = element.outerHTML.slice(0, 160);
      const name = element.localName;
      if (name === "script" && !own(element.src)) found.push(`a script that is not the page's own: ${told}`);
      if (name === "img" && !own(element.src)) found.push(`an img that is not the page's own: ${told}`);
      if (FOREIGN.includes(name)) found.push(`an element that no page of ours has: ${told}`);
      for (const { name: attribute, value } of element.attributes) {
        if (attribute.startsWith("on")) found.push(`an event handler ${attribute}: ${told}`);
        if (ADDRESSES.includes(attribute) && !/^https?:$/.test(new URL(value, location.href).protocol)) {
          found.push(`an address that is no address, ${value}: ${told}`);
        }
      }
    }
    return found;
  });
  return [...found, ...await tooWide(one.page), ...one.problems()];
}

// All texts that a reader or an editor of the page has before them.
const shown = (page) => page.evaluate(() => [
  document.documentElement.textContent,
  ...[...document.querySelectorAll("input, textarea, option")].map((field) => field.value),
].join("\n"));

export async function inert(site, step) {
  assert.ok(site.texts.length > 0, "--text says what must have been seen");
  const missing = new Set(site.texts);
  const known = new Set();
  for (const role of ["coach", "manager", "admin"]) {
    const one = await visitor(site, { width: 360, height: 740 });
    await step(`${role}: signs in`, () => signIn(one, site.people[role]));
    // What another role has been shown in full is looked at once more, for what is around it.
    const before = new Set(known);
    const pages = await crawl(one, {
      starts: ["/", ...given(site, role)],
      examples: (of) => (before.has(of) ? 1 : EXAMPLES),
      look: (address, answer) => step(`${role} ${address}`, async () => {
        known.add(kind(address));
        const text = await shown(one.page);
        for (const hostile of missing) if (text.includes(hostile)) missing.delete(hostile);
        await one.page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
        return [...answer.status() < 400 ? [] : [`answered ${answer.status()}`], ...await checkInert(one)];
      }),
    });
    await step(`${role}: ${pages.length} pages`, () => assert.ok(pages.length >= 3, pages.join(" ")));
    await step(`${role}: texts in addresses`, async () => {
      for (const status of [401, 403, 404, 422]) one.allowed.add(status);
      const found = [];
      for (const address of site.texts.flatMap((text) => addresses(role, encodeURIComponent(text)))) {
        await one.page.goto(address);
        // Chromium remarks on a field of a number that is shown what was asked for, which is no number.
        const here = (await checkInert(one)).filter((problem) => !/^console warning: The specified value/.test(problem));
        found.push(...here.map((problem) => `${address}: ${problem}`));
      }
      return found;
    });
  }
  await step("every text was seen as it was written", () => assert.deepEqual([...missing], []));
}

// Where a text of an address is read by the page. An admin has no such page that a manager has not.
function addresses(role, text) {
  return {
    coach: [`/coach/matches?modality=${text}&paid=${text}`, `/nothing/${text}`],
    manager: [`/manager/jobs?cursor=${text}`, `/sign-in?next=${text}`],
    admin: [],
  }[role];
}
