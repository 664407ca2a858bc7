// A host of its own for the test, and a browser that fails the test for each violation of the page's rules.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Starts a host and waits until it listens; port 0 is a free port. */
export async function startHost(program, port = "0", folder = fs.mkdtempSync(path.join(os.tmpdir(), "console-"))) {
  const plugins = path.join(folder, "plugins");
  const child = spawn(program, ["serve", "--port", port, "--plugin-dir", plugins, "--cache-dir", path.join(folder, "cache")], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const address = await new Promise((resolve, reject) => {
    const read = (bytes) => {
      log += bytes;
      const found = /listening on (http:\S+)/.exec(log);
      if (found) resolve(found[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => reject(new Error("the host ended with " + code + "\n" + log)));
  });
  const token = fs.readFileSync(path.join(plugins, "operator.token"), "utf8").trim();
  const api = async (method, route, body) => {
    const response = await fetch(address + route, { method, headers: { Authorization: "Bearer " + token, ...(body ? { "Content-Type": "application/json" } : {}) }, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(method + " " + route + ": " + response.status + " " + text);
    return text ? JSON.parse(text) : null;
  };
  const stop = (signal = "SIGTERM") => new Promise((resolve) => {
    child.removeAllListeners("exit");
    child.on("exit", resolve);
    child.kill(signal);
  });
  return { address, token, api, stop, folder, log: () => log };
}

/** Packs a folder with a plugin as `plugin-host pack` does, after `change` has changed its files. */
export function archive(program, source, file, change) {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), "plugin-"));
  fs.cpSync(source, copy, { recursive: true, filter: (name) => path.basename(name) !== "target" });
  change?.(copy);
  const packed = spawnSync(program, ["pack", copy, "--output", file], { encoding: "utf8" });
  if (packed.status !== 0) throw new Error(packed.stderr);
  fs.rmSync(copy, { recursive: true });
  return file;
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });

/** Opens a page. Errors of scripts, violations of the policy and requests to other hosts are collected in `problems`. */
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push("error: " + error.stack));
  page.on("console", (message) => {
    // The browser reports each response with an error status, which some flows expect.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push("console: " + message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address + "/") && !request.url().startsWith("data:")) problems.push("request: " + request.url());
  });
  return { page, context, problems };
}
