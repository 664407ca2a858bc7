// One plugin: its state, its operations, and a tab for each topic.
import { api, repeat } from "./api.js";
import { fill, h } from "./dom.js";
import { configurationTab } from "./config.js";
import { count, duration, plural, short, size } from "./format.js";
import { badge, button, confirm, facts, refusal, time, toast, wide, withReason } from "./parts.js";
import { dataTab, historyTab, logsTab, updatesTab } from "./plugin-tabs.js";
import { sparkline } from "./plugins.js";
import { endpointsTab } from "./try.js";

const TABS = ["overview", "endpoints", "logs", "configuration", "data", "history", "updates"];

/** @typedef {{id: string, path: string, root: HTMLElement, signal: AbortSignal, go: (path: string) => void}} Tab */

/** @param {import("./app.js").Page} page */
export async function pluginPage({ root, signal, title, parameters, go }) {
  const id = parameters[0];
  const tab = parameters[1] || "overview";
  const path = "/api/plugins/" + encodeURIComponent(id);
  const href = "/console/plugins/" + encodeURIComponent(id);
  title(id + (tab === "overview" ? "" : ": " + tab));
  const state = h("span", { class: "row", role: "status" });
  const actions = h("div", { class: "row" });
  const problem = h("div", {});
  const content = h("section", { aria: { label: tab } });
  fill(root,
    h("p", { class: "quiet" }, h("a", { href: "/console" }, "Plugins"), " / ", id),
    h("div", { class: "row head" }, h("h1", {}, id), state, h("span", { class: "space" }), actions),
    problem,
    h("nav", { class: "tabs", aria: { label: "Plugin" } }, TABS.map((name) => h("a", { href: name === "overview" ? href : href + "/" + name, aria: name === tab ? { current: "page" } : {} }, name[0].toUpperCase() + name.slice(1)))),
    content);

  let looks = "";
  const overview = tab === "overview" ? overviewTab({ id, path, root: content, signal, go }) : null;
  const load = repeat(2000, signal, async () => {
    const item = await api("GET", path, { signal });
    fill(problem, item.quarantine && h("p", { class: "refusal", role: "alert" }, "Quarantined: ", item.quarantine), item.last_error && h("p", { class: "notice" }, "The last operation failed ", time(item.last_error.at_unix_ms), ": ", item.last_error.message));
    overview?.(item, load);
    const next = [item.phase, item.status.health, item.metadata.version, item.enabled, item.goal].join("|");
    if (looks === next) return;
    looks = next;
    fill(state, badge(item.goal === "disabled" ? "disabled" : item.phase), badge(item.status.health), h("span", {}, item.metadata.version));
    const run = (/** @type {string} */ text, /** @type {string} */ operation, /** @type {any} */ question) => button(text, async () => {
      const chosen = question ? await confirm(text + " " + id + "?", question, text) : { reason: "" };
      if (!chosen) return;
      const job = await api("POST", path + "/" + operation + withReason(chosen.reason), { headers: { Prefer: "respond-async" } });
      go("/console/jobs/" + encodeURIComponent(job.id));
    }, { class: "plain" });
    fill(actions,
      item.enabled ? run("Disable", "disable", h("p", {}, "Its endpoints answer 503 until it is enabled again. Running calls are completed first.")) : run("Enable", "enable", null),
      run("Reload", "reload", h("p", {}, "Fetches and builds ", item.source, " again and replaces the serving version. No call is lost.")),
      run("Restart", "restart", null),
      button("Remove", () => remove(item), { class: "danger" }));
  }, (error) => {
    fill(problem, refusal(error));
    if (error.status === 404) fill(content);
  });

  /** @param {any} item */
  async function remove(item) {
    const keep = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id: "keep" }));
    const stored = item.stored_data?.keys ?? 0;
    const chosen = await confirm("Remove " + id + "?", [h("p", {}, "Stops the plugin and removes it. ", stored ? plural(stored, "stored key") + " (" + size(item.stored_data.bytes) + ") will be deleted." : ""), stored > 0 && h("label", { class: "check" }, keep, " Keep its stored data and configuration")], "Remove", "danger");
    if (!chosen) return;
    const query = new URLSearchParams({ ...(keep.checked ? { keep_data: "true" } : {}), ...(chosen.reason ? { reason: chosen.reason } : {}) });
    const result = await api("DELETE", path + (query.size ? "?" + query : ""));
    toast(result?.message ?? id + " is removed.");
    go("/console");
  }

  const tabs = { endpoints: endpointsTab, logs: logsTab, configuration: configurationTab, data: dataTab, history: historyTab, updates: updatesTab };
  if (tab in tabs) await tabs[/** @type {keyof typeof tabs} */ (tab)]({ id, path, root: content, signal, go });
  else if (tab !== "overview") fill(content, h("p", {}, "A plugin has no page ", h("code", {}, tab), "."));
}

/** The requests of the last 15 minutes as rows of facts. @param {string} path @param {AbortSignal} signal @returns {[string, HTMLElement][]} */
function trafficView(path, signal) {
  const line = h("span", {});
  const slow = h("span", {});
  repeat(10_000, signal, async () => {
    const series = await api("GET", path + "/metrics/series", { signal });
    const steps = Math.round((series.to_unix_ms - series.from_unix_ms) / 1000 / series.step_seconds);
    const rates = Array(steps).fill(0);
    let requests = 0;
    for (const point of series.points) {
      const at = Math.ceil((point.at_unix_ms - series.from_unix_ms) / 1000 / series.step_seconds) - 1;
      if (at >= 0 && at < steps) rates[at] += point.requests / series.step_seconds;
      requests += point.requests;
    }
    fill(line, sparkline(rates, steps), " ", count(requests) + (requests === 1 ? " request" : " requests"));
    const last = series.points.findLast((/** @type {any} */ point) => point.p99_ms !== null);
    fill(slow, last ? ["p50 " + duration(last.p50_ms / 1000) + ", p99 " + duration(last.p99_ms / 1000) + " ", h("span", { class: "quiet" }, time(last.at_unix_ms))] : "–");
  }, () => fill(line, "–"));
  return [["Last 15 minutes", line], ["Response time", slow]];
}

/** @param {Tab} tab @returns {(item: any, load: () => void) => void} shows a plugin */
function overviewTab({ id, path, root, signal, go }) {
  let shown = "";
  const traffic = trafficView(path, signal);
  return (item) => {
    const next = JSON.stringify([item.generations, item.kept, item.status, item.warnings, item.metadata, item.source]);
    if (next === shown) return;
    shown = next;
    const { metadata, status } = item;
    fill(root,
      h("div", { class: "columns" },
        h("div", { class: "card" }, h("h2", {}, "Now"), facts([
          ["Requests", count(status.request_count)], ["Errors", count(status.error_count)], ["Uptime", status.uptime ? duration(status.uptime) : "–"],
          ...traffic,
          ["Last health probe", time(status.last_updated)], ["Blocking handlers", item.long_polls ? count(item.long_polls) + " times" : ""], ["Stored data", item.stored_data?.keys ? plural(item.stored_data.keys, "key") + ", " + size(item.stored_data.bytes) : ""]])),
        h("div", { class: "card" }, h("h2", {}, "About"), metadata.description && h("p", {}, metadata.description), facts([
          ["Name", metadata.name], ["Author", metadata.author], ["License", metadata.license], ["Source", h("span", { class: "wrap" }, item.source)], ["Tag", item.tag], ["Commit", short(item.commit)],
          ["Installed", time(item.loaded_at)], ["Depends on", metadata.dependencies.join(", ")], ["Permissions", metadata.permissions.join(", ")]]))),
      item.warnings.length > 0 && [h("h2", {}, "Warnings"), h("ul", { class: "warnings" }, item.warnings.map((/** @type {string} */ warning) => h("li", {}, warning)))],
      h("h2", {}, "Generations"),
      wide(h("table", { aria: { label: "Generations" } }, h("thead", {}, h("tr", {}, ["Number", "Version", "State", "Requests", "In flight", "Memory", "Kept because of"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, item.generations.map((/** @type {any} */ one) => h("tr", {}, h("td", {}, one.number), h("td", {}, one.version), h("td", {}, badge(one.phase)), h("td", {}, count(one.requests)), h("td", {}, count(one.in_flight)), h("td", {}, one.live_bytes == null ? "–" : size(one.live_bytes)), h("td", {}, one.held_by.join(", "))))))),
      h("h2", {}, "Rollback versions"),
      item.kept.length === 0 ? h("p", { class: "quiet" }, "The first installed version; there is none to return to.") :
        h("table", { aria: { label: "Rollback versions" } }, h("tbody", {}, item.kept.map((/** @type {any} */ kept) => h("tr", {}, h("td", {}, kept.version), h("td", {}, time(kept.loaded_at)), h("td", { class: "wrap" }, kept.source), h("td", { class: "end" },
          button("Roll back", () => rollBack(kept), { class: "plain small", aria: { label: "Roll back to " + kept.version } })))))));

    /** @param {any} kept */
    async function rollBack(kept) {
      const chosen = await confirm("Roll back " + id + "?", facts([["From", metadata.version + " · " + item.source], ["To", kept.version + " · " + kept.source], ["Commits", item.commit !== kept.commit ? short(item.commit) + " → " + short(kept.commit) : ""], ["Installed", time(kept.loaded_at)]]), "Roll back");
      if (!chosen) return;
      const job = await api("POST", path + "/rollback" + withReason(chosen.reason), { body: { to: kept.version }, headers: { Prefer: "respond-async" } });
      go("/console/jobs/" + encodeURIComponent(job.id));
    }
  };
}
