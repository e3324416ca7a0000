// A coach uploads files from the page, straight to the store: a video with progress, one in parts that is stopped and goes on after
// the page was loaded again, a document, and a program under the name of a video. A manager sees the preview, and whoever has
// a link sees the video until it is revoked.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { eventually, signIn, visitor } from "./browser.mjs";

const PDF = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n";

export async function upload(site, step) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "fithire-upload-"));
  try {
    await walk(site, step, (name) => path.join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function walk(site, step, file) {
  const one = await visitor(site);
  const { page } = one;
  const card = (name) => page.getByRole("form", { name });
  const entry = (name) => page.getByRole("article", { name, exact: true });
  const send = async (form, name) => {
    await form.getByLabel("File").setInputFiles(file(name));
    await form.getByRole("button", { name: "Upload" }).click();
  };
  const video = card("A video of how you teach");

  await step("makes a video", async () => {
    const made = await recorded(site);
    writeFileSync(file("class.webm"), made);
    // So long that it goes in parts; what comes after the last frame is not looked at by players.
    writeFileSync(file("long.webm"), Buffer.concat([made, voided(70 * 1024 * 1024)]));
    writeFileSync(file("program.mp4"), Buffer.from("4d5a90000300000004000000ffff0000", "hex"));
    writeFileSync(file("certificate.pdf"), PDF);
  });
  await step("finds the page of files", async () => {
    await signIn(one, site.people.coach);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Files" }).click();
    await page.getByRole("heading", { level: 1, name: "Your files" }).waitFor();
  });
  await step("uploads a video and sees it", async () => {
    await send(video, "class.webm");
    await page.locator("[data-toast]").filter({ hasText: "class.webm is there" }).waitFor();
    await plays(entry("class.webm").locator("video"));
  });
  await step("is told why a program is no video", async () => {
    one.allowed.add(422);
    await send(video, "program.mp4");
    await page.getByText("program.mp4 was refused and removed").first().waitFor();
    await page.reload();
    await entry("program.mp4").getByText("Refused").waitFor();
    assert.equal(await entry("program.mp4").locator("video").count(), 0);
  });
  await step("sees how much of a long video has arrived, and stops it", async () => {
    // One part arrives, the next one hangs.
    let parts = 0;
    await page.route(/partNumber=/, async (route) => {
      if (route.request().method() === "PUT" && ++parts > 1) return;
      await route.continue();
    });
    await send(video, "long.webm");
    await eventually(async () => assert.match(await video.locator("[data-amount]").innerText(), /^16\.0 of 7\d\.\d MB/));
    assert.ok(await video.locator("progress").evaluate((bar) => bar.value) > 15);
    // What was sent is kept once the next one is asked for.
    await eventually(async () => assert.equal(parts, 2));
    await video.getByRole("button", { name: "Stop" }).click();
    await video.getByText("Stopped. Upload the same file again to go on.").waitFor();
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });
  await step("goes on with it after the page was loaded again", async () => {
    await one.open("/coach/media");
    await entry("long.webm").getByText("Not finished").waitFor();
    const parts = [];
    page.on("request", (request) => {
      const part = new URL(request.url()).searchParams.get("partNumber");
      if (part && request.method() === "PUT") parts.push(Number(part));
    });
    await send(video, "long.webm");
    await page.locator("[data-toast]").filter({ hasText: "long.webm is there" }).waitFor();
    assert.deepEqual(parts, [2, 3, 4, 5], "the first part is not sent again");
    await plays(entry("long.webm").locator("video"));
  });
  await step("hands in the document of a certificate", async () => {
    await one.open("/coach/media?code=CPR-AED");
    const form = card("The document of a certificate");
    assert.equal(await form.getByLabel("Certification").inputValue(), "CPR-AED");
    await form.getByLabel("Valid until").fill("2031-05-31");
    await send(form, "certificate.pdf");
    await page.locator("[data-toast]").filter({ hasText: "certificate.pdf is handed in" }).waitFor();
    await one.open("/coach/profile");
    await page.getByText(/CPR-AED.*valid until 2031-05-31/).getByText("Awaiting review").waitFor();
  });
  await shared(site, step, one, entry);
  await previewed(site, step, one);
  await step("removes a video", async () => {
    await one.open("/coach/media");
    await entry("class.webm").getByText("Remove", { exact: false }).first().click();
    await entry("class.webm").getByRole("button", { name: "Remove it" }).click();
    await page.locator("[data-toast]").filter({ hasText: "class.webm is removed" }).waitFor();
    assert.equal(await entry("class.webm").count(), 0);
  });
  await step("reads without scripts that uploading needs them", async () => {
    const plain = await visitor(site, { scripts: false });
    await signIn(plain, site.people.coach);
    await plain.open("/coach/media");
    await plain.page.getByText("Uploading a file needs JavaScript").waitFor();
    assert.equal(await plain.page.getByRole("button", { name: "Upload" }).count(), 0);
    await plain.page.getByRole("article", { name: "long.webm" }).waitFor();
  });
}

// A link is seen by somebody without an account, until it is revoked.
async function shared(site, step, one, entry) {
  const { page } = one;
  let link;
  await step("makes a link to a video", async () => {
    await one.open("/coach/media");
    await entry("class.webm").getByRole("button", { name: "Make a link" }).click();
    link = await page.getByRole("status").filter({ hasText: "Copy this link now" }).locator("code").innerText();
    link = new URL(link).pathname;
  });
  await step("shows the video to whoever has the link", async () => {
    const guest = await visitor(site);
    const answer = await guest.open(link);
    assert.match(answer.headers()["x-robots-tag"], /noindex/);
    await plays(guest.page.locator("video"));
  });
  await step("revokes it", async () => {
    await one.open("/coach/media");
    await entry("class.webm").getByRole("button", { name: "Revoke" }).click();
    await entry("class.webm").getByText("Revoked").waitFor();
    const guest = await visitor(site);
    await guest.open(link, 410);
    await guest.page.getByRole("heading", { name: "This link was revoked" }).waitFor();
  });
}

// A manager sees the newest video on the coach's page.
async function previewed(site, step, one) {
  await step("a manager sees the preview", async () => {
    const { coach } = await (await one.context.request.get("/coach/data.json")).json();
    const manager = await visitor(site);
    await signIn(manager, site.people.manager);
    await manager.open(`/manager/coaches/${coach}`);
    await plays(manager.page.getByLabel(/^Video: /));
  });
}

// Waits until the browser knows how long a video is, which it does from the file alone, and jumps within it, for which it asks
// for a range.
export async function plays(video) {
  await eventually(async () => {
    const seen = await video.evaluate((one) => {
      one.muted = true;
      return { ready: one.readyState, width: one.videoWidth, error: one.error?.message };
    });
    assert.ok(seen.ready >= 1 && seen.width === 64, JSON.stringify(seen));
  });
}

// A second of moving colours, as a browser records it.
export async function recorded(site) {
  const { page } = await visitor(site);
  await page.goto("/sign-in");
  const bytes = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
    const brush = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm;codecs=vp8" });
    const chunks = [];
    recorder.ondataavailable = (event) => chunks.push(event.data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    for (let n = 0; n < 20; n += 1) {
      brush.fillStyle = `hsl(${n * 18} 80% 50%)`;
      brush.fillRect(0, 0, 64, 48);
      await new Promise((done) => setTimeout(done, 50));
    }
    recorder.stop();
    await stopped;
    return [...new Uint8Array(await new Blob(chunks).arrayBuffer())];
  });
  return Buffer.from(bytes);
}

// An element of WebM that says nothing, of a length.
function voided(bytes) {
  const head = Buffer.alloc(9);
  head[0] = 0xec;
  head.writeUIntBE(0x01, 1, 1);
  head.writeUIntBE(bytes - 9, 3, 6);
  return Buffer.concat([head, Buffer.alloc(bytes - 9)]);
}
