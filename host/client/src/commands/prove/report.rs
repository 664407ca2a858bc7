//! The report of a proof: as a table, as JSON, and its objections in one line.

use host_api::Generation;
use serde::Serialize;

use super::observations::{Observations, ObservedGeneration, is_unmapped};
use super::traffic::{FailureKind, Tally};
use crate::commands::generations::held;
use crate::output::Table;
use crate::output::text::{duration, printable};

/// Maximum number of reported failure kinds.
const MAX_KINDS: usize = 5;

/// The report of a proof. Durations are in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct ProofReport {
    pub(super) plugin: String,
    pub(super) version: String,
    /// The path of the endpoint.
    pub(super) path: String,
    /// The expected status.
    pub(super) status: u16,
    pub(super) connections: usize,
    pub(super) duration_ms: f64,
    pub(super) reloads: Reloads,
    pub(super) requests: Requests,
    /// The generations that served requests or were replaced.
    pub(super) generations: Vec<Served>,
    /// The first failure kinds.
    pub(super) failures: Vec<FailureKind>,
    pub(super) latency: Latency,
    pub(super) unmapped: Unmapped,
    /// Mapped libraries of all plugins; null if the host could not be reached.
    pub(super) libraries_mapped: Mapped,
    /// Whether the proof succeeded.
    pub(super) proven: bool,
    /// The reason why the proof failed.
    pub(super) reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Reloads {
    pub(super) asked: u32,
    pub(super) done: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Requests {
    /// Requests sent by this program.
    sent: u64,
    answered: u64,
    failed: u64,
    /// Requests of all clients, as counted by the generations.
    counted: u64,
    /// Counted requests that other clients must have sent.
    by_others: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Served {
    #[serde(flatten)]
    generation: Generation,
    /// Whether a reload replaced the generation.
    replaced: bool,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Latency {
    median_ms: Option<f64>,
    p99_ms: Option<f64>,
    longest_pause_ms: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Unmapped {
    /// Number of replaced generations.
    replaced: usize,
    /// Number of replaced generations that are unmapped.
    unmapped: usize,
    median_ms: Option<f64>,
    worst_ms: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Mapped {
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
}

// === conversion from observations ===

impl Requests {
    /// Creates the counts. `probed` is the number of answered requests before the traffic.
    pub(super) fn new(tally: &Tally, probed: u64, seen: &Observations) -> Requests {
        let answered = tally.n_answered + probed;
        let failed = tally.n_failed;
        let sent = answered + failed;
        let counted = seen.n_requests();
        Requests { sent, answered, failed, counted, by_others: counted.saturating_sub(sent) }
    }
}

impl Served {
    pub(super) fn new(part: ObservedGeneration<'_>) -> Served {
        let generation = Generation { requests: part.requests, ..part.generation.clone() };
        Served { generation, replaced: part.is_replaced }
    }
}

impl Latency {
    pub(super) fn new(tally: &Tally) -> Latency {
        let quantile = |share| tally.latencies.quantile(share).map(|latency| latency.as_secs_f64() * 1e3);
        let longest_pause_ms = tally.longest_pause.as_secs_f64() * 1e3;
        Latency { median_ms: quantile(0.5), p99_ms: quantile(0.99), longest_pause_ms }
    }
}

impl Unmapped {
    pub(super) fn new(seen: &Observations) -> Unmapped {
        let replaced: Vec<_> = seen.parts().filter(|part| part.is_replaced).map(|part| part.generation).collect();
        let unmapped = replaced.iter().filter(|generation| is_unmapped(generation));
        let mut after: Vec<f64> = unmapped.filter_map(|generation| generation.unmapped_after_ms).collect();
        after.sort_by(f64::total_cmp);
        let median_ms = after.get(after.len().saturating_sub(1) / 2).copied();
        Unmapped { replaced: replaced.len(), unmapped: after.len(), median_ms, worst_ms: after.last().copied() }
    }
}

/// Returns the failure kinds to report.
pub(super) fn first_failures(tally: &Tally) -> Vec<FailureKind> {
    tally.failures.iter().take(MAX_KINDS).cloned().collect()
}

// === impl ProofReport ===

impl ProofReport {
    /// Returns why the proof failed, in one line; `None` if it succeeded.
    pub(super) fn objections(&self) -> Option<String> {
        let reasons = [self.unfinished(), self.failed(), self.left(), self.uncounted()];
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn unfinished(&self) -> Option<String> {
        let Reloads { asked, done } = self.reloads;
        (done < asked).then(|| format!("interrupted after {done} of {asked} reloads"))
    }

    fn failed(&self) -> Option<String> {
        let first = self.failures.first()?;
        let Requests { sent, failed, .. } = self.requests;
        Some(format!("{failed} of {sent} requests failed: {}", self.describe(first)))
    }

    fn left(&self) -> Option<String> {
        let is_left = |served: &&Served| served.replaced && !is_unmapped(&served.generation);
        let left: Vec<_> = self.generations.iter().filter(is_left).map(|served| &served.generation).collect();
        let first = left.first()?;
        let n_left = left.len();
        let n_replaced = self.unmapped.replaced;
        let generations = if n_replaced == 1 { "generation" } else { "generations" };
        let first = format!("generation {} {}", first.number, state(first));
        Some(format!("{n_left} of {n_replaced} replaced {generations} not unmapped: {first}"))
    }

    fn uncounted(&self) -> Option<String> {
        let Requests { answered, counted, .. } = self.requests;
        let n_lost = answered.saturating_sub(counted);
        (n_lost > 0).then(|| format!("no generation counted {n_lost} of {answered} answered requests"))
    }

    fn describe(&self, kind: &FailureKind) -> String {
        let when = match kind.round {
            round if round <= self.reloads.done => format!("during reload {round}"),
            round if round <= self.reloads.asked => format!("after reload {}", self.reloads.done),
            _ => "after the last reload".to_owned(),
        };
        format!("{}, first {when}", kind.what)
    }
}

impl std::fmt::Display for ProofReport {
    /// Prints the facts last, so that a long table does not scroll them out of view.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n\n", self.table())?;
        for held in held(self.generations.iter().map(|served| &served.generation)) {
            write!(f, "{held}\n\n")?;
        }
        if self.requests.failed > 0 {
            write!(f, "failed requests\n{}\n", self.failures())?;
        }
        write!(f, "{}", self.facts())
    }
}

impl ProofReport {
    fn table(&self) -> Table {
        let mut table = Table::with_head(["GENERATION", "VERSION", "PHASE", "REQUESTS", "UNMAPPED AFTER"]);
        for Served { generation, .. } in &self.generations {
            let after = generation.unmapped_after_ms.map_or_else(|| "-".to_owned(), duration);
            let number = generation.number.to_string();
            let requests = generation.requests.to_string();
            table.row([&number, &generation.version, &generation.phase, &requests, &after]);
        }
        table
    }

    /// Formats one line per failure kind, each with a line end.
    fn failures(&self) -> String {
        let line = |kind: &FailureKind| format!("  {} x {}\n", kind.count, printable(&self.describe(kind)));
        let mut text: String = self.failures.iter().map(line).collect();
        let n_told: u64 = self.failures.iter().map(|kind| kind.count).sum();
        match self.requests.failed.saturating_sub(n_told) {
            0 => {}
            more => text.push_str(&format!("  {more} x other failures\n")),
        }
        text
    }

    fn facts(&self) -> Table {
        let shown = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), duration);
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let mut facts = Table::new();
        facts.row(["plugin", &format!("{} {}", self.plugin, self.version)]);
        facts.row(["endpoint", &format!("GET {}, status {}", self.path, self.status)]);
        let Reloads { asked, done } = self.reloads;
        let of_asked = if done == asked { String::new() } else { format!(" of {asked}") };
        facts.row(["reloads", &format!("{done}{of_asked} in {}", duration(self.duration_ms))]);
        let Requests { answered, failed, counted, by_others, .. } = self.requests;
        let connections = if self.connections == 1 { "connection" } else { "connections" };
        let text = format!("{answered} answered on {} {connections}, {failed} failed", self.connections);
        facts.row(["requests", &text]);
        let which = match by_others {
            0 if counted >= answered => "all answered requests".to_owned(),
            0 => "not all answered requests".to_owned(),
            _ => format!("includes {by_others} requests of other clients"),
        };
        facts.row(["counted", &format!("{counted} by the generations: {which}")]);
        let Latency { median_ms, p99_ms, longest_pause_ms } = self.latency;
        facts.row(["latency", &format!("median {}, p99 {}", shown(median_ms), shown(p99_ms))]);
        facts
            .row(["longest pause", &format!("{} between two responses on one connection", duration(longest_pause_ms))]);
        let Unmapped { replaced, unmapped, median_ms, worst_ms } = self.unmapped;
        let after = match unmapped {
            0 => String::new(),
            _ => format!(", median {} after the replacement, maximum {}", shown(median_ms), shown(worst_ms)),
        };
        facts.row(["unmapped", &format!("{unmapped} of {replaced} replaced generations{after}")]);
        let Mapped { before, after } = self.libraries_mapped;
        facts.row(["mapped", &format!("{} before, {} after: libraries of all plugins", number(before), number(after))]);
        facts
    }
}

/// Describes the state of a generation that is not unmapped.
fn state(generation: &Generation) -> String {
    match (generation.phase.as_str(), generation.held_by.is_empty()) {
        ("kept", false) => format!("is kept by {}", generation.held_by.join(", ")),
        ("quiescing", false) => format!("still waits for {}", generation.held_by.join(", ")),
        ("draining", _) if generation.in_flight > 0 => format!("is draining, with {} in flight", generation.in_flight),
        (phase, _) => format!("is {phase}"),
    }
}

#[cfg(test)]
mod tests;
