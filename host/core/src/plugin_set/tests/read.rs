//! Accepted files, and the problems of refused files.

use expect_test::{Expect, expect};

use crate::plugin_set::{PluginSet, PluginSetProblem, read, read_json};

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&says(read(text.as_bytes())));
}

fn says(read: Result<PluginSet, Vec<PluginSetProblem>>) -> String {
    match read {
        Ok(file) => format!("{file:#?}\n"),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

const FULL: &str = r#"
version: 1
prune: true
plugins:
  - source: https://github.com/acme/hello.git
    version: v1.2.0
    id: hello
    commit: 0123456789012345678901234567890123456789
    artifact: sha256:00000000000000000000000000000000000000000000000000000000000000ff
    goal: stopped
    configuration: {greeting: Hi, deep: {list: [1, null]}}
    update: {policy: patch, automatic: true, interval_seconds: 60}
    blocked: ["1.3.0", v1.4.0-rc.1]
  - source: /srv/plugins/counter
"#;

#[test]
fn a_whole_file_is_read() {
    check(
        FULL,
        expect![[r#"
            PluginSet {
                prune: true,
                plugins: [
                    PluginEntry {
                        source: Git {
                            url: GitUrl {
                                authority: "github.com",
                                path: "acme/hello",
                                has_suffix: false,
                            },
                            revision: Named(
                                "v1.2.0",
                            ),
                            tags: None,
                        },
                        id: Some(
                            hello,
                        ),
                        commit: Some(
                            "0123456789012345678901234567890123456789",
                        ),
                        artifact: Some(
                            sha256:00000000000000000000000000000000000000000000000000000000000000ff,
                        ),
                        goal: Stopped,
                        configuration: Some(
                            {
                                "deep": Object {
                                    "list": Array [
                                        Number(1),
                                        Null,
                                    ],
                                },
                                "greeting": String("Hi"),
                            },
                        ),
                        update: Some(
                            UpdatePolicy {
                                level: Patch,
                                automatic: true,
                                interval: UpdateInterval(
                                    60s,
                                ),
                            },
                        ),
                        blocked: Some(
                            {
                                Version {
                                    major: 1,
                                    minor: 3,
                                    patch: 0,
                                },
                                Version {
                                    major: 1,
                                    minor: 4,
                                    patch: 0,
                                    pre: Prerelease("rc.1"),
                                },
                            },
                        ),
                        left_out: [],
                    },
                    PluginEntry {
                        source: Folder(
                            "/srv/plugins/counter",
                        ),
                        id: None,
                        commit: None,
                        artifact: None,
                        goal: Running,
                        configuration: None,
                        update: None,
                        blocked: None,
                        left_out: [],
                    },
                ],
                remarks: [],
            }
        "#]],
    );
}

#[test]
fn other_names_of_keys_are_answered_with_the_right_one() {
    check(
        "version: 1\nplugins: [{source: 'https://github.com/a/b', ref: v1, enabled: true, url: x}]\n",
        expect![[r#"
        plugins.yaml:2: `plugins[0].ref` is not a known key; did you mean `version`?
        plugins.yaml:2: `plugins[0].enabled` is not a known key; did you mean `goal`?
        plugins.yaml:2: `plugins[0].url` is not a known key; did you mean `source`?
    "#]],
    );
    check(
        "version: \"1\"\nplugins: []\n",
        expect![[r#"
            plugins.yaml:1: `version` must be 1, not a text; write 1 without quotes, found `"1"`
        "#]],
    );
    check(
        "plugins: []\n",
        expect![[r#"
        plugins.yaml: `version` is required; add `version: 1` as the first line
    "#]],
    );
    check(
        "- a\n",
        expect![[r#"
        plugins.yaml: must be a mapping with `version: 1` and the list `plugins`
    "#]],
    );
}

#[test]
fn json_is_read_with_the_same_result_as_yaml() {
    let yaml: serde_yaml::Value = serde_yaml::from_str(FULL).unwrap();
    let json = serde_json::to_vec(&yaml).unwrap();
    assert_eq!(read_json(&json), read(FULL.as_bytes()));
    expect![[r#"
        plugins.yaml: `prunes` is not a known key; did you mean `prune`?
        plugins.yaml: `prune` must be true or false, found `7`
        plugins.yaml: `plugins` must be a list, not a mapping
    "#]]
    .assert_eq(&says(read_json(br#"{"version": 1, "prune": "7", "plugins": {}, "prunes": true}"#)));
    for (text, part) in [
        ("", "is not valid JSON: EOF"),
        ("[]", "must be a mapping"),
        (r#"{"version":1,"version":1,"plugins":[]}"#, "duplicate"),
        (r#"{"version": 1, "plugins": []} x"#, "trailing characters"),
    ] {
        let said = says(read_json(text.as_bytes()));
        assert!(said.starts_with("plugins.yaml: ") && said.contains(part), "{text}: {said}");
    }
    let long = [b"\"".as_slice(), &[b'a'; PluginSet::MAX_BYTES], b"\""].concat();
    assert!(says(read_json(&long)).contains("is larger than 1 MiB"));
}

#[test]
fn all_problems_are_reported_at_once() {
    check(
        r#"
version: 2
prune: maybe
plugin: []
plugins:
  - source: ftp://x
    goal: absent
    configuraton: {}
  - source: /srv/a
    version: v1
    commit: 0123456789012345678901234567890123456789
    artifact: sha256:12
  - source: https://github.com/acme/a@v1
    version: v2
    commit: abc
    id: ab
  - id: plan
    source:
    update: {policy: newest, interval_seconds: 5, every: 1h}
    blocked: ["1.2"]
  - source: https://github.com/acme/b
    id: shop
    configuration: '{"a": }'
    update: {policy: manual, automatic: true}
  - source: upload:../x
    id: shop
    configuration: [1]
    update: minor
  - plain
  -
"#,
        expect![[r#"
            plugins.yaml:2: `version` is not supported by this host, which supports version 1, found `2`
            plugins.yaml:3: `prune` must be true or false, found `maybe`
            plugins.yaml:4: `plugin` is not a known key; did you mean `plugins`?
            plugins.yaml:6: `plugins[0].source` must be a source: scheme `ftp` is not supported; use `https://`, a folder, a `.zip` or a `.so`
            plugins.yaml:7: `plugins[0].goal` must be `running`, `stopped`, `disabled` or `installed`, found `absent`
            plugins.yaml:8: `plugins[0].configuraton` is not a known key; did you mean `configuration`?
            plugins.yaml:10: `plugins[1].version` requires a git address as `source`
            plugins.yaml:11: `plugins[1].commit` requires a git address as `source`
            plugins.yaml:11: `plugins[1].commit` requires the `id` of the plugin that it locks
            plugins.yaml:12: `plugins[1].artifact` must be `sha256:` followed by 64 hex digits, found `sha256:12`
            plugins.yaml:12: `plugins[1].artifact` requires the `id` of the plugin that it locks
            plugins.yaml:14: `plugins[2].version` contradicts `v1` in `source`; keep only one of them, found `v2`
            plugins.yaml:15: `plugins[2].commit` must be a full commit id: 40 hex digits in lower case, found `abc`
            plugins.yaml:16: `plugins[2].id` must have 3 to 50 characters, found `ab`
            plugins.yaml:17: `plugins[3].id` is reserved for the management API; choose another id, found `plan`
            plugins.yaml:18: `plugins[3].source` is empty; add a value, or leave the key out
            plugins.yaml:18: `plugins[3].source` is required
            plugins.yaml:19: `plugins[3].update.every` is not a known key
            plugins.yaml:19: `plugins[3].update.policy` `newest` is not an update policy; write `patch`, `minor`, `major`, `manual` or `pinned`, found `newest`
            plugins.yaml:19: `plugins[3].update.interval_seconds` must be a whole number from 60 to 2592000, found `5`
            plugins.yaml:20: `plugins[3].blocked[0]` must be a version with three numbers; write 1.2.0, found `1.2`
            plugins.yaml:23: `plugins[4].configuration` must be a mapping, or a text with one JSON object: expected value at line 1 column 7
            plugins.yaml:24: `plugins[4].update.automatic` the policy `manual` allows no automatic updates; set `automatic` to false, or the policy to `patch`, `minor` or `major`
            plugins.yaml:25: `plugins[5].source` must be a source: it is not a valid upload id
            plugins.yaml:26: `plugins[5].id` is already listed as `plugins[4]`, found `shop`
            plugins.yaml:27: `plugins[5].configuration` must be a mapping of keys and values, not a list
            plugins.yaml:28: `plugins[5].update` must be a mapping of keys and values, found `minor`
            plugins.yaml:29: `plugins[6]` must be a mapping with at least a `source`, found `plain`
            plugins.yaml:30: `plugins[7]` is required
        "#]],
    );
}

#[test]
fn yaml_outside_the_subset_is_refused_before_it_is_parsed() {
    for (text, part) in [
        ("", "plugins.yaml: is empty"),
        ("- a", "plugins.yaml: must be a mapping"),
        ("version: 1\nplugins:\n  - &a {source: x}\n  - *a\n", "plugins.yaml:3: "),
        ("version: 1\nplugins:\n  - source: !!str x\n", "plugins.yaml:3: "),
        ("version: 1\nversion: 1\nplugins: []\n", "plugins.yaml:2: "),
        ("version: 1\nplugins: []\n---\n", "plugins.yaml:3: "),
        ("version: 1\nplugins:\n\t- source: x\n", "plugins.yaml:3: "),
        ("version: 1\nplugins: [{source: \"a\u{202e}b\"}]\n", "U+202E"),
        (&format!("version: 1\nplugins: {}\n", "[".repeat(17)), "nested more than 16 levels deep"),
        (&"#".repeat(PluginSet::MAX_BYTES + 1), "is larger than 1 MiB"),
    ] {
        let said = says(read(text.as_bytes()));
        assert!(said.contains(part), "{text:?}: {said}");
    }
    assert!(says(read(b"version: 1\nplugins: [\xff]\n")).contains("plugins.yaml:2: is not UTF-8"));
}

#[test]
fn possible_secrets_are_never_repeated() {
    let long = "hunter2".repeat(1000);
    for text in [
        "version: 1\nplugins:\n  - source: https://user:hunter2@github.com/a/b\n".to_owned(),
        "version: 1\nplugins:\n  - source: x\n    configuration: {password: \"hunter2\\u202e\"}\n".to_owned(),
        "version: 1\nplugins:\n  - source: x\n    configuration: {password: {deep: [\"hunter2\\b\"]}}\n".to_owned(),
        "version: 1\nplugins:\n  - source: x\n    configuration: hunter2\n".to_owned(),
        "version: 1\nplugins:\n  - source: x\n    configuration: {password: \"hunter2\" x}\n".to_owned(),
        "version: 1\nplugins:\n  - source: x\n    password: hunter2: x\n".to_owned(),
        format!("version: 1\nplugins:\n  - source: x\n    configuration: {{password: {long}}}\n"),
    ] {
        let said = says(read(text.as_bytes()));
        assert!(said.starts_with("plugins.yaml:") && !said.contains("hunter2"), "{text}: {said}");
    }
}

#[test]
fn a_problem_can_be_reported_for_another_file_name() {
    let problems = read(b"version: 1\nplugins: 7\n").unwrap_err();
    assert_eq!(problems[0].in_file("site.yaml"), "site.yaml:2: `plugins` must be a list, found `7`");
    assert_eq!((problems[0].line(), problems[0].field()), (2, "plugins"));
}

#[test]
fn the_largest_files_are_read() {
    let mut text = "version: 1\nplugins:\n".to_owned();
    for n in 0..1000 {
        text +=
            &format!("  - {{source: /srv/plugins/p{n}, id: plugin-{n}, configuration: {{a: [[[[[[[[1]]]]]]]]}}}}\n");
    }
    assert_eq!(read(text.as_bytes()).unwrap().plugins.len(), 1000);
    text += "  - source: /srv/one-more\n";
    assert!(says(read(text.as_bytes())).contains("must have at most 1000 entries, but has 1001"));
    // Wide and deep, and as long as a file may be.
    let line = format!("  - source: x\n    configuration: {}1{}\n", "{a: ".repeat(12), "}".repeat(12));
    let text = "version: 1\nplugins:\n".to_owned() + &line.repeat(PluginSet::MAX_BYTES / line.len() - 1);
    assert!(read(text.as_bytes()).is_err());
}
