// The logs, the history and the updates of a plugin.
import { api, follow } from "./api.js";
import { fill, h } from "./dom.js";
import { exact } from "./format.js";
import { badge, button, confirm, explain, facts, logView, refusal, time, toast, withReason } from "./parts.js";

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
