// Parts that several pages share: refusals, badges, dialogs, messages, logs.
import { Failure } from "./api.js";
import { fill, h, words } from "./dom.js";
import { ago, exact } from "./format.js";

/** The symbol and colour of a phase, health or job state, which is always shown with its word. @type {Record<string, [string, string]>} */
const LOOKS = {
  running: ["●", "good"], healthy: ["●", "good"], done: ["✓", "good"], good: ["●", "good"],
  degraded: ["▲", "warn"], draining: ["▲", "warn"], unknown: ["○", "calm"], queued: ["○", "calm"],
  stopped: ["■", "calm"], disabled: ["■", "calm"], cancelled: ["■", "calm"], superseded: ["■", "calm"],
  failed: ["✕", "bad"], unhealthy: ["✕", "bad"], quarantined: ["✕", "bad"], timed_out: ["✕", "bad"],
  fetching: ["◌", "busy"], building: ["◌", "busy"], loading: ["◌", "busy"], active: ["◌", "busy"],
};

/** A state as a symbol and a word. @param {string} word @param {string} [look] the look of another word */
export function badge(word, look = word) {
  const [symbol, kind] = LOOKS[look] ?? ["○", "calm"];
  return h("span", { class: "badge " + kind }, h("span", { aria: { hidden: "true" } }, symbol), " ", word.replaceAll("_", " "));
}

/** A time that is shown relative to now, with the exact one as a tooltip. @param {number | null | undefined} at */
export function time(at) {
  return at ? h("time", { title: exact(at), datetime: new Date(at).toISOString(), data: { at: String(at) } }, ago(at)) : h("span", {}, "never");
}

setInterval(() => {
  for (const shown of document.querySelectorAll("time[data-at]")) {
    const text = ago(Number(/** @type {HTMLElement} */ (shown).dataset.at));
    if (shown.textContent !== text) shown.textContent = text;
  }
}, 10_000);

/** What failed, why, and the fix, as a box. @param {any} failure */
export function refusal(failure) {
  const problem = failure instanceof Failure ? failure.problem : (failure?.code ? failure : null);
  const detail = problem?.detail ?? failure?.message ?? String(failure);
  const fix = problem?.fix;
  const errors = problem?.errors ?? [];
  return h("div", { class: "refusal", role: "alert" },
    h("p", {}, h("strong", {}, words(detail))),
    errors.length > 0 && h("ul", {}, errors.map((/** @type {any} */ error) => h("li", {}, error.pointer ? h("code", {}, error.pointer) : null, error.pointer ? " " : null, error.message.includes("\n") ? h("pre", { tabindex: 0 }, error.message) : words(error.message)))),
    fix && h("p", { class: "fix" }, h("span", { class: "label" }, "To fix it: "), words(fix), " ", copy(commandOf(fix))),
    problem?.code && h("p", { class: "quiet" }, h("a", { href: "/docs/errors#" + encodeURIComponent(problem.code) }, problem.code), problem.request_id ? " · request " + problem.request_id : ""));
}

/** The part of a fix to paste: its first part in backticks, or all of it. @param {string} fix */
function commandOf(fix) {
  return /`([^`]+)`/.exec(fix)?.[1] ?? fix;
}

/** A button that copies a text. @param {string} text */
export function copy(text) {
  const button = h("button", { type: "button", class: "small plain", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed by the browser";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  } }, "Copy");
  return button;
}

/** Shows a message for some seconds; screen readers announce it. @param {string} text @param {"good" | "bad"} [kind] @param {string} [href] */
export function toast(text, kind = "good", href) {
  const place = document.getElementById("toasts");
  const close = () => shown.remove();
  const shown = h("div", { class: "toast " + kind }, href ? h("a", { href, onclick: close }, text) : text, h("button", { type: "button", class: "plain small", aria: { label: "Dismiss" }, onclick: close }, "✕"));
  place?.append(shown);
  setTimeout(close, kind === "bad" ? 20_000 : 8000);
}

/**
 * A button that runs `action`, is disabled meanwhile, and shows a failure as a message.
 * @param {string} text @param {(event: Event) => any} action @param {Record<string, any>} [properties]
 */
export function button(text, action, properties) {
  const element = /** @type {HTMLButtonElement} */ (h("button", { type: "button", ...properties, onclick: async (/** @type {Event} */ event) => {
    element.disabled = true;
    try {
      await action(event);
    } catch (error) {
      if (/** @type {any} */ (error).name !== "AbortError") await explain(text + " failed", error);
    } finally {
      element.disabled = false;
    }
  } }, text));
  return element;
}

/** Shows a dialog with a failure. @param {string} title @param {any} failure */
export function explain(title, failure) {
  return dialog(title, refusal(failure), []);
}

/**
 * Shows a modal dialog and returns the value of the chosen button, or "" after Escape.
 * @param {string} title @param {any} content @param {{text: string, value: string, kind?: string}[]} choices @param {string} [cancel]
 * @returns {Promise<string>}
 */
export function dialog(title, content, choices, cancel = choices.length ? "Cancel" : "Close") {
  return new Promise((resolve) => {
    const form = h("form", { method: "dialog" },
      h("h2", { id: "dialog-title" }, title), content,
      h("div", { class: "row end" },
        h("button", { value: "", class: "plain", formnovalidate: true }, cancel),
        choices.map((choice) => h("button", { value: choice.value, class: choice.kind ?? "" }, choice.text))));
    const element = /** @type {HTMLDialogElement} */ (h("dialog", { aria: { labelledby: "dialog-title" } }, form));
    element.addEventListener("close", () => {
      resolve(element.returnValue);
      element.remove();
    });
    document.body.append(element);
    element.showModal();
  });
}

/**
 * Asks for a confirmation and a reason. Returns null if it was cancelled.
 * @param {string} title @param {any} content @param {string} confirm @param {string} [kind]
 * @returns {Promise<{reason: string} | null>}
 */
export async function confirm(title, content, confirm, kind = "") {
  const reason = /** @type {HTMLInputElement} */ (h("input", { id: "reason", maxlength: 200, autocomplete: "off" }));
  const chosen = await dialog(title, [content, h("label", { for: "reason" }, "Reason (optional, kept in the history)"), reason], [{ text: confirm, value: "yes", kind }]);
  return chosen === "yes" ? { reason: reason.value.trim() } : null;
}

/** The query of an operation: `?reason=…`. @param {string} reason */
export function withReason(reason) {
  return reason ? "?reason=" + encodeURIComponent(reason) : "";
}

/** A table that scrolls sideways on its own where it is wider than the page; the keyboard can scroll it too. @param {HTMLElement} table */
export function wide(table) {
  return h("div", { class: "wide", tabindex: 0, role: "region", aria: { label: (table.getAttribute("aria-label") ?? "") + ", scrollable" } }, table);
}

/** A list of names and values. @param {[string, any][]} rows */
export function facts(rows) {
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value != null && value !== "" && value !== false).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** A log to which lines are appended; it follows the end unless the reader has scrolled up. @param {string} label */
export function logView(label) {
  const element = h("pre", { class: "log", tabindex: 0, role: "log", aria: { label, live: "off" } });
  const MAX = 5000;
  return {
    element,
    /** @param {string[]} lines */
    append(lines) {
      const follows = element.scrollTop + element.clientHeight >= element.scrollHeight - 30;
      element.append(...lines.map((line) => h("span", { class: lookOf(line) }, line + "\n")));
      while (element.childNodes.length > MAX) element.firstChild?.remove();
      if (follows) element.scrollTop = element.scrollHeight;
    },
    clear: () => fill(element),
  };
}

/** @param {string} line */
function lookOf(line) {
  if (/^\s*error(\[|:)/i.test(line)) return "bad";
  return /^\s*warning(\[|:)/i.test(line) ? "warn" : "";
}
