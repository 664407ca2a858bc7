//! Written files are read back unchanged.

use expect_test::expect;
use serde_json::{Map, Value, json};

use crate::plugin_set::{PluginEntry, PluginSet, read, write};
use crate::update::{UpdateInterval, UpdateLevel, UpdatePolicy};
use crate::{Digest, Goal, Source};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn with_configuration(value: Value) -> PluginSet {
    let source = Source::Folder("/srv/a".into());
    PluginSet {
        plugins: vec![PluginEntry { configuration: Some(map(value)), ..PluginEntry::new(source) }],
        ..PluginSet::default()
    }
}

#[track_caller]
fn comes_back(file: &PluginSet) -> String {
    let text = write(file);
    let again = read(text.as_bytes()).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
    let plain = PluginSet {
        remarks: vec![],
        plugins: file.plugins.iter().cloned().map(|entry| PluginEntry { left_out: vec![], ..entry }).collect(),
        ..file.clone()
    };
    assert_eq!(again, plain, "{text}");
    assert_eq!(write(&again), write(&plain));
    text
}

#[test]
fn a_written_file_is_readable_and_has_comments() {
    let policy = UpdatePolicy::new(UpdateLevel::Patch, true, UpdateInterval::default()).unwrap();
    let file = PluginSet {
        prune: true,
        plugins: vec![
            PluginEntry {
                id: Some("hello".parse().unwrap()),
                commit: Some("0123456789012345678901234567890123456789".to_owned()),
                artifact: Some(Digest::compute(b"x")),
                goal: Goal::Disabled,
                configuration: Some(map(json!({
                    "greeting": "Hi: there", "limits": {"step": 2.5, "names": ["a", "b#"], "none": {}},
                    "on": true, "rows": [{"a": 1}], "gone": null
                }))),
                update: Some(policy),
                blocked: Some(["1.3.0".parse().unwrap(), "2.0.0-rc.1".parse().unwrap()].into()),
                left_out: vec!["/password".to_owned(), "/a\nb".to_owned()],
                ..PluginEntry::new("https://github.com/acme/hello@v1.2.0".parse().unwrap())
            },
            PluginEntry {
                id: Some("true".parse().unwrap()),
                ..PluginEntry::new("upload:1".parse().unwrap_or(Source::Upload("1f".to_owned())))
            },
            PluginEntry {
                configuration: Some(Map::new()),
                blocked: Some([].into()),
                ..PluginEntry::new(Source::Archive("/srv/a b.zip".into()))
            },
        ],
        remarks: vec!["written\nby a host".to_owned()],
    };
    expect![[r##"
        # written by a host
        version: 1
        prune: true
        plugins:
          - id: hello
            source: https://github.com/acme/hello
            version: v1.2.0
            commit: "0123456789012345678901234567890123456789"
            artifact: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
            goal: disabled
            # `/password` is a secret and is not included; where it is set, it keeps its value
            # `/a b` is a secret and is not included; where it is set, it keeps its value
            configuration:
              gone: null
              greeting: "Hi: there"
              limits:
                names: ["a", "b#"]
                none: {}
                step: 2.5
              "on": true
              rows: [{"a": 1}]
            update: {policy: patch, automatic: true, interval_seconds: 3600}
            blocked: ["1.3.0", "2.0.0-rc.1"]
          - id: "true"
            source: upload:1f
            goal: running
          - source: "/srv/a b.zip"
            goal: running
            configuration: {}
            blocked: []
    "##]]
    .assert_eq(&comes_back(&file));
    expect![[r#"
        version: 1
        prune: false
        plugins: []
    "#]]
    .assert_eq(&comes_back(&PluginSet::default()));
}

#[test]
fn every_configuration_is_read_back_unchanged() {
    for value in [
        json!({"a": "", "b": " x ", "c": "yes", "d": "1.0", "e": "~", "f": "# no", "g": "- x", "h": "a\nb\tc"}),
        json!({"max": u64::MAX, "min": i64::MIN, "big": 1e300, "small": -1.5e-9, "zero": 0.0}),
        json!({"": 1}),
        json!({"a\nb": 1, "c\\d": 2, "e\"f": 3, "g'h": 4, "i: j": 5, "#k": 6, "-": 7, "<<": 8, "?": 9}),
        json!({"bell": "\u{7}", "bidi": "a\u{202e}b", "del": "\u{7f}", "nel": "\u{85}", "bom": "\u{feff}", "face": "😀"}),
        json!({"long": "x".repeat(5000), "many": vec![0; 2000], (&*"k".repeat(2000)): true}),
        json!({"quoted": "'\"\\", "path": "C:\\x", "json": "{\"a\": 1}"}),
        (0..20).fold(json!({"a": 1}), |inner, _| json!({"a": inner})),
        (0..20).fold(json!([]), |inner, _| json!([inner])).as_array().map(|list| json!({"a": list})).unwrap(),
    ] {
        comes_back(&with_configuration(value));
    }
}

#[test]
fn random_configurations_are_read_back_unchanged() {
    struct Random(u64);
    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % end as u64) as usize
        }
    }
    const CHARACTERS: &[char] = &[
        'a', 'Z', '0', ' ', ':', '#', '-', '\'', '"', '\\', '{', '}', '[', ',', '\n', '\t', '&', '*', '!', '|', '>',
        '%', '@', '`', 'é', '\u{2028}', '\r', '~', '?', '=',
    ];
    fn text(random: &mut Random) -> String {
        (0..random.below(6)).map(|_| CHARACTERS[random.below(CHARACTERS.len())]).collect()
    }
    fn value(random: &mut Random, depth: usize) -> Value {
        match random.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => (random.below(2) == 0).into(),
            2 => (random.below(1 << 30) as i64 - (1 << 29)).into(),
            3 => json!(random.below(1000) as f64 / 7.0),
            4 => text(random).into(),
            5 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
            _ => Value::Object((0..random.below(4)).map(|_| (text(random), value(random, depth - 1))).collect()),
        }
    }
    let mut random = Random(7);
    for _ in 0..500 {
        let configuration = (0..random.below(5)).map(|_| (text(&mut random), value(&mut random, 3))).collect();
        comes_back(&with_configuration(Value::Object(configuration)));
    }
}

#[test]
fn sources_that_cannot_be_written_are_recognised() {
    for (source, expected) in [
        (Source::Folder("/srv/a".into()), true),
        (Source::Folder("/srv/Hé llo: #1".into()), true),
        (Source::Library("/srv/a.so".into()), true),
        (Source::Upload("upload_1f".to_owned()), true),
        ("https://github.com/acme/hello@feature/x".parse().unwrap(), true),
        ("https://github.com/acme/hello".parse().unwrap(), true),
        (Source::Folder("/srv/a.zip".into()), false),
        (Source::Folder("/srv/a\u{202e}".into()), false),
        (Source::Folder("https://github.com/a/b".into()), false),
        (Source::Folder(std::ffi::OsString::from("/srv/a\nb").into()), false),
    ] {
        assert_eq!(PluginSet::can_write(&source), expected, "{source:?}");
    }
}
