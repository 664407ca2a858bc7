// The flows about data: failed first installations, the form and the check of a configuration, and the stored data.
import assert from "node:assert/strict";

/**
 * @param {import("playwright-core").Page} page
 * @param {() => Awaited<ReturnType<import("./host.mjs").startHost>>} host
 * @param {{notes: string, settings: string, brokenSettings: string, buildMs: number, accessible: (name: string) => Promise<void>}} files
 */
export function data(page, host, { notes, settings, brokenSettings, buildMs, accessible }) {
  const open = (path) => page.goto(host().address + "/console" + path);
  const dialog = page.getByRole("dialog");

  async function install(file) {
    await open("/add");
    await page.getByLabel("Plugin ZIP").setInputFiles(file);
    await page.getByRole("button", { name: "Install", exact: true }).click();
  }

  return {
    async "a failed first installation stays in the table, is retried and dismissed"() {
      await install(brokenSettings);
      await page.getByRole("button", { name: "Retry" }).waitFor({ timeout: buildMs });
      const job = page.url();
      await open("");
      const row = page.getByRole("table", { name: "Plugins" }).getByRole("row", { name: /settings/ });
      await row.getByText("✕ failed").waitFor();
      await row.getByText("build_failed").waitFor();
      await accessible("failed-first-load");
      await row.getByRole("link", { name: "Job of settings" }).click();
      assert.equal(page.url(), job);
      await page.goBack();
      await row.getByRole("button", { name: "Retry settings" }).click();
      await page.waitForURL((url) => url.pathname.startsWith("/console/jobs/") && url.href !== job);
      await page.getByRole("button", { name: "Retry" }).waitFor({ timeout: buildMs });
      await open("");
      await row.getByRole("button", { name: "Dismiss settings" }).click();
      await row.waitFor({ state: "detached" });
      assert.equal((await host().api("GET", "/api/plugins")).failed_loads, undefined);
    },
    async "a configuration is edited in the form of its schema and checked before it is saved"() {
      await install(settings);
      await page.getByRole("link", { name: /^Try / }).waitFor({ timeout: buildMs });
      const set = async () => (await host().api("GET", "/api/plugins/settings/config")).set;
      await open("/plugins/settings/configuration");
      const port = page.getByLabel("database.port");
      await port.waitFor();
      assert.deepEqual([await port.getAttribute("type"), await port.getAttribute("min"), await port.getAttribute("max"), await port.getAttribute("required")], ["number", "1", "65535", ""]);
      assert.equal(await page.getByLabel("database.password").getAttribute("type"), "password");
      await page.getByText("required, at least 1, at most 65535 · default").waitFor();
      await accessible("plugin-configuration-form");
      await port.fill("7");
      await page.getByLabel("token").fill("tiger-42");
      await page.getByRole("button", { name: "Check", exact: true }).click();
      await page.getByText("the configuration; 2 values would change").waitFor();
      await accessible("plugin-configuration-check");
      assert.deepEqual(await set(), {});
      await page.getByLabel("database.host").fill("nowhere");
      await page.getByRole("button", { name: "Check", exact: true }).click();
      await page.getByRole("alert").waitFor();
      await page.getByLabel("database.host").fill("localhost");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("button", { name: "Reset database.port" }).waitFor();
      assert.deepEqual(await set(), { database: { port: 7 }, token: "********" });
      await page.getByLabel("restart").selectOption("true");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("button", { name: "Reset restart" }).waitFor({ timeout: buildMs });
      assert.equal((await set()).restart, true);
    },
    async "the page of a plugin shows the requests and response times of the last 15 minutes"() {
      const called = await fetch(host().address + "/api/plugin-endpoints/settings/settings");
      assert.ok(called.ok, await called.text());
      await open("/plugins/settings");
      await page.getByText("1 request", { exact: true }).waitFor({ timeout: 60_000 });
      await page.getByText(/^p50 .*, p99 .* ms/).waitFor();
      await accessible("plugin-traffic");
    },
    async "stored keys are filtered, shown and deleted"() {
      await install(notes);
      await page.getByRole("link", { name: /^Try / }).waitFor({ timeout: buildMs });
      for (const [name, text] of [["cat", "tuna & <b>milk</b>"], ["dog", "bone"]]) {
        const written = await fetch(host().address + "/api/plugin-endpoints/store/notes/" + name, { method: "PUT", headers: { "Content-Type": "text/plain" }, body: text });
        assert.ok(written.ok, await written.text());
      }
      const keys = async () => (await host().api("GET", "/api/plugins/store/kv")).keys.map((stored) => stored.key);
      const [cat, dog] = await keys();
      await open("/plugins/store/data");
      await page.getByText("2 keys", { exact: true }).waitFor();
      await accessible("plugin-data-keys");
      await page.getByRole("button", { name: "View " + cat }).click();
      await dialog.getByText("tuna & <b>milk</b>").waitFor();
      await accessible("plugin-data-value");
      await dialog.getByRole("button", { name: "Close" }).click();
      await page.getByLabel("Keys that start with").fill(dog);
      await page.getByRole("button", { name: "Filter" }).click();
      await page.getByText("1 key", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Delete " + dog }).click();
      await dialog.getByRole("button", { name: "Delete" }).click();
      await page.getByText("No key starts with this text.").waitFor();
      assert.deepEqual(await keys(), [cat]);
    },
  };
}
