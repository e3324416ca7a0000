// FitHire's pages work without this file. It makes lists follow what is typed, adds keys to the list of candidates, and
// says aloud what has changed.
"use strict";

const said = document.getElementById("said");

function say(text) {
  if (said) said.textContent = text;
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
      const chosen = new Set([...here.querySelectorAll("input:checked")].map((box) => box.value));
      here.replaceChildren(...next.childNodes);
      for (const box of here.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
      history.replaceState(null, "", address);
      const wrong = page.querySelector("main .notice-bad p");
      say(wrong ? wrong.textContent : here.querySelector(".tabs [aria-current]")?.textContent.trim() ?? "The list has changed");
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

// j and k move through the rows of a list, x chooses one, Enter opens it (a link does that by itself).
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return;
  const here = rows.indexOf(document.activeElement);
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

// After a form was refused, its summary has the focus.
document.getElementById("errors")?.focus();
