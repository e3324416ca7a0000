// Every page that each role can reach, by itself and in the states that only a form leads to, held against everything in
// checks.mjs: in light and dark, on a phone and on a desk.
import assert from "node:assert/strict";

import { signIn, visitor } from "./browser.mjs";
import { checkPage, weight } from "./checks.mjs";
import { crawl, given } from "./crawl.mjs";
import { offerToAll } from "./manager.mjs";

// Pages that no link of the demo leads to: by role and address. `nobody` is not signed in.
const UNLINKED = [
  ["nobody", "/sign-up"],
  ["nobody", "/docs/style"],
  ["nobody", "/docs/problems"],
  ["coach", "/confirm-email?code=x"],
];

// Pages that are refused: by role, address and the status that is right.
const REFUSED = [
  ["nobody", "/nothing", 404],
  ["nobody", "/new-password?code=x", 404],
  ["manager", "/nothing", 404],
  ["manager", "/manager/jobs/1/candidates", 404],
  ["manager", "/manager/jobs?cursor=x", 422],
  ["coach", "/manager/jobs", 403],
];

// States that a form leads to: by role, what it is, and how to come there.
const STATES = [
  ["nobody", "a sign-in that is refused", async (one) => {
    one.allowed.add(401);
    await one.open("/sign-in");
    await one.page.getByLabel("E-mail address").fill("nobody@example.test");
    await one.page.getByLabel("Password").fill("not the password");
    await one.page.getByRole("button", { name: "Sign in" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["nobody", "a sign-in after a new password", async (one) => {
    await one.open("/sign-in?why=password");
    await one.page.getByText("Your password is changed").waitFor();
  }],
  ["nobody", "a link to a new password that is sent", async (one) => {
    await one.open("/forgotten");
    await one.page.getByLabel("E-mail address").fill("nobody@example.test");
    await one.page.getByRole("button", { name: "Send a link" }).click();
    await one.page.getByText("If nobody@example.test has an account here").waitFor();
  }],
  ["coach", "an address that is confirmed by a link that does not work", async (one) => {
    one.allowed.add(404);
    await one.open("/confirm-email?code=x");
    await one.page.getByRole("button", { name: "Confirm", exact: true }).click();
    await one.page.getByRole("heading", { name: "This link no longer works" }).waitFor();
  }],
  ["coach", "a new password that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/account");
    await one.page.getByLabel("New password").fill("short");
    await one.page.getByRole("button", { name: "Change the password" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["manager", "a new job that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/manager/jobs/new");
    await one.page.locator("#slots-0-start").fill("09:10");
    await one.page.getByRole("button", { name: "Create the job" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["manager", "a job that is switched off, with the way back", async (one) => {
    await one.open("/manager/jobs");
    await one.page.getByRole("button", { name: /^Deactivate/ }).first().click();
    await one.page.getByRole("button", { name: "Undo" }).waitFor();
  }],
  ["coach", "a home that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/coach/profile/home");
    await one.page.getByLabel("Postal code").fill("00000");
    await one.page.getByRole("button", { name: "Save" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["coach", "an erasure without being sure", async (one) => {
    one.allowed.add(422);
    await one.open("/coach/data");
    await one.page.getByRole("button", { name: "Erase everything" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["coach", "a review that is asked for", async (one) => {
    await one.open("/coach/matches");
    await one.page.locator("main a[href^='/coach/matches/']").first().click();
    await one.page.getByLabel("Why should somebody").fill("A studio of mine is missing");
    await one.page.getByRole("button", { name: "Ask for a review" }).click();
    await one.page.getByText("Somebody will look at it and answer here.").waitFor();
  }],
  ["manager", "an answer to a review that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/manager/reviews");
    await one.page.getByRole("button", { name: "Answer" }).first().click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["admin", "a location that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/admin/organisation");
    await one.page.getByLabel("Name of the location").fill("Nowhere");
    await one.page.getByRole("button", { name: "Add the location" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["admin", "a file with problems", async (one) => {
    one.allowed.add(422);
    await one.open("/admin/import");
    const buffer = Buffer.from("external_id,name,email\nc1,Ada,ada\n");
    await one.page.getByLabel("File").setInputFiles({ name: "coaches.csv", mimeType: "text/csv", buffer });
    await one.page.getByRole("button", { name: "Check the file" }).click();
    await one.page.getByRole("region", { name: "Problems of the file" }).waitFor();
  }],
  ["admin", "a file that is right", async (one) => {
    await one.open("/admin/import");
    const buffer = Buffer.from("external_id,name,email\nc1,Ada,ada@example.test\n");
    await one.page.getByLabel("File").setInputFiles({ name: "coaches.csv", mimeType: "text/csv", buffer });
    await one.page.getByRole("button", { name: "Check the file" }).click();
    await one.page.getByText("Nothing was written yet").waitFor();
  }],
  ["admin", "an invitation that was made", async (one) => {
    await one.open("/admin/members");
    await one.page.getByLabel("E-mail address").fill("somebody@example.test");
    await one.page.getByRole("button", { name: "Send the invitation" }).click();
    await one.page.getByText("A message is on its way to").waitFor();
  }],
  ["admin", "a key that was made", async (one) => {
    await one.open("/admin/keys");
    await one.page.getByLabel("What it is for").fill("Payroll");
    await one.page.getByRole("button", { name: "Make the key" }).click();
    await one.page.getByText("Copy this key now").waitFor();
  }],
  ["admin", "a webhook that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/admin/webhooks");
    await one.page.getByLabel("URL").fill("ftp://example.test/");
    await one.page.getByRole("button", { name: "Add it" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["admin", "a webhook that was made, with a test on its way", async (one) => {
    await one.open("/admin/webhooks");
    await one.page.getByLabel("URL").fill("http://127.0.0.1:9/fithire");
    await one.page.getByLabel("A job is closed").check();
    await one.page.getByRole("button", { name: "Add it" }).click();
    await one.page.getByText("Copy this secret now").waitFor();
    await one.page.getByRole("button", { name: "Send a test" }).click();
    await one.page.getByText("A test is on its way").waitFor();
  }],
  ["nobody", "a sign-up that is refused", async (one) => {
    one.allowed.add(422);
    await one.open("/sign-in");
    await signIn(one, one.site.people.admin);
    await one.open("/admin/organisation");
    const link = new URL(await one.page.locator("code", { hasText: "/sign-up?link=" }).innerText());
    await one.page.getByRole("button", { name: "Sign out" }).click();
    await one.page.waitForURL(/sign-in/);
    await one.open(link.pathname + link.search);
    await one.page.getByLabel("Password").fill("short");
    await one.page.getByRole("button", { name: "Sign up" }).click();
    await one.page.getByRole("alert").waitFor();
  }],
  ["manager", "weights that are refused", async (one) => {
    await toCandidates(one);
    await one.open(`${new URL(one.page.url()).pathname}?culture=1000`);
    await one.page.getByRole("alert").waitFor();
  }],
  ["manager", "a view that is saved", async (one) => {
    await toCandidates(one);
    await one.page.getByText("Save this view").click();
    await one.page.getByLabel("Name", { exact: true }).fill("Seen by a browser");
    await one.page.getByRole("button", { name: "Save", exact: true }).click();
    await one.page.getByRole("link", { name: "Seen by a browser" }).waitFor();
  }],
  ["manager", "a score that is kept", async (one) => {
    await toCandidates(one);
    await one.page.getByRole("region", { name: "Candidates" }).getByRole("link").first().click();
    await one.page.getByRole("button", { name: "Keep this score on record" }).click();
    await one.page.getByText("A score that was kept").waitFor();
  }],
];

async function toCandidates(one) {
  await one.open("/manager/jobs");
  await one.page.getByRole("region", { name: "Jobs" }).locator("[data-row]").first().click();
  await one.page.getByRole("heading", { name: "Candidates", exact: true }).waitFor();
}

export async function everyPage(site, step) {
  await step("a manager offers a job to everyone", () => offerToAll(site, "A job for everyone"));
  // One after the other: the machine has few cores, and side by side they would only wait for one another.
  for (const role of ["nobody", "coach", "manager", "admin"]) {
    const one = await visitor(site);
    let heaviest = [0, ""];
    if (role === "nobody") await one.open("/sign-in");
    else await step(`${role}: signs in`, () => signIn(one, site.people[role]));
    const pages = await crawl(one, {
      starts: ["/", ...UNLINKED.filter(([who]) => who === role).map(([, address]) => address), ...given(site, role)],
      look: (address, answer) => step(`${role} ${address}`, async () => {
        const bytes = await weight(one.page);
        if (bytes > heaviest[0]) heaviest = [bytes, address];
        return [...answer.status() < 400 ? [] : [`answered ${answer.status()}`], ...await checkPage(one)];
      }),
    });
    await step(`${role}: the heaviest page is ${heaviest[1]} with ${heaviest[0]} bytes`, () => assert.ok(heaviest[0] > 0));
    // Without links to follow, a crawl would be content with one page.
    await step(`${role}: ${pages.length} pages`, () => assert.ok(role === "nobody" || pages.length >= 3, pages.join(" ")));
    for (const [, address, status] of REFUSED.filter(([who]) => who === role)) {
      await step(`${role} ${address}, refused`, async () => {
        await one.open(address, status);
        return checkPage(one);
      });
    }
    for (const [, what, reach] of STATES.filter(([who]) => who === role)) {
      await step(`${role} on ${what}`, async () => {
        await reach(one);
        return checkPage(one);
      });
    }
  }
}
