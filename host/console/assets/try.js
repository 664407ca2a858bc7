// The endpoints of a plugin, each with a form that sends a request.
import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { duration, size } from "./format.js";
import { button } from "./parts.js";

const MAX_SHOWN = 256 * 1024;
const MAX_MS = 3000;
const WITH_BODY = ["POST", "PUT", "PATCH", "DELETE"];

/** @param {import("./plugin.js").Tab} tab */
export async function endpointsTab({ id, path, root, signal }) {
  const { plugin } = await api("GET", path, { signal });
  const endpoints = plugin.metadata.endpoints;
  fill(root, endpoints.length === 0 && h("p", { class: "quiet" }, "This plugin has no endpoints."),
    endpoints.map((/** @type {any} */ endpoint, /** @type {number} */ n) => h("details", { class: "card", open: n === 0 },
      h("summary", {}, h("code", { class: "method" }, endpoint.method), " ", h("code", {}, endpoint.path), " ", h("span", { class: "quiet" }, endpoint.description)),
      form(id, endpoint, "endpoint-" + n))));
}

/** @param {string} id @param {any} endpoint @param {string} prefix of the ids of its fields */
function form(id, endpoint, prefix) {
  const methods = endpoint.method === "*" || endpoint.method === "ANY" ? ["GET", "POST", "PUT", "PATCH", "DELETE"] : endpoint.method.split(/[,|]\s*/);
  const method = /** @type {HTMLSelectElement} */ (h("select", { id: prefix + "-method" }, methods.map((/** @type {string} */ name) => h("option", { value: name }, name))));
  const parameters = [...endpoint.path.matchAll(/[:*{](\w+)\}?/g)].map(([whole, name]) => ({ whole, name, input: /** @type {HTMLInputElement} */ (h("input", { id: prefix + "-" + name, required: true, autocomplete: "off" })) }));
  const query = /** @type {HTMLInputElement} */ (h("input", { id: prefix + "-query", placeholder: "name=value&…", autocomplete: "off" }));
  const body = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: prefix + "-body", rows: 4, spellcheck: "false" }));
  const kind = /** @type {HTMLInputElement} */ (h("input", { id: prefix + "-type", value: "application/json", autocomplete: "off" }));
  const result = h("div", { class: "result", role: "status" });
  const hasBody = methods.some((/** @type {string} */ name) => WITH_BODY.includes(name));
  const address = () => {
    const path = parameters.reduce((path, { whole, input }) => path.replace(whole, input.value.split("/").map(encodeURIComponent).join(whole.startsWith("*") ? "/" : "%2F")), endpoint.path);
    return "/api/plugin-endpoints/" + id + path + (query.value ? "?" + query.value.replace(/^\?/, "") : "");
  };
  const send = async () => {
    const missing = parameters.find(({ input }) => !input.value);
    if (missing) return missing.input.focus();
    const begun = performance.now();
    fill(result, h("p", { class: "busy" }, "Waiting for the answer…"));
    try {
      const hasContent = WITH_BODY.includes(method.value) && body.value;
      const response = await fetch(address(), { method: method.value, headers: { "X-Plugin-Host-Console": "1", ...(hasContent ? { "Content-Type": kind.value } : {}) }, body: hasContent ? body.value : undefined, cache: "no-store" });
      const { text, isCut } = await read(response);
      const isJson = (response.headers.get("content-type") ?? "").includes("json");
      fill(result,
        h("p", {}, h("strong", { class: response.ok ? "good" : "bad" }, response.status + " " + response.statusText), " in ", duration((performance.now() - begun) / 1000), ", ", size(text.length)),
        h("details", {}, h("summary", {}, "Headers"), h("dl", { class: "facts" }, [...response.headers].map(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)]))),
        h("pre", { class: "log", tabindex: 0, aria: { label: "Body of the answer" } }, isJson ? pretty(text) : text),
        isCut && h("p", { class: "quiet" }, "The answer is longer. It is shown up to " + size(MAX_SHOWN) + " or " + duration(MAX_MS / 1000) + "."));
    } catch (error) {
      fill(result, h("p", { class: "refusal", role: "alert" }, "No answer: " + /** @type {any} */ (error).message));
    }
  };
  return h("form", { onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), send()) },
    methods.length > 1 && [h("label", { for: prefix + "-method" }, "Method"), method],
    parameters.map(({ name, input }) => [h("label", { for: prefix + "-" + name }, "Parameter ", h("code", {}, name)), input]),
    h("label", { for: prefix + "-query" }, "Query"), query,
    hasBody && [h("label", { for: prefix + "-type" }, "Content type"), kind, h("label", { for: prefix + "-body" }, "Body"), body],
    h("div", { class: "row" }, h("button", { type: "submit" }, "Send"),
      button("Copy as curl", () => navigator.clipboard.writeText(curlCommand(method.value, location.origin + address(), body.value, kind.value)), { class: "plain" })),
    result);
}

/** Reads at most `MAX_SHOWN` characters, and of an answer that takes longer than `MAX_MS` what has arrived by then. @param {Response} response */
async function read(response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const late = new Promise((resolve) => setTimeout(() => resolve({ done: true, late: true }), MAX_MS));
  for (;;) {
    const part = reader ? await Promise.race([reader.read(), late]) : { done: true };
    if (part.value) text += part.value;
    if (part.done || text.length > MAX_SHOWN) {
      const isCut = Boolean(part.late) || text.length > MAX_SHOWN;
      if (isCut) reader?.cancel();
      return { text: text.slice(0, MAX_SHOWN), isCut };
    }
  }
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** @param {string} method @param {string} url @param {string} body @param {string} kind */
function curlCommand(method, url, body, kind) {
  const quote = (/** @type {string} */ text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const content = WITH_BODY.includes(method) && body ? " -H " + quote("Content-Type: " + kind) + " -d " + quote(body) : "";
  return "curl -X " + method + content + " " + quote(url);
}
