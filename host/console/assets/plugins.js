// The table of all plugins: sorted, filtered, and updated row by row.
import { api, repeat } from "./api.js";
import { fill, h, list, setText, svg } from "./dom.js";
import { count, duration, plural } from "./format.js";
import { badge, button, confirm, refusal, toast, wide, withReason } from "./parts.js";

const INTERVAL_MS = 2000;
/** Number of measured rates per plugin: five minutes. */
const SAMPLES = 150;

/** @typedef {{id: string, name: string, version: string, phase: string, health: string, update: string, requests: number, errors: number, uptime: number, enabled: boolean, problem: string, job: string, isNew: boolean, isFailed: boolean, rates: number[]}} Row */

/** @type {[keyof Row, string, string][]} */
const COLUMNS = [["id", "Plugin", ""], ["phase", "State", ""], ["health", "Health", ""], ["version", "Version", ""], ["rates", "Requests/s", "number"], ["requests", "Requests", "number"], ["errors", "Errors", "number"], ["uptime", "Uptime", "number"]];

/** @param {import("./app.js").Page} page */
export function pluginsPage({ root, signal, title, go }) {
  title("Plugins");
  const query = new URLSearchParams(location.search);
  let sort = /** @type {keyof Row} */ (query.get("sort") ?? "id");
  let isReversed = query.get("order") === "desc";
  /** @type {Map<string, {requests: number, at: number, rates: number[]}>} */
  const measured = new Map();
  /** @type {Row[]} */
  let rows = [];
  const selected = /** @type {Set<string>} */ (new Set());

  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Filter  /", aria: { label: "Filter plugins" }, value: query.get("q") ?? "", oninput: () => (remember(), render()) }));
  const summary = h("span", { class: "quiet", role: "status" });
  const problem = h("div", {});
  const body = h("tbody", {});
  const heads = COLUMNS.map(([key, text, kind]) => h("th", { scope: "col", class: kind }, h("button", { type: "button", class: "sort", onclick: () => {
    isReversed = sort === key ? !isReversed : kind === "number";
    sort = key;
    remember();
    render();
  } }, text)));
  const all = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", aria: { label: "Select all shown plugins" }, onchange: () => {
    for (const row of shownRows().filter((row) => !row.isFailed)) all.checked ? selected.add(row.id) : selected.delete(row.id);
    render();
  } }));
  const table = h("table", { aria: { label: "Plugins" } }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, all), heads, h("th", { scope: "col" }, h("span", { class: "hidden" }, "Actions")))), body);
  const several = h("div", { class: "row several", hidden: true });
  const empty = h("div", { class: "empty", hidden: true },
    h("h2", {}, "No plugins yet"),
    h("p", {}, "Drop a ZIP archive of a plugin anywhere in this window, or add one from a git repository."),
    h("p", {}, h("a", { href: "/console/add", class: "button" }, "Add plugin")),
    h("p", { class: "quiet" }, "To write one: ", h("code", {}, "plugin-host new hello && cd hello && plugin-host pack ."), " creates a plugin and its archive."));

  fill(root,
    h("div", { class: "row head" }, h("h1", {}, "Plugins"), summary, h("span", { class: "space" }), search, h("a", { href: "/console/add", class: "button" }, "Add plugin")),
    problem, several, empty, wide(table));

  const update = list(body, (/** @type {Row} */ row) => (row.isFailed ? "failed " : "") + row.id, createRow);

  /** @param {Row} first */
  function createRow(first) {
    const href = first.isFailed ? "/console/jobs/" + encodeURIComponent(first.job) : "/console/plugins/" + encodeURIComponent(first.id);
    const check = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", disabled: first.isFailed, aria: { label: "Select " + first.id }, onchange: () => {
      check.checked ? selected.add(first.id) : selected.delete(first.id);
      renderSeveral();
    } }));
    const name = h("span", { class: "quiet" });
    const cells = { phase: h("td", {}), health: h("td", {}), version: h("td", {}), rates: h("td", { class: "number" }), requests: h("td", { class: "number" }), errors: h("td", { class: "number" }), uptime: h("td", { class: "number" }) };
    const action = h("td", { class: "end" });
    let looks = "";
    return {
      element: h("tr", {}, h("td", {}, check), h("th", { scope: "row" }, h("a", { href }, first.id), h("br"), name), Object.values(cells), action),
      update(/** @type {Row} */ row) {
        check.checked = selected.has(row.id);
        setText(name, row.name === row.id ? "" : row.name);
        const next = [row.phase, row.health, row.version, row.update, row.problem, row.enabled, row.job].join("|");
        if (next !== looks) {
          looks = next;
          fill(cells.phase, badge(row.phase), row.job && [" ", h("a", { href: "/console/jobs/" + encodeURIComponent(row.job), aria: { label: "Job of " + row.id } }, "Job")], row.problem && h("p", { class: "quiet clip", title: row.problem }, row.problem));
          fill(cells.health, badge(row.health));
          fill(cells.version, row.version, row.update && h("a", { class: "badge update", href: href + "/updates" }, "↑ " + row.update));
          if (row.isFailed) fill(action, failedActions(row));
          else fill(action, !row.isNew && button(row.enabled ? "Disable" : "Enable", () => toggle(row), { class: "plain small", aria: { label: (row.enabled ? "Disable " : "Enable ") + row.id } }));
        }
        fill(cells.rates, sparkline(row.rates), " ", row.rates.length ? row.rates[row.rates.length - 1].toFixed(1) : "–");
        setText(cells.requests, count(row.requests));
        setText(cells.errors, count(row.errors));
        setText(cells.uptime, row.uptime ? duration(row.uptime) : "–");
      },
    };
  }

  /** What can be done about a failed first installation. @param {Row} row */
  function failedActions(row) {
    const job = "/api/jobs/" + encodeURIComponent(row.job);
    return [button("Retry", async () => {
      const again = await api("POST", job + "/retry", { headers: { Prefer: "respond-async" } });
      go("/console/jobs/" + encodeURIComponent(again.id));
    }, { class: "plain small", aria: { label: "Retry " + row.id } }), " ", button("Dismiss", async () => {
      await api("DELETE", "/api/plugins/" + encodeURIComponent(row.id));
      load();
    }, { class: "plain small", aria: { label: "Dismiss " + row.id } })];
  }

  /** @param {Row} row */
  async function toggle(row) {
    const operation = row.enabled ? "disable" : "enable";
    if (row.enabled && !(await confirm("Disable " + row.id + "?", h("p", {}, "Its endpoints answer 503 until it is enabled again. Running calls are completed first."), "Disable"))) return;
    const result = await api("POST", "/api/plugins/" + encodeURIComponent(row.id) + "/" + operation);
    toast(result.message);
    load();
  }

  function remember() {
    const next = new URLSearchParams();
    if (search.value) next.set("q", search.value);
    if (sort !== "id" || isReversed) next.set("sort", sort);
    if (isReversed) next.set("order", "desc");
    history.replaceState(null, "", location.pathname + (next.size ? "?" + next : ""));
  }

  function shownRows() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const value = (/** @type {Row} */ row) => (sort === "rates" ? (row.rates[row.rates.length - 1] ?? -1) : row[sort]);
    const compare = (/** @type {any} */ one, /** @type {any} */ other) => (typeof one === "number" ? one - other : String(one).localeCompare(String(other), "en", { numeric: true }));
    const found = rows.filter((row) => wanted.every((word) => [row.id, row.name, row.phase, row.health, row.version].join(" ").toLowerCase().includes(word)));
    return found.sort((one, other) => (compare(value(one), value(other)) || one.id.localeCompare(other.id)) * (isReversed ? -1 : 1));
  }

  function render() {
    const shown = shownRows();
    heads.forEach((head, n) => head.setAttribute("aria-sort", COLUMNS[n][0] !== sort ? "none" : isReversed ? "descending" : "ascending"));
    setText(summary, search.value ? shown.length + " of " + plural(rows.length, "plugin") : plural(rows.length, "plugin"));
    empty.hidden = rows.length > 0;
    table.hidden = rows.length === 0;
    update(shown);
    renderSeveral();
  }

  function renderSeveral() {
    for (const id of selected) if (!rows.some((row) => row.id === id)) selected.delete(id);
    several.hidden = selected.size === 0;
    const run = (/** @type {string} */ operation, /** @type {string} */ text, kind = "plain") => button(text, async () => {
      const ids = [...selected];
      const chosen = await confirm(text + " " + plural(ids.length, "plugin") + "?", h("p", {}, ids.join(", ")), text, kind === "danger" ? "danger" : "");
      if (!chosen) return;
      const result = await api("POST", "/api/plugins/batch" + withReason(chosen.reason), { body: { mode: "best_effort", operations: ids.map((id) => ({ operation, id })) } });
      const failed = (result.parts ?? []).filter((/** @type {any} */ part) => part.problem);
      if (failed.length) toast(failed.map((/** @type {any} */ part) => part.subject + ": " + part.problem.detail).join(" · "), "bad");
      else toast(result.message);
      selected.clear();
      load();
    }, { class: kind });
    fill(several, h("strong", {}, plural(selected.size, "plugin") + " selected"), run("enable", "Enable"), run("disable", "Disable"), run("reload", "Reload"), run("unload", "Remove", "danger"));
  }

  const load = repeat(INTERVAL_MS, signal, async () => {
    const { plugins, failed_loads } = await api("GET", "/api/plugins", { signal });
    const at = performance.now();
    rows = [...Object.entries(plugins).map(([id, item]) => toRow(id, item, measured, at)), ...(failed_loads ?? []).map(failedRow)];
    fill(problem);
    render();
  }, (error) => fill(problem, refusal(error)));
}

/** @param {string} id @param {any} item @param {Map<string, {requests: number, at: number, rates: number[]}>} measured @param {number} at @returns {Row} */
function toRow(id, item, measured, at) {
  const requests = item.status.request_count;
  const before = measured.get(id);
  const rates = before?.rates ?? [];
  if (before && at > before.at && requests >= before.requests) {
    rates.push((requests - before.requests) / ((at - before.at) / 1000));
    if (rates.length > SAMPLES) rates.shift();
  }
  measured.set(id, { requests, at, rates });
  return {
    id, name: item.metadata.name || "", version: item.metadata.version, job: item.operation?.job ?? "", isNew: item.goal === null, isFailed: false, phase: item.goal === "disabled" ? "disabled" : item.phase, health: item.status.health,
    update: item.update_available?.version ?? item.update_available?.revision ?? "", requests, errors: item.status.error_count, uptime: item.status.uptime,
    enabled: item.enabled, problem: item.quarantine ?? item.status.error_message ?? (item.phase === "failed" ? item.last_error?.message ?? "" : ""), rates: [...rates],
  };
}

/** The row of a plugin whose first installation failed. @param {any} load @returns {Row} */
function failedRow(load) {
  return {
    id: load.id, name: load.name, version: load.version, phase: load.state, health: "unknown", update: "", requests: 0, errors: 0, uptime: 0,
    enabled: false, problem: load.code + ": " + load.message, job: load.job, isNew: true, isFailed: true, rates: [],
  };
}

/** A line of rates, the newest at the right. @param {number[]} values @param {number} [samples] number of values in the whole width */
export function sparkline(values, samples = SAMPLES) {
  const [width, height] = [80, 18];
  const max = Math.max(...values, 1);
  const points = values.map((value, n) => (width - (values.length - 1 - n) * (width / samples)).toFixed(1) + "," + (height - 1 - (value / max) * (height - 2)).toFixed(1));
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, points.length > 1 && svg("polyline", { points: points.join(" ") }));
}
