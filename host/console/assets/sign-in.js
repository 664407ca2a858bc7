// Sign-in with a password or a token.
import { api, me } from "./api.js";
import { fill, h } from "./dom.js";
import { refusal } from "./parts.js";

/** Shows the form and returns to the path of the page. @param {import("./app.js").Page} page */
export function signInPage({ root, title, go, signal }) {
  title("Sign in");
  const name = /** @type {HTMLInputElement} */ (h("input", { id: "name", name: "username", autocomplete: "username", autocapitalize: "off", spellcheck: "false" }));
  const secret = /** @type {HTMLInputElement} */ (h("input", { id: "secret", name: "password", type: "password", autocomplete: "current-password", required: true }));
  const problem = h("div", {});
  const submit = /** @type {HTMLButtonElement} */ (h("button", { type: "submit" }, "Sign in"));
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    fill(problem);
    const value = secret.value.trim();
    const isToken = /^(Bearer )?"?dph_/.test(value) || !name.value.trim();
    const body = isToken ? { token: value.replace(/^"|"$/g, "") } : { username: name.value.trim(), password: secret.value };
    try {
      me.set(await api("POST", "/api/session", { body, signal }));
      go(location.pathname + location.search, true);
    } catch (error) {
      if (signal.aborted) return;
      fill(problem, refusal(error));
      secret.focus();
    } finally {
      submit.disabled = false;
    }
  };
  fill(root, h("div", { class: "sign-in" },
    h("h1", {}, "Sign in"),
    h("form", { onsubmit: send },
      h("label", { for: "name" }, "User or token name"), name,
      h("label", { for: "secret" }, "Password or token"), secret,
      problem, h("div", { class: "row" }, submit)),
    h("p", { class: "quiet" }, "The first start of the host stores the initial admin token in ", h("code", {}, "operator.token"), " in its plugin folder and prints the path. With a token, the name may be left empty.")));
  name.focus();
}
