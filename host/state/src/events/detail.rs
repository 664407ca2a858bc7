//! The data of each kind of event as a JSON object, for the journal and for clients.
//!
//! Durations are milliseconds with microsecond precision. Missing values are null.

use std::time::Duration;

use host_core::event::{EventKind, Text};
use host_core::health::Health;
use serde_json::{Map, Value, json};

/// Returns the data of a kind, without its name.
pub fn event_detail(kind: &EventKind) -> Map<String, Value> {
    let detail = match kind {
        EventKind::HostStarted { version } => json!({ "version": text(version) }),
        EventKind::HostReady { serving, took } => json!({ "serving": serving, "duration_ms": ms(*took) }),
        EventKind::HostReconfigured { changed, after_restart } => {
            json!({ "changed": texts(changed), "after_restart": texts(after_restart) })
        }
        EventKind::HostReconfigurationRefused { reasons } => json!({ "reasons": texts(reasons) }),
        EventKind::HostStopping => json!({}),
        EventKind::JobQueued { operation, subject } | EventKind::JobStarted { operation, subject } => {
            json!({ "operation": text(operation), "subject": text(subject) })
        }
        EventKind::JobStep { step, took } => json!({ "step": text(step), "duration_ms": ms(*took) }),
        EventKind::JobEnded { operation, outcome, code, error, took } => json!({
            "operation": text(operation),
            "outcome": text(outcome),
            "code": code.as_ref().map(text),
            "error": error.as_ref().map(text),
            "duration_ms": ms(*took),
        }),
        EventKind::PluginInstalled { version, source } => json!({ "version": text(version), "source": text(source) }),
        EventKind::PluginUninstalled { version, keeps_data } => {
            json!({ "version": text(version), "keeps_data": keeps_data })
        }
        EventKind::PluginEnabled { version } | EventKind::PluginDisabled { version } => {
            json!({ "version": text(version) })
        }
        EventKind::PluginStopped { reason } => json!({ "reason": text(reason) }),
        EventKind::GenerationServes { generation, version, before } => {
            json!({ "generation": generation, "version": text(version), "generation_before": before })
        }
        EventKind::GenerationDraining { generation, in_flight } => {
            json!({ "generation": generation, "in_flight": in_flight })
        }
        EventKind::GenerationEnded { generation, took, cancelled } => {
            json!({ "generation": generation, "duration_ms": ms(*took), "cut": cancelled })
        }
        EventKind::GenerationUnmapped { generation, after, left_bytes } => {
            json!({ "generation": generation, "after_ms": ms(*after), "left_bytes": left_bytes })
        }
        EventKind::GenerationKept { generation, held_by } => {
            json!({ "generation": generation, "held_by": texts(held_by) })
        }
        EventKind::HealthChanged { generation, from, to, problem } => json!({
            "generation": generation,
            "from": from.as_str(),
            "to": to.as_str(),
            "problem": problem.as_ref().map(text),
        }),
        EventKind::CircuitOpened { generation, reason, retry_after } => {
            json!({ "generation": generation, "reason": text(reason), "retry_after_ms": ms(*retry_after) })
        }
        EventKind::CircuitClosed { generation } => json!({ "generation": generation }),
        EventKind::PluginCrashed { generation, activity, cause, crashed_at_unix_ms } => json!({
            "generation": generation,
            "activity": activity.as_ref().map(text),
            "cause": text(cause),
            "crashed_at_unix_ms": crashed_at_unix_ms,
        }),
        EventKind::PluginQuarantined { failures, window, reason } => {
            json!({ "failures": failures, "window_ms": ms(*window), "reason": text(reason) })
        }
        EventKind::PluginQuarantineLifted { actor } => json!({ "actor": text(actor) }),
        EventKind::ConfigurationChanged { revision, generation, live } => {
            json!({ "revision": revision, "generation": generation, "live": live })
        }
        EventKind::RevisionMade { revision, actor, reason } => {
            json!({ "revision": revision, "actor": text(actor), "reason": text(reason) })
        }
        EventKind::RollbackDone { from, to, generation, automatic, reason } => json!({
            "from": text(from),
            "to": text(to),
            "generation": generation,
            "automatic": automatic,
            "reason": text(reason),
        }),
        EventKind::UpdateAvailable { installed, available } => {
            json!({ "installed": text(installed), "available": text(available) })
        }
        EventKind::RequestRefused { operation, code, error } => {
            json!({ "operation": text(operation), "code": text(code), "error": text(error) })
        }
    };
    match detail {
        Value::Object(detail) => detail,
        _ => Map::new(),
    }
}

/// Returns the kind with that name and data; `None` if the kind is unknown or a field is missing.
pub fn event_kind(name: &str, detail: &Map<String, Value>) -> Option<EventKind> {
    let read = Read(detail);
    Some(match name {
        "host.started" => EventKind::HostStarted { version: read.text("version")? },
        "host.ready" => EventKind::HostReady { serving: read.number("serving")?, took: read.time("duration_ms")? },
        "host.reconfigured" => {
            EventKind::HostReconfigured { changed: read.texts("changed")?, after_restart: read.texts("after_restart")? }
        }
        "host.reconfiguration_refused" => EventKind::HostReconfigurationRefused { reasons: read.texts("reasons")? },
        "host.stopping" => EventKind::HostStopping,
        "job.queued" => EventKind::JobQueued { operation: read.text("operation")?, subject: read.text("subject")? },
        "job.started" => EventKind::JobStarted { operation: read.text("operation")?, subject: read.text("subject")? },
        "job.step" => EventKind::JobStep { step: read.text("step")?, took: read.time("duration_ms")? },
        "job.ended" => EventKind::JobEnded {
            operation: read.text("operation")?,
            outcome: read.text("outcome")?,
            code: read.optional("code", Read::text)?,
            error: read.optional("error", Read::text)?,
            took: read.time("duration_ms")?,
        },
        "plugin.installed" => {
            EventKind::PluginInstalled { version: read.text("version")?, source: read.text("source")? }
        }
        "plugin.uninstalled" => {
            EventKind::PluginUninstalled { version: read.text("version")?, keeps_data: read.truth("keeps_data")? }
        }
        "plugin.enabled" => EventKind::PluginEnabled { version: read.text("version")? },
        "plugin.disabled" => EventKind::PluginDisabled { version: read.text("version")? },
        "plugin.stopped" => EventKind::PluginStopped { reason: read.text("reason")? },
        "generation.serves" => EventKind::GenerationServes {
            generation: read.number("generation")?,
            version: read.text("version")?,
            before: read.optional("generation_before", Read::number)?,
        },
        "generation.draining" => EventKind::GenerationDraining {
            generation: read.number("generation")?,
            in_flight: read.number("in_flight")?,
        },
        "generation.ended" => EventKind::GenerationEnded {
            generation: read.number("generation")?,
            took: read.time("duration_ms")?,
            cancelled: read.number("cut")?,
        },
        "generation.unmapped" => EventKind::GenerationUnmapped {
            generation: read.number("generation")?,
            after: read.time("after_ms")?,
            left_bytes: read.optional("left_bytes", Read::number)?,
        },
        "generation.kept" => {
            EventKind::GenerationKept { generation: read.number("generation")?, held_by: read.texts("held_by")? }
        }
        "health.changed" => EventKind::HealthChanged {
            generation: read.number("generation")?,
            from: read.health("from")?,
            to: read.health("to")?,
            problem: read.optional("problem", Read::text)?,
        },
        "circuit.opened" => EventKind::CircuitOpened {
            generation: read.number("generation")?,
            reason: read.text("reason")?,
            retry_after: read.time("retry_after_ms")?,
        },
        "circuit.closed" => EventKind::CircuitClosed { generation: read.number("generation")? },
        "plugin.crashed" => EventKind::PluginCrashed {
            generation: read.optional("generation", Read::number)?,
            activity: read.optional("activity", Read::text)?,
            cause: read.text("cause")?,
            crashed_at_unix_ms: read.number("crashed_at_unix_ms")?,
        },
        "plugin.quarantined" => EventKind::PluginQuarantined {
            failures: read.number("failures")?,
            window: read.time("window_ms")?,
            reason: read.text("reason")?,
        },
        "plugin.quarantine_lifted" => EventKind::PluginQuarantineLifted { actor: read.text("actor")? },
        "configuration.changed" => EventKind::ConfigurationChanged {
            revision: read.optional("revision", Read::number)?,
            generation: read.optional("generation", Read::number)?,
            live: read.truth("live")?,
        },
        "revision.made" => EventKind::RevisionMade {
            revision: read.number("revision")?,
            actor: read.text("actor")?,
            reason: read.text("reason")?,
        },
        "rollback.done" => EventKind::RollbackDone {
            from: read.text("from")?,
            to: read.text("to")?,
            generation: read.optional("generation", Read::number)?,
            automatic: read.truth("automatic")?,
            reason: read.text("reason")?,
        },
        "update.available" => {
            EventKind::UpdateAvailable { installed: read.text("installed")?, available: read.text("available")? }
        }
        "request.refused" => EventKind::RequestRefused {
            operation: read.text("operation")?,
            code: read.text("code")?,
            error: read.text("error")?,
        },
        _ => return None,
    })
}

fn texts(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(text).collect()
}

fn text(text: &Text) -> &str {
    text.as_str()
}

fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// Reads the members of an object; `None` if a member is missing or has another type.
struct Read<'a>(&'a Map<String, Value>);

impl Read<'_> {
    fn text(&self, key: &str) -> Option<Text> {
        Some(self.0.get(key)?.as_str()?.into())
    }

    fn texts(&self, key: &str) -> Option<Vec<Text>> {
        self.0.get(key)?.as_array()?.iter().map(|text| Some(text.as_str()?.into())).collect()
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }

    fn truth(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    fn time(&self, key: &str) -> Option<Duration> {
        let ms = self.0.get(key)?.as_f64().filter(|ms| *ms >= 0.0)?;
        Some(Duration::from_micros((ms * 1e3).round() as u64))
    }

    fn health(&self, key: &str) -> Option<Health> {
        let word = self.0.get(key)?.as_str()?;
        let all = [Health::Unknown, Health::Healthy, Health::Degraded, Health::Unhealthy];
        all.into_iter().find(|health| health.as_str() == word)
    }

    fn optional<T>(&self, key: &str, read: impl Fn(&Self, &str) -> Option<T>) -> Option<Option<T>> {
        match self.0.get(key)? {
            Value::Null => Some(None),
            _ => read(self, key).map(Some),
        }
    }
}

#[cfg(test)]
mod tests;
