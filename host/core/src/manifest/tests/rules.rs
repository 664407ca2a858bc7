//! The accepted and refused values of each field.

use expect_test::{Expect, expect, expect_file};

use super::{FULL, LEAST, checked, lines, says};
use crate::manifest::{Mode, Permission};

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
        plugin.yaml:63: `security.filesystem_access` is not enforced by this version of the host: the plugin's code can open every file that the host can open
        plugin.yaml:76: `artifacts` has no effect in this version of the host, which always builds a plugin from its source
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
            plugin.yaml:1: `id` must not be a word of the management API; choose another id, found `System`
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

#[test]
fn endpoints() {
    check(
        "endpoints: []\n",
        expect![[r#"
            plugin.yaml:1: `endpoints` must have 1 to 50 entries, but has 0
        "#]],
    );
    check(
        "endpoints:\n",
        expect![[r#"
            plugin.yaml:1: `endpoints` is required
        "#]],
    );
    check(
        "endpoints: {a: b}\n",
        expect![[r#"
            plugin.yaml:1: `endpoints` must be a list, not a mapping
        "#]],
    );
    check(
        "endpoints: [a, ~]\n",
        expect![[r#"
            plugin.yaml:1: `endpoints[0]` must be a mapping of keys and values, found `a`
            plugin.yaml:1: `endpoints[1]` is required
        "#]],
    );
    let many: String = (0..51).map(|n| format!("- {{path: /{n}, method: GET, handler: A}}\n")).collect();
    check(
        &format!("endpoints:\n{many}"),
        expect![[r#"
            plugin.yaml:1: `endpoints` must have 1 to 50 entries, but has 51
        "#]],
    );
    check(
        &endpoint("  handlr: B\n"),
        expect![[r#"
            ok, but
            plugin.yaml:5: `endpoints[0].handlr` is not a known key and has no effect; did you mean `handler`?
        "#]],
    );
    check(
        "endpoints:\n- {path: /a/../b, method: get, handler: a-b}\n- {path: '/a b', method: 1, handler: ''}\n",
        expect![[r#"
            plugin.yaml:2: `endpoints[0].path` must not have a segment `.` or `..`, found `/a/../b`
            plugin.yaml:2: `endpoints[0].handler` must start with a letter and contain only letters, digits and `_`, at most 100 characters, found `a-b`
            plugin.yaml:3: `endpoints[1].path` must contain only printable ASCII characters without spaces, found `/a b`
            plugin.yaml:3: `endpoints[1].method` must be text; write it in quotes: "1", found `1`
            plugin.yaml:3: `endpoints[1].handler` must start with a letter and contain only letters, digits and `_`, at most 100 characters
        "#]],
    );
    check(
        &endpoint("  timeout_ms: 86400001\n  max_body_bytes: 4294967297\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000, found `86400001`
            plugin.yaml:6: `endpoints[0].max_body_bytes` must be a whole number from 0 to 4294967296, found `4294967297`
        "#]],
    );
    check(
        &endpoint("  timeout_ms: 1.5\n  max_body_bytes: -1\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000, found `1.5`
            plugin.yaml:6: `endpoints[0].max_body_bytes` must be a whole number from 0 to 4294967296, found `-1`
        "#]],
    );
    check(
        &endpoint("  max_body_bytes: 0\n"),
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn paths_of_the_same_plugin_must_not_conflict() {
    let paths = |paths: &[(&str, &str)]| {
        let lines = paths.iter().map(|(method, path)| format!("- {{method: {method}, path: '{path}', handler: A}}\n"));
        format!("endpoints:\n{}", lines.collect::<String>())
    };
    check(
        &paths(&[("GET", "/a"), ("POST", "/a"), ("GET", "/a/"), ("GET", "/a/{x}"), ("GET", "/a/b")]),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &paths(&[("GET", "/a/:x"), ("POST", "/a/{x}")]),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &paths(&[("GET", "/a/{x}"), ("GET", "/a/{y}/b")]),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &paths(&[("GET", "/a"), ("get", "/a")]),
        expect![[r#"
            plugin.yaml:3: `endpoints[1].path` has the same method and path as the endpoint in line 2, found `/a`
        "#]],
    );
    check(
        &paths(&[("GET", "/a/:x"), ("GET", "/a/{y}")]),
        expect![[r#"
            plugin.yaml:3: `endpoints[1].path` has the same method and path as the endpoint in line 2, found `/a/{y}`
        "#]],
    );
    check(
        &paths(&[("GET", "/a/:x"), ("POST", "/a/{y}")]),
        expect![[r#"
            plugin.yaml:3: `endpoints[1].path` calls a parameter `y` that the same path in line 2 calls `x`; use one name for both, found `/a/{y}`
        "#]],
    );
    check(
        &paths(&[("GET", "/a/*x"), ("POST", "/a/{y}/b")]),
        expect![[r#"
            plugin.yaml:3: `endpoints[1].path` conflicts with `/a/*x` in line 2: one has a parameter where the other has `*`; change one of them, found `/a/{y}/b`
        "#]],
    );
    check(
        &paths(&[("GET", "/a"), ("NO", "/a")]),
        expect![[r#"
            plugin.yaml:3: `endpoints[1].method` must be one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS, found `NO`
        "#]],
    );
}

#[test]
fn the_access_and_request_rules_of_an_endpoint() {
    check(
        &endpoint("  auth: {roles: [admin]}\n"),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &endpoint("  auth: {required: false, roles: [admin]}\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].auth.required` must be true or left out, because roles, permissions or scopes are required, found `false`
        "#]],
    );
    check(
        &endpoint("  auth: {required: yes, scopes: ['', 1]}\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].auth.scopes[0]` must not be empty
            plugin.yaml:5: `endpoints[0].auth.scopes[1]` must be text; write it in quotes: "1", found `1`
            plugin.yaml:5: `endpoints[0].auth.required` must be true or false; write true, found `yes`
        "#]],
    );
    check(
        &endpoint("  auth: none\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].auth` must be a mapping of keys and values, found `none`
        "#]],
    );
    check(
        &endpoint("  rate_limit: {enabled: false, rpm: 600}\n"),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &endpoint("  rate_limit: {rpm: 600}\n"),
        expect![[r#"
            ok
        "#]],
    );
    check(
        &endpoint("  rate_limit: {enabled: true, burst: 0}\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].rate_limit.rpm` is required
            plugin.yaml:5: `endpoints[0].rate_limit.burst` must be a whole number from 1 to 1000000, found `0`
        "#]],
    );
    check(
        &endpoint("  validation: {content_type: [json, 'a/b; c=d', '*/*']}\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].validation.content_type[0]` must be a media type such as `application/json`, without parameters, found `json`
            plugin.yaml:5: `endpoints[0].validation.content_type[1]` must be a media type such as `application/json`, without parameters, found `a/b; c=d`
            plugin.yaml:5: `endpoints[0].validation.content_type[2]` must be a media type such as `application/json`, without parameters, found `*/*`
        "#]],
    );
    check(
        &endpoint("  validation: {required: [], schema: ../x.json}\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].validation.schema` must be a path inside the plugin's folder, but it leads outside, found `../x.json`
        "#]],
    );
    check(
        &endpoint("  validation: {required: [name]}\n"),
        expect![[r#"
            ok, but
            plugin.yaml:5: `endpoints[0].validation` has no effect: `required` and `schema` check the request body, and a request with this method has none
        "#]],
    );
    check(
        &endpoint("  validation: {required: [name]}\n  max_body_bytes: 16777217\n").replace("GET", "POST"),
        expect![[r#"
            ok, but
            plugin.yaml:6: `endpoints[0].max_body_bytes` is larger than 16 MiB, the limit for bodies that are validated, which applies instead, found `16777217`
        "#]],
    );
}

#[test]
fn a_list_of_roles_requires_authentication() {
    let manifest = checked(&with(&endpoint("  auth: {roles: [admin]}\n"))).manifest;
    assert!(manifest.endpoints[0].auth.required);
}

#[test]
fn an_unknown_permission_causes_a_warning() {
    let text = with("permissions: [kv.raed, kv.read, resource.read, http.fetch]\n");
    expect![[r#"
        plugin.yaml:1: `permissions[0]` is not a known permission and has no effect; did you mean `kv.read`?, found `kv.raed`
        plugin.yaml:1: `permissions[2]` is not a known permission and has no effect; known permissions are `kv.read`, `kv.write`, `events.publish`, `events.subscribe`, `http.fetch`, `plugins.call`, `secrets.read`, `metrics.write`, found `resource.read`
        plugin.yaml:1: `permissions` contains `http.fetch`, but no host is allowed; list the hosts in `security.allowed_hosts`
    "#]].assert_eq(&lines(&checked(&text).warnings));
    expect![[r#"
        plugin.yaml:1: `permissions[0]` is not a known permission and has no effect; did you mean `kv.read`?, found `kv.raed`
        plugin.yaml:1: `permissions[2]` is not a known permission and has no effect; known permissions are `kv.read`, `kv.write`, `events.publish`, `events.subscribe`, `http.fetch`, `plugins.call`, `secrets.read`, `metrics.write`, found `resource.read`
    "#]].assert_eq(&says(text.as_bytes(), Mode::Strict));
    let manifest = checked(&text).manifest;
    assert!(manifest.permits(Permission::KvRead) && !manifest.permits(Permission::KvWrite));
}

#[test]
fn allowed_hosts_require_network_access_and_the_permission() {
    check(
        "security: {allowed_hosts: [a.example]}\n",
        expect![[r#"
        plugin.yaml:1: `security.allowed_hosts` requires `security.network_access: true`
        plugin.yaml:1: `security.allowed_hosts` requires `http.fetch` under `permissions`
    "#]],
    );
    check(
        "permissions: [http.fetch]\nsecurity: {network_access: false, allowed_hosts: [a.example]}\n",
        expect![[r#"
            plugin.yaml:2: `security.allowed_hosts` requires `security.network_access: true`
        "#]],
    );
    check(
        "permissions: [http.fetch]\nsecurity:\n  network_access: true\n  allowed_hosts: [a.example, '*', 'https://b.example', '*.org', 'c.example:0', 'a.*.b']\n",
        expect![[r#"
            plugin.yaml:4: `security.allowed_hosts[1]` must be a host such as `api.example.com`, `*.example.org` or `127.0.0.1:8080`, without scheme and path, found `*`
            plugin.yaml:4: `security.allowed_hosts[2]` must be a host such as `api.example.com`, `*.example.org` or `127.0.0.1:8080`, without scheme and path, found `https://b.example`
            plugin.yaml:4: `security.allowed_hosts[3]` must not be everything below a top-level domain; name the domain, such as `*.example.org`, found `*.org`
            plugin.yaml:4: `security.allowed_hosts[4]` must have a port from 1 to 65535 after the `:`, found `c.example:0`
            plugin.yaml:4: `security.allowed_hosts[5]` must be a host such as `api.example.com`, `*.example.org` or `127.0.0.1:8080`, without scheme and path, found `a.*.b`
        "#]],
    );
}

#[test]
fn an_invalid_id_of_another_plugin_is_refused_wherever_it_is_written() {
    for (key, field) in [
        ("dependencies: [{}]", "dependencies[0]"),
        ("dependencies: [{id: {}, optional: true}]", "dependencies[0].id"),
        ("run_after: [{}]", "run_after[0]"),
        ("conflicts: [{}]", "conflicts[0]"),
        ("conflicts: [{id: {}, version: '>=1'}]", "conflicts[0].id"),
    ] {
        for (id, rule) in [
            ("ab", "must have 3 to 50 characters"),
            ("a b", "must contain only A-Z, a-z, 0-9, `_` and `-`"),
            ("Upload", "must not be a word of the management API; choose another id"),
        ] {
            let text = with(&format!("{}\n", key.replace("{}", id)));
            let problem = format!("plugin.yaml:1: `{field}` {rule}, found `{id}`\n");
            assert_eq!(says(text.as_bytes(), Mode::Normal), problem);
        }
    }
}

#[test]
fn the_requirements_of_a_plugin() {
    check(
        "permissions: [kv.read, read, Kv.Read, 'kv:read', kv., a.b.c]\n",
        expect![[r#"
            plugin.yaml:1: `permissions[1]` must be `resource.action` in lower case, such as `kv.read`, found `read`
            plugin.yaml:1: `permissions[2]` must be `resource.action` in lower case, such as `kv.read`, found `Kv.Read`
            plugin.yaml:1: `permissions[3]` must be `resource.action` in lower case, such as `kv.read`, found `kv:read`
            plugin.yaml:1: `permissions[4]` must be `resource.action` in lower case, such as `kv.read`, found `kv.`
        "#]],
    );
    check(
        "compatibility: {host: 0.1, sdk: latest, rust: '>=1.85', ui_version: 2}\n",
        expect![[r#"
            plugin.yaml:1: `compatibility.host` must be text; write it in quotes: "0.1", found `0.1`
            plugin.yaml:1: `compatibility.sdk` must be a version requirement such as `>=1.2, <2`: unexpected character 'l' while parsing major version number, found `latest`
        "#]],
    );
    check(
        "dependencies: [other, a b, {id: third, version: '>=1'}, {version: '1'}, other]\n",
        expect![[r#"
            plugin.yaml:1: `dependencies[1]` must contain only A-Z, a-z, 0-9, `_` and `-`, found `a b`
            plugin.yaml:1: `dependencies[3].id` is required
            plugin.yaml:1: `dependencies` contains `other` more than once; keep one entry
        "#]],
    );
    check(
        "dependencies: [{id: third, optional: true, required: true}]\n",
        expect![[r#"
            plugin.yaml:1: `dependencies[0].optional` contradicts `required`, which means the opposite; keep only one of the two keys, found `true`
        "#]],
    );
    check(
        "run_after: [x, my-plugin]\n",
        expect![[r#"
            plugin.yaml:1: `run_after[0]` must have 3 to 50 characters, found `x`
            plugin.yaml:1: `run_after[1]` must not be the plugin itself, found `my-plugin`
        "#]],
    );
    check(
        "dependencies: [my-plugin, {id: other}]\nconflicts:\n- {id: my-plugin, version: x}\n- other\n- a b\n- {id: third, reason: none}\n- third\n- {version: '1'}\n",
        expect![[r#"
            plugin.yaml:1: `dependencies[0]` must not be the plugin itself, found `my-plugin`
            plugin.yaml:2: `conflicts` contains `third` more than once; keep one entry
            plugin.yaml:3: `conflicts[0]` must not be the plugin itself
            plugin.yaml:3: `conflicts[0]` must not contain `my-plugin`, which is also in `dependencies`
            plugin.yaml:4: `conflicts[1]` must not contain `other`, which is also in `dependencies`
            plugin.yaml:5: `conflicts[2]` must contain only A-Z, a-z, 0-9, `_` and `-`, found `a b`
            plugin.yaml:8: `conflicts[5].id` is required
        "#]],
    );
    check(
        "conflicts: {other: '1'}\n",
        expect![[r#"
        plugin.yaml:1: `conflicts` must be a list, not a mapping
    "#]],
    );
    check(
        "conflicts: [other, {id: third, version: '>=1, <2'}]\n",
        expect![[r#"
        ok
    "#]],
    );
    check(
        "permissions: []\ndependencies: []\nrun_after: []\nconflicts: []\nartifacts: {}\n",
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn a_configuration_contains_only_values_that_json_can_represent() {
    check(
        "configuration: {a: .nan, b: [1, .inf], c: {1: d}, e: \"\\0\"}\n",
        expect![[r#"
            plugin.yaml:1: `configuration.a` must be a finite number, because the configuration is passed to the plugin as JSON, found `.nan`
            plugin.yaml:1: `configuration.b[1]` must be a finite number, because the configuration is passed to the plugin as JSON, found `.inf`
            plugin.yaml:1: `configuration.c` must have text as keys; write the key in quotes: "1"
            plugin.yaml:1: `configuration.e` must not contain invisible characters; character 1 is U+0000, a control character; remove it, found `\u{0}`
        "#]],
    );
    check(
        "configuration: {a: 99999999999999999999}\n",
        expect![[r#"
            plugin.yaml:1: is not valid YAML: configuration.a: invalid type: integer `99999999999999999999` as u128, expected …
        "#]],
    );
    check(
        "configuration:\n  a:\n  - b:\n      c: -.inf\n",
        expect![[r#"
            plugin.yaml:4: `configuration.a[0].b.c` must be a finite number, because the configuration is passed to the plugin as JSON, found `-.inf`
        "#]],
    );
    check(
        "configuration: [a]\n",
        expect![[r#"
            plugin.yaml:1: `configuration` must be a mapping of keys and values, not a list
        "#]],
    );
    check(
        "configuration: {text: \"a\\n\\tb\"}\n",
        expect![[r#"
            ok
        "#]],
    );
    check(
        "configuration_schema: /etc/passwd\n",
        expect![[r#"
            plugin.yaml:1: `configuration_schema` must be a path inside the plugin's folder, but it is absolute, found `/etc/passwd`
        "#]],
    );
}

#[test]
fn placement_and_health_checks() {
    check(
        "security: {placement: isolated, sandboxed: true}\n",
        expect![[r#"
            ok
        "#]],
    );
    check(
        "security: {placement: isolated, sandboxed: false}\n",
        expect![[r#"
            plugin.yaml:1: `security.sandboxed` contradicts `security.placement: isolated` in line 1; keep only one of the two keys, found `false`
        "#]],
    );
    check(
        "security: {placement: Inline, checksum: abc, network_acces: true}\n",
        expect![[r#"
            plugin.yaml:1: `security.placement` must be `inline` or `isolated`, found `Inline`
            plugin.yaml:1: `security.checksum` must be `sha256:` followed by 64 hex digits, found `abc`
        "#]],
    );
    check(
        "health: {endpoint: hello}\n",
        expect![[r#"
            plugin.yaml:1: `health.endpoint` must start with `/`, found `hello`
        "#]],
    );
    check(
        "health: {endpoint: /nowhere}\n",
        expect![[r#"
            plugin.yaml:1: `health.endpoint` must be the path of a GET endpoint in this file, and that path must have no parameters, found `/nowhere`
        "#]],
    );
    check(
        "health: {endpoint: /hello, interval_seconds: 0, failure_threshold: 2.5}\n",
        expect![[r#"
            plugin.yaml:1: `health.interval_seconds` must be a whole number from 1 to 86400, found `0`
            plugin.yaml:1: `health.failure_threshold` must be a whole number from 1 to 1000, found `2.5`
        "#]],
    );
    check(
        &format!("health: {{endpoint: '/a/{{x}}'}}\n{}", endpoint("- {path: '/a/{x}', method: GET, handler: A}\n")),
        expect![[r#"
            plugin.yaml:1: `health.endpoint` must be the path of a GET endpoint in this file, and that path must have no parameters, found `/a/{x}`
        "#]],
    );
}

#[test]
fn build_artifacts_and_checksums() {
    check(
        "build: {features: [fast, --offline, 'a b', ''], profile: debug, timeout_seconds: 3601}\n",
        expect![[r#"
            plugin.yaml:1: `build.profile` must be `release` or `dev`, found `debug`
            plugin.yaml:1: `build.features[1]` must not start with `-`, found `--offline`
            plugin.yaml:1: `build.features[2]` must contain only letters, digits and `_+./-`, found `a b`
            plugin.yaml:1: `build.features[3]` must have 1 to 100 characters
            plugin.yaml:1: `build.timeout_seconds` must be a whole number from 1 to 3600, found `3601`
        "#]],
    );
    check(
        "\
build:
  env:
    OK_1: a
    NUMBER: 1
    lower: a
    1X: a
    PATH: a
    RUSTFLAGS: a
    CARGO_HOME: a
    LD_PRELOAD: a
    HTTPS_PROXY: a
    GIT_SSH: a
    LINES: \"a\\nb\"
",
        expect![[r#"
            plugin.yaml:4: `build.env.NUMBER` must be text; write it in quotes: "1", found `1`
            plugin.yaml:5: `build.env.lower` must have a name that starts with A-Z and contains only A-Z, 0-9 and `_`, at most 64 characters
            plugin.yaml:6: `build.env.1X` must have a name that starts with A-Z and contains only A-Z, 0-9 and `_`, at most 64 characters
            plugin.yaml:7: `build.env.PATH` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:8: `build.env.RUSTFLAGS` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:9: `build.env.CARGO_HOME` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:10: `build.env.LD_PRELOAD` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:11: `build.env.HTTPS_PROXY` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:12: `build.env.GIT_SSH` must not be set by a plugin, because it selects the programs or servers that the build uses
            plugin.yaml:13: `build.env.LINES` must be a single line without tabs, found `a\nb`
        "#]],
    );
    check(
        "artifacts: {linux: {url: 'http://x', sha256: abc}, a-b-c: {}, ../x-y: ~}\n",
        expect![[r#"
            plugin.yaml:1: `artifacts.linux` must be a target triple such as `x86_64-unknown-linux-gnu`
            plugin.yaml:1: `artifacts.linux.url` must be a URL that starts with https://, found `http://x`
            plugin.yaml:1: `artifacts.linux.sha256` must be `sha256:` followed by 64 hex digits, found `abc`
            plugin.yaml:1: `artifacts.a-b-c.url` is required
            plugin.yaml:1: `artifacts.a-b-c.sha256` is required
            plugin.yaml:1: `artifacts[../x-y]` must be a target triple such as `x86_64-unknown-linux-gnu`
            plugin.yaml:1: `artifacts[../x-y]` is required
        "#]],
    );
    check(
        "checksums: {complete: maybe, ../x: abc, src/A.rs: 1, src/a.rs: abc}\n",
        expect![[r#"
            plugin.yaml:1: `checksums.complete` must be true or false, found `maybe`
            plugin.yaml:1: `checksums[../x]` must be `sha256:` followed by 64 hex digits, found `abc`
            plugin.yaml:1: `checksums[../x]` must be a path inside the plugin's folder, but it leads outside
            plugin.yaml:1: `checksums[src/A.rs]` must be text; write it in quotes: "1", found `1`
            plugin.yaml:1: `checksums[src/a.rs]` must be `sha256:` followed by 64 hex digits, found `abc`
            plugin.yaml:1: `checksums[src/a.rs]` is the same file as in line 1 on file systems that ignore case; keep one of them
        "#]],
    );
}

#[test]
fn quoted_booleans_and_numbers_are_named_as_texts() {
    check(
        &endpoint("  auth: {required: \"true\"}\n  timeout_ms: \"1000\"\n  max_body_bytes: '1_000'\n"),
        expect![[r#"
        plugin.yaml:5: `endpoints[0].auth.required` must be true or false, not a text; write true without quotes, found `"true"`
        plugin.yaml:6: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000, not a text; write 1000 without quotes, found `"1000"`
        plugin.yaml:7: `endpoints[0].max_body_bytes` must be a whole number from 0 to 4294967296, not a text; write 1000 without quotes, found `"1_000"`
    "#]],
    );
    check(
        &endpoint("  auth: {required: True}\n  timeout_ms: 1_000\n"),
        expect![[r#"
        plugin.yaml:6: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000; write 1000, found `1_000`
    "#]],
    );
    check(
        &endpoint("  auth: {required: off}\n  timeout_ms: 30s\n  max_body_bytes: \"1 MiB\"\n"),
        expect![[r#"
        plugin.yaml:5: `endpoints[0].auth.required` must be true or false; write false, found `off`
        plugin.yaml:6: `endpoints[0].timeout_ms` must be a whole number from 1 to 86400000, found `30s`
        plugin.yaml:7: `endpoints[0].max_body_bytes` must be a whole number from 0 to 4294967296, found `1 MiB`
    "#]],
    );
    check(
        "build: {timeout_seconds: '60'}\nhealth: {enabled: 'no'}\nsecurity: {network_access: 1}\n",
        expect![[r#"
        plugin.yaml:1: `build.timeout_seconds` must be a whole number from 1 to 3600, not a text; write 60 without quotes, found `"60"`
        plugin.yaml:2: `health.enabled` must be true or false; write false, found `no`
        plugin.yaml:3: `security.network_access` must be true or false, found `1`
    "#]],
    );
}

#[test]
fn a_version_with_other_than_three_numbers_is_suggested_with_three() {
    check(
        "version: '1'\n",
        expect![[r#"
        plugin.yaml:1: `version` must be a version with three numbers; write 1.0.0, found `1`
    "#]],
    );
    check(
        "version: v2.1-beta.1\n",
        expect![[r#"
        plugin.yaml:1: `version` must be a version with three numbers; write 2.1.0-beta.1, found `v2.1-beta.1`
    "#]],
    );
    check(
        "version: 01.2.3\n",
        expect![[r#"
        plugin.yaml:1: `version` must be a version with three numbers; write 1.2.3, found `01.2.3`
    "#]],
    );
    check(
        "version: 1.2.3.4\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers, such as 1.0.0: unexpected character '.' after patch version number, found `1.2.3.4`
        "#]],
    );
    check(
        "version: latest\n",
        expect![[r#"
            plugin.yaml:1: `version` must be a version with three numbers, such as 1.0.0: unexpected character 'l' while parsing major version number, found `latest`
        "#]],
    );
}

#[test]
fn a_misspelled_required_key_is_named_with_its_line() {
    let text = LEAST.replace("endpoints:", "endpoint:").replace("id:", "ID:").replace("version:", "vesrion:");
    expect![[r#"
        plugin.yaml: `id` is required; `ID` in line 1 is not a known key; rename it to `id`
        plugin.yaml: `version` is required; `vesrion` in line 3 is not a known key; rename it to `version`
        plugin.yaml: `endpoints` is required; `endpoint` in line 6 is not a known key; rename it to `endpoints`
    "#]]
    .assert_eq(&says(text.as_bytes(), Mode::Normal));
    check(
        "endpoints: [{path: /a, methods: GET, handlr: A}]\n",
        expect![[r#"
        plugin.yaml:1: `endpoints[0].method` is required; `methods` in line 1 is not a known key; rename it to `method`
        plugin.yaml:1: `endpoints[0].handler` is required; `handlr` in line 1 is not a known key; rename it to `handler`
    "#]],
    );
}

#[test]
fn more_endpoints_than_the_limit_are_refused_with_the_limit_of_endpoints() {
    let many: String = (0..500).map(|n| format!("- {{path: /{n}, method: GET, handler: A}}\n")).collect();
    check(
        &format!("endpoints:\n{many}"),
        expect![[r#"
        plugin.yaml:1: `endpoints` must have 1 to 50 entries, but has 500
    "#]],
    );
}

#[test]
fn unknown_keys_name_their_nearest_known_key() {
    let text = with("versoin: 1\nend_points: 2\nzzz: 3\nhealth: {intervall_seconds: 3}\n");
    expect![[r#"
        ok, but
        plugin.yaml:1: `versoin` is not a known key and has no effect; did you mean `version`?
        plugin.yaml:2: `end_points` is not a known key and has no effect; did you mean `endpoints`?
        plugin.yaml:3: `zzz` is not a known key and has no effect
        plugin.yaml:4: `health.intervall_seconds` is not a known key and has no effect; did you mean `interval_seconds`?
    "#]]
    .assert_eq(&says(text.as_bytes(), Mode::Normal));
    expect![[r#"
        plugin.yaml:1: `versoin` is not a known key and has no effect; did you mean `version`?
        plugin.yaml:2: `end_points` is not a known key and has no effect; did you mean `endpoints`?
        plugin.yaml:3: `zzz` is not a known key and has no effect
        plugin.yaml:4: `health.intervall_seconds` is not a known key and has no effect; did you mean `interval_seconds`?
    "#]]
    .assert_eq(&says(text.as_bytes(), Mode::Strict));
    assert_eq!(says(text.as_bytes(), Mode::Permissive), says(text.as_bytes(), Mode::Normal));
}

#[test]
fn manifests_of_older_systems_load_with_warnings() {
    let text = with(
        "\
version: v1.2.3
config: {a: b}
ui_components: [{name: a, path: b}]
capabilities: [a]
features: [b]
module: example.com/plugin
go_version: 1.21
compatibility:
  ui_version: '>=2'
dependencies:
- github.com/gin-gonic/gin
- {name: other-plugin, version: v1.2.0, description: why, required: false}
- {name: k8s.io/client-go, version: latest, required: true}
- {name: third-plugin, version: latest}
",
    );
    expect![[r#"
        ok, but
        plugin.yaml:1: `version` has a leading `v`, which is ignored; write 1.2.3, found `v1.2.3`
        plugin.yaml:2: `config` is a key of an older format and has no effect; write default settings in `configuration`
        plugin.yaml:3: `ui_components` is a key of an older format and has no effect
        plugin.yaml:4: `capabilities` is a key of an older format and has no effect; list host services in `permissions`
        plugin.yaml:5: `features` is a key of an older format and has no effect; list cargo features in `build.features`
        plugin.yaml:6: `module` is a key of an older format and has no effect
        plugin.yaml:7: `go_version` is a key of an older format and has no effect; write the required compiler in `compatibility.rust`
        plugin.yaml:9: `compatibility.ui_version` is a key of an older format and has no effect
        plugin.yaml:11: `dependencies[0]` is an import path, not a plugin id, and has no effect, found `github.com/gin-gonic/gin`
        plugin.yaml:12: `dependencies[1].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:12: `dependencies[1].description` is a key of an older format and has no effect
        plugin.yaml:12: `dependencies[1].required` is a key of an older format; write `optional` with the opposite value
        plugin.yaml:13: `dependencies[2].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:13: `dependencies[2].required` is a key of an older format; write `optional` with the opposite value
        plugin.yaml:13: `dependencies[2].name` is not a plugin id and has no effect, found `k8s.io/client-go`
        plugin.yaml:14: `dependencies[3].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:14: `dependencies[3].version` is not a version requirement and has no effect, found `latest`
    "#]].assert_eq(&says(text.as_bytes(), Mode::Normal));
    expect![[r#"
        plugin.yaml:2: `config` is a key of an older format and has no effect; write default settings in `configuration`
        plugin.yaml:3: `ui_components` is a key of an older format and has no effect
        plugin.yaml:4: `capabilities` is a key of an older format and has no effect; list host services in `permissions`
        plugin.yaml:5: `features` is a key of an older format and has no effect; list cargo features in `build.features`
        plugin.yaml:6: `module` is a key of an older format and has no effect
        plugin.yaml:7: `go_version` is a key of an older format and has no effect; write the required compiler in `compatibility.rust`
        plugin.yaml:9: `compatibility.ui_version` is a key of an older format and has no effect
        plugin.yaml:11: `dependencies[0]` is an import path, not a plugin id, and has no effect, found `github.com/gin-gonic/gin`
        plugin.yaml:12: `dependencies[1].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:12: `dependencies[1].description` is a key of an older format and has no effect
        plugin.yaml:12: `dependencies[1].required` is a key of an older format; write `optional` with the opposite value
        plugin.yaml:13: `dependencies[2].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:13: `dependencies[2].required` is a key of an older format; write `optional` with the opposite value
        plugin.yaml:13: `dependencies[2].name` is not a plugin id and has no effect, found `k8s.io/client-go`
        plugin.yaml:14: `dependencies[3].name` is a key of an older format, and the dependency counts as optional; write `id` instead
        plugin.yaml:14: `dependencies[3].version` is not a version requirement and has no effect, found `latest`
    "#]].assert_eq(&says(text.as_bytes(), Mode::Strict));
    expect![[r#"
        [
            Dependency {
                id: other-plugin,
                version: Some(
                    VersionReq {
                        comparators: [
                            Comparator {
                                op: Caret,
                                major: 1,
                                minor: Some(
                                    2,
                                ),
                                patch: Some(
                                    0,
                                ),
                                pre: Prerelease(""),
                            },
                        ],
                    },
                ),
                optional: true,
            },
            Dependency {
                id: third-plugin,
                version: None,
                optional: true,
            },
        ]
    "#]]
    .assert_debug_eq(&checked(&text).manifest.dependencies);
}

#[test]
fn unmet_version_requirements_are_reported() {
    let manifest = checked(&with("compatibility: {host: '>=9', sdk: ^0.1, rust: '>=1.85'}\n")).manifest;
    let version = |text: &str| text.parse().unwrap();
    let says = |host, sdk, rust| lines(&manifest.incompatibilities(&version(host), &version(sdk), &version(rust)));
    assert_eq!(says("9.0.0", "0.1.7", "1.97.0-nightly"), "");
    expect![[r#"
        plugin.yaml: `compatibility.host` requires a host `>=9`; update the host or choose another version of the plugin, found `0.1.0`
        plugin.yaml: `compatibility.sdk` requires a plugin-sdk `^0.1`; build the plugin with the plugin-sdk of this host or choose another version of the plugin, found `0.2.0`
        plugin.yaml: `compatibility.rust` requires a Rust compiler `>=1.85`; install that compiler or choose another version of the plugin, found `1.84.1`
    "#]].assert_eq(&says("0.1.0", "0.2.0", "1.84.1"));
    assert_eq!(checked(LEAST).manifest.incompatibilities(&version("0.0.1"), &version("0.0.1"), &version("0.0.1")), []);
}
