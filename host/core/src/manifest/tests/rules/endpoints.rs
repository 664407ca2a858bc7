//! Endpoints.

use expect_test::expect;

use super::{check, endpoint, with};
use crate::manifest::Mode;
use crate::manifest::tests::{checked, says};

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
        "endpoints:\n- {path: /a, method: [GET, POST], handler: A}\n",
        expect![[r#"
            plugin.yaml:2: `endpoints[0].method` must be one method, not a list; write one entry of `endpoints` for each method
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
fn an_unknown_key_that_seems_to_be_a_restriction_is_refused() {
    let text = endpoint(
        "  auth: {role: admin, require: true, zzz: 1}\n  rate_limit: {rpm: 60, brust: 5}\n  validation: {scheme: a.json}\n  \
         roles: [admin]\n  public: false\n  rate-limit: {rpm: 1}\n  auht: {required: true}\n  summary: x\n",
    ) + "securty: {sandboxed: true}\nauth: {required: true}\n";
    check(
        &text,
        expect![[r#"
            plugin.yaml:5: `endpoints[0].auth.role` is not a known key, and unknown restrictions are refused; did you mean `roles`?
            plugin.yaml:5: `endpoints[0].auth.require` is not a known key, and unknown restrictions are refused; did you mean `required`?
            plugin.yaml:5: `endpoints[0].auth.zzz` is not a known key, and unknown restrictions are refused
            plugin.yaml:6: `endpoints[0].rate_limit.brust` is not a known key, and unknown restrictions are refused; did you mean `burst`?
            plugin.yaml:7: `endpoints[0].validation.scheme` is not a known key, and unknown restrictions are refused; did you mean `schema`?
            plugin.yaml:8: `endpoints[0].roles` is not a known key, and unknown restrictions are refused; did you mean `auth.roles`?
            plugin.yaml:9: `endpoints[0].public` is not a known key, and unknown restrictions are refused; did you mean `auth.required`?
            plugin.yaml:10: `endpoints[0].rate-limit` is not a known key, and unknown restrictions are refused; did you mean `rate_limit`?
            plugin.yaml:11: `endpoints[0].auht` is not a known key, and unknown restrictions are refused; did you mean `auth`?
            plugin.yaml:13: `securty` is not a known key, and unknown restrictions are refused; did you mean `security`?
            plugin.yaml:14: `auth` is not a known key, and unknown restrictions are refused; did you mean `endpoints[].auth`?
        "#]],
    );
    assert!(says(with(&text).as_bytes(), Mode::Permissive).starts_with("ok, but\n"));
}

#[test]
fn a_parameter_in_the_notation_of_another_framework_is_refused() {
    let text =
        "endpoints:\n- {path: '/a/<name>', method: GET, handler: A}\n- {path: '/a/[id]', method: GET, handler: A}\n";
    check(
        text,
        expect![[r#"
        plugin.yaml:2: `endpoints[0].path` must write a parameter as `:name` or `{name}`, and must not contain `<>[]"^|` or a backtick, found `/a/<name>`
        plugin.yaml:3: `endpoints[1].path` must write a parameter as `:name` or `{name}`, and must not contain `<>[]"^|` or a backtick, found `/a/[id]`
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
fn a_protocol_to_upgrade_to_requires_get() {
    check(
        &endpoint("  upgrade: WebSocket\n"),
        expect![[r#"
        ok
    "#]],
    );
    check(
        &endpoint("  upgrade: h2c\n"),
        expect![[r#"
        plugin.yaml:5: `endpoints[0].upgrade` must be `websocket`, found `h2c`
    "#]],
    );
    check(
        &endpoint("  upgrade: websocket\n").replace("GET", "POST"),
        expect![[r#"
        plugin.yaml:5: `endpoints[0].upgrade` requires `method: GET`, found `websocket`
    "#]],
    );
}

#[test]
fn compression_without_effect_is_a_warning() {
    check(
        &endpoint("  compress: true\n"),
        expect![[r#"
        ok
    "#]],
    );
    check(
        &endpoint("  compress: gzip\n"),
        expect![[r#"
            plugin.yaml:5: `endpoints[0].compress` must be true or false, found `gzip`
        "#]],
    );
    check(
        &endpoint("  upgrade: websocket\n  compress: true\n  decompress: true\n"),
        expect![[r#"
            ok, but
            plugin.yaml:6: `endpoints[0].compress` has no effect: a WebSocket is not compressed
            plugin.yaml:7: `endpoints[0].decompress` has no effect: a request with this method has no body
        "#]],
    );
    check(
        &endpoint("  decompress: true\n").replace("GET", "PUT"),
        expect![[r#"
        ok
    "#]],
    );
}
