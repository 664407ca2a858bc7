//! Revisions, jobs and events as a host would write them.

use std::sync::LazyLock;
use std::time::Duration;

use host_core::event::{Event, EventKind};
use host_core::job::JobState;
use host_core::manifest::Mode;
use host_core::{Desired, Digest, Goal, Manifest, Pick, Source, Trust};
use host_state::{Change, JobLog, JobRecord};
use serde_json::json;

/// A plugin that has few revisions.
pub(super) const RARE: &str = "rare";
/// A time like those of these days, in milliseconds since 1970.
const NOW: u64 = 1_790_000_000_000;

/// The id of a plugin.
pub(super) fn plugin(number: u64) -> String {
    format!("plugin-{number:03}")
}

/// A change of what is asked for of a plugin, with two versions that are kept and a small configuration.
pub(super) fn change(plugin: &str, number: u64) -> Change {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
        let text = "id: any\nname: Any\nversion: 1.0.0\nendpoints:\n- {path: /, method: GET, handler: any}\n";
        Manifest::check(text.as_bytes(), Mode::Normal).expect("a manifest that fits").manifest
    });
    let pick = |version: u64| Pick {
        version: MANIFEST.version.clone(),
        source: Source::Folder(format!("/srv/plugins/{plugin}").into()),
        trust: Trust::Http,
        commit: None,
        reference: None,
        tag: None,
        artifact: Digest::compute(&version.to_le_bytes()),
        loaded_unix_ms: NOW + version,
    };
    let mut desired = Desired::new(&MANIFEST, Goal::Running, pick(2));
    desired.id = plugin.parse().expect("an id");
    desired.rollback_versions = vec![pick(1), pick(0)];
    desired.configuration.insert("greeting".to_owned(), json!(format!("Hello for the {number}th time")));
    Change {
        plugin: desired.id.clone(),
        desired: Some(desired),
        expected: None,
        actor: "operator".to_owned(),
        operation: "configure".to_owned(),
        reason: None,
        at_unix_ms: NOW + number,
    }
}

/// A job that has ended.
pub(crate) fn job(number: u64) -> JobRecord {
    let steps = json!([{ "step": "open", "duration_ms": 3.2 }, { "step": "start", "duration_ms": 0.4 },
        { "step": "probe", "duration_ms": 0.5 }, { "step": "commit", "duration_ms": 2.1 }]);
    let outcome = json!({ "done": { "id": "hello", "version": "1.0.0", "source": "/srv/plugins/hello", "revision": number,
        "generation_before": number, "generation": number + 1, "warnings": [], "steps": steps } });
    JobRecord {
        id: format!("job_{number:016x}"),
        operation: "restart".to_owned(),
        plugin: Some("hello".to_owned()),
        subject: "hello".to_owned(),
        actor: "operator".to_owned(),
        reason: None,
        on_conflict: "queue".to_owned(),
        timeout_ms: None,
        state: JobState::Done,
        attempt: 1,
        retry_of: None,
        created_unix_ms: NOW + number,
        started_unix_ms: Some(NOW + number + 1),
        ended_unix_ms: Some(NOW + number + 8),
        step: "end".to_owned(),
        steps: steps.to_string(),
        n_lines: 20,
        request: None,
        outcome: Some(outcome.to_string()),
    }
}

/// A log of so many lines.
pub(crate) fn log(number: u64, lines: u64) -> JobLog {
    let line = |line| format!("job {number}, line {line}: what cargo says of one crate, for example\n");
    JobLog { first_line: 0, text: (0..lines).map(line).collect() }
}

/// An event.
pub(crate) fn event(seq: u64) -> Event {
    let kind = EventKind::JobStep { step: "probe".into(), took: Duration::from_micros(512) };
    Event { seq, at_unix_ms: NOW + seq, plugin: "hello".parse().ok(), job: Some(format!("job_{seq:016x}")), kind }
}
