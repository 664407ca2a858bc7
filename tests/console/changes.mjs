// The flows that change what is installed: configuration, versions, several plugins at once, plans, and the host itself.
import assert from "node:assert/strict";

/**
 * @param {import("playwright-core").Page} page
 * @param {() => Awaited<ReturnType<import("./host.mjs").startHost>>} host
 * @param {{newer: string, configured: string, buildMs: number}} files
 */
export function changes(page, host, { newer, configured, buildMs }) {
  const open = (path) => page.goto(host().address + "/console" + path);
  const dialog = page.getByRole("dialog");
  const done = () => page.getByRole("main").getByRole("status").getByText("done").waitFor({ timeout: buildMs });

  async function install(file, name) {
    await open("/add");
    await page.getByLabel("Plugin ZIP").setInputFiles(file);
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("link", { name: /^Try / }).waitFor({ timeout: buildMs });
  }

  return {
    async "a value of the configuration is set, reset, and all values are replaced as JSON"() {
      await install(configured, "Install");
      const set = async () => (await host().api("GET", "/api/plugins/config/config")).set;
      await open("/plugins/config/configuration");
      await page.getByLabel("greeting").fill("Servus");
      await page.getByLabel("limits.guests").fill("3");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("button", { name: "Reset greeting" }).waitFor();
      assert.deepEqual(await set(), { greeting: "Servus", limits: { guests: 3 } });
      await page.getByRole("button", { name: "Reset greeting" }).click();
      await page.getByRole("button", { name: "Reset greeting" }).waitFor({ state: "detached" });
      assert.deepEqual(await set(), { limits: { guests: 3 } });
      await page.getByLabel(/as JSON/).fill("{");
      await page.getByRole("button", { name: "Replace" }).click();
      await page.getByRole("alert").getByText("the text is not JSON").waitFor();
      await page.getByLabel(/as JSON/).fill("{\"greeting\": \"Moin\"}");
      await page.getByRole("button", { name: "Replace" }).click();
      await page.getByRole("button", { name: "Reset greeting" }).waitFor();
      assert.deepEqual(await set(), { greeting: "Moin" });
    },
    async "a version is rolled back with a reason, and a revision is restored"() {
      await install(newer, "Install and replace");
      const version = async () => (await host().api("GET", "/api/plugins/hello")).metadata.version;
      assert.equal(await version(), "1.1.0");
      await open("/plugins/hello");
      await page.getByRole("button", { name: "Roll back to 1.0.0" }).click();
      await dialog.getByText("1.1.0 ·").waitFor();
      await dialog.getByLabel(/Reason/).fill("it greets too loudly");
      await dialog.getByRole("button", { name: "Roll back" }).click();
      await done();
      assert.equal(await version(), "1.0.0");
      await open("/plugins/hello/history");
      await page.getByText("it greets too loudly").waitFor();
      await page.getByRole("button", { name: /^Restore revision/ }).first().click();
      await dialog.getByRole("button", { name: "Restore" }).click();
      await done();
      assert.equal(await version(), "1.1.0");
    },
    async "several plugins are disabled and enabled at once"() {
      await open("");
      for (const [button, isEnabled] of [["Disable", false], ["Enable", true]]) {
        await page.getByLabel("Select all shown plugins").check();
        await page.getByText("2 plugins selected").waitFor();
        await page.getByRole("button", { name: button, exact: true }).click();
        await dialog.getByText("config, hello").waitFor();
        await dialog.getByRole("button", { name: button }).click();
        await page.getByRole("button", { name: (isEnabled ? "Disable" : "Enable") + " config" }).waitFor();
        const { plugins } = await host().api("GET", "/api/plugins");
        assert.deepEqual([plugins.config.enabled, plugins.hello.enabled], [isEnabled, isEnabled]);
        await page.getByLabel("Select all shown plugins").uncheck();
      }
    },
    async "a plugins.yaml is planned and applied"() {
      await open("/plan");
      await page.getByRole("button", { name: "Fill in the installed plugins" }).click();
      const text = page.getByLabel("Content of plugins.yaml");
      await page.waitForFunction(() => document.querySelector("textarea").value.includes("Moin"));
      await page.getByRole("button", { name: "Plan" }).click();
      await page.getByRole("heading", { name: "Nothing would change" }).waitFor();
      await text.fill((await text.inputValue()).replace("Moin", "Ahoj"));
      await page.getByRole("button", { name: "Plan" }).click();
      await page.getByRole("heading", { name: "1 plugin will change" }).waitFor();
      await page.getByRole("table", { name: "Plan" }).getByText("\"Ahoj\"").waitFor();
      await page.getByRole("button", { name: "Apply" }).click();
      await done();
      assert.equal((await host().api("GET", "/api/plugins/config/config")).set.greeting, "Ahoj");
    },
    async "a setting is changed, and a token and a user are created and removed"() {
      await open("/host/settings");
      await page.getByRole("button", { name: "Change answer_timeout_seconds" }).click();
      await dialog.getByLabel(/Value/).fill("31");
      await dialog.getByRole("button", { name: "Change" }).click();
      await page.getByRole("row", { name: /answer_timeout_seconds/ }).getByText("31").waitFor();
      assert.equal((await host().api("GET", "/api/plugins/system/configuration")).answer_timeout_seconds, 31);
      await open("/host/access");
      await page.getByRole("button", { name: "New token" }).click();
      await dialog.getByLabel("Name").fill("ci");
      await dialog.getByRole("button", { name: "Create" }).click();
      const token = await dialog.locator("pre").innerText();
      await dialog.getByRole("button", { name: "Close" }).click();
      const status = async () => (await fetch(host().address + "/api/plugins", { headers: { Authorization: "Bearer " + token } })).status;
      assert.equal(await status(), 200);
      await page.getByRole("button", { name: "Revoke ci" }).click();
      await dialog.getByRole("button", { name: "Revoke" }).click();
      await page.getByRole("button", { name: "Revoke ci" }).waitFor({ state: "detached" });
      assert.equal(await status(), 401);
      await page.getByRole("button", { name: "New user" }).click();
      await dialog.getByLabel("Name").fill("max");
      await dialog.getByLabel("Password").fill("correct horse battery");
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("button", { name: "Remove max" }).click();
      await dialog.getByRole("button", { name: "Remove" }).click();
      await page.getByRole("button", { name: "Remove max" }).waitFor({ state: "detached" });
      assert.equal((await host().api("GET", "/api/users")).users.some((user) => user.username === "max"), false);
    },
  };
}
