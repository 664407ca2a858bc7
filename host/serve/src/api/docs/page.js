"use strict";
// Shows /openapi.json and sends requests. What comes from the host, and so perhaps from a plugin, becomes text nodes only. The
// token lives in a variable of this page.

const MOST_SHOWN = 512 * 1024;
const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];
const $ = (id) => document.getElementById(id);
let token = "";
let spec = null;

// An element with attributes and children; children that are texts stay texts.
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// A text whose parts in backticks are shown as code.
function words(text) {
  return String(text || "").split("`").map((part, n) => n % 2 ? el("code", {}, part) : part);
}

function say(text, isBad) {
  $("say").textContent = text;
  $("say").className = isBad ? "bad" : "";
  $("say").hidden = !text;
}

$("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  say("Loading…");
  try {
    const answer = await fetch("/openapi.json", options("GET", { Authorization: "Bearer " + token }));
    const body = await answer.json();
    if (!answer.ok) return say((body.detail || answer.statusText) + (body.fix ? ": " + body.fix : ""), true);
    spec = body;
    say("");
    show();
  } catch (error) {
    say("The host can't be asked: " + error.message, true);
  }
});

$("find").addEventListener("input", filter);
window.addEventListener("hashchange", openFromAddress);

function options(method, headers, body, signal) {
  return { method, headers, body, signal, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
}

// === the list ===

function show() {
  $("version").textContent = spec.info.version;
  const groups = new Map(spec.tags.map((tag) => [tag.name, { says: tag.description, operations: [] }]));
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const operation = item[method];
      const group = groups.get(operation.tags[0]);
      if (group) group.operations.push({ path, method, operation });
    }
  }
  const sections = [...groups].filter(([, group]) => group.operations.length).map(([name, group]) =>
    el("section", {}, el("h2", {}, name), el("p", {}, words(group.says)), group.operations.map(card)));
  $("operations").replaceChildren(...sections);
  $("find").disabled = false;
  filter();
  openFromAddress();
}

function card({ path, method, operation }) {
  const place = el("div", {});
  const open = el("details", { class: "operation", id: operation.operationId },
    el("summary", {},
      el("span", { class: "method " + method }, method.toUpperCase()),
      el("span", { class: "path" }, path),
      el("span", { class: "what" }, words(operation.summary))),
    place);
  open.dataset.words = [method, path, operation.summary, operation.operationId].join(" ").toLowerCase();
  open.addEventListener("toggle", () => {
    if (open.open && !place.hasChildNodes()) place.append(...inside(path, method, operation));
  });
  return open;
}

function filter() {
  const wanted = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("#operations section")) {
    let n = 0;
    for (const open of section.querySelectorAll("details.operation")) {
      open.hidden = !wanted.every((word) => open.dataset.words.includes(word));
      if (!open.hidden) n += 1;
    }
    section.hidden = n === 0;
  }
}

function openFromAddress() {
  const open = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (open && open.tagName === "DETAILS") {
    open.open = true;
    open.scrollIntoView();
  }
}

// === one operation ===

function inside(path, method, operation) {
  const parts = [];
  const needs = (operation.security || []).length > 0;
  const role = operation["x-role"];
  const asked = Object.entries(operation["x-needs"] || {}).map(([kind, list]) => kind + " " + list.join(", "));
  parts.push(el("p", { class: "need" },
    needs ? "Needs a token" + (role ? " with the role " + role : asked.length ? " with " + asked.join("; ") : "") + ". " : "Needs no token. ",
    el("a", { href: "#" + encodeURIComponent(operation.operationId) }, "Link to this")));

  const fields = (operation.parameters || []).map((parameter) => ({ parameter, input: field(parameter) }));
  if (fields.length) {
    parts.push(el("h3", {}, "Parameters"), el("div", { class: "fields" }, fields.flatMap(({ parameter, input }) => [
      el("label", {}, el("code", {}, parameter.name), " ", el("span", { class: "says" }, parameter.in + (parameter.required ? ", required" : ""))),
      input,
      el("span", { class: "says" }, words(parameter.description)),
    ])));
  }

  const body = operation.requestBody && bodyField(operation.requestBody);
  if (body) parts.push(el("h3", {}, operation.requestBody.required ? "Body" : "Body, may be left out"), ...body.elements);

  const result = el("div", {});
  const stop = el("button", { type: "button", class: "plain", hidden: true }, "Stop");
  const send = el("button", { type: "button" }, "Send");
  const request = () => assemble(path, method, fields, body, needs);
  send.addEventListener("click", () => run(request, result, send, stop));
  const copy = el("button", { type: "button", class: "plain", onclick: () => showCurlCommand(request, result) }, "As curl");
  parts.push(el("div", { class: "row" }, send, copy, stop), result);

  const answers = Object.entries(operation.responses || {});
  parts.push(el("h3", {}, "Answers"), el("dl", { class: "statuses" }, answers.flatMap(([status, answer]) => {
    const found = resolve(answer);
    const media = Object.keys(found.content || {}).join(", ");
    return [el("dt", {}, status), el("dd", {}, words(found.description), media ? " — " + media : "")];
  })));
  for (const [status, answer] of answers.filter(([status]) => status < 300)) {
    const json = (resolve(answer).content || {})["application/json"];
    if (!json || !json.schema) continue;
    parts.push(el("details", {}, el("summary", {}, status + " looks like this"), el("pre", {}, JSON.stringify(example(json.schema, 0), null, 2))));
  }
  return parts;
}

function field(parameter) {
  const schema = resolve(parameter.schema || {});
  const types = [].concat(schema.type || []);
  if (types.includes("boolean")) {
    return el("select", { "aria-label": parameter.name }, ["", "true", "false"].map((value) => el("option", {}, value)));
  }
  const isNumber = types.includes("integer") || types.includes("number");
  return el("input", { "aria-label": parameter.name, spellcheck: "false", inputmode: isNumber ? "numeric" : "text" });
}

function bodyField(requestBody) {
  const media = Object.keys(requestBody.content);
  const choice = el("select", { "aria-label": "content type" }, media.map((type) => el("option", {}, type)));
  const text = el("textarea", { "aria-label": "body", spellcheck: "false" });
  const file = el("input", { type: "file", "aria-label": "file" });
  const fill = () => {
    const type = choice.value;
    const schema = (requestBody.content[type] || {}).schema;
    const isForm = type === "multipart/form-data";
    text.hidden = isForm;
    file.hidden = !isForm;
    text.value = schema && requestBody.required && type.includes("json") ? JSON.stringify(draft(schema), null, 2) : "";
  };
  choice.addEventListener("change", fill);
  fill();
  const value = () => {
    const type = choice.value;
    if (type === "multipart/form-data") {
      const form = new FormData();
      if (file.files[0]) form.append("plugin", file.files[0]);
      return { body: form };
    }
    if (!text.value) return {};
    return { body: text.value, type: type.includes("*") ? "text/plain" : type };
  };
  return { elements: [media.length > 1 ? choice : el("p", { class: "need" }, media[0]), text, file], value };
}

// === a request ===

function assemble(path, method, fields, body, needs) {
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  for (const { parameter, input } of fields) {
    const value = input.value;
    if (parameter.in === "path") {
      if (!value) throw new Error(parameter.name + " is required");
      const parts = value.split("/").map((part) => {
        if (part === "." || part === "..") throw new Error(parameter.name + ": a browser would not send `" + part + "`");
        return encodeURIComponent(part);
      });
      // Only a tail takes slashes; elsewhere they are sent encoded and refused.
      target = target.replace("{" + parameter.name + "}", () => parts.join(path.endsWith("{" + parameter.name + "}") ? "/" : "%2F"));
    } else if (value) {
      if (parameter.in === "query") query.append(parameter.name, value);
      else headers[parameter.name] = value;
    }
  }
  const { body: content, type } = body ? body.value() : {};
  if (type) headers["Content-Type"] = type;
  const text = query.toString();
  return { url: target + (text ? "?" + text : ""), method: method.toUpperCase(), headers, content, needs };
}

async function run(request, result, send, stop) {
  let made;
  try {
    made = request();
  } catch (error) {
    return result.replaceChildren(el("p", { class: "bad" }, error.message));
  }
  const control = new AbortController();
  const halt = () => control.abort();
  send.disabled = true;
  stop.hidden = false;
  stop.addEventListener("click", halt);
  const status = el("p", {}, "…");
  const text = el("pre", { hidden: true });
  const heads = el("pre", {});
  const more = el("details", { hidden: true }, el("summary", {}, "Headers"), heads);
  result.replaceChildren(status, more, text);
  const began = performance.now();
  const took = () => Math.round(performance.now() - began) + " ms";
  try {
    const headers = { ...made.headers };
    if (made.needs && token) headers.Authorization = "Bearer " + token;
    const answer = await fetch(made.url, options(made.method, headers, made.content, control.signal));
    status.textContent = answer.status + " " + answer.statusText + " after " + took();
    status.className = answer.ok ? "good" : "bad";
    heads.textContent = [...answer.headers].map(([name, value]) => name + ": " + value).join("\n");
    more.hidden = false;
    await read(answer, text);
  } catch (error) {
    const isStopped = error.name === "AbortError";
    status.textContent = isStopped ? "Stopped after " + took() : "No answer: " + error.message;
    status.className = isStopped ? "" : "bad";
  } finally {
    stop.removeEventListener("click", halt);
    stop.hidden = true;
    send.disabled = false;
  }
}

// Shows a body as it comes, so that streams can be watched.
async function read(answer, text) {
  if (!answer.body) return;
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  const isJson = /json/.test(answer.headers.get("content-type") || "");
  let whole = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    whole += decoder.decode(value, { stream: true });
    text.hidden = false;
    if (whole.length > MOST_SHOWN) {
      text.textContent = whole.slice(0, MOST_SHOWN) + "\n… the rest is not shown";
      return reader.cancel();
    }
    if (!isJson) text.textContent = whole;
  }
  if (!isJson) return;
  try {
    whole = JSON.stringify(JSON.parse(whole), null, 2);
  } catch { /* what says it is JSON and is none is shown as it is */ }
  text.textContent = whole;
}

function showCurlCommand(request, result) {
  let made;
  try {
    made = request();
  } catch (error) {
    return result.replaceChildren(el("p", { class: "bad" }, error.message));
  }
  const quote = (text) => "'" + String(text).replaceAll("'", "'\\''") + "'";
  const parts = ["curl", "-X", made.method, quote(location.origin + made.url)];
  if (made.needs) parts.push("-H", "\"Authorization: Bearer $TOKEN\"");
  for (const [name, value] of Object.entries(made.headers)) parts.push("-H", quote(name + ": " + value));
  if (made.content instanceof FormData) parts.push("-F", "plugin=@plugin.zip");
  else if (made.content) parts.push("--data-raw", quote(made.content));
  result.replaceChildren(el("pre", {}, parts.join(" ")));
}

// === schemas ===

function resolve(part) {
  for (let n = 0; part && part.$ref && n < 10; n += 1) {
    part = part.$ref.slice(2).split("/").reduce((at, key) => (at || {})[key.replaceAll("~1", "/").replaceAll("~0", "~")], spec);
  }
  return part || {};
}

// A body to fill in: `null` where nothing need be said, so that nothing is asked for that its reader did not write.
function draft(schema) {
  const found = resolve(schema);
  if (!found.properties) return example(schema, 0);
  const isOpen = (name, part) => !(found.required || []).includes(name) && [part, ...(part.oneOf || part.anyOf || [])].some((one) => [].concat(one.type).includes("null"));
  return Object.fromEntries(Object.entries(found.properties).map(([name, part]) => [name, isOpen(name, resolve(part)) ? null : example(part, 1)]));
}

// A value that fits, more or less: what is required, and at the top all there is.
function example(schema, depth) {
  const found = resolve(schema);
  if (depth > 5) return null;
  if (found.default !== undefined) return found.default;
  if (found.const !== undefined) return found.const;
  if (Array.isArray(found.enum)) return found.enum[0];
  if (Array.isArray(found.examples)) return found.examples[0];
  if (Array.isArray(found.allOf)) {
    const parts = found.allOf.map((part) => example(part, depth));
    return parts.every((part) => part && typeof part === "object") ? Object.assign({}, ...parts) : parts[0];
  }
  const choices = found.oneOf || found.anyOf;
  if (Array.isArray(choices)) return example(choices.find((choice) => choice.type !== "null") || {}, depth);
  const types = [].concat(found.type || (found.properties ? "object" : []));
  switch (types.find((type) => type !== "null")) {
    case "object": {
      const required = found.required || [];
      const names = Object.keys(found.properties || {}).filter((name) => depth === 0 || required.includes(name));
      return Object.fromEntries(names.map((name) => [name, example(found.properties[name], depth + 1)]));
    }
    case "array": return found.items ? [example(found.items, depth + 1)] : [];
    case "string": return "";
    case "integer": case "number": return found.minimum || 0;
    case "boolean": return false;
    default: return null;
  }
}
