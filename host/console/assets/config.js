// The configuration of a plugin: a form from its JSON Schema, and the whole as JSON. Both can be checked before they are saved.
import { api, send } from "./api.js";
import { fill, h } from "./dom.js";
import { button, refusal, toast } from "./parts.js";

/** @typedef {{path: string[], value: any, origin: string, fallback: any, schema: any, isRequired: boolean}} Setting */
/** @typedef {{element: HTMLElement, value: () => any, isChanged: () => boolean}} Field */

/** @param {import("./plugin.js").Tab} tab */
export async function configurationTab({ id, path, root, signal }) {
  const load = async () => {
    const [{ body, headers }, schema] = await Promise.all([send("GET", path + "/config", { signal }), api("GET", path + "/config/schema", { signal })]);
    render(body, headers.get("etag") ?? "", schema);
  };

  /** @param {any} shown the answer of `GET …/config` @param {string} etag @param {any} schema the JSON Schema */
  function render(shown, etag, schema) {
    const settings = leaves(shown, schema);
    const problem = h("div", {});
    const checked = h("div", { role: "status" });
    const inputs = settings.map((setting, n) => ({ setting, input: field(setting, "setting-" + n) }));
    /** @param {any} body a JSON merge patch, or the whole value for PUT @param {string} method @param {boolean} [isDry] only checks the change */
    const save = async (body, method, isDry = false) => {
      fill(problem);
      fill(checked);
      try {
        const result = await api(method, path + "/config" + (isDry ? "?dry_run=true" : ""), { body, headers: etag ? { "If-Match": etag } : {} });
        if (isDry) return fill(checked, report(result));
        toast(result?.message ?? "The configuration is changed.");
        await load();
      } catch (error) {
        fill(problem, refusal(error), /** @type {any} */ (error).status === 412 && button("Load the current values", load, { class: "plain" }));
      }
    };
    const saveForm = (/** @type {boolean} */ isDry) => {
      const patch = {};
      try {
        for (const { setting, input } of inputs) if (input.isChanged()) put(patch, setting.path, input.value());
      } catch (error) {
        return fill(problem, refusal(error));
      }
      return Object.keys(patch).length ? save(patch, "PATCH", isDry) : toast("Nothing was changed.");
    };
    const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "json", rows: 12, spellcheck: "false", value: JSON.stringify(shown.set ?? {}, null, 2) }));
    const saveText = (/** @type {boolean} */ isDry) => {
      let value;
      try {
        value = JSON.parse(text.value);
      } catch (error) {
        return fill(problem, refusal({ message: "the text is not JSON: " + /** @type {any} */ (error).message }));
      }
      return save(value, "PUT", isDry);
    };
    const form = /** @type {HTMLFormElement} */ (h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), saveForm(false)) }, h("h2", {}, "Values"), inputs.map(row),
      h("div", { class: "row" }, h("button", { type: "submit" }, "Save"), button("Check", () => form.reportValidity() && saveForm(true), { class: "plain" }))));

    /** @param {{setting: Setting, input: Field}} shown @param {number} n */
    function row({ setting, input }, n) {
      const about = [setting.schema.description, limits(setting), setting.origin].filter(Boolean).join(" · ");
      input.element.setAttribute("aria-describedby", "about-" + n);
      return h("div", { class: "setting" }, h("label", { for: "setting-" + n }, h("code", {}, setting.path.join("."))), input.element,
        h("span", { class: "quiet", id: "about-" + n }, about, setting.origin === "set here" && [" · default ", h("code", {}, JSON.stringify(setting.fallback) ?? "none"), " ", button("Reset", () => {
          const patch = {};
          put(patch, setting.path, null);
          return save(patch, "PATCH");
        }, { class: "plain small", aria: { label: "Reset " + setting.path.join(".") } })]));
    }

    fill(root,
      h("p", { class: "quiet" }, "Values that are set here override those of the host's configuration file and the defaults of plugin.yaml. Masked secrets stay as they are unless you enter another value. ", h("em", {}, "Check"), " shows what a change would do and changes nothing."),
      problem, checked, settings.length > 0 && form,
      h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), saveText(false)) }, h("h2", {}, h("label", { for: "json" }, "Values set for " + id + ", as JSON")), text,
        h("div", { class: "row" }, h("button", { type: "submit", class: "plain" }, "Replace"), button("Check JSON", () => saveText(true), { class: "plain" }))));
  }
  await load();
}

/** The result of a check. @param {any} result */
function report(result) {
  const shown = (/** @type {any} */ value) => (value === undefined ? "–" : JSON.stringify(value));
  return h("div", { class: "card good" }, h("p", {}, h("strong", {}, result.message), result.checked_by_plugin ? "" : " Only the schema was checked: the plugin is not running, or has no check of its own."),
    result.warnings.length > 0 && h("ul", { class: "warnings" }, result.warnings.map((/** @type {string} */ warning) => h("li", {}, warning))),
    h("dl", { class: "facts" }, result.changes.map((/** @type {any} */ change) => [h("dt", {}, h("code", {}, change.pointer)), h("dd", { class: "wrap" }, h("del", {}, shown(change.before)), " → ", h("ins", {}, shown(change.after)))])));
}

/** The single values of the configuration and of its schema, with their origins. @param {any} shown @param {any} schema @returns {Setting[]} */
function leaves(shown, schema) {
  const at = (/** @type {any} */ tree, /** @type {string[]} */ path) => path.reduce((part, key) => part?.[key], tree);
  const isObject = (/** @type {any} */ value) => value !== null && typeof value === "object" && !Array.isArray(value);
  /** @type {Setting[]} */
  const found = [];
  const walk = (/** @type {any} */ value, /** @type {any} */ part, /** @type {string[]} */ path, /** @type {boolean} */ isRequired) => {
    const node = resolved(schema, part);
    const known = isObject(node.properties) && (value === undefined || isObject(value)) ? Object.keys(node.properties) : [];
    const keys = [...new Set([...known, ...(isObject(value) ? Object.keys(value) : [])])];
    if (keys.length && path.length < 8) return keys.forEach((key) => walk(value?.[key], node.properties?.[key], [...path, key], Boolean(node.required?.includes?.(key))));
    if (!path.length) return;
    const origin = at(shown.set, path) !== undefined ? "set here" : at(shown.host_file, path) !== undefined ? "from the host's configuration file" : at(shown.defaults, path) !== undefined ? "default" : "not set";
    found.push({ path, value, origin, fallback: at(shown.host_file, path) ?? at(shown.defaults, path), schema: node, isRequired });
  };
  walk(shown.configuration ?? {}, schema, [], false);
  return found;
}

/** A part of a schema, behind its references `#/…`. @param {any} schema @param {any} part @returns {any} */
function resolved(schema, part) {
  for (let n = 0; n < 10 && typeof part?.$ref === "string"; n += 1) {
    const { $ref, ...beside } = part;
    const target = $ref.slice(1).split("/").slice(1).reduce((/** @type {any} */ tree, /** @type {string} */ key) => tree?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], schema);
    part = { ...(typeof target === "object" ? target : {}), ...beside };
  }
  return part !== null && typeof part === "object" ? part : {};
}

/** The rules of a value in words. @param {Setting} setting */
function limits({ schema, isRequired }) {
  const range = (/** @type {any} */ least, /** @type {any} */ most, /** @type {string} */ what) => (least === undefined && most === undefined ? "" : what + [least !== undefined && "at least " + least, most !== undefined && "at most " + most].filter(Boolean).join(", "));
  return [isRequired && "required", range(schema.minimum, schema.maximum, ""), range(schema.minLength, schema.maxLength, "length ")].filter(Boolean).join(", ");
}

/** @param {Record<string, any>} tree @param {string[]} path @param {any} value */
function put(tree, path, value) {
  path.slice(0, -1).reduce((part, key) => (part[key] ??= {}), tree)[path[path.length - 1]] = value;
}

/** A field for a value of the type in its schema. A value that is not set stays so while the field is empty. @param {Setting} setting @param {string} id @returns {Field} */
function field({ value, schema, isRequired }, id) {
  const types = [schema.type ?? []].flat().filter((/** @type {string} */ type) => type !== "null");
  const type = types.length === 1 ? types[0] : value === undefined ? "any" : Array.isArray(value) ? "array" : typeof value;
  const isSet = value !== undefined;
  const choices = Array.isArray(schema.enum) ? schema.enum : type === "boolean" && !isSet ? [false, true] : null;
  if (choices) {
    const texts = choices.map((/** @type {any} */ choice) => JSON.stringify(choice));
    const first = isSet ? JSON.stringify(value) : "";
    const element = /** @type {HTMLSelectElement} */ (h("select", { id, required: isRequired }, !texts.includes(first) && h("option", { value: first }, first || "not set"), texts.map((/** @type {string} */ text, /** @type {number} */ n) => h("option", { value: text }, typeof choices[n] === "string" ? choices[n] : text))));
    element.value = first;
    return { element, value: () => JSON.parse(element.value), isChanged: () => element.value !== first };
  }
  if (typeof value === "boolean") {
    const element = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id }));
    element.checked = value;
    return { element, value: () => element.checked, isChanged: () => element.checked !== value };
  }
  const isNumber = (type === "number" || type === "integer") && (!isSet || typeof value === "number");
  const isText = typeof value === "string" || (!isSet && type === "string");
  const isSecret = schema.writeOnly === true || schema.format === "password" || schema["x-secret"] === true;
  const first = !isSet ? "" : isText ? value : JSON.stringify(value);
  const element = /** @type {HTMLInputElement} */ (h("input", { type: isNumber ? "number" : isSecret && isText ? "password" : "text", id, value: first, required: isRequired,
    min: isNumber && schema.minimum, max: isNumber && schema.maximum, step: isNumber && (type === "integer" ? 1 : "any"), minlength: isText && schema.minLength, maxlength: isText && schema.maxLength,
    placeholder: isSet ? null : "not set", autocomplete: isSecret ? "new-password" : "off", spellcheck: "false" }));
  const read = () => {
    if (isText) return element.value;
    try {
      return JSON.parse(element.value);
    } catch {
      throw new Error("`" + element.value + "` is not a JSON value such as `" + (first || "[\"text\", 1]") + "`");
    }
  };
  return { element, value: read, isChanged: () => element.value !== first };
}
