// Elements, lists that keep their rows, and a store that notifies its readers.

/**
 * Creates an element. Texts of plugins and of the host become text nodes, never markup.
 * @param {string} name
 * @param {Record<string, any>} [properties] `class`, `on…` listeners, `data` and `aria` objects, other attributes; `false`,
 *   `null` and `undefined` are left out
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === false || value == null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "aria") for (const [part, text] of Object.entries(value)) element.setAttribute("aria-" + part, String(text));
    else if (key === "value" && "value" in element) element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

/** @param {any[]} children @returns {(Node | string)[]} */
function flat(children) {
  return children.flat(Infinity).filter((child) => child != null && child !== false).map((child) => (child instanceof Node ? child : String(child)));
}

/** Creates an SVG element. @param {string} name @param {Record<string, any>} [attributes] @param {...any} children */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes ?? {})) if (value != null && value !== false) element.setAttribute(key, String(value));
  element.append(...flat(children));
  return element;
}

/** Replaces the children of an element. @param {Element} parent @param {...any} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...flat(children));
}

/** Sets a text, and changes nothing if it is the same. @param {Element} element @param {unknown} text */
export function setText(element, text) {
  const next = text == null ? "" : String(text);
  if (element.textContent !== next) element.textContent = next;
}

/**
 * Shows one child per item. Children of unchanged items are kept, so focus, selection and open details survive an update.
 * @template T
 * @param {Element} parent
 * @param {(item: T) => string} key
 * @param {(item: T) => {element: HTMLElement, update: (item: T) => void}} create
 */
export function list(parent, key, create) {
  /** @type {Map<string, {element: HTMLElement, update: (item: T) => void, shown: string}>} */
  const rows = new Map();
  return (/** @type {T[]} */ items) => {
    const wanted = new Set(items.map(key));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    let place = parent.firstElementChild;
    for (const item of items) {
      const id = key(item);
      const shown = JSON.stringify(item);
      let row = rows.get(id);
      if (!row) {
        row = { ...create(item), shown: "" };
        rows.set(id, row);
      }
      if (row.shown !== shown) {
        row.update(item);
        row.shown = shown;
      }
      if (row.element === place) place = place.nextElementSibling;
      else parent.insertBefore(row.element, place);
    }
  };
}

/** A value with readers that are called at once and after each change. @template T @param {T} value */
export function store(value) {
  /** @type {Set<(value: T) => void>} */
  const readers = new Set();
  return {
    get: () => value,
    set(/** @type {T} */ next) {
      value = next;
      for (const reader of readers) reader(next);
    },
    /** @param {(value: T) => void} reader @param {AbortSignal} [signal] ends the subscription */
    watch(reader, signal) {
      readers.add(reader);
      signal?.addEventListener("abort", () => readers.delete(reader));
      reader(value);
    },
  };
}

/** A text whose parts in backticks are shown as code. @param {unknown} text @returns {(string | HTMLElement)[]} */
export function words(text) {
  return String(text ?? "").split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}
