// plugins.yaml: the planned changes, then their application as a job.
import { api, getText, send } from "./api.js";
import { fill, h } from "./dom.js";
import { plural } from "./format.js";
import { badge, button, refusal, wide } from "./parts.js";

/** @param {import("./app.js").Page} page */
export function planPage({ root, signal, title, go }) {
  title("plugins.yaml");
  const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "file", rows: 14, spellcheck: "false", placeholder: "plugins:\n  - source: https://github.com/owner/repository\n    version: v1.0.0" }));
  const result = h("section", { aria: { live: "polite" } });
  const plan = async (/** @type {Event} */ event) => {
    event.preventDefault();
    fill(result, h("p", { class: "busy" }, "Planning…"));
    try {
      const { body } = await send("POST", "/api/plugins/plan", { body: new Blob([text.value], { type: "application/yaml" }), headers: { "Content-Type": "application/yaml" }, signal });
      render(body);
    } catch (error) {
      if (!signal.aborted) fill(result, refusal(error));
    }
  };
  fill(root, h("h1", {}, "plugins.yaml"), h("p", {}, "A file that lists the plugins of a host. The plan shows what applying it would change."),
    h("form", { class: "card", onsubmit: plan }, h("label", { for: "file" }, "Content of plugins.yaml"), text,
      h("div", { class: "row" }, h("button", { type: "submit" }, "Plan"), button("Fill in the installed plugins", async () => {
        text.value = await getText("/api/plugins/export", signal, "*/*");
      }, { class: "plain" }))), result);

  /** @param {any} plan */
  function render(plan) {
    const changed = plan.plugins.filter((/** @type {any} */ plugin) => plugin.action !== "nothing");
    const version = (/** @type {any} */ part) => part?.version ?? "–";
    fill(result, h("h2", {}, changed.length ? plural(changed.length, "plugin") + " will change" : "Nothing would change"),
      plan.prune && h("p", { class: "notice" }, "The file says ", h("code", {}, "prune: true"), ": plugins that it does not list are removed."),
      wide(h("table", { aria: { label: "Plan" } }, h("thead", {}, h("tr", {}, ["Plugin", "Action", "Version", "Configuration", "New permissions", "Warnings"].map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, plan.plugins.map((/** @type {any} */ plugin) => h("tr", {}, h("th", { scope: "row" }, plugin.id), h("td", {}, badge(plugin.action, "good")), h("td", {}, version(plugin.before), " → ", version(plugin.after)),
          h("td", { class: "wrap" }, plugin.configuration.map((/** @type {any} */ change) => h("div", {}, h("code", {}, change.pointer), " ", JSON.stringify(change.before) ?? "–", " → ", JSON.stringify(change.after) ?? "–"))), h("td", {}, plugin.new_permissions.join(", ")), h("td", { class: "wrap" }, plugin.warnings.join(" · "))))))),
      changed.length > 0 && h("div", { class: "row" }, button("Apply", async () => {
        const job = await api("POST", "/api/plugins/apply", { body: { plan: plan.plan }, headers: { Prefer: "respond-async" } });
        go("/console/jobs/" + encodeURIComponent(job.id));
      })));
  }
}
