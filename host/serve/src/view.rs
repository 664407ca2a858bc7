//! From what lives to what is shown: the wire shapes, by hand.

use std::collections::BTreeMap;

use host_api as api;
use host_core::configuration::{MASK, Schema, looks_secret};
use host_core::event::Event;
use host_core::manifest::Placement;
use host_core::{Goal, Manifest, Pick};
use host_run::{
    EventsPage, JobView, LogLine, MetricFamily, MetricSeries, MetricValue, Part, PartState, Phase, PluginView, Receipt,
    Served, StepReport, Way,
};
use serde_json::Value;

use crate::endpoint::PREFIX;
use crate::error::of_failed;
use crate::updates;

pub(crate) fn item(view: &PluginView) -> api::Item {
    let metadata = view.manifest.as_deref().map(metadata).unwrap_or_default();
    let configuration = view.schema.mask(&metadata.configuration);
    let metadata = api::Metadata { configuration, ..metadata };
    let current = view.desired.as_ref().map(|desired| &desired.current);
    api::Item {
        upper_id: view.id.to_string(),
        upper_name: metadata.name.clone(),
        upper_version: metadata.version.clone(),
        upper_description: metadata.description.clone(),
        upper_author: metadata.author.clone(),
        upper_endpoints: metadata.endpoints.clone(),
        upper_permissions: metadata.permissions.clone(),
        upper_dependencies: metadata.dependencies.clone(),
        upper_compatibility: view.manifest.as_deref().map(compatibility).unwrap_or_default(),
        status: status(view),
        metadata,
        source: current.map(|pick| pick.source.to_string()).unwrap_or_default(),
        commit: current.and_then(|pick| pick.commit.clone()),
        loaded_at: current.map(|pick| pick.loaded_unix_ms),
        file_path: current.map(|pick| pick.artifact.to_string()).unwrap_or_default(),
        enabled: is_enabled(view),
        state: six_states(view.desired.as_ref().map(|desired| desired.goal), view.generation.is_some()).to_owned(),
        goal: view.desired.as_ref().map(|desired| desired.goal.as_str().to_owned()),
        revision: view.revision,
        kept: view.desired.iter().flat_map(|desired| &desired.kept).map(kept).collect(),
        update: view.desired.as_ref().map(|desired| updates::rule(&desired.update, &desired.blocked)),
        update_available: view.update_report.as_ref().and_then(|report| Some(updates::newer(report.newest.as_ref()?))),
        quarantine: view.desired.as_ref().and_then(|desired| desired.quarantine.clone()),
        failures_in_a_row: view.failures_in_a_row,
        phase: view.phase.as_str().to_owned(),
        generation: view.generation,
        generations: view
            .generations
            .iter()
            .map(|generation| api::Generation {
                number: generation.number,
                version: generation.version.clone(),
                phase: generation.phase.as_str().to_owned(),
                in_flight: generation.in_flight,
                requests: generation.requests,
                held_by: generation.held_by.clone(),
                mapped_bytes: generation.mapped_bytes,
                live_bytes: generation.live_bytes,
                left_bytes: generation.left_bytes,
                unmapped_after_ms: generation.unmapped_after.map(|after| after.as_secs_f64() * 1e3),
            })
            .collect(),
        warnings: view.warnings.iter().map(ToString::to_string).collect(),
        last_error: view.last_error.as_ref().map(|(code, message, at_unix_ms)| api::LastError {
            code: (*code).to_owned(),
            message: message.clone(),
            at_unix_ms: *at_unix_ms,
        }),
    }
}

pub(crate) fn plugin(view: &PluginView) -> api::Plugin {
    let item = item(view);
    let mount = format!("{PREFIX}{}", view.id);
    let route = |endpoint: &api::Endpoint| api::Route {
        method: endpoint.method.clone(),
        path: format!("{mount}{}", endpoint.path),
        handler: endpoint.handler.clone(),
    };
    let routes = item.metadata.endpoints.iter().map(route).collect();
    let plugin = api::PluginParts { metadata: item.metadata.clone(), status: item.status.clone(), routes };
    api::Plugin { plugin, item }
}

pub(crate) fn state(view: &PluginView) -> api::StatusAnswer {
    let state = match view.phase {
        Phase::Fetching | Phase::Building | Phase::Loading => "loading",
        Phase::Running | Phase::Degraded => "loaded",
        Phase::Draining => "unloading",
        Phase::Failed | Phase::Quarantined => "error",
        Phase::Stopped => "unloaded",
    };
    let mut errors = vec![];
    if let Some((code, message, at)) = &view.last_error {
        errors.push(api::StateError { code: (*code).to_owned(), message: message.clone(), timestamp: Some(*at) });
    }
    if let Some(problem) = &view.health.problem {
        errors.push(api::StateError {
            code: "health".to_owned(),
            message: problem.clone(),
            timestamp: view.health.last_check_unix_ms,
        });
    }
    let in_flight = view.generations.iter().map(|generation| generation.in_flight).sum::<usize>();
    let metrics = [
        ("requests", view.requests as f64),
        ("errors", view.errors as f64),
        ("in_flight", in_flight as f64),
        ("generation", view.generation.unwrap_or(0) as f64),
    ];
    api::StatusAnswer {
        plugin_id: view.id.to_string(),
        status: api::State {
            state: state.to_owned(),
            health: view.health.health.as_str().to_owned(),
            last_check: view.health.last_check_unix_ms,
            errors,
            metrics: metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            uptime: go_duration(view.uptime_seconds),
            request_count: view.requests,
        },
    }
}

pub(crate) fn job(view: &JobView) -> api::Job {
    let (result, problem) = match &view.result {
        None => (None, None),
        Some(Ok(receipt)) => (Some(asked(receipt, view)), None),
        Some(Err(failed)) => (None, Some(of_failed(failed).problem("", &format!("/api/jobs/{}", view.id)))),
    };
    api::Job {
        id: view.id.clone(),
        operation: view.operation.clone().into_owned(),
        subject: view.subject.clone(),
        plugin: view.plugin.clone(),
        state: view.state.as_str().to_owned(),
        step: view.step.clone().into_owned(),
        steps: view.steps.iter().map(step).collect(),
        lines: view.n_lines,
        actor: view.asker.actor.clone(),
        reason: view.asker.reason.clone(),
        on_conflict: view.asker.on_conflict.as_str().to_owned(),
        timeout_seconds: view.asker.timeout.map(|timeout| timeout.as_secs_f64()),
        attempt: view.attempt,
        retry_of: view.retry_of.clone(),
        created_unix_ms: view.created_unix_ms,
        started_unix_ms: view.started_unix_ms,
        ended_unix_ms: view.ended_unix_ms,
        result,
        problem,
    }
}

pub(crate) fn asked(receipt: &Receipt, job: &JobView) -> api::Asked {
    let asked = asked_of(receipt, &job.operation);
    let upload_id = (job.operation == "install").then(|| job.subject.clone());
    api::Asked { job: job.id.clone(), upload_id, ..asked }
}

/// What was done, by this operation.
fn asked_of(receipt: &Receipt, operation: &str) -> api::Asked {
    let id = receipt.id.as_ref().map(ToString::to_string).unwrap_or_default();
    let n_done = receipt.parts.iter().filter(|part| part.state == PartState::Done).count();
    let message = match (operation, receipt.generation) {
        ("apply" | "batch", _) if receipt.id.is_none() => match receipt.parts.len() {
            0 => "nothing to do".to_owned(),
            n_parts => format!("{n_done} of {n_parts} operations are done"),
        },
        ("apply", None) => format!("plugin {id} {} is not running, as planned", receipt.version),
        ("unload", _) => format!("plugin {id} is unloaded"),
        ("set_update_rule" | "block_version", _) => format!("the update policy of plugin {id} was changed"),
        ("update", Some(_)) if receipt.reason.is_some() && receipt.generation_before == receipt.generation => {
            format!("plugin {id} {} is the newest version that the update policy allows", receipt.version)
        }
        ("rollback", Some(generation)) => {
            format!("plugin {id} was rolled back to {}, which serves as generation {generation}", receipt.version)
        }
        ("restore", None) => format!("plugin {id} {} was restored and is not running", receipt.version),
        ("stop", None) => format!("plugin {id} is stopped"),
        ("load" | "install", None) => format!("plugin {id} {} is installed and not running", receipt.version),
        ("configure", Some(generation)) if receipt.generation_before == Some(generation) => {
            format!("plugin {id} applied the configuration; generation {generation} keeps serving")
        }
        ("configure", None) => format!("plugin {id} will use the configuration when it is started"),
        (_, Some(generation)) => format!("plugin {id} {} serves as generation {generation}", receipt.version),
        (_, None) => format!("plugin {id} is disabled"),
    };
    api::Asked {
        message,
        id,
        source: receipt.source.clone(),
        version: receipt.version.clone(),
        generation_before: receipt.generation_before,
        generation: receipt.generation,
        revision: receipt.revision,
        served: receipt.served.iter().map(served).collect(),
        cached: receipt.cached,
        warnings: receipt.warnings.clone(),
        states: receipt.states.iter().map(ToString::to_string).collect(),
        reason: receipt.reason.clone(),
        steps: receipt.steps.iter().map(step).collect(),
        parts: receipt.parts.iter().map(part).collect(),
        job: String::new(),
        upload_id: None,
    }
}

/// What became of one of several things.
pub(crate) fn part(part: &Part) -> api::Part {
    api::Part {
        operation: part.operation.clone().into_owned(),
        subject: part.subject.clone(),
        state: part.state.as_str().to_owned(),
        result: part.receipt.as_ref().map(|receipt| asked_of(receipt, &part.operation)),
        problem: part.problem.as_ref().map(|failed| of_failed(failed).problem("", "")),
    }
}

fn served(served: &Served) -> api::Served {
    api::Served {
        generation: served.generation,
        requests: served.requests,
        errors: served.errors,
        in_flight: served.in_flight,
    }
}

fn step(step: &StepReport) -> api::Step {
    api::Step { step: step.step.clone().into_owned(), duration_ms: step.duration_ms }
}

pub(crate) fn event(event: &Event) -> api::Event {
    api::Event {
        seq: event.seq,
        at_unix_ms: event.at_unix_ms,
        plugin: event.plugin.as_ref().map(ToString::to_string),
        job: event.job.clone(),
        kind: event.kind.name().to_owned(),
        message: event.kind.message(),
        detail: host_run::event_detail(&event.kind),
    }
}

pub(crate) fn events(page: &EventsPage) -> api::EventPage {
    let events = page.events.iter().map(event).collect();
    api::EventPage { events, next: page.next, oldest: page.oldest, damaged: page.damaged }
}

/// All series of a metric.
pub(crate) fn metric_family(family: MetricFamily) -> api::MetricFamily {
    let series = family.series.into_iter().map(|MetricSeries { labels, value }| {
        let labels = labels.into_iter().collect();
        match value {
            MetricValue::Number(value) => api::MetricSeries { labels, value: Some(value), ..Default::default() },
            MetricValue::Histogram { count, sum, buckets } => {
                let buckets = buckets.into_iter().map(|(le, count)| api::MetricBucket { le, count }).collect();
                api::MetricSeries { labels, count: Some(count), sum: Some(sum), buckets, ..Default::default() }
            }
        }
    });
    api::MetricFamily { kind: family.kind.to_owned(), help: family.help, series: series.collect() }
}

pub(crate) fn line(line: &LogLine) -> api::LogLine {
    api::LogLine {
        number: line.number,
        at_unix_ms: line.at_unix_ms,
        level: line.level.to_owned(),
        generation: line.generation,
        message: line.message.clone(),
    }
}

/// The same with its secrets masked: those that a schema names, and those whose keys sound like one.
pub(crate) fn masked(manifest: &Manifest, schema: &Schema) -> api::Metadata {
    let metadata = metadata(manifest);
    let mut configuration = Value::Object(schema.mask(&metadata.configuration));
    hide(&mut configuration);
    let configuration = configuration.as_object().cloned().unwrap_or_default();
    api::Metadata { configuration, ..metadata }
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if looks_secret(key) && !value.is_null() { *value = MASK.into() } else { hide(value) }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}

/// How an artifact is made, in a word.
pub(crate) fn way(way: Way) -> &'static str {
    match way {
        Way::Build => "build",
        Way::Cached => "cached",
        Way::Library => "library",
    }
}

/// Seconds as Go writes a duration: `23.4s`, `1m23.4s`, `2h0m5s`.
fn go_duration(seconds: f64) -> String {
    let tenths = (seconds.max(0.0) * 10.0).round() as u64;
    let (minutes, tenths) = (tenths / 600, tenths % 600);
    let rest = if tenths.is_multiple_of(10) {
        format!("{}s", tenths / 10)
    } else {
        format!("{}.{}s", tenths / 10, tenths % 10)
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

pub(crate) fn metadata(manifest: &Manifest) -> api::Metadata {
    let endpoint = |endpoint: &host_core::manifest::Endpoint| api::Endpoint {
        path: endpoint.path.as_str().to_owned(),
        method: endpoint.method.as_str().to_owned(),
        handler: endpoint.handler.clone(),
        description: endpoint.description.clone(),
    };
    api::Metadata {
        id: manifest.id.to_string(),
        name: manifest.name.clone(),
        version: manifest.version.to_string(),
        description: manifest.description.clone(),
        author: manifest.author.clone(),
        endpoints: manifest.endpoints.iter().map(endpoint).collect(),
        permissions: manifest.permissions.clone(),
        dependencies: manifest.dependencies.iter().map(|dependency| dependency.id.clone()).collect(),
        labels: manifest.labels.clone(),
        configuration: manifest.configuration.clone(),
        security: api::SecurityMetadata {
            network_access: manifest.security.network_access,
            filesystem_access: manifest.security.filesystem_access,
            sandboxed: manifest.security.placement == Placement::Isolated,
        },
        health: api::HealthMetadata {
            enabled: manifest.health.enabled,
            interval_seconds: manifest.health.interval.as_secs(),
        },
    }
}

fn compatibility(manifest: &Manifest) -> BTreeMap<String, String> {
    let compatibility = &manifest.compatibility;
    [("host", &compatibility.host), ("sdk", &compatibility.sdk), ("rust", &compatibility.rust)]
        .into_iter()
        .filter_map(|(name, wanted)| Some((name.to_owned(), wanted.as_ref()?.to_string())))
        .collect()
}

/// Goal and phase in the six words of older clients:
///
/// | goal | serves | word |
/// |---|---|---|
/// | none: its first load is on the way | | `uninstalled` |
/// | installed: it was never let to serve | | `installed` |
/// | running | not now: it loads, waits, failed, or is quarantined | `enabled` |
/// | running | a generation does, well or not | `running` |
/// | stopped | | `stopped` |
/// | disabled | | `disabled` |
/// | absent: it is being taken away | | `uninstalled` |
fn six_states(goal: Option<Goal>, serves: bool) -> &'static str {
    match goal {
        None | Some(Goal::Absent { .. }) => "uninstalled",
        Some(Goal::Running) if serves => "running",
        Some(Goal::Running) => "enabled",
        Some(goal @ (Goal::Installed | Goal::Stopped | Goal::Disabled)) => goal.as_str(),
    }
}

/// Whether the operator wants others to rely on it.
fn is_enabled(view: &PluginView) -> bool {
    view.desired.as_ref().is_some_and(|desired| desired.goal.is_enabled())
}

fn kept(pick: &Pick) -> api::Kept {
    api::Kept {
        version: pick.version.to_string(),
        source: pick.source.to_string(),
        commit: pick.commit.clone(),
        artifact: pick.artifact.to_string(),
        loaded_at: pick.loaded_unix_ms,
    }
}

fn status(view: &PluginView) -> api::Status {
    let loaded = view.desired.as_ref().map(|desired| desired.current.loaded_unix_ms);
    let status = match view.phase {
        Phase::Fetching | Phase::Building | Phase::Loading => "loading",
        Phase::Running | Phase::Degraded => "enabled",
        Phase::Failed | Phase::Quarantined => "failed",
        Phase::Draining | Phase::Stopped => "disabled",
    };
    api::Status {
        id: view.id.to_string(),
        status: status.to_owned(),
        health: view.health.health.as_str().to_owned(),
        uptime: view.uptime_seconds,
        last_updated: view.health.last_check_unix_ms.or(loaded),
        request_count: view.requests,
        error_count: view.errors,
        error_message: view.health.problem.clone().or_else(|| view.last_error.as_ref().map(|error| error.1.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (23.44, "23.4s"),
            (59.96, "1m0s"),
            (83.4, "1m23.4s"),
            (7205.0, "2h0m5s"),
            (90_061.5, "25h1m1.5s"),
        ] {
            assert_eq!(go_duration(seconds), expected);
        }
    }
}
