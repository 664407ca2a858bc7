//! The states of a plugin with the values that older clients expect.

use host_api as api;
use host_call::Phase;
use host_core::Goal;
use host_run::PluginView;

pub(crate) fn state(view: &PluginView) -> api::StatusResponse {
    let state = match view.phase {
        Phase::Fetching | Phase::Building | Phase::Loading => "loading",
        Phase::Running | Phase::Degraded => "loaded",
        Phase::Draining => "unloading",
        Phase::Failed | Phase::Quarantined => "error",
        Phase::Stopped => "unloaded",
    };
    let mut errors = vec![];
    if let Some((code, message, at)) = &view.last_error {
        errors.push(api::PluginStateError { code: (*code).to_owned(), message: message.clone(), timestamp: Some(*at) });
    }
    if let Some(problem) = &view.health.problem {
        errors.push(api::PluginStateError {
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
    api::StatusResponse {
        plugin_id: view.id.to_string(),
        status: api::PluginState {
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

/// Combines goal and phase into one of the six states that older clients know:
///
/// | goal | condition | state |
/// |---|---|---|
/// | none | the first load is in progress | `uninstalled` |
/// | installed | never started | `installed` |
/// | running | no generation serves: loading, waiting, failed or quarantined | `enabled` |
/// | running | a generation serves, healthy or not | `running` |
/// | stopped | | `stopped` |
/// | disabled | | `disabled` |
/// | absent | being removed | `uninstalled` |
pub(super) fn six_states(goal: Option<Goal>, serves: bool) -> &'static str {
    match goal {
        None | Some(Goal::Absent { .. }) => "uninstalled",
        Some(Goal::Running) if serves => "running",
        Some(Goal::Running) => "enabled",
        Some(goal @ (Goal::Installed | Goal::Stopped | Goal::Disabled)) => goal.as_str(),
    }
}

pub(super) fn status(view: &PluginView) -> api::Status {
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

/// Formats seconds as a Go duration: `23.4s`, `1m23.4s`, `2h0m5s`.
fn go_duration(seconds: f64) -> String {
    let tenths = (seconds.max(0.0) * 10.0).round() as u64;
    let minutes = tenths / 600;
    let tenths = tenths % 600;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_formatted_as_in_go() {
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
