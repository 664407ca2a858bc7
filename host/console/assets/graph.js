// The dependencies between plugins: a picture that the host draws, and the same as a table.
import { api, getText, repeat } from "./api.js";
import { fill, h } from "./dom.js";
import { badge, refusal, wide } from "./parts.js";

/** The words for a kind of relation. @type {Record<string, string>} */
const VERBS = { dependency: "needs", optional: "may use", run_after: "runs after", conflict: "conflicts with" };

/** @param {import("./app.js").Page} page */
export function graphPage({ root, signal, title }) {
  title("Graph");
  const content = h("section", { aria: { live: "polite" } });
  fill(root, h("h1", {}, "Graph"), h("p", {}, "The plugins and the plugins they refer to. A plugin stands to the right of the plugins that start before it."), content);
  let shown = "";
  const load = async () => {
    const [graph, picture] = await Promise.all([api("GET", "/api/plugins/graph", { signal }), getText("/api/plugins/graph?format=svg", signal, "image/svg+xml")]);
    if (picture === shown) return;
    shown = picture;
    render(graph, picture);
  };
  repeat(5000, signal, load, (error) => fill(content, refusal(error)));

  /** @param {any} graph @param {string} picture */
  function render(graph, picture) {
    if (!graph.nodes.length) return fill(content, h("p", {}, "No plugin is installed. ", h("a", { href: "/console/add" }, "Add a plugin")));
    const bytes = Array.from(new TextEncoder().encode(picture), (byte) => String.fromCharCode(byte)).join("");
    const source = "data:image/svg+xml;base64," + btoa(bytes);
    const installed = new Set(graph.nodes.map((/** @type {any} */ node) => node.id));
    const name = (/** @type {string} */ id) => (installed.has(id) ? h("a", { href: "/console/plugins/" + encodeURIComponent(id) }, id) : id);
    fill(content,
      graph.cycle && h("p", { class: "notice" }, graph.cycle),
      h("div", { class: "wide card", tabindex: 0, role: "region", aria: { label: "Picture of the graph, scrollable" } }, h("img", { src: source, alt: "Picture of the table below" })),
      h("p", {}, h("a", { href: source, download: "plugins.svg" }, "Download the picture")),
      wide(h("table", { aria: { label: "Relations" } },
        h("thead", {}, h("tr", {}, ["Plugin", "Relation", "Other plugin", "State"].map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, graph.nodes.flatMap((/** @type {any} */ node) => {
          const own = graph.edges.filter((/** @type {any} */ edge) => edge.from === node.id);
          const first = h("th", { scope: "row" }, name(node.id), " ", h("span", { class: "quiet" }, node.version, node.enabled ? "" : ", disabled"));
          if (!own.length) return [h("tr", {}, first, h("td", {}, "–"), h("td", {}), h("td", {}))];
          return own.map((/** @type {any} */ edge, /** @type {number} */ at) => h("tr", {}, at ? h("td", {}) : first, h("td", {}, VERBS[edge.kind] ?? edge.kind, edge.requirement ? " " + edge.requirement : ""), h("td", {}, name(edge.to)), h("td", {}, edge.satisfied ? badge("met", "good") : badge(edge.problem ?? "unmet", "failed"))));
        })))));
  }
}
