// The list of jobs, and one job with its steps and its live log.
import { api, follow, repeat } from "./api.js";
import { fill, h, list, setText } from "./dom.js";
import { duration } from "./format.js";
import { badge, button, explain, facts, logView, refusal, time, toast, wide } from "./parts.js";

const ENDED = ["done", "failed", "cancelled", "timed_out", "superseded"];
/** The steps of an installation, in order. A running job shows its steps so far and the expected further steps. */
const STEPS = ["fetch", "check", "build", "open", "start", "probe", "commit", "swap"];
const HAS_STEPS = ["load", "install", "reload", "update"];

/** @param {any} job @param {number} [now] */
function took(job, now = Date.now()) {
  return job.started_unix_ms ? duration(((job.ended_unix_ms ?? now) - job.started_unix_ms) / 1000) : "–";
}

/** @param {string} state */
const stateBadge = (state) => badge(state, state === "running" ? "active" : state);

/** @param {import("./app.js").Page} page */
export function jobsPage({ root, signal, title }) {
  title("Jobs");
  const problem = h("div", {});
  const body = h("tbody", {});
  const empty = h("p", { class: "quiet", hidden: true }, "No jobs yet.");
  fill(root, h("h1", {}, "Jobs"), problem, empty, wide(h("table", { aria: { label: "Jobs" } },
    h("thead", {}, h("tr", {}, ["Job", "State", "Plugin", "Step", "Time", "Started", "By"].map((text) => h("th", { scope: "col" }, text)))), body)));
  const update = list(body, (/** @type {any} */ job) => job.id, (first) => {
    const cells = Array.from({ length: 6 }, () => h("td", {}));
    return {
      element: h("tr", {}, h("th", { scope: "row" }, h("a", { href: "/console/jobs/" + encodeURIComponent(first.id) }, first.operation), h("br"), h("span", { class: "quiet" }, first.id)), cells),
      update(job) {
        fill(cells[0], stateBadge(job.state), job.problem && h("p", { class: "quiet clip", title: job.problem.detail }, job.problem.detail));
        fill(cells[1], job.plugin ? h("a", { href: "/console/plugins/" + encodeURIComponent(job.plugin) }, job.plugin) : job.subject);
        setText(cells[2], job.step);
        setText(cells[3], job.shown_time);
        fill(cells[4], time(job.started_unix_ms ?? job.created_unix_ms));
        setText(cells[5], job.actor);
      },
    };
  });
  repeat(1500, signal, async () => {
    const { jobs } = await api("GET", "/api/jobs?limit=100", { signal });
    const order = (/** @type {any} */ job) => (ENDED.includes(job.state) ? 1 : 0);
    const sorted = jobs.map((/** @type {any} */ job) => ({ ...job, result: null, shown_time: took(job) })).sort((/** @type {any} */ one, /** @type {any} */ other) => order(one) - order(other) || other.created_unix_ms - one.created_unix_ms);
    fill(problem);
    empty.hidden = sorted.length > 0;
    update(sorted);
  }, (error) => fill(problem, refusal(error)));
}

/** @param {import("./app.js").Page} page */
export function jobPage({ root, signal, title, parameters, go }) {
  const id = parameters[0];
  const path = "/api/jobs/" + encodeURIComponent(id);
  title("Job");
  const heading = h("h1", {}, "Job");
  const state = h("div", { class: "row", role: "status" });
  const steps = h("ol", { class: "steps", aria: { label: "Steps" } });
  const outcome = h("div", {});
  const about = h("div", {});
  const problem = h("div", {});
  const log = logView("Log of the job");
  fill(root, heading, state, problem, steps, outcome, h("h2", {}, "Log"), log.element, about);
  let shown = "";
  let wasRunning = false;
  const load = repeat(700, signal, async () => {
    const job = await api("GET", path, { signal });
    fill(problem);
    const isEnded = ENDED.includes(job.state);
    const name = job.operation + " " + (job.plugin ?? job.subject);
    title(name);
    setText(heading, name[0].toUpperCase() + name.slice(1));
    renderSteps(steps, job, isEnded);
    wasRunning ||= !isEnded;
    if (shown === job.state) return;
    shown = job.state;
    fill(state, stateBadge(job.state),
      !isEnded && button("Cancel", async () => (await api("DELETE", path), load()), { class: "plain" }),
      ["failed", "cancelled", "timed_out"].includes(job.state) && button("Retry", async () => go("/console/jobs/" + encodeURIComponent((await api("POST", path + "/retry", { headers: { Prefer: "respond-async" } })).id)), { class: "plain" }));
    fill(about, facts([["Job", job.id], ["Requested by", job.actor], ["Reason", job.reason], ["Subject", job.subject], ["Created", time(job.created_unix_ms)], ["Attempt", job.attempt > 1 && job.attempt]]));
    if (job.problem) fill(outcome, refusal(job.problem));
    if (job.state === "done") await done(job);
  }, (error) => fill(problem, refusal(error)));

  /** @param {any} job */
  async function done(job) {
    if (wasRunning) toast(job.result?.message ?? "The job is done.");
    const plugin = job.result?.id ? await api("GET", "/api/plugins/" + encodeURIComponent(job.result.id), { signal }).catch(() => null) : null;
    const first = plugin?.plugin.metadata.endpoints[0];
    const href = plugin && "/console/plugins/" + encodeURIComponent(job.result.id);
    fill(outcome, h("div", { class: "card good" }, h("p", {}, h("strong", {}, job.result?.message)),
      job.result?.warnings?.length > 0 && h("ul", { class: "warnings" }, job.result.warnings.map((/** @type {string} */ warning) => h("li", {}, warning))),
      plugin && h("div", { class: "row" }, first && h("a", { href: href + "/endpoints", class: "button" }, "Try " + first.method + " " + first.path), h("a", { href }, "Open " + job.result.id))));
  }

  follow(path + "/log", (event) => {
    if (event.name === "end") return load(), true;
    log.append([event.data]);
  }, signal).catch((error) => explain("The log cannot be read", error));
}

/** @param {Element} place @param {any} job @param {boolean} isEnded */
function renderSteps(place, job, isEnded) {
  /** @type {Map<string, number>} */
  const ran = new Map(job.steps.map((/** @type {any} */ step) => [step.step, step.duration_ms]));
  const names = [...ran.keys()];
  if (!isEnded && job.step && !ran.has(job.step)) names.push(job.step);
  if (!isEnded && HAS_STEPS.includes(job.operation)) {
    const at = Math.max(...names.map((name) => STEPS.indexOf(name)), -1);
    names.push(...STEPS.slice(at + 1).filter((name) => !names.includes(name)));
  }
  const done = [...ran.values()].reduce((sum, ms) => sum + ms, 0);
  const failed = isEnded && job.state !== "done" ? job.step : "";
  fill(place, names.map((name) => {
    const ms = ran.get(name);
    const isNow = ms === undefined && !isEnded && name === job.step;
    const since = job.started_unix_ms ? Math.max(0, Date.now() - job.started_unix_ms - done) : 0;
    const text = ms !== undefined ? duration(ms / 1000) : isNow ? duration(since / 1000) : "";
    return h("li", { class: name === failed ? "failed" : ms !== undefined ? "ran" : isNow ? "now" : "next", aria: isNow ? { current: "step" } : {} }, name, name === failed && h("span", { class: "hidden" }, ", not completed"), " ", h("span", { class: "quiet" }, text));
  }));
}
