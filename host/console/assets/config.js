// The configuration of a plugin: a field per value, and the whole as JSON.
import { api, send } from "./api.js";
import { fill, h } from "./dom.js";
import { button, refusal, toast } from "./parts.js";

/** @typedef {{path: string[], value: any, origin: string, fallback: any}} Setting */

/** @param {import("./plugin.js").Tab} tab */
export async function configurationTab({ id, path, root, signal }) {
  const load = async () => {
    const { body, headers } = await send("GET", path + "/config", { signal });
    render(body, headers.get("etag") ?? "");
  };

  /** @param {any} shown the answer of `GET …/config` @param {string} etag */
  function render(shown, etag) {
    const settings = leaves(shown);
    const problem = h("div", {});
    const inputs = settings.map((setting, n) => ({ setting, input: field(setting, "setting-" + n) }));
    /** @param {any} body a JSON merge patch, or the whole value for PUT @param {string} method */
    const save = async (body, method) => {
      fill(problem);
      try {
        const result = await api(method, path + "/config", { body, headers: etag ? { "If-Match": etag } : {} });
        toast(result?.message ?? "The configuration is changed.");
        await load();
      } catch (error) {
        fill(problem, refusal(error), /** @type {any} */ (error).status === 412 && button("Load the current values", load, { class: "plain" }));
      }
    };
    const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "json", rows: 12, spellcheck: "false", value: JSON.stringify(shown.set ?? {}, null, 2) }));
    fill(root,
      h("p", { class: "quiet" }, "Values that are set here override those of the host's configuration file and the defaults of plugin.yaml. Masked secrets stay as they are unless you enter another value."),
      problem,
      settings.length > 0 && h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const patch = {};
        try {
          for (const { setting, input } of inputs) if (input.isChanged()) put(patch, setting.path, input.value());
        } catch (error) {
          return fill(problem, refusal(error));
        }
        if (Object.keys(patch).length) save(patch, "PATCH");
        else toast("Nothing was changed.");
      } }, h("h2", {}, "Values"), inputs.map(({ setting, input }, n) => h("div", { class: "setting" },
        h("label", { for: "setting-" + n }, h("code", {}, setting.path.join("."))), input.element,
        h("span", { class: "quiet" }, setting.origin, setting.origin === "set here" && [" · default ", h("code", {}, JSON.stringify(setting.fallback) ?? "none"), " ", button("Reset", () => {
          const patch = {};
          put(patch, setting.path, null);
          return save(patch, "PATCH");
        }, { class: "plain small", aria: { label: "Reset " + setting.path.join(".") } })]))),
      h("div", { class: "row" }, h("button", { type: "submit" }, "Save"))),
      h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        let value;
        try {
          value = JSON.parse(text.value);
        } catch (error) {
          return fill(problem, refusal({ message: "the text is not JSON: " + /** @type {any} */ (error).message }));
        }
        save(value, "PUT");
      } }, h("h2", {}, h("label", { for: "json" }, "Values set for " + id + ", as JSON")), text, h("div", { class: "row" }, h("button", { type: "submit", class: "plain" }, "Replace"))));
  }
  await load();
}

/** The single values with their origins. @param {any} shown @returns {Setting[]} */
function leaves(shown) {
  const at = (/** @type {any} */ tree, /** @type {string[]} */ path) => path.reduce((part, key) => part?.[key], tree);
  /** @type {Setting[]} */
  const found = [];
  const walk = (/** @type {any} */ value, /** @type {string[]} */ path) => {
    const isObject = value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;
    if (isObject) return Object.entries(value).forEach(([key, part]) => walk(part, [...path, key]));
    if (!path.length) return;
    const origin = at(shown.set, path) !== undefined ? "set here" : at(shown.host_file, path) !== undefined ? "from the host's configuration file" : "default";
    found.push({ path, value, origin, fallback: at(shown.host_file, path) ?? at(shown.defaults, path) });
  };
  walk(shown.configuration ?? {}, []);
  return found;
}

/** @param {Record<string, any>} tree @param {string[]} path @param {any} value */
function put(tree, path, value) {
  path.slice(0, -1).reduce((part, key) => (part[key] ??= {}), tree)[path[path.length - 1]] = value;
}

/** A field for a value of its type. @param {Setting} setting @param {string} id */
function field({ value }, id) {
  if (typeof value === "boolean") {
    const element = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id }));
    element.checked = value;
    return { element, value: () => element.checked, isChanged: () => element.checked !== value };
  }
  const kind = typeof value === "number" ? "number" : "text";
  const first = typeof value === "string" ? value : JSON.stringify(value);
  const element = /** @type {HTMLInputElement} */ (h("input", { type: kind, step: kind === "number" ? "any" : null, id, value: first, autocomplete: "off", spellcheck: "false" }));
  const read = () => {
    if (typeof value === "string") return element.value;
    try {
      return JSON.parse(element.value);
    } catch {
      throw new Error("`" + element.value + "` is not a JSON value such as `" + first + "`");
    }
  };
  return { element, value: read, isChanged: () => element.value !== first };
}
