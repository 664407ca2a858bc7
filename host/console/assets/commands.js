// The command palette: pages, plugins and operations by name.
import { api } from "./api.js";
import { fill, h } from "./dom.js";

const PAGES = [
  ["Plugins", "/console"], ["Add plugin", "/console/add"], ["Jobs", "/console/jobs"], ["Events", "/console/events"], ["Audit log", "/console/audit"],
  ["Graph", "/console/graph"], ["plugins.yaml: plan and apply", "/console/plan"], ["Host: settings", "/console/host"], ["Host: tokens and users", "/console/host/access"],
  ["API reference", "/docs"], ["Error reference", "/docs/errors"],
];
const TABS = ["overview", "endpoints", "logs", "configuration", "history", "updates"];

/** Opens the palette. @param {(path: string) => void} go */
export async function openCommands(go) {
  if (document.querySelector("dialog[open]")) return;
  /** @type {[string, string][]} */
  let entries = PAGES.map(([text, path]) => [text, path]);
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Page or plugin", aria: { label: "Search pages and plugins", controls: "found", expanded: "true", autocomplete: "list" }, role: "combobox", autocomplete: "off" }));
  const found = h("ul", { id: "found", role: "listbox", aria: { label: "Found" } });
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "commands", aria: { label: "Search" } }, input, found));
  let at = 0;
  /** @type {[string, string][]} */
  let shown = [];
  const open = (/** @type {string} */ path) => {
    dialog.close();
    if (path.startsWith("/console")) go(path);
    else location.assign(path);
  };
  const render = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = entries.filter(([text]) => wanted.every((word) => text.toLowerCase().includes(word))).slice(0, 12);
    at = Math.min(at, Math.max(shown.length - 1, 0));
    fill(found, shown.map(([text, path], n) => h("li", { id: "found-" + n, role: "option", aria: { selected: String(n === at) }, onclick: () => open(path) }, text)));
    if (!shown.length) fill(found, h("li", { class: "quiet" }, "Nothing matches."));
    input.setAttribute("aria-activedescendant", shown.length ? "found-" + at : "");
  };
  input.addEventListener("input", () => ((at = 0), render()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") at = Math.min(at + 1, shown.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else if (event.key === "Enter" && shown[at]) open(shown[at][1]);
    else return;
    event.preventDefault();
    render();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  render();
  const { plugins } = await api("GET", "/api/plugins").catch(() => ({ plugins: {} }));
  entries = entries.concat(Object.keys(plugins).flatMap((id) => TABS.map((tab) => /** @type {[string, string]} */ ([id + ": " + tab, "/console/plugins/" + encodeURIComponent(id) + (tab === "overview" ? "" : "/" + tab)]))));
  render();
}
