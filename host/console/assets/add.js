// Adding a plugin: an archive, a git address or a listed plugin; then a review, then the installation as a job.
import { api, upload } from "./api.js";
import { fill, h, store, words } from "./dom.js";
import { size } from "./format.js";
import { button, facts, refusal } from "./parts.js";

/** The archive that was dropped on the window and not yet read by the page. */
export const dropped = store(/** @type {File | null} */ (null));

const ASYNC = { Prefer: "respond-async" };

/** @param {import("./app.js").Page} page */
export async function addPage({ root, signal, title, go }) {
  title("Add plugin");
  const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", id: "zip", accept: ".zip,application/zip", onchange: () => file.files?.[0] && readArchive(file.files[0]) }));
  const source = /** @type {HTMLInputElement} */ (h("input", { id: "source", placeholder: "https://github.com/owner/repository", autocomplete: "off", spellcheck: "false", required: true }));
  const version = /** @type {HTMLInputElement} */ (h("input", { id: "version", placeholder: "newest release", autocomplete: "off", spellcheck: "false" }));
  const folder = /** @type {HTMLInputElement} */ (h("input", { id: "folder", placeholder: "top folder", autocomplete: "off", spellcheck: "false" }));
  const result = h("section", { aria: { live: "polite" } });
  const listed = h("div", {});
  fill(root,
    h("h1", {}, "Add plugin"),
    h("div", { class: "columns" },
      h("section", { class: "card drop" }, h("h2", {}, "From an archive"), h("p", {}, "Drop a ZIP archive anywhere in this window, or choose one. ", h("code", {}, "plugin-host pack"), " creates it."), h("label", { for: "zip" }, "Plugin ZIP"), file),
      h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), readSource()) }, h("h2", {}, "From a git repository"),
        h("label", { for: "source" }, "Git address, or a folder on the host"), source,
        h("label", { for: "version" }, "Version, tag, branch or commit"), version,
        h("label", { for: "folder" }, "Folder of the plugin"), folder,
        h("div", { class: "row" }, h("button", { type: "submit" }, "Review")))),
    result, listed);

  const failed = (/** @type {any} */ error) => !signal.aborted && fill(result, refusal(error));
  const optional = (/** @type {string} */ text) => text.trim() || undefined;

  /** @param {File} archive */
  async function readArchive(archive) {
    const progress = /** @type {HTMLProgressElement} */ (h("progress", { max: 1, value: 0, aria: { label: "Upload" } }));
    fill(result, h("p", {}, "Uploading ", archive.name, ", ", size(archive.size)), progress);
    try {
      const answer = await upload(archive, folder.value.trim(), (part) => (progress.value = part), signal);
      review({ name: archive.name, metadata: answer.metadata, validation: answer.validation, facts: [["Archive", archive.name + ", " + size(archive.size)]],
        install: (replace) => api("POST", "/api/plugins/install/" + encodeURIComponent(answer.upload_id), { headers: ASYNC, body: { replace, path: optional(folder.value) } }) });
    } catch (error) {
      failed(error);
    } finally {
      file.value = "";
    }
  }

  async function readSource() {
    const body = { source: source.value.trim(), version: optional(version.value), path: optional(folder.value) };
    fill(result, h("p", { class: "busy" }, "Fetching and checking ", body.source, "…"));
    try {
      const answer = await api("POST", "/api/plugins/validate", { body, signal });
      review({ name: body.source, metadata: answer.metadata, validation: answer, facts: [["Source", answer.source], ["Commit", answer.commit], ["Digest of the files", answer.digest]],
        install: (replace) => api("POST", "/api/plugins/load", { headers: ASYNC, body: { ...body, replace } }) });
    } catch (error) {
      failed(error);
    }
  }

  /** @param {{name: string, metadata: any, validation: any, facts: [string, any][], install: (replace: boolean) => Promise<any>}} found */
  async function review({ name, metadata, validation, facts: origin, install }) {
    const isValid = validation.valid && metadata;
    const installed = isValid ? await api("GET", "/api/plugins/" + encodeURIComponent(metadata.id), { signal }).catch(() => null) : null;
    if (signal.aborted) return;
    const before = installed?.plugin?.metadata;
    const isNew = (/** @type {string} */ permission) => Boolean(before) && !before.permissions.includes(permission);
    const problems = validation.problems ?? [];
    const replaces = installed ? "Replaces version " + before.version + " from " + installed.source + ". Calls in progress are completed by the old version." : "";
    fill(result, h("div", { class: "card review" },
      h("h2", {}, isValid ? "Review " + (metadata.name || metadata.id) + " " + metadata.version : name + " cannot be installed"),
      problems.length > 0 && h("div", { class: "refusal", role: "alert" }, h("ul", {}, problems.map((/** @type {any} */ problem) => h("li", {}, [problem.pointer && h("code", {}, problem.pointer), " ", words(problem.message)]))), validation.fix && h("p", { class: "fix" }, "To fix it: ", words(validation.fix))),
      validation.warnings?.length > 0 && h("ul", { class: "warnings", aria: { label: "Warnings" } }, validation.warnings.map((/** @type {string} */ warning) => h("li", {}, words(warning)))),
      isValid && [
        metadata.description && h("p", {}, metadata.description),
        facts([["Id", metadata.id], ["Author", metadata.author], ["License", metadata.license], ...origin,
          ["Dependencies", metadata.dependencies.join(", ")],
          ["Permissions", metadata.permissions.length ? h("ul", { class: "inline" }, metadata.permissions.map((/** @type {string} */ permission) => h("li", {}, permission, isNew(permission) && h("strong", { class: "new" }, " new")))) : "none"],
          ["Placement", metadata.security.sandboxed ? "isolated" : "in the host's process, with the host's rights"]]),
        h("h3", {}, "Endpoints"),
        h("table", { aria: { label: "Endpoints" } }, h("tbody", {}, metadata.endpoints.map((/** @type {any} */ endpoint) => h("tr", {}, h("td", {}, h("code", {}, endpoint.method)), h("td", {}, h("code", {}, "/api/plugin-endpoints/" + metadata.id + endpoint.path)), h("td", { class: "quiet" }, endpoint.description))))),
        replaces && h("p", { class: "notice" }, replaces),
        h("div", { class: "row" }, button(installed ? "Install and replace" : "Install", async () => {
          const job = await install(Boolean(installed));
          go("/console/jobs/" + encodeURIComponent(job.id ?? job.job));
        })),
      ]));
    result.scrollIntoView({ block: "nearest" });
  }

  dropped.watch((archive) => {
    if (!archive) return;
    queueMicrotask(() => dropped.set(null));
    readArchive(archive);
  }, signal);

  const available = await api("GET", "/api/plugins/available", { signal }).catch(() => null);
  const plugins = Object.values(available?.plugins ?? available ?? {}).filter((plugin) => plugin?.id);
  if (!plugins.length || signal.aborted) return;
  fill(listed, h("h2", {}, "Listed in the configured indexes"), h("div", { class: "tiles" }, plugins.map((plugin) => h("article", { class: "card" },
    h("h3", {}, plugin.name || plugin.id), h("p", {}, plugin.description), h("p", { class: "quiet" }, [plugin.latest_version, plugin.author, ...(plugin.tags ?? [])].filter(Boolean).join(" · ")),
    button(plugin.installed ? "Review the installed plugin" : "Review", () => {
      source.value = plugin.source;
      version.value = "";
      return readSource();
    }, { class: "plain" })))));
}
