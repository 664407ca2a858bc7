use super::*;

fn pick(source: Source) -> Pick {
    Pick {
        version: "1.2.3-rc.1".parse().unwrap(),
        source,
        trust: Trust::CommandLine,
        commit: Some("a".repeat(40)),
        reference: Some("refs/tags/v1.2.3".to_owned()),
        tag: Some("1.2.3".parse().unwrap()),
        artifact: Digest::compute(b"x"),
        loaded_unix_ms: 7,
    }
}

#[test]
fn every_wish_is_read_as_it_was_written() {
    let sources = [
        "https://github.com/a/b@v1".parse().unwrap(),
        "https://github.com/a/b".parse().unwrap(),
        Source::Folder("https://not/a/url".into()),
        Source::Archive("/a b/c.zip".into()),
        Source::Library("c.so".into()),
        Source::Folder("/a b".into()).inside("plugins/a".parse().unwrap()).unwrap(),
        "https://github.com/a/b@v1#path=plugins/a&tags=a-v{version}".parse().unwrap(),
        Source::Upload("upload_1".to_owned()),
    ];
    let keep = |keep_data| Goal::Absent { keep_data };
    let goals = [Goal::Installed, Goal::Running, Goal::Stopped, Goal::Disabled, keep(true), keep(false)];
    for (goal, source) in goals.into_iter().zip(sources) {
        let desired = Desired {
            id: "abc".parse().unwrap(),
            goal,
            current: pick(source.clone()),
            rollback_versions: vec![Pick { trust: Trust::Http, commit: None, reference: None, ..pick(source) }],
            configuration: serde_json::from_str(r#"{"b": [1, null], "a": "ä"}"#).unwrap(),
            placement: Placement::Isolated,
            grants: BTreeSet::from(["kv.read".to_owned()]),
            update: UpdatePolicy::new("patch".parse().unwrap(), true, UpdateInterval::default()).unwrap(),
            blocked: BTreeSet::from(["2.0.0".parse().unwrap()]),
            quarantine: Some("crashed".to_owned()),
        };
        assert_eq!(read_desired(&write_desired(&desired)).unwrap(), desired);
        let mut record = write_record(5, &desired);
        assert_eq!(read_record(&record).unwrap(), (5, desired));
        // The plugin, and the revision.
        for part in ["abc", "5,"] {
            let at = record.windows(part.len()).position(|bytes| bytes == part.as_bytes()).unwrap();
            record[at] ^= 1;
            assert!(read_record(&record).is_err());
            record[at] ^= 1;
        }
    }
}

#[test]
fn an_invalid_text_is_reported() {
    for text in ["", "{}", "[1]"] {
        assert!(read_desired(text).is_err(), "{text}");
    }
    let desired = write_desired(&Desired {
        id: "abc".parse().unwrap(),
        goal: Goal::Running,
        current: pick(Source::Folder("x".into())),
        rollback_versions: vec![],
        configuration: Map::new(),
        placement: Placement::Inline,
        grants: BTreeSet::new(),
        update: UpdatePolicy::default(),
        blocked: BTreeSet::new(),
        quarantine: None,
    });
    for (from, to) in [("running", "walking"), ("inline", "outline"), ("sha256:", "sha1:"), ("abc", "a/b")] {
        assert!(read_desired(&desired.replacen(from, to, 1)).is_err(), "{to}");
    }
}
