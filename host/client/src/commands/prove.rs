//! `reload --prove`: reloads a plugin under load and reports the outcome of every request and generation.

mod latency;
mod observations;
mod report;
mod traffic;

use std::time::{Duration, Instant};

use host_api::{Plugin, Problem};
use host_core::PluginId;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::route;
use crate::args::Reload;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use crate::signals::Signals;
use observations::Observations;
use report::{Latency, Mapped, ProofReport, Reloads, Requests, Served, Unmapped};
use traffic::{Tally, Target, Traffic};

/// Time limit for the first request; its status is the expected status.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for unmapping the replaced generations after the last reload.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which the host is polled for unmapped generations.
const LOOK: Duration = Duration::from_millis(50);

/// A running proof.
struct Proof<'a> {
    client: &'a Client,
    args: &'a Reload,
    screen: &'a Screen,
    /// Cancelled by the first signal: no more reloads are started.
    stop: &'a CancellationToken,
    seen: Observations,
    reloads: Reloads,
}

/// The endpoint requested during the reloads.
struct Endpoint {
    /// The path below the plugin's base path.
    path: String,
    target: Target,
    /// The expected status.
    status: StatusCode,
}

/// Checks that reloads lose no request and leave no generation in memory, and prints a report.
pub(super) async fn prove(client: &Client, args: Reload, screen: &Screen) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let proving = run(client, &args, screen, &stop);
    tokio::pin!(proving);
    let (report, ended) = loop {
        tokio::select! {
            done = &mut proving => break done?,
            which = signals.next() => {
                if stop.is_cancelled() {
                    return Err(Failure::failed(format!("cancelled by a second {which}, without a report")));
                }
                stop.cancel();
                screen.note("stopping after the current reload; press ctrl-c again to stop immediately");
            }
        }
    };
    if args.client.format.is_data() {
        output::data(&serde_json::to_vec(&report).expect("texts, numbers and lists of them serialize"));
    } else {
        output::line(&report.to_string());
    }
    match (ended, &report.reason) {
        (Some(failure), _) => Err(failure),
        (None, Some(reason)) => Err(Failure::failed(format!("proof failed: {reason}"))),
        (None, None) => {
            screen.note("\nproof succeeded: no request failed and every replaced generation is unmapped");
            Ok(())
        }
    }
}

/// Runs the proof. Returns the report and the failure that ended the proof early, if any.
async fn run(
    client: &Client,
    args: &Reload,
    screen: &Screen,
    stop: &CancellationToken,
) -> Result<(ProofReport, Option<Failure>), Failure> {
    let plugin = read(client, &args.id).await?;
    if !plugin.item.enabled {
        let failure = Failure::failed(format!("`{}` is disabled", args.id));
        return Err(failure.fix(format!("enable it with `plugin-host enable {}`", args.id)));
    }
    let version = plugin.item.metadata.version.clone();
    let mut seen = Observations::new(plugin.item.generations.clone());
    let endpoint = endpoint(client, args, &plugin, &mut seen).await?;
    let before = mapped(client).await?;
    let n_lines = args.how.connections;
    let reloads = Reloads { asked: args.how.reloads, done: 0 };
    let mut proof = Proof { client, args, screen, stop, seen, reloads };

    let started = Instant::now();
    let mut traffic = Traffic::start(endpoint.target, endpoint.status, n_lines);
    let reloaded = proof.reload(&mut traffic).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    let tally = traffic.end().await;
    let ended = match reloaded {
        Ok(()) => proof.settle().await.err(),
        Err(failure) => {
            // The report still shows the progress so far, even if the host is gone.
            let _ = proof.settle().await;
            Some(failure)
        }
    };
    let after = mapped(client).await.ok();

    let facts = Facts { version, path: endpoint.path, status: endpoint.status, duration_ms, before, after };
    Ok(proof.conclude(facts, &tally, ended))
}

/// The facts of a report besides the counts.
struct Facts {
    version: String,
    path: String,
    status: StatusCode,
    duration_ms: f64,
    before: u64,
    after: Option<u64>,
}

impl Proof<'_> {
    /// Reloads repeatedly. Every generation responds on every connection before it is replaced.
    async fn reload(&mut self, traffic: &mut Traffic) -> Result<(), Failure> {
        traffic.all_asked().await;
        let Reloads { asked: n_reloads, .. } = self.reloads;
        for number in 1..=n_reloads {
            if self.stop.is_cancelled() {
                break;
            }
            let what = format!("reload {number} of {n_reloads}");
            let ask = ApiRequest::post(route(&self.args.id, "/reload"));
            let watched = self.client.watch(ask, &what, self.screen, self.args.verbose).await;
            let watched = watched.map_err(|failure| {
                let message = format!("{what} failed: {}", failure.message);
                // With --json only the report is printed.
                Failure { message, response: None, ..failure }
            })?;
            self.reloads.done = number;
            if let Some(before) = watched.job.result.and_then(|asked| asked.generation_before) {
                self.seen.replaced(before);
            }
            traffic.next_round();
            traffic.all_asked().await;
            // After each reload, because the host only lists the most recent generations.
            self.look().await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Failure> {
        self.seen.look(read(self.client, &self.args.id).await?.item.generations);
        Ok(())
    }

    /// Waits until the replaced generations are unmapped, for a bounded time or until a signal.
    async fn settle(&mut self) -> Result<(), Failure> {
        let mut spinner = self.screen.spinner("waiting for replaced generations to be unmapped", false);
        let stop = self.stop;
        let was_stopped = self.stop.is_cancelled();
        let settled = tokio::time::timeout(SETTLE_TIMEOUT, async {
            loop {
                self.look().await?;
                match self.seen.n_left() {
                    0 => return Ok(()),
                    n_left => spinner.step(&format!("{n_left} left")),
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        tokio::select! {
            // On a timeout the report lists the remaining generations.
            settled = settled => settled.unwrap_or(Ok(())),
            () = stop.cancelled(), if !was_stopped => Ok(()),
        }
    }

    fn conclude(self, facts: Facts, tally: &Tally, ended: Option<Failure>) -> (ProofReport, Option<Failure>) {
        let Facts { version, path, status, duration_ms, before, after } = facts;
        let mut report = ProofReport {
            plugin: self.args.id.to_string(),
            version,
            path,
            status: status.as_u16(),
            connections: self.args.how.connections,
            duration_ms,
            requests: Requests::new(tally, 1, &self.seen),
            generations: self.seen.parts().map(Served::new).collect(),
            failures: report::first_failures(tally),
            latency: Latency::new(tally),
            unmapped: Unmapped::new(&self.seen),
            libraries_mapped: Mapped { before: Some(before), after },
            reloads: self.reloads,
            proven: false,
            reason: None,
        };
        report.reason = match &ended {
            Some(failure) => Some(failure.message.clone()),
            None => report.objections(),
        };
        report.proven = report.reason.is_none();
        (report, ended)
    }
}

/// Selects the endpoint and requests it once; `seen` counts this request.
async fn endpoint(
    client: &Client,
    args: &Reload,
    plugin: &Plugin,
    seen: &mut Observations,
) -> Result<Endpoint, Failure> {
    let id = &args.id;
    let path = match &args.how.path {
        Some(path) => path.clone(),
        None => default_path(plugin).ok_or_else(|| {
            Failure::usage(format!("`{id}` has no GET endpoint without parameters"))
                .fix("select an endpoint with --path, such as `--path /items/1`")
        })?,
    };
    let target = Target::new(client.url(), format!("/api/plugin-endpoints/{id}{path}"))?;
    let what = format!("`GET {path}`");
    let other = "select another endpoint with --path";
    let (status, body) = target.ask_once(PROBE_TIMEOUT).await.map_err(|reason| {
        Failure::failed(format!("{what} of `{id}` did not return a complete response before the first reload"))
            .because(reason)
            .fix(other)
    })?;
    seen.look(read(client, id).await?.item.generations);
    // The count alone is not sufficient, since it includes requests of other clients.
    if seen.n_requests() == 0 || refused_by_host(status, &body) {
        let failure = Failure::usage(format!("{what} is not an endpoint of `{id}`: the host returned {status}"));
        return Err(failure.fix(format!("`plugin-host show {id}` lists its endpoints")));
    }
    if status.is_server_error() {
        return Err(Failure::failed(format!("{what} of `{id}` returned {status} before the first reload")).fix(other));
    }
    Ok(Endpoint { path, target, status })
}

/// Returns whether the host itself responded that the endpoint does not exist.
fn refused_by_host(status: StatusCode, body: &[u8]) -> bool {
    let problem = || serde_json::from_slice::<Problem>(body);
    status.is_client_error()
        && problem().is_ok_and(|problem| {
            matches!(problem.code.as_str(), "endpoint_unknown" | "endpoint_method" | "endpoint_path")
        })
}

fn default_path(plugin: &Plugin) -> Option<String> {
    let endpoints = &plugin.item.metadata.endpoints;
    let first = endpoints.iter().find(|one| one.method == "GET" && !one.path.contains([':', '*', '{']));
    first.map(|endpoint| endpoint.path.clone())
}

async fn read(client: &Client, id: &PluginId) -> Result<Plugin, Failure> {
    client.request(ApiRequest::get(route(id, ""))).await?.read()
}

/// Requests the number of plugin libraries mapped by the host.
async fn mapped(client: &Client) -> Result<u64, Failure> {
    let metrics = client.request(ApiRequest::get("/metrics")).await?;
    let text = String::from_utf8_lossy(&metrics.body);
    let value = text.lines().find_map(|line| line.strip_prefix("plugin_host_generations_mapped "));
    value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| {
        Failure::failed("the host's metrics do not contain the number of mapped libraries")
            .fix("use a plugin-host program of the same version as the host")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_the_host_are_distinguished_from_responses_of_the_plugin() {
        let refused =
            |code: &str| serde_json::to_vec(&Problem { code: code.to_owned(), ..Problem::default() }).unwrap();
        assert!(refused_by_host(StatusCode::NOT_FOUND, &refused("endpoint_unknown")));
        assert!(refused_by_host(StatusCode::METHOD_NOT_ALLOWED, &refused("endpoint_method")));
        assert!(!refused_by_host(StatusCode::NOT_FOUND, &refused("no_such_item")));
        assert!(!refused_by_host(StatusCode::NOT_FOUND, b"not found"));
        assert!(!refused_by_host(StatusCode::OK, &refused("endpoint_unknown")));
    }
}
