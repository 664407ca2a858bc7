//! The accepted and refused values of each field.

mod endpoints;
mod mistakes;
mod requirements;
mod running;

use expect_test::{Expect, expect, expect_file};

use super::{FULL, LEAST, checked, lines, says};
use crate::manifest::Mode;

/// Checks the smallest manifest with `fields` in place of its fields with the same keys.
fn check(fields: &str, expected: Expect) {
    expected.assert_eq(&says(with(fields).as_bytes(), Mode::Normal));
}

fn with(fields: &str) -> String {
    let starts: Vec<&str> = fields.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect();
    let is_replaced = |line: &&str| line.split_once(':').is_some_and(|(key, _)| starts.contains(&key));
    let mut text = fields.to_owned();
    let mut replaced = false;
    for line in LEAST.lines() {
        replaced = if line.starts_with(' ') { replaced } else { is_replaced(&line) };
        if !replaced {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn endpoint(fields: &str) -> String {
    format!("endpoints:\n- path: /a\n  method: GET\n  handler: A\n{fields}")
}

#[test]
fn every_field_is_read() {
    expect_file!["full.txt"].assert_debug_eq(&checked(FULL).manifest);
}

#[test]
fn keys_without_effect_cause_a_warning() {
    expect![[r#"
        plugin.yaml:35: `endpoints[0].validation` has no effect: `required` and `schema` check the request body, and a request with this method has none
        plugin.yaml:69: `security.filesystem_access` is not enforced by this version of the host: the plugin's code can open every file that the host can open
        plugin.yaml:82: `artifacts` has no effect in this version of the host, which always builds a plugin from its source
    "#]]
    .assert_eq(&lines(&checked(FULL).warnings));
}

#[test]
fn defaults_are_those_of_the_table() {
    expect_file!["least.txt"].assert_debug_eq(&checked(LEAST).manifest);
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let text = "\
version: 1.0
id: a/b
endpoints:
  - path: hello
    method: FETCH
    timeout_ms: 0
  - handler: 9
security: {placement: inline, sandboxed: true}
tags: x
";
    expect![[r#"
        plugin.yaml: `name` is required
        plugin.yaml:1: `version` must be a version with three numbers; write 1.0.0, found `1.0`
        plugin.yaml:2: `id` must contain only A-Z, a-z, 0-9, `_` and `-`, found `a/b`
        plugin.yaml:4: `endpoints[0].path` must start with `/`, found `hello`
        plugin.yaml:4: `endpoints[0].handler` is required
        plugin.yaml:5: `endpoints[0].method` must be one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS, found `FETCH`
        plugin.yaml:6: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000, found `0`
        plugin.yaml:7: `endpoints[1].path` is required
        plugin.yaml:7: `endpoints[1].method` is required
        plugin.yaml:7: `endpoints[1].handler` must be text; write it in quotes: "9", found `9`
        plugin.yaml:8: `security.sandboxed` contradicts `security.placement: inline` in line 8; keep only one of the two keys, found `true`
        plugin.yaml:9: `tags` must be a list, found `x`
    "#]].assert_eq(&says(text.as_bytes(), Mode::Normal));
}

#[test]
fn names_and_versions() {
    check(
        "id: ab\n",
        expect![[r#"
            plugin.yaml:1: `id` must have 3 to 50 characters, found `ab`
        "#]],
    );
    check(
        "id: System\n",
        expect![[r#"
            plugin.yaml:1: `id` is reserved for the management API; choose another id, found `System`
        "#]],
    );
    check(
        "id: 123\n",
        expect![[r#"
            plugin.yaml:1: `id` must be text; write it in quotes: "123", found `123`
        "#]],
    );
    check(
        "id:\n",
        expect![[r#"
            plugin.yaml:1: `id` is required
        "#]],
    );
    check(
        "name: ''\n",
        expect![[r#"
            plugin.yaml:1: `name` must have 1 to 100 characters
        "#]],
    );
    check(
        "name: true\n",
        expect![[r#"
            plugin.yaml:1: `name` must be text; write it in quotes: "true", found `true`
        "#]],
    );
    check(
        &format!("name: {}\n", "é".repeat(100)),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &format!("name: {}\n", "é".repeat(101)),
        expect![[r#"
            plugin.yaml:1: `name` must have 1 to 100 characters, found `éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…`
        "#]],
    );
    check(
        "name: [a]\n",
        expect![[r#"
            plugin.yaml:1: `name` must be text, not a list
        "#]],
    );
    check(
        "name: \"a\\tb\"\n",
        expect![[r#"
            plugin.yaml:1: `name` must be a single line without tabs, found `a\tb`
        "#]],
    );
    check(
        "version: 1.10\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers; write 1.10.0, found `1.10`
        "#]],
    );
    check(
        "version: 1\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers; write 1.0.0, found `1`
        "#]],
    );
    check(
        "version: '1.0'\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers; write 1.0.0, found `1.0`
        "#]],
    );
    check(
        "version: v1.0.0\n",
        expect![[r#"
            ok, but
            plugin.yaml:1: `version` has a leading `v`, which is ignored; write 1.0.0, found `v1.0.0`
        "#]],
    );
    check(
        "version: 99999999999999999999.0.0\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers, such as 1.0.0: value of major version number exceeds u64::MAX, found `99999999999999999999.0.0`
        "#]],
    );
    check(
        "homepage: javascript:alert(1)\nrepository: example.com\n",
        expect![[r#"
            plugin.yaml:1: `homepage` must be a URL that starts with https:// or http://, found `javascript:alert(1)`
            plugin.yaml:2: `repository` must be a URL that starts with https:// or http://, found `example.com`
        "#]],
    );
    check(
        "license: ''\ncategory:\n",
        expect![[r#"
            plugin.yaml:1: `license` must not be empty
        "#]],
    );
    check(
        "labels: {a: 1, 2: b}\n",
        expect![[r#"
            plugin.yaml:1: `labels` must have text as keys; write the key in quotes: "2"
            plugin.yaml:1: `labels.a` must be text; write it in quotes: "1", found `1`
        "#]],
    );
    check(
        &format!("tags: [{}]\n", "a,".repeat(257)),
        expect![[r#"
            plugin.yaml:1: `tags` must have at most 256 entries, but has 257
        "#]],
    );
    check(
        &format!("description: {}\n", "a".repeat(4097)),
        expect![[r#"
            plugin.yaml:1: `description` must be at most 4 KiB long, found `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`
        "#]],
    );
    check(
        "description: \"a\\0b\"\n",
        expect![[r#"
            plugin.yaml:1: `description` must not contain invisible characters; character 2 is U+0000, a control character; remove it, found `a\u{0}b`
        "#]],
    );
}

#[test]
fn a_missing_description_or_author_causes_only_a_warning() {
    let text = LEAST.replace("description: d\nauthor: a\n", "");
    expect![[r#"
        ok, but
        plugin.yaml: `description` is missing; the host shows it to people who choose a plugin
        plugin.yaml: `author` is missing; the host shows it to people who choose a plugin
    "#]]
    .assert_eq(&says(text.as_bytes(), Mode::Strict));
}

#[test]
fn a_missing_field_is_named() {
    expect![[r#"
        plugin.yaml: `id` is required
        plugin.yaml: `name` is required
        plugin.yaml: `version` is required
        plugin.yaml: `endpoints` is required
    "#]]
    .assert_eq(&says(b"{}", Mode::Normal));
    expect![[r#"
        plugin.yaml: must be a mapping of keys and values, found `a plain text`
    "#]]
    .assert_eq(&says(b"a plain text", Mode::Normal));
    expect![[r#"
        plugin.yaml: must be a mapping of keys and values
    "#]]
    .assert_eq(&says(b"- a list", Mode::Normal));
}
