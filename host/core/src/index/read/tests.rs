use expect_test::expect;

use super::*;

fn shown(read: Result<Index, String>) -> String {
    let index = match read {
        Ok(index) => index,
        Err(reason) => return format!("refused: {reason}\n"),
    };
    let mut shown = format!("index `{}`\n", index.name);
    for entry in &index.plugins {
        let versions: Vec<_> =
            entry.versions.iter().map(|version| format!("{} {}", version.version, version.tag)).collect();
        let latest = entry.latest().map(|latest| latest.version.to_string()).unwrap_or_default();
        shown += &format!("{} of {}: {}; latest {latest}\n", entry.id, entry.repository, versions.join(", "));
    }
    for (place, reason) in &index.refused {
        shown += &format!("  {place}: {reason}\n");
    }
    shown
}

#[test]
fn valid_entries_are_listed_and_invalid_ones_are_skipped_with_a_reason() {
    let text = r#"
version: 1
name: Acme
plugins:
  - id: hello
    repository: https://github.com/acme/hello
    tags: [demo]
    unknown: {a: 1}
    versions:
      - {version: 1.0.0, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
      - {version: 2.0.0-rc.1, tag: next}
      - {version: 1.2.0, tag: "release/1.2", commit: "0123456789012345678901234567890123456789"}
      - {version: 1.3.0, yanked: true}
  - id: hello
    repository: https://github.com/evil/hello
    versions: [{version: 9.0.0}]
  - id: evil
    repository: "file:///etc"
    versions: [{version: 1.0.0}]
  - {id: no, repository: "https://github.com/a/b", versions: [{version: 1.0.0}]}
  - id: old
    repository: https://github.com/acme/old
    stars: many
    versions: [{version: 1, commit: abc}, {version: "1.0", tag: "../x"}]
  - id: twice
    repository: https://github.com/acme/twice
    versions: [{version: 1.0.0}, {version: 1.0.0}]
  - 7
"#;
    expect![[r#"
            index `Acme`
            hello of https://github.com/acme/hello: 2.0.0-rc.1 next, 1.3.0 v1.3.0, 1.2.0 release/1.2, 1.0.0 v1.0.0; latest 1.2.0
              plugins[2].repository: scheme `file` is not supported; did you mean `/etc`?, found `file:///etc`
              plugins[3].id: must have 3 to 50 characters, found `no`
              plugins[4].stars: must be a whole number from 0 to 18446744073709551615, found `many`
              plugins[4].versions[0].version: must be a version with three numbers; write 1.0.0, found `1`
              plugins[4].versions[1].version: must be a version with three numbers; write 1.0.0, found `1.0`
              plugins[5].versions: must not list a version twice
              plugins[6]: must be a mapping, found `7`
              plugins[1].id: `hello` is already listed
        "#]].assert_eq(&shown(read(text.as_bytes())));
}

#[test]
fn a_file_that_is_not_an_index_is_refused() {
    let mut all = String::new();
    for text in [
        "",
        "[]",
        "version: 2\nplugins: []",
        "version: 1",
        "version: 1\nplugins: {}",
        "version: 1\nplugins: &a [*a]",
        "version: 1\nname: [x]\nplugins: []",
    ] {
        all += &shown(read(text.as_bytes()));
    }
    all += &shown(read(&vec![b' '; Index::MAX_BYTES + 1]));
    all += &shown(read_json(br#"{"version": 1, "plugins": "#));
    all += &shown(read_json(&vec![b' '; Index::MAX_BYTES + 1]));
    all += &shown(read_json(&b"[".repeat(100_000)));
    expect![[r#"
            refused: the index: is empty
            refused: the index: must be a mapping of keys and values
            refused: the index:1: `version` is not supported by this host, which supports version 1, found `2`
            refused: the index: `plugins` is required; the index: `plugins` must be a list
            refused: the index:2: `plugins` must be a list
            refused: the index:2: has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes, found `plugins: &a [*a]`
            refused: the index:2: `name` must be text, not a list
            refused: the index: is larger than 1 MiB, the limit for this file
            refused: it is not valid JSON: EOF while parsing a value at line 1 column 26
            refused: it is larger than 1 MiB
            refused: it is not valid JSON: recursion limit exceeded at line 1 column 128
        "#]].assert_eq(&all);
}

#[test]
fn json_is_read_with_the_same_rules_as_yaml() {
    let text = br#"{"version": 1, "plugins": [
            {"id": "hello", "repository": "https://github.com/acme/hello", "versions": [{"version": "1.0.0"}]},
            {"id": "he\u0000llo"}]}"#;
    expect![[r#"
            index ``
            hello of https://github.com/acme/hello: 1.0.0 v1.0.0; latest 1.0.0
              plugins[1].id: must not contain invisible characters; character 3 is U+0000, a control character; remove it, found `he\u{0}llo`
              plugins[1].repository: is required
              plugins[1].versions: is required
        "#]]
    .assert_eq(&shown(read_json(text)));
}
