// The browser of the tests: Chromium by playwright-core, visitors with or without scripts, and their sign-in. A visitor
// writes down everything that goes wrong on its pages by itself, so that a walk need not think of it.
import { createRequire } from "node:module";
import path from "node:path";

// Both are set by scripts/browser-tools: a folder that holds node_modules, and Debian's Chromium.
const TOOLS = process.env.FITHIRE_TEST_BROWSER_TOOLS;
const CHROMIUM = process.env.FITHIRE_TEST_CHROMIUM;

// Whatever a browser does of its own accord has no place in a test.
const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// How long anything may take before it counts as broken; the machine may be busy.
const PATIENCE = 20_000;

// A module among the tools.
export function tool(name) {
  if (!TOOLS) throw new Error("FITHIRE_TEST_BROWSER_TOOLS is not set; scripts/browser-tools says what it should be");
  return createRequire(path.join(path.resolve(TOOLS), "tools.js")).resolve(name);
}

export async function launch() {
  if (!CHROMIUM) throw new Error("FITHIRE_TEST_CHROMIUM is not set; scripts/browser-tools says what it should be");
  const { chromium } = createRequire(import.meta.url)(tool("playwright-core"));
  // No sandbox, because root and containers cannot have one; it shows our own pages alone.
  return chromium.launch({ executablePath: CHROMIUM, headless: true, chromiumSandbox: false, args: QUIET });
}

// Someone with a browser of their own: cookies, a page, and what went wrong there. `site` has browser and url.
export async function visitor(site, { scripts = true, width = 1440, height = 900, theme = "light" } = {}) {
  const context = await site.browser.newContext({
    baseURL: site.url, javaScriptEnabled: scripts, viewport: { width, height }, colorScheme: theme,
    reducedMotion: "reduce", locale: "en-US", timezoneId: "UTC",
  });
  context.setDefaultTimeout(PATIENCE);
  // Chromium tells violations of the policy on the console as well; this one names the directive and what it hit.
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy ${event.violatedDirective} violated by ${event.blockedURI} ${event.sample}`);
    }, true);
  });
  const page = await context.newPage();
  const found = [];
  const one = { context, page, scripts, site, allowed: new Set() };
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    // A page that is refused on purpose is told on the console, too.
    const status = /^Failed to load resource: .* status of (\d+)/.exec(message.text())?.[1];
    if (status && one.allowed.has(Number(status))) return;
    found.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => found.push(`script error: ${error.message}`));
  page.on("crash", () => found.push("the page crashed"));
  page.on("dialog", (dialog) => {
    found.push(`a dialog opened: ${dialog.type()} ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  // The policy of our pages names the one other place that they ask: where files are kept.
  page.on("response", (answer) => {
    if (new URL(answer.url()).origin !== new URL(site.url).origin) return;
    const named = /connect-src 'self' (\S+?);/.exec(answer.headers()["content-security-policy"] ?? "")?.[1];
    if (named) one.files = named;
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    // The browser shows documents by a viewer of its own, which no page can ask for.
    if (!["data:", "blob:", "chrome:", "chrome-extension:"].includes(asked.protocol) && ![new URL(site.url).origin, one.files].includes(asked.origin)) {
      found.push(`the page asks another host: ${request.url()}`);
    }
  });
  // What went wrong since it was last asked for.
  one.problems = () => found.splice(0);
  // Opens a page; `status` is what it must answer.
  one.open = async (address, status = 200) => {
    if (status >= 400) one.allowed.add(status);
    const answer = await page.goto(address);
    if (answer.status() !== status) throw new Error(`${address} answered ${answer.status()}, not ${status}`);
    return answer;
  };
  site.visitors.push(one);
  return one;
}

// Signs in by the form and ends on the first page of that person.
export async function signIn(one, { email, password }) {
  await one.open("/sign-in");
  await one.page.getByLabel("E-mail address").fill(email);
  await one.page.getByLabel("Password").fill(password);
  await one.page.getByRole("button", { name: "Sign in" }).click();
  await one.page.waitForURL((url) => url.pathname !== "/sign-in");
}

// Asks again until it no longer throws: for what follows from scripts, in its own time.
export async function eventually(attempt) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
