// The host: its settings, its build cache, tokens and users.
import { api, me, repeat } from "./api.js";
import { fill, h } from "./dom.js";
import { count, duration, plural, size } from "./format.js";
import { button, confirm, dialog, facts, refusal, time, toast, wide } from "./parts.js";

/** @param {import("./app.js").Page} page */
export async function hostPage(page) {
  const { root, title, parameters } = page;
  const tab = parameters[0] || "overview";
  const tabs = [["overview", "Overview"], ["settings", "Settings"], ["access", "Tokens and users"]];
  const content = h("section", {});
  title("Host");
  fill(root, h("h1", {}, "Host"), h("nav", { class: "tabs", aria: { label: "Host" } }, tabs.map(([name, text]) => h("a", { href: "/console/host" + (name === "overview" ? "" : "/" + name), aria: name === tab ? { current: "page" } : {} }, text))), content);
  const show = { overview, settings, access }[tab];
  if (!show) return fill(content, h("p", {}, "The host has no page ", h("code", {}, tab), "."));
  const isForAdmins = tab !== "overview" && me.get().role !== "admin";
  if (isForAdmins) return fill(content, h("p", { class: "notice" }, "This page needs the role ", h("code", {}, "admin"), "; you have ", h("code", {}, me.get().role ?? "no role"), "."));
  await show(content, page.signal);
}

/** @param {HTMLElement} root @param {AbortSignal} signal */
async function overview(root, signal) {
  const problem = h("div", {});
  const now = h("div", { class: "columns" });
  fill(root, problem, now);
  const load = repeat(3000, signal, async () => {
    const [{ metrics }, cache, isolation] = await Promise.all(["/api/plugins/system/metrics", "/api/plugins/cache/info", "/api/system/isolation"].map((path) => api("GET", path, { signal })));
    fill(problem);
    fill(now,
      h("div", { class: "card" }, h("h2", {}, "Now"), facts([["Uptime", duration(metrics.manager_uptime)], ["Plugins", count(metrics.total_plugins)], ["Healthy", count(metrics.healthy_plugins)], ["Requests", count(metrics.total_requests)], ["Errors", count(metrics.total_errors)], ["Generations in memory", count(metrics.generations_mapped)]])),
      h("div", { class: "card" }, h("h2", {}, "Build cache"), facts([["Builds", count(cache.builds)], ["Size", size(cache.total_bytes)], ["Limit", size(cache.max_bytes)], ["Hit rate", Math.round(cache.hit_rate * 100) + " %"], ["Cleaned", time(cache.last_cleanup_unix_ms)]]),
        h("div", { class: "row" }, button("Clear", async () => {
          if (!(await confirm("Clear the build cache?", h("p", {}, "The next build of each plugin takes longer. Builds in use are kept."), "Clear"))) return;
          toast((await api("DELETE", "/api/plugins/cache")).message);
          load();
        }, { class: "plain" }))),
      h("div", { class: "card" }, h("h2", {}, "Isolation"), facts([["Mode", isolation.mode], ["In the host's process", count(isolation.in_process)], ["Isolated", count(isolation.isolated)]])));
  }, (error) => fill(problem, refusal(error)));
}

/** @param {HTMLElement} root @param {AbortSignal} signal */
async function settings(root, signal) {
  const shown = await api("GET", "/api/plugins/system/configuration", { signal });
  const search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Filter  /", aria: { label: "Filter settings" }, oninput: () => {
    for (const row of body.children) /** @type {HTMLElement} */ (row).hidden = !(row.textContent ?? "").toLowerCase().includes(search.value.toLowerCase());
  } }));
  const names = Object.keys(shown.origins).sort();
  const body = h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, name)), h("td", { class: "wrap" }, shown[name] === undefined ? "" : JSON.stringify(shown[name])), h("td", {}, shown.origins[name]),
    h("td", {}, shown.pending?.[name] !== undefined && h("strong", {}, "from the next start: " + JSON.stringify(shown.pending[name]))),
    h("td", { class: "end" }, !shown.fixed.includes(name) && shown[name] !== undefined && button("Change", () => change(name), { class: "plain small", aria: { label: "Change " + name } })))));
  fill(root, h("div", { class: "row" }, search, h("span", { class: "quiet" }, plural(names.length, "setting"))), wide(h("table", { aria: { label: "Settings" } }, h("thead", {}, h("tr", {}, ["Setting", "Value", "Origin", "Pending", "Actions"].map((text) => h("th", { scope: "col" }, text)))), body)));

  /** @param {string} name */
  async function change(name) {
    const input = /** @type {HTMLInputElement} */ (h("input", { id: "value", value: JSON.stringify(shown[name]), autocomplete: "off", spellcheck: "false" }));
    if ((await dialog("Change " + name, [h("label", { for: "value" }, "Value, as JSON"), input], [{ text: "Change", value: "yes" }])) !== "yes") return;
    let value;
    try {
      value = JSON.parse(input.value);
    } catch {
      value = input.value;
    }
    const result = await api("PUT", "/api/plugins/system/configuration", { body: { [name]: value } });
    toast([result.message, ...(result.warnings ?? [])].filter(Boolean).join(" · ") || "Nothing was changed.");
    settings(root, signal);
  }
}

/** @param {HTMLElement} root @param {AbortSignal} signal */
async function access(root, signal) {
  const [{ tokens }, { users }] = await Promise.all([api("GET", "/api/tokens", { signal }), api("GET", "/api/users", { signal })]);
  const again = () => access(root, signal);
  const remove = (/** @type {string} */ text, /** @type {string} */ name, /** @type {string} */ path) => button(text, async () => {
    if (!(await confirm(text + " " + name + "?", h("p", {}, "This cannot be undone. Its requests are refused from now on."), text, "danger"))) return;
    await api("DELETE", path);
    again();
  }, { class: "plain small", aria: { label: text + " " + name } });
  const table = (/** @type {string} */ label, /** @type {string[]} */ heads, /** @type {HTMLElement[]} */ rows) => wide(h("table", { aria: { label } }, h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows)));
  fill(root,
    h("div", { class: "row head" }, h("h2", {}, "Tokens and sessions"), h("span", { class: "space" }), button("New token", newToken)),
    table("Tokens and sessions", ["Name", "Role", "Created by", "Last used", "Expires", "Actions"], tokens.map((/** @type {any} */ token) => h("tr", {}, h("th", { scope: "row" }, token.name, " ", h("span", { class: "quiet" }, token.id)), h("td", {}, token.role ?? "–"), h("td", {}, token.created_by), h("td", {}, time(token.last_used_unix_ms)), h("td", {}, time(token.expires_unix_ms)), h("td", { class: "end" }, token.revoked_unix_ms ? "revoked" : remove("Revoke", token.name, "/api/tokens/" + encodeURIComponent(token.id)))))),
    h("div", { class: "row head" }, h("h2", {}, "Users"), h("span", { class: "space" }), button("New user", newUser)),
    table("Users", ["Name", "Role", "Created", "Actions"], users.map((/** @type {any} */ user) => h("tr", {}, h("th", { scope: "row" }, user.username), h("td", {}, user.role ?? "–", user.disabled ? " · disabled" : ""), h("td", {}, time(user.created_unix_ms)), h("td", { class: "end" }, remove("Remove", user.username, "/api/users/" + encodeURIComponent(user.username)))))));

  const roles = () => /** @type {HTMLSelectElement} */ (h("select", { id: "role" }, ["viewer", "operator", "admin"].map((role) => h("option", { value: role }, role))));
  async function newToken() {
    const name = /** @type {HTMLInputElement} */ (h("input", { id: "name", required: true, autocomplete: "off" }));
    const role = roles();
    if ((await dialog("New token", [h("label", { for: "name" }, "Name"), name, h("label", { for: "role" }, "Role"), role], [{ text: "Create", value: "yes" }])) !== "yes") return;
    const created = await api("POST", "/api/tokens", { body: { name: name.value.trim(), role: role.value } });
    await dialog("Token " + created.name, [h("p", {}, "It is shown only once."), h("pre", { class: "log", tabindex: 0 }, created.token)], []);
    again();
  }
  async function newUser() {
    const name = /** @type {HTMLInputElement} */ (h("input", { id: "name", required: true, autocomplete: "off" }));
    const password = /** @type {HTMLInputElement} */ (h("input", { id: "password", type: "password", required: true, autocomplete: "new-password" }));
    const role = roles();
    if ((await dialog("New user", [h("label", { for: "name" }, "Name"), name, h("label", { for: "password" }, "Password"), password, h("label", { for: "role" }, "Role"), role], [{ text: "Create", value: "yes" }])) !== "yes") return;
    await api("POST", "/api/users", { body: { username: name.value.trim(), password: password.value, role: role.value } });
    again();
  }
}
