// FitHire's pages work without this file. It makes lists follow what is typed, adds keys to lists and to the hours of a
// week, lets messages go away by themselves, says aloud what has changed, and sends each form once.
"use strict";

const said = document.getElementById("said");

function say(text) {
  if (said) said.textContent = text.replace(/\s+/g, " ").trim();
}

// What tells one element from its likes before and after a part of the page was swapped, or null.
function mark(element) {
  if (!element) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  const name = element.localName;
  for (const key of ["href", "value", "name", "aria-label"]) {
    const held = element.getAttribute(key);
    if (held) return `${name}[${key}="${CSS.escape(held)}"]`;
  }
  return name === "summary" || name === "div" ? name : null;
}

// Puts the content of another page's part into ours. Where the focus was, it stays; what was chosen, stays chosen.
function swap(here, next) {
  const within = here.contains(document.activeElement) && document.activeElement !== here;
  const held = within ? mark(document.activeElement) : null;
  const like = within && document.activeElement.matches("[data-row]") ? "[data-row]" : "a, button, input";
  const place = within ? [...here.querySelectorAll(like)].indexOf(document.activeElement) : -1;
  const chosen = new Set([...here.querySelectorAll("input:checked")].map((box) => box.value));
  here.replaceChildren(...next.childNodes);
  for (const box of here.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
  if (!within) return;
  const same = held && here.querySelector(held);
  const near = [...here.querySelectorAll(like)];
  const to = same ?? near[Math.min(Math.max(place, 0), near.length - 1)] ?? here;
  if (to === here) here.tabIndex = -1;
  to.focus({ preventScroll: true });
}

// A form with data-live asks for its page again while it is filled in and swaps the part that it names. The address
// follows, so that the list can be shared and survives a reload.
for (const form of document.querySelectorAll("form[data-live]")) {
  const part = form.dataset.live;
  let timer;
  let asked;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    const address = `${form.getAttribute("action") ?? location.pathname}?${query}`;
    const here = document.getElementById(part);
    here.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: asked.signal, headers: { Accept: "text/html" } });
      if (answer.redirected) return location.assign(answer.url);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById(part);
      if (!next) return location.assign(address);
      swap(here, next);
      history.replaceState(null, "", address);
      const wrong = page.querySelector("main .notice-bad p");
      say((wrong ?? here.querySelector(".tabs [aria-current]"))?.textContent ?? "The list has changed");
      here.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") location.assign(address);
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });
}

// A part that a button fetches: the preview of a form.
for (const button of document.querySelectorAll("button[data-preview]")) {
  const form = button.form;
  const place = document.getElementById(button.dataset.preview);
  let timer;
  let asked;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(button.formAction, { method: "POST", body, signal: asked.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById(button.dataset.preview);
      if (next) place.replaceChildren(...next.childNodes);
    } catch (error) {
      if (error.name !== "AbortError") say("The preview could not be had");
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 300);
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    ask();
  });
}

// Single keys can be switched off, because who dictates would press them by talking.
const keys = {
  get on() {
    try {
      return localStorage.getItem("keys") !== "off";
    } catch {
      return true;
    }
  },
  set on(on) {
    try {
      localStorage.setItem("keys", on ? "on" : "off");
    } catch {
      // Where nothing can be kept, the keys stay as they are.
    }
  },
};

function made(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// What has a key of its own and can be seen.
function shown(selector) {
  return [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
}

// What a control says, without the key that it shows.
function named(control) {
  const words = (control.labels?.[0] ?? control).cloneNode(true);
  for (const key of words.querySelectorAll("kbd")) key.remove();
  return words.textContent.replace(/\s+/g, " ").trim();
}

// Does what the key of a control stands for: presses it, chooses it, or goes where it says that one has to go first.
function pressKey(control) {
  const place = document.getElementById(control.dataset.goes ?? "");
  if (place) return place.focus();
  if (control.localName === "input") control.focus();
  control.click();
}

// The list of keys, made when it is first asked for.
let help;
function showKeys() {
  if (!help) {
    help = made("dialog", "", { class: "dialog", "aria-labelledby": "keys-title" });
    const list = made("dl", "", { class: "pairs" });
    const known = [];
    if (document.querySelector("[data-row]")) {
      known.push(["j  k", "next and previous row"], ["Enter", "open the row"]);
      if (document.querySelector("tr:has([data-row]) input[type=checkbox]")) known.push(["x", "choose the row"]);
    }
    for (const keyed of shown("[data-key]")) known.push([keyed.dataset.key, named(keyed)]);
    if (document.querySelector("[data-week]")) {
      known.push(["← ↑ ↓ →", "move through the hours"], ["Space", "choose an hour"], ["Shift ← →", "paint hours alike"]);
    }
    known.push(["?", "this list"], ["Esc", "close it"]);
    for (const [key, text] of known) {
      const [line, term] = [made("div"), made("dt")];
      term.append(...key.split(/ (?! )/).flatMap((one) => [made("kbd", one.trim()), " "]));
      line.append(term, made("dd", text));
      list.append(line);
    }
    const choice = made("label", "", { class: "check" });
    const box = made("input", "", { type: "checkbox" });
    box.checked = keys.on;
    box.addEventListener("change", () => (keys.on = box.checked));
    choice.append(box, " Single letters work as keys");
    const close = made("button", "Close", { type: "button", class: "plain", autofocus: "" });
    close.addEventListener("click", () => help.close());
    const foot = made("div", "", { class: "row" });
    foot.append(choice, close);
    help.append(made("h2", "Keys", { id: "keys-title" }), list, foot);
    document.body.append(help);
  }
  help.showModal();
}

// j and k move through the rows of a list, x chooses one, Enter opens it (a link does that by itself), ? shows the keys. What
// has a key of its own (data-key) answers to it.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog")) return;
  const rows = [...document.querySelectorAll("[data-row]")];
  const keyed = shown("[data-key]");
  if (rows.length + keyed.length === 0 && !document.querySelector("[data-week]")) return;
  if (event.key === "?") {
    event.preventDefault();
    return showKeys();
  }
  if (!keys.on) return;
  const control = keyed.find((one) => one.dataset.key === event.key);
  if (control) {
    event.preventDefault();
    return pressKey(control);
  }
  if (rows.length === 0) return;
  const here = rows.findIndex((row) => row === document.activeElement || row.closest("tr")?.contains(document.activeElement));
  if (event.key === "j" || event.key === "k") {
    const next = here < 0 ? 0 : Math.min(Math.max(here + (event.key === "j" ? 1 : -1), 0), rows.length - 1);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
    event.preventDefault();
  } else if (event.key === "x" && here >= 0) {
    rows[here].closest("tr")?.querySelector("input[type=checkbox]")?.click();
    event.preventDefault();
  }
});

// The hours of a week are one stop of Tab. Arrows move, with Shift they paint the state of the hour that they leave;
// dragging paints too. A finger that moves up or down still scrolls the page.
for (const week of document.querySelectorAll("[data-week]")) {
  const table = week.querySelector("table");
  const grid = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("input")]);
  const boxes = grid.flat();
  const tell = () => {
    week.dispatchEvent(new Event("input", { bubbles: true }));
    say(`${boxes.filter((box) => box.checked).length} hours chosen`);
  };
  const rove = (box) => {
    for (const other of boxes) other.tabIndex = other === box ? 0 : -1;
  };
  if (boxes.length) rove(boxes.find((box) => box.checked) ?? boxes[0]);
  table.addEventListener("focusin", (event) => boxes.includes(event.target) && rove(event.target));
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -7], End: [0, 7] }[event.key];
    const row = grid.findIndex((cells) => cells.includes(event.target));
    if (!step || row < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const bound = (value, length) => Math.min(Math.max(value, 0), length - 1);
    const cells = grid[bound(row + step[0], grid.length)];
    const next = cells[bound(grid[row].indexOf(event.target) + step[1], cells.length)];
    next.focus();
    if (event.shiftKey && next.checked !== event.target.checked) {
      next.checked = event.target.checked;
      tell();
    }
  });

  let first = null;
  let painted = false;
  const under = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-week] label")?.control;
  table.addEventListener("pointerdown", (event) => {
    painted = false;
    first = event.button === 0 ? event.target.closest("label")?.control ?? null : null;
  });
  document.addEventListener("pointermove", (event) => {
    const box = first && under(event);
    if (!box || !boxes.includes(box) || (box === first && !painted)) return;
    if (!painted) {
      painted = true;
      first.checked = !first.checked;
    }
    box.checked = first.checked;
  });
  const stop = () => {
    if (first && painted) tell();
    first = null;
  };
  document.addEventListener("pointerup", stop);
  document.addEventListener("pointercancel", stop);
  // The browser's own click after a stroke would undo its first hour.
  table.addEventListener("click", (event) => {
    if (painted && event.detail > 0) event.preventDefault();
    painted = false;
  });
  table.addEventListener("dragstart", (event) => event.preventDefault());
  table.addEventListener("change", () => say(`${boxes.filter((box) => box.checked).length} hours chosen`));
}

// What was just done is said once at the foot of the window and goes away, unless someone is at it. What can be undone
// stays three times as long.
for (const toast of document.querySelectorAll("[data-toast]")) {
  const lasting = toast.querySelector("form") ? 30_000 : 10_000;
  let timer;
  const leave = () => {
    if (toast.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
    toast.remove();
  };
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(leave, lasting);
  };
  const close = made("button", "×", { type: "button", class: "plain small", "aria-label": "Close the message" });
  close.addEventListener("click", leave);
  toast.append(close);
  toast.classList.add("toast-floats");
  for (const held of ["pointerenter", "focusin"]) toast.addEventListener(held, () => clearTimeout(timer));
  for (const left of ["pointerleave", "focusout"]) {
    toast.addEventListener(left, () => {
      if (!toast.matches(":hover") && !toast.matches(":focus-within")) start();
    });
  }
  setTimeout(() => say(toast.querySelector("p").textContent), 300);
  start();
}

// What happens is told live where somebody looks: the bell counts, and a new notice is said. A page that nobody looks at
// does not ask; when it is looked at again, the first event says what is unread.
const bell = document.querySelector("[data-bell]");
if (bell && "EventSource" in window) {
  const count = bell.querySelector("[data-unread]");
  let source;
  const listen = () => {
    if (source || document.hidden) return;
    source = new EventSource("/notifications/stream");
    source.addEventListener("unread", (event) => {
      count.textContent = event.data;
      count.parentElement.hidden = event.data === "0";
    });
    source.addEventListener("enough", leave);
    source.addEventListener("notice", (event) => say(`New notification: ${JSON.parse(event.data).title}`));
  };
  const leave = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  listen();
}

// Who has something open keeps it for themselves: the form that claims it is sent again and again while the page is looked at,
// and the address that lets go of it is told when the page is left.
for (const form of document.querySelectorAll("form[data-heartbeat]")) {
  const send = (address) =>
    fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true, redirect: "manual" });
  // Who decides is on the way to a page that says so, once: asking for this one again would come in between.
  let leaving = false;
  addEventListener("submit", (event) => (leaving ||= !event.defaultPrevented));
  const beat = async () => {
    if (document.hidden || leaving) return;
    const answer = await send(form.action).catch(() => null);
    // Somebody else has it, or it is decided: the page says so.
    if (answer?.status === 409 && !leaving) location.reload();
  };
  let timer;
  addEventListener("pageshow", () => {
    leaving = false;
    // A page that was left a moment ago, perhaps this one before a reload, has let go of it by then.
    setTimeout(beat, 500);
    timer = setInterval(beat, 60_000);
  });
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => {
    clearInterval(timer);
    send(form.dataset.heartbeat).catch(() => {});
  });
}

// A video is tagged by keys: a digit writes the moment that is shown, what is chosen to tag with, and the level into the next
// line that is free, or into a new one like it.
for (const desk of document.querySelectorAll("[data-tagging]")) {
  const player = desk.querySelector("[data-player]");
  const dimensions = [...desk.querySelectorAll("[data-dimension]")];
  const tags = desk.querySelector("[data-tags]");
  const part = (line, key) => line.querySelector(`[name$="-${key}"]`);
  const free = () => {
    const lines = [...tags.querySelectorAll("[data-tag]")];
    const blank = lines.find((line) => part(line, "at_seconds").value === "" && part(line, "level").value === "");
    if (blank) return blank;
    const line = lines.at(-1).cloneNode(true);
    for (const element of line.querySelectorAll("[id], [name], [for]")) {
      for (const name of ["id", "name", "for"]) {
        const held = element.getAttribute(name);
        if (held) element.setAttribute(name, held.replace(/^tags-\d+/, `tags-${lines.length}`));
      }
    }
    line.querySelector("label").textContent = `Tag ${lines.length + 1}, at second`;
    part(line, "remove").checked = false;
    tags.append(line);
    return line;
  };
  const tag = (level) => {
    const chosen = dimensions.find((one) => one.checked);
    const line = free();
    part(line, "at_seconds").value = player.currentTime.toFixed(1);
    part(line, "dimension").value = chosen.value;
    part(line, "level").value = level;
    line.scrollIntoView({ block: "nearest" });
    say(`${named(chosen).split(" 0 ")[0]} ${level} at ${player.currentTime.toFixed(1)} seconds`);
  };
  const choose = (step) => {
    const here = dimensions.findIndex((one) => one.checked);
    const next = dimensions[(here + step + dimensions.length) % dimensions.length];
    next.checked = true;
    say(named(next));
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys.on) return;
    if (event.target.closest("input:not([type=radio]), textarea, select, button, a, summary, dialog")) return;
    const seek = (by) => (player.currentTime = Math.max(0, player.currentTime + by));
    const does = {
      " ": () => (player.paused ? player.play().catch(() => say("The video cannot be played")) : player.pause()),
      ArrowLeft: () => seek(-5),
      ArrowRight: () => seek(5),
      ArrowUp: () => choose(-1),
      ArrowDown: () => choose(1),
    }[event.key] ?? (/^[0-4]$/.test(event.key) ? () => tag(event.key) : null);
    if (!does) return;
    event.preventDefault();
    does();
  });
}

// Whoever follows a notice has read it.
for (const link of document.querySelectorAll("a[data-reads]")) {
  link.addEventListener("click", () => {
    const form = document.getElementById(link.dataset.reads);
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true, redirect: "manual" });
  });
}

// Who clicks twice wants it once: a form that is on its way is not sent again, unless somebody has come back to this page.
// What scripts send themselves never comes here. After a while it may be sent again all the same, because a browser does not
// tell that somebody has stopped it, or that what came was no page.
const sent = new Map();
const LONGEST_WAY = 10_000;
addEventListener("submit", (event) => {
  const form = event.target;
  const method = event.submitter?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get";
  if (event.defaultPrevented || method.toLowerCase() !== "post") return;
  if (event.timeStamp - (sent.get(form) ?? -LONGEST_WAY) < LONGEST_WAY) return event.preventDefault();
  sent.set(form, event.timeStamp);
});
addEventListener("pageshow", (event) => event.persisted && sent.clear());
// Whoever was asked whether to leave, and has stayed, has sent nothing.
addEventListener("beforeunload", (event) => setTimeout(() => event.defaultPrevented && sent.clear()));

// After a form was refused, its summary has the focus.
document.getElementById("errors")?.focus();
