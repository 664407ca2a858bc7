use super::*;

/// One of each kind, as clients see it.
const ALL: &[(&str, &str)] = &[
    ("host.started", r#"{"version":"0.1.0"}"#),
    ("host.ready", r#"{"duration_ms":2340.001,"serving":3}"#),
    ("host.reconfigured", r#"{"after_restart":["port"],"changed":["allowed_hosts","log_filter"]}"#),
    ("host.reconfiguration_refused", r#"{"reasons":["`port` is `x`"]}"#),
    ("host.stopping", "{}"),
    ("job.queued", r#"{"operation":"load","subject":"/srv/hello"}"#),
    ("job.started", r#"{"operation":"load","subject":"/srv/hello"}"#),
    ("job.step", r#"{"duration_ms":0.001,"step":"build"}"#),
    (
        "job.ended",
        r#"{"code":"build_cargo","duration_ms":12.345,"error":"failed to build","operation":"load","outcome":"failed"}"#,
    ),
    ("plugin.installed", r#"{"source":"/srv/hello","version":"1.0.0"}"#),
    ("plugin.uninstalled", r#"{"keeps_data":true,"version":"1.0.0"}"#),
    ("plugin.enabled", r#"{"version":"1.0.0"}"#),
    ("plugin.disabled", r#"{"version":"1.0.0"}"#),
    ("plugin.stopped", r#"{"reason":"its dependency was uninstalled"}"#),
    ("generation.serves", r#"{"generation":2,"generation_before":1,"version":"1.0.0"}"#),
    ("generation.draining", r#"{"generation":1,"in_flight":3}"#),
    ("generation.ended", r#"{"cut":2,"duration_ms":30000.0,"generation":1}"#),
    ("generation.unmapped", r#"{"after_ms":14.2,"generation":1,"left_bytes":312}"#),
    ("generation.kept", r#"{"generation":1,"held_by":["1 thread (`a`)","1 waker"]}"#),
    ("health.changed", r#"{"from":"degraded","generation":2,"problem":"no disk","to":"unhealthy"}"#),
    ("circuit.opened", r#"{"generation":2,"reason":"5 calls timed out","retry_after_ms":5000.0}"#),
    ("circuit.closed", r#"{"generation":2}"#),
    ("plugin.crashed", r#"{"activity":"call","cause":"SIGSEGV","crashed_at_unix_ms":1000,"generation":2}"#),
    ("plugin.quarantined", r#"{"failures":5,"reason":"it panicked","window_ms":60000.0}"#),
    ("plugin.quarantine_lifted", r#"{"actor":"operator"}"#),
    ("configuration.changed", r#"{"generation":2,"live":true,"revision":4}"#),
    ("revision.made", r#"{"actor":"operator","reason":"configure","revision":4}"#),
    (
        "rollback.done",
        r#"{"automatic":true,"from":"1.1.0","generation":3,"reason":"its first probe failed","to":"1.0.0"}"#,
    ),
    ("update.available", r#"{"available":"1.1.0","installed":"1.0.0"}"#),
    ("request.refused", r#"{"code":"run_disabled","error":"it is disabled","operation":"reload"}"#),
];

fn read(name: &str, detail: &str) -> Option<EventKind> {
    event_kind(name, &serde_json::from_str(detail).unwrap())
}

fn written(kind: &EventKind) -> String {
    Value::Object(event_detail(kind)).to_string()
}

#[test]
fn every_kind_reads_what_it_writes() {
    let names = ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names, EventKind::NAMES, "each kind stands in the list, in the order of the names");
    for (name, detail) in ALL {
        let kind = read(name, detail).unwrap_or_else(|| panic!("{name} is not read"));
        assert_eq!((kind.name(), written(&kind).as_str()), (*name, *detail));
        assert_eq!(read(name, &written(&kind)), Some(kind));
    }
}

#[test]
fn missing_values_are_null() {
    for (name, detail) in [
        ("job.ended", r#"{"code":null,"duration_ms":1.0,"error":null,"operation":"load","outcome":"done"}"#),
        ("generation.serves", r#"{"generation":1,"generation_before":null,"version":"1.0.0"}"#),
        ("generation.unmapped", r#"{"after_ms":1.0,"generation":1,"left_bytes":null}"#),
        ("generation.kept", r#"{"generation":1,"held_by":[]}"#),
        ("health.changed", r#"{"from":"unknown","generation":2,"problem":null,"to":"healthy"}"#),
        ("configuration.changed", r#"{"generation":null,"live":false,"revision":null}"#),
    ] {
        assert_eq!(read(name, detail).map(|kind| written(&kind)).as_deref(), Some(detail));
    }
}

#[test]
fn an_incomplete_detail_is_not_read() {
    for (name, detail) in ALL {
        let whole: Map<String, Value> = serde_json::from_str(detail).unwrap();
        for key in whole.keys() {
            let mut part = whole.clone();
            part.remove(key);
            assert_eq!(event_kind(name, &part), None, "{name} without {key}");
            part.insert(key.clone(), json!({}));
            assert_eq!(event_kind(name, &part), None, "{name} with another {key}");
        }
    }
    assert_eq!(read("host.unheard_of", "{}"), None);
    assert_eq!(read("job.step", r#"{"duration_ms":-1.0,"step":"build"}"#), None);
}
