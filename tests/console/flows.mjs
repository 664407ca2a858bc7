// The flows of an operator in a real browser. Each is checked on the page and over the API.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { changes } from "./changes.mjs";
import { data } from "./data.mjs";
import { archive, launch, open, startHost } from "./host.mjs";

const [program, repository, target] = process.argv.slice(2);
const SCREENSHOTS = path.join(target, "screenshots");
const AXE = fs.readFileSync(path.join(target, "node_modules/axe-core/axe.min.js"), "utf8");
/** Compiling the SDK and a plugin on a busy machine. */
const BUILD_MS = 300_000;

fs.rmSync(SCREENSHOTS, { recursive: true, force: true });
fs.mkdirSync(SCREENSHOTS, { recursive: true });
const hello = archive(program, path.join(repository, "examples/hello"), path.join(target, "hello.zip"));
const broken = archive(program, path.join(repository, "examples/hello"), path.join(target, "broken.zip"), (folder) => fs.appendFileSync(path.join(folder, "src/lib.rs"), "\nfn broken() -> u32 { \"text\" }\n"));
const changed = archive(program, path.join(repository, "examples/hello"), path.join(target, "changed.zip"), (folder) => fs.appendFileSync(path.join(folder, "src/lib.rs"), "\n// Another source, so that it is compiled.\n"));
const newer = archive(program, path.join(repository, "examples/hello"), path.join(target, "newer.zip"), (folder) => {
  for (const name of ["plugin.yaml", "Cargo.toml"]) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("1.0.0", "1.1.0"));
  }
});
const configured = archive(program, path.join(repository, "examples/config"), path.join(target, "config.zip"));
const notes = archive(program, path.join(repository, "examples/store"), path.join(target, "store.zip"));
const settings = archive(program, path.join(repository, "tests/plugins/settings"), path.join(target, "settings.zip"));
const brokenSettings = archive(program, path.join(repository, "tests/plugins/settings"), path.join(target, "broken-settings.zip"), (folder) => fs.appendFileSync(path.join(folder, "src/lib.rs"), "\nfn broken() -> u32 { \"text\" }\n"));
let host = await startHost(program);
const browser = await launch();
const { page, context, problems } = await open(browser, host.address);

const flows = {
  async "a person signs in, drops a ZIP, reviews it, installs it, calls it and sees the traffic"() {
    await page.goto(host.address + "/");
    await page.getByLabel("Password or token").fill("dph_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("the token is invalid").waitFor();
    await page.getByLabel("User or token name").fill("operator");
    await page.getByLabel("Password or token").fill(host.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "No plugins yet" }).waitFor();
    await accessible("empty");
    await drop(hello);
    await page.getByRole("heading", { name: "Review Hello 1.0.0" }).waitFor();
    await accessible("review");
    await page.getByRole("button", { name: "Install", exact: true }).click();
    await page.getByRole("list", { name: "Steps" }).getByText("build").waitFor();
    const job = page.url();
    await page.reload();
    await page.getByRole("log").getByText("Compiling").first().waitFor({ timeout: BUILD_MS });
    assert.equal(page.url(), job);
    await page.getByRole("link", { name: "Try GET /hello" }).waitFor({ timeout: BUILD_MS });
    await accessible("job");
    assert.equal((await host.api("GET", "/api/plugins/hello")).phase, "running");
    await page.getByRole("link", { name: "Try GET /hello" }).click();
    await page.getByRole("button", { name: "Send" }).first().click();
    await page.getByText("Hello from plugin!").waitFor();
    await accessible("endpoints");
    await page.getByRole("link", { name: "Plugins", exact: true }).first().click();
    const row = page.getByRole("table", { name: "Plugins" }).getByRole("row", { name: /hello/ });
    await row.getByText("running").waitFor();
    await accessible("plugins");
    assert.equal((await host.api("GET", "/api/plugins/hello")).status.request_count, 1);
  },
  async "a ZIP that does not compile shows the words of the compiler and leaves the running version"() {
    await page.goto(host.address + "/console/add");
    await page.getByLabel("Plugin ZIP").setInputFiles(broken);
    await page.getByRole("button", { name: "Install and replace" }).click();
    await page.getByRole("log").getByText("mismatched types").first().waitFor({ timeout: BUILD_MS });
    await page.getByRole("button", { name: "Retry" }).waitFor({ timeout: BUILD_MS });
    await page.getByRole("listitem").filter({ hasText: "build, not completed" }).waitFor();
    await page.getByRole("alert").waitFor();
    await accessible("failed");
    const job = page.url();
    await page.getByRole("button", { name: "Retry" }).click();
    await page.waitForURL((url) => url.href !== job);
    await page.getByRole("button", { name: "Retry" }).waitFor({ timeout: BUILD_MS });
    assert.equal((await host.api("GET", "/api/plugins/hello")).phase, "running");
  },
  async "an invalid archive is explained before anything is installed"() {
    await page.goto(host.address + "/console/add");
    await page.getByLabel("Plugin ZIP").setInputFiles({ name: "<b>x</b>.zip", mimeType: "application/zip", buffer: Buffer.from("not a ZIP") });
    await page.getByRole("alert").waitFor();
    assert.equal(await page.locator("main b").count(), 0);
  },
  async "a plugin is disabled and enabled in the table, and removed on its page"() {
    await page.goto(host.address + "/console");
    await page.getByRole("button", { name: "Disable hello" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByRole("button", { name: "Enable hello" }).click();
    await page.getByRole("button", { name: "Disable hello" }).waitFor();
    assert.equal((await host.api("GET", "/api/plugins/hello")).enabled, true);
    for (const tab of ["overview", "logs", "configuration", "data", "history", "updates"]) {
      await page.goto(host.address + "/console/plugins/hello/" + tab);
      await page.getByRole("navigation", { name: "Plugin" }).waitFor();
      await page.getByText("running").first().waitFor();
      await accessible("plugin-" + tab);
    }
    await page.getByRole("button", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(/Reason/).fill("not needed");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "No plugins yet" }).waitFor();
    assert.equal((await host.api("GET", "/api/plugins")).count, 0);
  },
  async "a host that is killed during an installation and started again is shown, and the job continues"() {
    await page.goto(host.address + "/console/add");
    await page.getByLabel("Plugin ZIP").setInputFiles(changed);
    await page.getByRole("button", { name: "Install", exact: true }).click();
    await page.getByRole("listitem").getByText("build").waitFor();
    await host.stop("SIGKILL");
    await page.getByText("The host does not answer").waitFor();
    host = await startHost(program, new URL(host.address).port, host.folder);
    await page.getByText("The host does not answer").waitFor({ state: "hidden" });
    await page.getByRole("link", { name: "Try GET /hello" }).waitFor({ timeout: BUILD_MS });
    assert.equal((await host.api("GET", "/api/plugins/hello")).phase, "running");
  },
  ...changes(page, () => host, { newer, configured, buildMs: BUILD_MS }),
  ...data(page, () => host, { notes, settings, brokenSettings, buildMs: BUILD_MS, accessible }),
  async "the other pages answer, and the palette opens them from the keyboard"() {
    for (const route of ["jobs", "events", "audit", "graph", "plan", "host", "host/settings", "host/access"]) {
      await page.goto(host.address + "/console/" + route);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator("main table, main form, main .card").first().waitFor();
      await accessible(route.replace("/", "-"));
    }
    await page.goto(host.address + "/console/graph");
    const picture = page.getByRole("img", { name: "Picture of the table below" });
    await picture.waitFor();
    assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalHeight > 40)), "the picture of the graph is not drawn");
    await page.getByRole("table", { name: "Relations" }).getByRole("link", { name: "hello" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("jobs");
    await page.keyboard.press("Enter");
    await page.getByRole("table", { name: "Jobs" }).getByRole("link", { name: "install" }).first().waitFor();
    assert.equal(new URL(page.url()).pathname, "/console/jobs");
  },
  async "a viewer is told which role is missing, and signing out ends the session"() {
    await host.api("POST", "/api/users", { username: "zoe", password: "correct horse battery", role: "viewer" });
    const viewer = await open(browser, host.address);
    await viewer.page.goto(host.address + "/console/host/access");
    await viewer.page.getByLabel("User or token name").fill("zoe");
    await viewer.page.getByLabel("Password or token").fill("correct horse battery");
    await viewer.page.getByRole("button", { name: "Sign in" }).click();
    await viewer.page.getByText("This page needs the role").waitFor();
    const [cookie] = await viewer.context.cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
    assert.equal(await viewer.page.evaluate(() => document.cookie), "");
    await viewer.page.getByRole("button", { name: "Sign out" }).click();
    await viewer.page.getByRole("button", { name: "Sign in" }).waitFor();
    const headers = { Cookie: cookie.name + "=" + cookie.value, "X-Plugin-Host-Console": "1" };
    assert.equal((await fetch(host.address + "/api/me", { headers })).status, 401);
    assert.deepEqual(viewer.problems, []);
    await viewer.context.close();
  },
};

/** Drops a file on the window, as a person does with the mouse. */
async function drop(file) {
  const bytes = fs.readFileSync(file).toString("base64");
  const transfer = await page.evaluateHandle(({ bytes, name }) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, { type: "application/zip" }));
    return transfer;
  }, { bytes, name: path.basename(file) });
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

/** Fails for each violation that axe finds, light and dark, wide and narrow. */
async function accessible(name) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: path.join(SCREENSHOTS, [name, colorScheme, width].join("-") + ".png"), fullPage: true });
      // By the protocol of the browser, since the policy of the page forbids other scripts.
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      const found = violations.map((violation) => violation.id + ": " + violation.help + "\n  " + violation.nodes.map((node) => node.html).join("\n  "));
      assert.deepEqual(found, [], name + ", " + colorScheme + ", " + width);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, name + " is " + overflow + " pixels too wide at " + width);
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}

let failed = 0;
for (const [name, flow] of Object.entries(flows)) {
  try {
    await flow();
    assert.deepEqual(problems.splice(0), []);
    console.log("ok   " + name);
  } catch (error) {
    failed += 1;
    problems.length = 0;
    console.log("FAIL " + name + "\n" + error.stack);
    await page.screenshot({ path: path.join(SCREENSHOTS, "failed-" + failed + ".png"), fullPage: true }).catch(() => null);
  }
}
await context.close();
await browser.close();
await host.stop();
fs.rmSync(host.folder, { recursive: true, force: true });
console.log(failed ? failed + " flows failed" : Object.keys(flows).length + " flows passed");
process.exit(failed ? 1 : 0);
