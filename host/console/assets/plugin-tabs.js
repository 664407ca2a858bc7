// The logs, the stored data, the history and the updates of a plugin.
import { api, follow } from "./api.js";
import { fill, h } from "./dom.js";
import { count, exact, size } from "./format.js";
import { badge, button, confirm, dialog, explain, facts, logView, refusal, time, toast, wide, withReason } from "./parts.js";

/** Number of keys that are requested at once. */
const KEYS = 100;
const LEVELS = ["trace", "debug", "info", "warn", "error"];

/** The live log, by level and text. @param {import("./plugin.js").Tab} tab */
export function logsTab({ path, root, signal }) {
  const log = logView("Log of the plugin");
  const level = /** @type {HTMLSelectElement} */ (h("select", { id: "level", onchange: render }, LEVELS.map((name) => h("option", { value: name }, name))));
  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", aria: { label: "Search the log" }, placeholder: "Search  /", oninput: render }));
  /** @type {any[]} */
  let lines = [];
  let isPaused = false;
  const pause = h("button", { type: "button", class: "plain", aria: { pressed: "false" }, onclick: () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Continue" : "Pause";
    pause.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) render();
  } }, "Pause");
  fill(root, h("div", { class: "row" }, h("label", { for: "level" }, "From level"), level, search, pause), log.element);

  const isShown = (/** @type {any} */ line) => LEVELS.indexOf(line.level.toLowerCase()) >= LEVELS.indexOf(level.value) && line.message.toLowerCase().includes(search.value.toLowerCase());
  const shown = (/** @type {any} */ line) => exact(line.at_unix_ms) + "  " + line.level.toUpperCase().padEnd(5) + "  " + line.message;
  function render() {
    log.clear();
    log.append(lines.filter(isShown).map(shown));
  }
  follow(path + "/logs", (event) => {
    const line = JSON.parse(event.data);
    if (typeof line.message !== "string") return;
    lines.push(line);
    if (lines.length > 5000) lines = lines.slice(-4000);
    if (!isPaused && isShown(line)) log.append([shown(line)]);
  }, signal).catch((error) => explain("The log cannot be read", error));
}

/** The revisions, with their differences. @param {import("./plugin.js").Tab} tab */
export async function historyTab({ id, path, root, signal, go }) {
  const { revisions } = await api("GET", path + "/revisions?limit=100", { signal });
  const shown = (/** @type {any} */ value) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  fill(root, h("ol", { class: "history" }, revisions.map((/** @type {any} */ revision, /** @type {number} */ n) => h("li", { class: "card" },
    h("div", { class: "row" }, h("strong", {}, "Revision " + revision.number), h("span", {}, revision.operation), revision.version && h("span", {}, revision.version), h("span", { class: "quiet" }, revision.actor, " · ", time(revision.at_unix_ms)), h("span", { class: "space" }),
      n > 0 && revision.version && button("Restore", async () => {
        const diff = await api("GET", path + "/revisions/" + revision.number + "/diff?with=" + revisions[0].number, { signal });
        const chosen = await confirm("Restore revision " + revision.number + " of " + id + "?", changes(diff.changes, true), "Restore");
        if (!chosen) return;
        const job = await api("POST", path + "/revisions/" + revision.number + "/restore" + withReason(chosen.reason), { headers: { Prefer: "respond-async" } });
        go("/console/jobs/" + encodeURIComponent(job.id));
      }, { class: "plain small", aria: { label: "Restore revision " + revision.number } })),
    revision.reason && h("p", {}, revision.reason), changes(revision.changes, false)))));

  /** @param {any[]} list @param {boolean} isReversed */
  function changes(list, isReversed) {
    if (!list.length) return h("p", { class: "quiet" }, "No differences.");
    return h("details", { open: isReversed }, h("summary", {}, list.length + " changed"), h("dl", { class: "facts" }, list.map((change) => [h("dt", {}, h("code", {}, change.pointer)), h("dd", { class: "wrap" }, h("del", {}, shown(isReversed ? change.after : change.before)), " → ", h("ins", {}, shown(isReversed ? change.before : change.after)))])));
  }
}

/** Newer versions and the update policy. @param {import("./plugin.js").Tab} tab */
export async function updatesTab({ path, root, signal, go }) {
  const render = (/** @type {any} */ updates) => {
    const { report, update_policy: policy } = updates;
    const install = (/** @type {string} */ version) => button("Install " + version, async () => {
      const job = await api("POST", path + "/update", { body: { version }, headers: { Prefer: "respond-async" } });
      go("/console/jobs/" + encodeURIComponent(job.id));
    });
    const newest = report?.newest;
    const name = newest && (newest.version ?? newest.revision);
    fill(root,
      h("div", { class: "card" }, h("h2", {}, newest ? "Version " + name + " is available" : report ? "Up to date" : "No update check yet"),
        report?.error && refusal({ code: report.error.code, detail: report.error.message, fix: report.error.fix }),
        facts([["Source", h("span", { class: "wrap" }, updates.source)], ["Installed", report?.installed], ["Checked", report && time(report.checked_at_unix_ms)]]),
        report?.held_back?.length > 0 && h("ul", { class: "warnings" }, report.held_back.map((/** @type {any} */ held) => h("li", {}, held.version + ": " + held.message))),
        h("div", { class: "row" }, newest && install(name), button("Check now", async () => render(await api("GET", path + "/updates?check=true", { signal })), { class: "plain" }),
          newest?.version && button("Block " + name, async () => {
            await api("PUT", path + "/blocked/" + encodeURIComponent(name));
            render(await api("GET", path + "/updates", { signal }));
          }, { class: "plain" }))),
      h("div", { class: "card" }, h("h2", {}, "Update policy"), facts([["Versions", badge(policy.policy, "good")], ["Installs", policy.automatic ? "automatically" : "when an operator does"], ["Checks every", policy.interval_seconds + " s"],
        ["Blocked", policy.blocked.length ? h("ul", { class: "inline" }, policy.blocked.map((/** @type {string} */ version) => h("li", {}, version, " ", button("Unblock", async () => {
          await api("DELETE", path + "/blocked/" + encodeURIComponent(version));
          render(await api("GET", path + "/updates", { signal }));
          toast(version + " can be installed again.");
        }, { class: "plain small", aria: { label: "Unblock " + version } })))) : ""]]),
        h("div", { class: "row" }, button(policy.automatic ? "Install updates by hand" : "Install updates automatically", async () => {
          await api("PUT", path + "/update-policy", { body: { ...policy, automatic: !policy.automatic } });
          render(await api("GET", path + "/updates", { signal }));
        }, { class: "plain" }))));
  };
  render(await api("GET", path + "/updates", { signal }));
}

/** The stored data: keys by prefix, one value, and the removal of a key. @param {import("./plugin.js").Tab} tab */
export async function dataTab({ id, path, root, signal }) {
  const prefix = /** @type {HTMLInputElement} */ (h("input", { type: "search", id: "prefix", placeholder: "Prefix  /", autocomplete: "off", spellcheck: "false" }));
  const summary = h("span", { class: "quiet", role: "status" });
  const problem = h("div", {});
  const body = h("tbody", {});
  const more = h("div", { class: "row" });
  const table = wide(h("table", { aria: { label: "Stored keys" } }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Key"), h("th", { scope: "col", class: "number" }, "Size"), h("th", { scope: "col" }, h("span", { class: "hidden" }, "Actions")))), body));
  fill(root,
    h("p", { class: "quiet" }, "The keys that the plugin has stored. Reloads, updates and restarts keep them. A deleted key is gone for the running plugin as well."),
    h("form", { class: "row", role: "search", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), load()) }, h("label", { for: "prefix" }, "Keys that start with"), h("span", {}, prefix), h("button", { type: "submit", class: "plain" }, "Filter"), summary),
    problem, table, more);

  /** @param {string} [after] the last shown key, behind which further keys are added */
  async function load(after) {
    try {
      const query = new URLSearchParams({ prefix: prefix.value, limit: String(KEYS), ...(after === undefined ? {} : { after }) });
      const page = await api("GET", path + "/kv?" + query, { signal });
      fill(problem);
      const rows = page.keys.map(row);
      if (after === undefined) fill(body, rows);
      else body.append(...rows);
      const shown = body.childElementCount;
      summary.textContent = shown ? count(shown) + (page.next ? " of more keys" : shown === 1 ? " key" : " keys") : prefix.value ? "No key starts with this text." : "The plugin has stored nothing.";
      table.hidden = shown === 0;
      fill(more, page.next && button("More", () => load(page.next), { class: "plain" }));
    } catch (error) {
      if (!signal.aborted) fill(problem, refusal(error));
    }
  }

  /** @param {{key: string, bytes: number}} stored */
  function row(stored) {
    const parts = stored.key.split("/");
    // Browsers resolve `..` in a path, also if it is encoded, so such a key would name another route.
    const isInPath = !parts.some((part) => part === "." || part === "..");
    const at = path + "/kv/" + parts.map(encodeURIComponent).join("/");
    return h("tr", {}, h("th", { scope: "row" }, h("code", {}, stored.key)), h("td", { class: "number" }, size(stored.bytes)), h("td", { class: "end" }, isInPath && [
      button("View", () => view(at, stored.key), { class: "plain small", aria: { label: "View " + stored.key } }), " ",
      button("Delete", () => remove(at, stored), { class: "danger small", aria: { label: "Delete " + stored.key } })]));
  }

  /** @param {string} at @param {string} key */
  async function view(at, key) {
    const value = await api("GET", at, { signal });
    const kind = value.text === null ? "not UTF-8 text, shown in base64" : "text";
    await dialog(key, [h("p", { class: "quiet" }, size(value.bytes) + ", " + kind + ", version " + value.version), h("pre", { class: "log", tabindex: 0, aria: { label: "Value" }, role: "region" }, value.text ?? value.base64)], []);
  }

  /** @param {string} at @param {{key: string, bytes: number}} stored */
  async function remove(at, stored) {
    const chosen = await dialog("Delete " + stored.key + "?", h("p", {}, "The value (" + size(stored.bytes) + ") cannot be restored. ", id, " is not restarted."), [{ text: "Delete", value: "yes", kind: "danger" }]);
    if (chosen !== "yes") return;
    await api("DELETE", at);
    toast(stored.key + " is deleted.");
    await load();
  }

  await load();
}
