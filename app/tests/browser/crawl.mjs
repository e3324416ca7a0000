// Finds the pages of FitHire as a reader would: by its links and by its forms that only ask. One example of each kind of
// page is enough; ids and most parameters do not make another kind.

// Parameters whose values make another page of the same address.
const KINDS = ["show", "section", "tab", "step"];
const KINDS_OF_ONE_ROUTE = 4;

// Files, the API and its own browser are no pages of ours.
const NO_PAGES = /\.(csv|json)$|^\/(assets|api|docs\/api)(\/|$)/;

// The kind of page that an address is of, such as `/manager/jobs/:id/candidates?show=below`.
export function kind(address) {
  const url = new URL(address, "http://here");
  const query = KINDS.filter((key) => /^[a-z_-]+$/i.test(url.searchParams.get(key) ?? ""))
    .map((key) => `${key}=${url.searchParams.get(key)}`).join("&");
  return route(url) + (query && `?${query}`);
}

function route(url) {
  // Operations of the API are shown alike.
  return url.pathname.replace(/\/\d+(?=\/|$)/g, "/:id").replace(/^(\/docs\/reference)\/\w+$/, "$1/:id");
}

// The starts that were given for a role, as `--path ROLE:/PATH`.
export function given(site, role) {
  return site.paths.filter((path) => path.startsWith(`${role}:`)).map((path) => path.slice(role.length + 1));
}

// Visits every page that can be reached from `starts` and calls `look(address, answer)` on each. `examples` says how many
// of a kind are visited. Returns the addresses.
export async function crawl(one, { starts, examples = () => 1, look }) {
  const home = new URL(one.page.url()).origin;
  const queue = starts.map((start) => new URL(start, home).href);
  const visited = new Map();
  const counts = new Map();
  const kinds = new Map();
  const take = (address) => {
    const url = new URL(address);
    const of = kind(address);
    if (url.origin !== home || NO_PAGES.test(url.pathname) || visited.has(url.pathname + url.search)) return false;
    if ((counts.get(of) ?? 0) >= examples(of)) return false;
    const siblings = kinds.get(route(url)) ?? new Set();
    if (!siblings.has(of) && siblings.size >= KINDS_OF_ONE_ROUTE) return false;
    kinds.set(route(url), siblings.add(of));
    counts.set(of, (counts.get(of) ?? 0) + 1);
    visited.set(url.pathname + url.search, of);
    return true;
  };
  while (queue.length > 0) {
    const asked = queue.shift();
    if (!take(asked)) continue;
    const answer = await one.page.goto(asked);
    const landed = one.page.url();
    // A redirect counts as the page that it leads to.
    if (kind(landed) !== kind(asked) && !take(landed)) continue;
    // Gathered first, because a look may change the page.
    queue.push(...await leads(one.page));
    const { pathname, search } = new URL(landed);
    await look(pathname + search, answer);
  }
  return [...visited.keys()];
}

// Where a page leads: its links, and its forms that only ask as they stand, with two of each group of boxes chosen.
async function leads(page) {
  return page.evaluate(() => {
    const links = [...document.querySelectorAll("a[href]:not([download])")].map((link) => link.href.replace(/#.*/, ""));
    const forms = [...document.querySelectorAll("form")].filter((form) => form.method === "get").map((form) => {
      const query = new URLSearchParams(new FormData(form));
      for (const box of form.querySelectorAll("input[type=checkbox]:not(:checked)")) {
        if (query.getAll(box.name).length < 2) query.append(box.name, box.value);
      }
      for (const [name, value] of [...query]) if (value === "") query.delete(name);
      return `${form.getAttribute("action") ? form.action : location.origin + location.pathname}?${query}`;
    });
    return [...links, ...forms].filter((lead) => lead.startsWith("http"));
  });
}
