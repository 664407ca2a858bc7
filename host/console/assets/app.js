// The frame of the console: sign-in, navigation, pages by path, commands, dropped archives.
import { api, connected, me } from "./api.js";
import { dropped } from "./add.js";
import { fill, h } from "./dom.js";
import { openCommands } from "./commands.js";
import { dialog, facts, refusal } from "./parts.js";
import { addPage } from "./add.js";
import { eventsPage } from "./events.js";
import { hostPage } from "./host.js";
import { jobPage, jobsPage } from "./jobs.js";
import { planPage } from "./plan.js";
import { pluginPage } from "./plugin.js";
import { pluginsPage } from "./plugins.js";
import { signInPage } from "./sign-in.js";

/** @typedef {{root: HTMLElement, signal: AbortSignal, title: (text: string) => void, parameters: string[], go: typeof go}} Page */

/** @type {[RegExp, (page: Page) => any][]} */
const PAGES = [
  [/^\/console\/?$/, pluginsPage],
  [/^\/console\/add$/, addPage],
  [/^\/console\/plugins\/([^/]+)(?:\/([a-z]+))?$/, pluginPage],
  [/^\/console\/jobs$/, jobsPage],
  [/^\/console\/jobs\/([^/]+)$/, jobPage],
  [/^\/console\/(events|audit)$/, eventsPage],
  [/^\/console\/graph$/, async (page) => (await import("./graph.js")).graphPage(page)],
  [/^\/console\/plan$/, planPage],
  [/^\/console\/host(?:\/([a-z]+))?$/, hostPage],
];
const LINKS = [["/console", "Plugins"], ["/console/jobs", "Jobs"], ["/console/events", "Events"], ["/console/graph", "Graph"], ["/console/plan", "plugins.yaml"], ["/console/host", "Host"]];

const main = h("main", { id: "main", tabindex: -1 });
const nav = h("nav", { aria: { label: "Console" } });
const account = h("div", { class: "account" });
const lost = h("div", { class: "lost", role: "status", hidden: true }, "The host does not answer. This page tries again until it does.");
const header = h("header", {}, h("a", { href: "/console", class: "brand" }, "plugin-host"), nav, account);
document.body.append(h("a", { href: "#main", class: "skip" }, "Skip to content"), header, lost, main, h("div", { id: "toasts", role: "status", aria: { live: "polite" } }));

let leaving = new AbortController();

/** Opens a path of the console. @param {string} path @param {boolean} [replace] replaces the current entry of the history */
export function go(path, replace = false) {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  show();
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  const path = location.pathname;
  fill(main);
  frame(path);
  const title = (/** @type {string} */ text) => (document.title = text + " · plugin-host");
  const found = PAGES.map(([pattern, page]) => ({ page, match: pattern.exec(path) })).find(({ match }) => match);
  try {
    const parameters = (found?.match ?? []).slice(1).map((part) => decodeURIComponent(part ?? ""));
    const page = { root: main, signal, title, parameters, go };
    if (!me.get()) signInPage(page);
    else if (found) await found.page(page);
    else {
      title("No such page");
      fill(main, h("h1", {}, "No such page"), h("p", {}, "The console has no page ", h("code", {}, path), ". ", h("a", { href: "/console" }, "All plugins")));
    }
  } catch (error) {
    if (!signal.aborted) fill(main, refusal(error));
  }
  if (!signal.aborted && document.activeElement === document.body && !location.hash) main.focus({ preventScroll: true });
}

/** @param {string} path */
function frame(path) {
  const caller = me.get();
  const isHere = (/** @type {string} */ href) => (href === "/console" ? /^\/console(\/(plugins|add).*)?\/?$/.test(path) : path.startsWith(href));
  fill(nav, caller ? LINKS.map(([href, text]) => h("a", { href, aria: isHere(href) ? { current: "page" } : {} }, text)) : [], h("a", { href: "/docs" }, "API"));
  fill(account, caller && [
    h("button", { type: "button", class: "plain", onclick: () => openCommands(go) }, "Search ", h("kbd", {}, "Ctrl K")),
    h("span", { class: "quiet" }, caller.username, caller.role ? " · " + caller.role : ""),
    h("button", { type: "button", class: "plain", onclick: signOut }, "Sign out"),
  ]);
}

async function signOut() {
  await api("DELETE", "/api/session").catch(() => null);
  me.set(null);
  show();
}

// Links of the console do not load the page again.
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.hasAttribute("download")) return;
  const url = new URL(/** @type {HTMLAnchorElement} */ (link).href);
  if (url.origin !== location.origin || !/^\/console(\/|$)/.test(url.pathname) || url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search);
});
window.addEventListener("popstate", show);

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && me.get()) {
    event.preventDefault();
    openCommands(go);
  } else if (event.key === "?" && !/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !document.querySelector("dialog[open]")) {
    dialog("Keys", facts([["Ctrl K", "opens a page or a plugin by name"], ["/", "goes to the filter of the page"], ["Escape", "closes a dialog"], ["?", "shows this list"]]), []);
  } else if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !target.isContentEditable) {
    const search = /** @type {HTMLElement | null} */ (document.querySelector("main input[type=search]"));
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});

// An archive may be dropped on every page.
window.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
window.addEventListener("dragleave", (event) => !event.relatedTarget && document.body.classList.remove("dropping"));
window.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  const file = event.dataTransfer?.files[0];
  if (!file || !me.get()) return;
  event.preventDefault();
  dropped.set(file);
  if (location.pathname !== "/console/add") go("/console/add");
});

connected.watch((is) => (lost.hidden = is));
let caller = me.get();
me.watch((next) => {
  // A session that ended leads to the sign-in on the same path.
  if (caller && !next) show();
  caller = next;
});

try {
  me.set((await api("GET", "/api/session")).caller);
  show();
} catch (error) {
  fill(main, refusal(error));
}
