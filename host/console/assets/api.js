// Requests to the public API of the host. The session is in a cookie that scripts cannot read; it counts only together with
// the header below.
import { store } from "./dom.js";

const HEADERS = { "X-Plugin-Host-Console": "1" };

/** True while the host answers. */
export const connected = store(true);
/** The caller as `GET /api/me` returns it; null while nobody is signed in, undefined before the first answer. */
export const me = store(/** @type {any} */ (undefined));

/** An error response of the host. */
export class Failure extends Error {
  /** @param {any} problem a problem document (RFC 9457) @param {number} status */
  constructor(problem, status) {
    super(problem.detail || problem.title || "the host answered with status " + status);
    this.problem = problem;
    this.status = status;
    this.code = problem.code ?? "";
    this.fix = problem.fix ?? "";
  }
}

/**
 * Sends a request and returns the parsed JSON answer; null for an answer without a body.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 */
export async function api(method, path, options = {}) {
  return (await send(method, path, options)).body;
}

/** As `api`, with the response headers. @param {string} method @param {string} path @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [options] */
export async function send(method, path, { body, headers, signal } = {}) {
  const isJson = body !== undefined && !(body instanceof Blob);
  const response = await reach(path, {
    method,
    signal,
    headers: { Accept: "application/json", ...(isJson ? { "Content-Type": "application/json" } : {}), ...headers },
    body: isJson ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  return { body: await read(response, text), headers: response.headers, status: response.status };
}

/** Returns a text answer. @param {string} path @param {AbortSignal} [signal] @param {string} [accept] */
export async function getText(path, signal, accept = "text/plain") {
  const response = await reach(path, { headers: { Accept: accept }, signal });
  const text = await response.text();
  if (!response.ok) await read(response, text);
  return text;
}

/** @param {string} path @param {RequestInit & {headers?: Record<string, string>}} options */
async function reach(path, options) {
  try {
    const response = await fetch(path, { cache: "no-store", ...options, headers: { ...HEADERS, ...options.headers } });
    connected.set(true);
    return response;
  } catch (error) {
    if (/** @type {any} */ (error).name !== "AbortError") connected.set(false);
    throw error;
  }
}

/** @param {Response} response @param {string} text */
async function read(response, text) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = { detail: text.slice(0, 500) };
  }
  if (response.ok) return body;
  if (response.status === 401 && me.get()) me.set(null);
  throw new Failure(body ?? {}, response.status);
}

/**
 * Follows a stream of server-sent events until `signal` aborts it or `onEvent` returns true. A lost connection is opened again
 * after a second and continues behind the last event.
 * @param {string} path
 * @param {(event: {id: string, name: string, data: string}) => boolean | void} onEvent
 * @param {AbortSignal} signal
 */
export async function follow(path, onEvent, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const response = await reach(path, { headers: { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) }, signal });
      if (!response.ok) await read(response, await response.text());
      const reader = /** @type {ReadableStream} */ (response.body).pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split(/\r?\n\r?\n/);
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          const event = parse(block);
          if (event.id) last = event.id;
          if (event.data !== null && onEvent({ ...event, data: event.data })) return void reader.cancel();
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Failure && error.status < 500) throw error;
    }
    await pause(1000, signal);
  }
}

/** @param {string} block */
function parse(block) {
  const event = { id: "", name: "message", data: /** @type {string | null} */ (null) };
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "id") event.id = value;
    else if (field === "event") event.name = value;
    else if (field === "data") event.data = event.data === null ? value : event.data + "\n" + value;
  }
  return event;
}

/** @param {number} ms @param {AbortSignal} signal */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}

/**
 * Calls `load` now and then every `ms` while the page is visible, until `signal` aborts. Failures go to `failed`.
 * @param {number} ms @param {AbortSignal} signal @param {() => Promise<any>} load @param {(error: any) => void} failed
 * @returns {() => void} loads now
 */
export function repeat(ms, signal, load, failed) {
  let timer = 0;
  let isLoading = false;
  let again = false;
  const run = async () => {
    if (signal.aborted) return;
    if (isLoading) return void (again = true);
    clearTimeout(timer);
    isLoading = true;
    try {
      if (!document.hidden) await load();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
    isLoading = false;
    if (signal.aborted) return;
    timer = setTimeout(run, again ? 0 : ms);
    again = false;
  };
  document.addEventListener("visibilitychange", run, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  run();
  return run;
}

/**
 * Uploads an archive and reports the progress between 0 and 1.
 * @param {File} file @param {string} path folder of the plugin in the archive @param {(part: number) => void} progress @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export function upload(file, path, progress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    if (path) form.append("path", path);
    form.append("plugin", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/plugins/upload");
    for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Error("the host cannot be reached")));
    request.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    request.addEventListener("load", () => {
      let body = /** @type {any} */ ({});
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = { detail: request.responseText.slice(0, 500) };
      }
      if (request.status < 300) resolve(body);
      else reject(new Failure(body, request.status));
    });
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
