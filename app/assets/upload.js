// Sends files straight to where they are kept, with progress. A file that was interrupted goes on where it stopped when it is
// chosen again: it is recognised by its name, length and time. Only the page of files has this.
"use strict";

{
  const said = document.getElementById("said");
  const say = (text) => {
    if (said) said.textContent = text;
  };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  // How often something is tried that the network or a busy server refused.
  const TRIES = 5;
  const EXPIRED = Symbol("a URL works no more");
  const STOPPED = Symbol("somebody has stopped it");

  // What a problem tells people; `again` when trying again is worth it.
  class Refused extends Error {
    constructor(text, again = false, status = 0) {
      super(text);
      this.again = again;
      this.status = status;
    }
  }

  // A file's type by its name, where the browser knows none.
  const TYPES = {
    mp4: "video/mp4", m4v: "video/mp4", mov: "video/quicktime", webm: "video/webm", jpg: "image/jpeg", jpeg: "image/jpeg",
    png: "image/png", webp: "image/webp", pdf: "application/pdf",
  };
  const typeOf = (file) =>
    file.type === "video/x-m4v" ? "video/mp4" : file.type || TYPES[file.name.split(".").pop().toLowerCase()] || "";

  const megabytes = (bytes) => (bytes / 1048576).toFixed(1);

  // What was begun, by what tells the file. Where nothing can be kept, nothing is gone on with.
  const memory = {
    key: (kind, file) => `upload ${kind} ${file.size} ${file.lastModified} ${file.name}`,
    get(key) {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    set(key, id) {
      try {
        if (id) localStorage.setItem(key, id);
        else localStorage.removeItem(key);
      } catch {
        // Nothing is kept in a private window.
      }
    },
  };

  // Sends a form to our own server and reads what it says.
  async function ask(form, path, fields = {}) {
    const body = new URLSearchParams({ form_token: form.elements.form_token.value, ...fields });
    let answer;
    try {
      answer = await fetch(path, { method: "POST", body });
    } catch {
      throw new Refused("The connection is gone. Upload the same file again to go on.", true);
    }
    if (answer.redirected) {
      location.assign(answer.url);
      throw STOPPED;
    }
    if (!answer.headers.get("content-type")?.startsWith("application/json")) {
      throw new Refused("That did not work. Load the page again and try once more.", answer.status >= 500, answer.status);
    }
    const told = await answer.json();
    if (!answer.ok) throw new Refused(told.wrong, told.again, answer.status);
    return told;
  }

  // Puts bytes where they go; `moved` is told how many have left.
  function put(url, bytes, type, moved, stop) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      const halt = () => {
        request.abort();
        failed(STOPPED);
      };
      if (stop.aborted) return failed(STOPPED);
      stop.addEventListener("abort", halt, { once: true });
      request.open("PUT", url);
      if (type) request.setRequestHeader("Content-Type", type);
      request.upload.addEventListener("progress", (event) => moved(event.loaded));
      request.addEventListener("load", () => {
        stop.removeEventListener("abort", halt);
        if (request.status >= 200 && request.status < 300) done();
        else if (request.status === 403) failed(EXPIRED);
        else failed(new Refused("The file was not taken. Upload it again.", request.status >= 500));
      });
      request.addEventListener("error", () => {
        stop.removeEventListener("abort", halt);
        failed(new Refused("The connection is gone. Upload the same file again to go on.", true));
      });
      request.send(bytes);
    });
  }

  // Tries what may work the next time.
  async function persist(what, stop) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await what();
      } catch (problem) {
        if (!(problem instanceof Refused) || !problem.again || tried === TRIES || stop.aborted) throw problem;
        await wait(500 * 2 ** tried);
      }
    }
  }

  // Sends what has not arrived.
  async function send(file, target, shown, stop) {
    const { to, type } = target;
    if (to.url) return persist(() => put(to.url, file, type, shown, stop), stop);
    let arrived = file.size - to.missing.reduce((sum, part) => sum + part.size, 0);
    shown(arrived);
    for (const part of to.missing) {
      const from = (part.number - 1) * to.part_size;
      // A part has no type of its own: a slice says so.
      const bytes = file.slice(from, from + part.size, "");
      await persist(() => put(part.url, bytes, null, (moved) => shown(arrived + moved), stop), stop);
      arrived += part.size;
      shown(arrived);
    }
  }

  // Begins, or goes on with what was begun.
  async function begin(form, file, key) {
    const known = memory.get(key);
    if (known) {
      try {
        return await ask(form, `/coach/media/${known}/resume`);
      } catch (problem) {
        if (!(problem instanceof Refused) || problem.again) throw problem;
        // It was given up, removed or confirmed meanwhile.
        memory.set(key, null);
      }
    }
    const fields = { kind: form.dataset.upload, file_name: file.name, size: file.size, content_type: typeOf(file) };
    for (const name of ["code", "expires_on"]) if (form.elements[name]) fields[name] = form.elements[name].value;
    const target = await ask(form, form.getAttribute("action"), fields);
    memory.set(key, target.id);
    return target;
  }

  async function upload(form, file, shown, stop) {
    const key = memory.key(form.dataset.upload + (form.elements.code?.value ?? ""), file);
    for (let round = 1; ; round += 1) {
      const target = await begin(form, file, key);
      try {
        await send(file, target, shown, stop);
      } catch (problem) {
        // An hour is over, or the file is not what was signed for: new URLs, once.
        if (problem === EXPIRED && round === 1) continue;
        throw problem === EXPIRED ? new Refused("The file was not taken. Upload it again.") : problem;
      }
      try {
        await persist(() => ask(form, `/coach/media/${target.id}/confirm`), stop);
      } catch (problem) {
        if (problem instanceof Refused && problem.status === 422) memory.set(key, null);
        throw problem;
      }
      memory.set(key, null);
      return;
    }
  }

  let running = 0;
  window.addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });

  for (const form of document.querySelectorAll("form[data-upload]")) {
    const [wrong, progress, stopButton] = ["wrong", "progress", "stop"].map((name) => form.querySelector(`[data-${name}]`));
    const bar = progress.querySelector("progress");
    const amount = progress.querySelector("[data-amount]");
    const button = form.querySelector("button[type=submit]");
    const input = form.elements.file;
    const refuse = (text) => {
      wrong.textContent = text;
      wrong.hidden = !text;
      wrong.id = `${input.id}-refused`;
      input.toggleAttribute("aria-invalid", Boolean(text));
      if (text) {
        say(text);
        input.focus();
      }
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const file = input.files[0];
      const most = Number(form.dataset.most);
      if (!file) return refuse("Choose a file first.");
      if (file.size === 0) return refuse("This file is empty.");
      if (file.size > most) return refuse(`This file has ${megabytes(file.size)} MB; ${most >> 20} MB is the most.`);
      refuse("");
      const stop = new AbortController();
      stopButton.onclick = () => stop.abort();
      const shown = (moved) => {
        bar.value = (100 * moved) / file.size;
        amount.textContent = `${megabytes(moved)} of ${megabytes(file.size)} MB`;
      };
      button.disabled = true;
      progress.hidden = stopButton.hidden = false;
      running += 1;
      shown(0);
      say(`Uploading ${file.name}`);
      try {
        await upload(form, file, shown, stop.signal);
        running = 0;
        location.assign("/coach/media");
      } catch (problem) {
        running -= 1;
        button.disabled = false;
        progress.hidden = stopButton.hidden = true;
        if (problem === STOPPED) refuse("Stopped. Upload the same file again to go on.");
        else if (problem instanceof Refused) refuse(problem.message);
        else throw problem;
      }
    });
  }

  for (const part of document.querySelectorAll("[data-uploads]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-without-script]")) part.hidden = true;
}
