//! Operations are read as they were written.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use expect_test::expect;
use host_core::Goal;
use host_core::update::UpdateInterval;
use serde_json::json;

use super::*;
use crate::model::{PresentState, TargetPick, TargetState};

fn settings() -> Configuration {
    json!({ "greeting": "Hé\u{0}\"", "n": [1, 2.5, null] }).as_object().cloned().unwrap()
}

fn load(source: Source, trust: Trust) -> Operation {
    Operation::Load { source, trust, options: options() }
}

fn options() -> LoadOptions {
    LoadOptions { configuration: Some(settings()), ..LoadOptions::default() }
}

/// At least one operation of each kind.
fn all() -> Vec<Operation> {
    let id = || "hello".to_owned();
    vec![
        load("https://github.com/acme/hello@v1.2.0".parse().unwrap(), Trust::Http),
        load("https://github.com/acme/hello".parse().unwrap(), Trust::CommandLine),
        load(Source::Folder("/srv/a.zip".into()), Trust::Http),
        load(Source::Folder("/srv/a:b".into()), Trust::Http),
        load(Source::Archive("a.zip".into()), Trust::Http),
        load(Source::Library(OsString::from_vec(b"/srv/\xff.so".to_vec()).into()), Trust::Http),
        load(Source::Upload("upload_1".to_owned()), Trust::Http),
        load("https://github.com/acme/hello@v1#path=plugins/a&tags=a-v{version}".parse().unwrap(), Trust::Http),
        load(Source::Folder("/srv/a".into()).inside("b".parse().unwrap()).unwrap(), Trust::Http),
        Operation::Install { upload: "upload_1".to_owned(), options: LoadOptions::default() },
        Operation::Load {
            source: "https://github.com/acme/hello".parse().unwrap(),
            trust: Trust::Http,
            options: LoadOptions {
                update: Some(UpdatePolicy::new("minor".parse().unwrap(), true, UpdateInterval::default()).unwrap()),
                ..LoadOptions::default()
            },
        },
        Operation::Reload { id: id() },
        Operation::Restart { id: id() },
        Operation::Enable { id: id() },
        Operation::Start { id: id() },
        Operation::Stop { id: id() },
        Operation::Disable { id: id(), cascade: true },
        Operation::Unload { id: id(), keep_data: true, cascade: false },
        Operation::Configure { id: id(), change: SettingsChange::Replace(settings()), expected: Some(7) },
        Operation::Configure { id: id(), change: SettingsChange::Merge(settings()), expected: None },
        Operation::Rollback { id: id(), to: Some("1.0.0".to_owned()), because: None },
        Operation::Restore { id: id(), revision: 3 },
        Operation::Update { id: id(), to: Some("v2".parse().unwrap()), automatic: false },
        Operation::Update { id: id(), to: None, automatic: true },
        Operation::SetUpdatePolicy {
            id: id(),
            policy: UpdatePolicy::new("patch".parse().unwrap(), true, UpdateInterval::default()).unwrap(),
            blocked: Some(BTreeSet::from(["1.2.3".parse().unwrap()])),
            tags: Some(Some("a-{version}".parse().unwrap())),
        },
        Operation::SetUpdatePolicy { id: id(), policy: UpdatePolicy::default(), blocked: None, tags: Some(None) },
        Operation::SetUpdatePolicy { id: id(), policy: UpdatePolicy::default(), blocked: None, tags: None },
        Operation::BlockVersion { id: id(), version: "1.2.3".parse().unwrap(), blocked: true },
        Operation::Apply { plan: Digest::compute(b"x"), targets: targets(), atomic: true },
        Operation::Batch {
            operations: vec![
                load("https://github.com/acme/hello".parse().unwrap(), Trust::Http),
                Operation::Unload { id: id(), keep_data: true, cascade: false },
            ],
            atomic: false,
        },
    ]
}

fn targets() -> Vec<Target> {
    let id = |text: &str| text.parse().unwrap();
    let pick = TargetPick {
        source: "https://github.com/acme/hello".parse().unwrap(),
        trust: Trust::Http,
        commit: Some("c1".to_owned()),
        reference: None,
        tree: Some(Digest::compute(b"t")),
        artifact: None,
    };
    let there = PresentState {
        pick: Some(pick),
        goal: Goal::Stopped,
        configuration: Some(settings()),
        update: Some(UpdatePolicy::default()),
        blocked: Some(BTreeSet::new()),
    };
    let rests = PresentState { pick: None, goal: Goal::Running, configuration: None, update: None, blocked: None };
    vec![
        Target { id: id("hello"), revision: 3, state: TargetState::Present(Box::new(there)) },
        Target { id: id("rests"), revision: 4, state: TargetState::Present(Box::new(rests)) },
        Target { id: id("gone"), revision: 5, state: TargetState::Absent },
    ]
}

#[test]
fn a_stored_operation_equals_the_submitted_one() {
    for operation in all() {
        let text = write(&operation);
        assert_eq!(format!("{:?}", read(&text).unwrap()), format!("{operation:?}"), "{text}");
    }
}

#[test]
fn the_test_list_has_every_operation() {
    // The error lists all variants: "unknown variant `x`, expected one of `load`, …".
    let known = read(r#"{"operation":"x"}"#).unwrap_err().to_string();
    let mut known = known.split('`').skip(3).step_by(2).collect::<std::collections::BTreeSet<_>>();
    assert!(known.remove("set_update_rule"), "the name that earlier hosts stored");
    let all = all();
    assert_eq!(all.iter().map(Operation::name).collect::<std::collections::BTreeSet<_>>(), known);
}

#[test]
fn the_stored_form_of_operations_does_not_change() {
    let texts = all().iter().map(|operation| write(operation) + "\n").collect::<String>();
    expect![[r#"
        {"operation":"load","source":{"git":"https://github.com/acme/hello@v1.2.0"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"command_line","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"folder":"/srv/a.zip"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"folder":"/srv/a:b"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"archive":"a.zip"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"library":[47,115,114,118,47,255,46,115,111]},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"upload":"upload_1"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"inside":{"place":{"git":"https://github.com/acme/hello@v1#tags=a-v{version}"},"path":"plugins/a"}},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"load","source":{"inside":{"place":{"folder":"/srv/a"},"path":"b"}},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
        {"operation":"install","upload":"upload_1","options":{"configuration":null,"start":true,"if_changed":false}}
        {"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"http","options":{"configuration":null,"start":true,"if_changed":false,"update":{"policy":"minor","automatic":true,"interval_seconds":3600}}}
        {"operation":"reload","id":"hello"}
        {"operation":"restart","id":"hello"}
        {"operation":"enable","id":"hello"}
        {"operation":"start","id":"hello"}
        {"operation":"stop","id":"hello"}
        {"operation":"disable","id":"hello","cascade":true}
        {"operation":"unload","id":"hello","keep_data":true,"cascade":false}
        {"operation":"configure","id":"hello","change":{"replace":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}},"expected":7}
        {"operation":"configure","id":"hello","change":{"merge":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}},"expected":null}
        {"operation":"rollback","id":"hello","to":"1.0.0","because":null}
        {"operation":"restore","id":"hello","revision":3}
        {"operation":"update","id":"hello","to":"v2","automatic":false}
        {"operation":"update","id":"hello","to":null,"automatic":true}
        {"operation":"set_update_policy","id":"hello","policy":{"policy":"patch","automatic":true,"interval_seconds":3600},"blocked":["1.2.3"],"tags":"a-{version}"}
        {"operation":"set_update_policy","id":"hello","policy":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":null,"tags":""}
        {"operation":"set_update_policy","id":"hello","policy":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":null}
        {"operation":"block_version","id":"hello","version":"1.2.3","blocked":true}
        {"operation":"apply","plan":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","targets":[{"id":"hello","revision":3,"there":{"pick":{"source":{"git":"https://github.com/acme/hello"},"trust":"http","commit":"c1","tree":"sha256:e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8","artifact":null},"goal":"stopped","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"update":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":[]}},{"id":"rests","revision":4,"there":{"pick":null,"goal":"running","configuration":null,"update":null,"blocked":null}},{"id":"gone","revision":5,"there":null}],"atomic":true}
        {"operation":"batch","operations":[{"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}},{"operation":"unload","id":"hello","keep_data":true,"cascade":false}],"atomic":false}
    "#]].assert_eq(&texts);
}

#[test]
fn names_that_earlier_hosts_stored_are_read() {
    let rule = r#"{"policy":"patch","automatic":true,"interval_seconds":3600}"#;
    let text = format!(r#"{{"operation":"set_update_rule","id":"hello","rule":{rule},"blocked":null}}"#);
    assert_eq!(read(&text).unwrap().name(), "set_update_policy");
}

#[test]
fn invalid_operations_are_refused() {
    for text in [
        "",
        "{}",
        r#"{"operation":"explode","id":"hello"}"#,
        r#"{"operation":"reload"}"#,
        r#"{"operation":"reload","id":"hello","force":true}"#,
        r#"{"operation":"reload","id":"hello"} and more"#,
        r#"{"operation":"load","source":{"git":"/srv"},"trust":"http","configuration":{}}"#,
        r#"{"operation":"load","source":{"git":"http://x/a/b"},"trust":"http","configuration":{}}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}
