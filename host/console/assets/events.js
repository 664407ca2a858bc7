// The live events of the host, and the audit log.
import { api, follow } from "./api.js";
import { fill, h } from "./dom.js";
import { button, refusal, time, toast, wide } from "./parts.js";

const MAX = 1000;

/** @param {import("./app.js").Page} page */
export async function eventsPage({ root, signal, title, parameters }) {
  const isAudit = parameters[0] === "audit";
  title(isAudit ? "Audit log" : "Events");
  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Filter  /", aria: { label: "Filter" }, oninput: filter }));
  const actions = h("div", { class: "row" });
  const problem = h("div", {});
  const body = h("tbody", {});
  const heads = isAudit ? ["Time", "Who", "Action", "Object", "Outcome"] : ["Time", "Plugin", "Event", "What happened"];
  fill(root, h("div", { class: "row head" }, h("h1", {}, isAudit ? "Audit log" : "Events"), h("span", { class: "space" }), search, actions),
    h("nav", { class: "tabs", aria: { label: "Logs" } }, h("a", { href: "/console/events", aria: isAudit ? {} : { current: "page" } }, "Events"), h("a", { href: "/console/audit", aria: isAudit ? { current: "page" } : {} }, "Audit log")),
    problem, wide(h("table", { aria: { label: isAudit ? "Audit log" : "Events" } }, h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), body)));

  function matches(/** @type {Element} */ row) {
    return (row.textContent ?? "").toLowerCase().includes(search.value.toLowerCase());
  }
  function filter() {
    for (const row of body.children) /** @type {HTMLElement} */ (row).hidden = !matches(row);
  }
  /** @param {any[]} cells @param {boolean} first */
  function add(cells, first) {
    const row = h("tr", {}, cells.map((cell) => h("td", { class: "wrap" }, cell)));
    row.hidden = !matches(row);
    if (first) body.prepend(row);
    else body.append(row);
    if (body.children.length > MAX) (first ? body.lastElementChild : body.firstElementChild)?.remove();
  }
  const plugin = (/** @type {string | null} */ id) => (id ? h("a", { href: "/console/plugins/" + encodeURIComponent(id) }, id) : "");

  if (!isAudit) {
    await follow("/api/events?after=0", (event) => {
      const shown = JSON.parse(event.data);
      if (!shown.kind) return;
      add([time(shown.at_unix_ms), plugin(shown.plugin), h("code", {}, shown.kind), [shown.message, shown.job && [" ", h("a", { href: "/console/jobs/" + encodeURIComponent(shown.job) }, "job")]]], true);
    }, signal).catch((error) => fill(problem, refusal(error)));
    return;
  }
  const { entries } = await api("GET", "/api/audit?limit=1000", { signal });
  entries.sort((/** @type {any} */ one, /** @type {any} */ other) => other.seq - one.seq);
  for (const entry of entries) add([time(entry.at_unix_ms), entry.actor, h("code", {}, entry.action), entry.object, [entry.outcome, entry.status ? " " + entry.status : ""]], false);
  fill(actions, button("Verify", async () => {
    const report = await api("GET", "/api/audit/verify");
    toast(report.valid ? report.entries + " entries; no entry was changed or removed." : "Broken at entry " + report.broken?.seq + ": " + report.broken?.reason, report.valid ? "good" : "bad");
  }, { class: "plain" }));
}
