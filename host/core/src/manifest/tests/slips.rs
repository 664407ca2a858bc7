//! Mistakes of authors who do not know plugin.yaml yet: the message says what to write.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{LEAST, lines, says};
use crate::manifest::{Manifest, Mode};

/// Checks the smallest manifest with one replacement.
fn replaced(from: &str, to: &str, expected: Expect) {
    assert!(LEAST.contains(from));
    expected.assert_eq(&says(LEAST.replacen(from, to, 1).as_bytes(), Mode::Normal));
}

/// Checks the smallest manifest with more lines at its start.
fn with(lines: &str, expected: Expect) {
    expected.assert_eq(&says(format!("{lines}{LEAST}").as_bytes(), Mode::Normal));
}

/// Checks the smallest manifest with more keys of its endpoint.
fn endpoint(keys: &str, expected: Expect) {
    replaced("handler: Hello", &format!("handler: Hello, {keys}"), expected);
}

#[test]
fn an_empty_auth_is_refused_so_that_no_endpoint_becomes_public_by_mistake() {
    endpoint(
        "auth: {}",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth` is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint
    "#]],
    );
    let block = "path: /hello\n    method: GET\n    handler: Hello\n    auth:\n";
    let inline = "{path: /hello, method: GET, handler: Hello}\n";
    replaced(
        inline,
        block,
        expect![[r#"
        plugin.yaml:10: `endpoints[0].auth` is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint
    "#]],
    );
    replaced(
        inline,
        &format!("{block}      # roles: [admin]\n"),
        expect![[r#"
        plugin.yaml:10: `endpoints[0].auth` is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint
    "#]],
    );
    endpoint(
        "auth: {required: }",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth` is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint
    "#]],
    );
    endpoint(
        "auth: {roles: []}",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth.roles` is empty; list at least one role, or remove the key; write `required: true` for any authenticated caller
    "#]],
    );
    endpoint(
        "auth: {roles: , permissions: [], scopes: []}",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth.roles` is empty; list at least one role, or remove the key; write `required: true` for any authenticated caller
        plugin.yaml:7: `endpoints[0].auth.permissions` is empty; list at least one permission, or remove the key; write `required: true` for any authenticated caller
        plugin.yaml:7: `endpoints[0].auth.scopes` is empty; list at least one scope, or remove the key; write `required: true` for any authenticated caller
    "#]],
    );
    endpoint(
        "auth: {required: true, roles: []}",
        expect![[r#"
        ok, but
        plugin.yaml:7: `endpoints[0].auth.roles` is empty, so every authenticated caller is accepted
    "#]],
    );
    endpoint(
        "auth: {required: false, roles: []}",
        expect![[r#"
        ok
    "#]],
    );
    endpoint(
        "auth: {roles: [admin], permissions: []}",
        expect![[r#"
        ok
    "#]],
    );
    endpoint(
        "auth: {roles: admin}",
        expect![[r#"
            plugin.yaml:7: `endpoints[0].auth.roles` must be a list, found `admin`
        "#]],
    );
    endpoint(
        "auth: text",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth` must be a mapping of keys and values, found `text`
    "#]],
    );
    endpoint(
        "validation: {}",
        expect![[r#"
        ok, but
        plugin.yaml:7: `endpoints[0].validation` requires nothing and has no effect; list `content_type`, `required` or a `schema`
    "#]],
    );
    let permissive = LEAST.replace("handler: Hello", "handler: Hello, auth: {roles: []}");
    expect![[r#"
        plugin.yaml:7: `endpoints[0].auth.roles` is empty; list at least one role, or remove the key; write `required: true` for any authenticated caller
    "#]].assert_eq(&says(permissive.as_bytes(), Mode::Permissive));
}

#[test]
fn a_role_that_nobody_can_have_is_a_warning() {
    endpoint(
        "auth: {roles: [operater, auditor, admin, Admin]}",
        expect![[r#"
        ok, but
        plugin.yaml:7: `endpoints[0].auth.roles[0]` is not a role of the host, so only admins may call the endpoint; did you mean `operator`?, found `operater`
        plugin.yaml:7: `endpoints[0].auth.roles[1]` is not a role of the host, so only admins may call the endpoint; the roles are `viewer`, `operator`, `admin`; for other names, use `auth.permissions`, found `auditor`
        plugin.yaml:7: `endpoints[0].auth.roles[3]` is not a role of the host, so only admins may call the endpoint; did you mean `admin`?, found `Admin`
    "#]],
    );
}

#[test]
fn a_version_in_a_list_of_ids_is_refused_with_the_form_to_write() {
    with(
        "dependencies: [other@9.0, 'third >=9', 'fourth==1.2', fifth@latest, 'sixth: ^1', a@1]\n",
        expect![[r#"
        plugin.yaml:1: `dependencies[0]` must be a plugin id without a version; write `{id: other, version: "9.0"}`, found `other@9.0`
        plugin.yaml:1: `dependencies[1]` must be a plugin id without a version; write `{id: third, version: ">=9"}`, found `third >=9`
        plugin.yaml:1: `dependencies[2]` must be a plugin id without a version; write `{id: fourth, version: "1.2"}`, found `fourth==1.2`
        plugin.yaml:1: `dependencies[3]` must be a plugin id without a version; write `fifth`, found `fifth@latest`
        plugin.yaml:1: `dependencies[4]` must be a plugin id without a version; write `{id: sixth, version: "^1"}`, found `sixth: ^1`
        plugin.yaml:1: `dependencies[5]` must contain only A-Z, a-z, 0-9, `_` and `-`, found `a@1`
    "#]],
    );
    with(
        "dependencies: [{id: other@v9}, {name: third@9.0}, {id: fourth@latest}]\n",
        expect![[r#"
        plugin.yaml:1: `dependencies[0].id` must be a plugin id without a version; write `id: other, version: "9"`, found `other@v9`
        plugin.yaml:1: `dependencies[1].name` must be a plugin id without a version; write `id: third, version: "9.0"`, found `third@9.0`
        plugin.yaml:1: `dependencies[2].id` must be a plugin id without a version; write `id: fourth`, found `fourth@latest`
    "#]],
    );
    with(
        "conflicts: [other@9.0, {id: third@9}]\nrun_after: [other@9.0]\n",
        expect![[r#"
        plugin.yaml:1: `conflicts[0]` must be a plugin id without a version; write `{id: other, version: "9.0"}`, found `other@9.0`
        plugin.yaml:1: `conflicts[1].id` must be a plugin id without a version; write `id: third, version: "9"`, found `third@9`
        plugin.yaml:2: `run_after[0]` must be a plugin id without a version; `run_after` accepts every version: write `other`, found `other@9.0`
    "#]],
    );
    with(
        "dependencies: [example.com/other@9.0, example.com/third, 'two words']\n",
        expect![[r#"
        plugin.yaml:1: `dependencies[2]` must contain only A-Z, a-z, 0-9, `_` and `-`, found `two words`
    "#]],
    );
}

#[test]
fn lines_that_are_nearly_a_key_and_a_value_are_named() {
    replaced(
        "id: my",
        "id:my",
        expect![[r#"
        plugin.yaml:1: is not a key and a value; write a space after the `:`, found `id:my-plugin`
    "#]],
    );
    replaced(
        "name: My",
        "name:My",
        expect![[r#"
        plugin.yaml:2: is not a key and a value; write a space after the `:`, found `name:My Plugin`
    "#]],
    );
    replaced(
        "author: a",
        "author = a",
        expect![[r#"
        plugin.yaml:5: is not a key and a value; write `: ` instead of `=`, found `author = a`
    "#]],
    );
    replaced(
        "author: a",
        "author=a",
        expect![[r#"
        plugin.yaml:5: is not a key and a value; write `: ` instead of `=`, found `author=a`
    "#]],
    );
    replaced(
        "author: a",
        "\"author\":\"a\"",
        expect![[r#"
        plugin.yaml:5: is not a key and a value; write a space after the `:`, found `"author":"a"`
    "#]],
    );
    replaced(
        "id: my",
        "// my plugin\nid: my",
        expect![[r#"
        plugin.yaml:1: is not a key and a value; comments start with `#`, found `// my plugin`
    "#]],
    );
    replaced(
        "author: a",
        "// the author\nauthor: a",
        expect![[r#"
        plugin.yaml:5: is not a key and a value; comments start with `#`, found `// the author`
    "#]],
    );
    replaced(
        "author: a",
        "/* the author */",
        expect![[r#"
        plugin.yaml:5: is not a key and a value; comments start with `#`, found `/* the author */`
    "#]],
    );
    replaced(
        "{path: /hello, method",
        "path:/hello\n    method",
        expect![[r#"
        plugin.yaml:7: is not a key and a value; write a space after the `:`, found `- path:/hello`
    "#]],
    );
    replaced(
        "{path: /hello, ",
        "{path:/hello, ",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].path` is required; `path:/hello` in line 7 is not a known key; write a space after the `:`
    "#]],
    );
    endpoint(
        "timeout_ms:500",
        expect![[r#"
        ok, but
        plugin.yaml:7: `endpoints[0][timeout_ms:500]` is not a known key; write a space after the `:` of `timeout_ms`
    "#]],
    );
    endpoint(
        "auth: {required:true}",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].auth[required:true]` is not a known key; write a space after the `:` of `required`
        plugin.yaml:7: `endpoints[0].auth` is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint
    "#]],
    );
    replaced(
        "author: a",
        "https://example.com",
        expect![[r#"
        plugin.yaml:5: belongs to no key or list; check the indentation, found `https://example.com`
    "#]],
    );
    expect![[r#"
        plugin.yaml: must be a mapping of keys and values; write a space after the `:`, found `name:Hello version:1`
    "#]]
    .assert_eq(&says(b"name:Hello\nversion:1\n", Mode::Normal));
}

#[test]
fn numbers_with_more_than_64_bits_are_refused_with_their_line() {
    let large = "\
configuration:
  a: 123456789012345678901234567890
  b: [-9223372036854775809, 0xffffffffffffffffffff]
  c: {d: 1234567890123456789012345678901234567890123456789012345678901234567890}
";
    with(
        large,
        expect![[r#"
        plugin.yaml:2: has a number that is too large; write it in quotes, found `123456789012345678901234567890`
        plugin.yaml:3: has a number that is too large; write it in quotes, found `-9223372036854775809`
        plugin.yaml:3: has a number that is too large; write it in quotes, found `0xffffffffffffffffffff`
        plugin.yaml:4: has a number that is too large; write it in quotes, found `1234567890123456789012345678901234567890123456789012345678901234567890`
    "#]],
    );
    let fits = "\
configuration: {a: 18446744073709551615, b: -9223372036854775808, c: 0xffff, d: 1e40, e: '123456789012345678901234567890',
  f: 004912345678901234567890, g: 0, h: 1.5}
";
    with(
        fits,
        expect![[r#"
        ok
    "#]],
    );
    with(
        "123456789012345678901234567890: a\n",
        expect![[r#"
        plugin.yaml:1: has a number that is too large; write it in quotes
    "#]],
    );
}

#[test]
fn keys_of_an_endpoint_at_the_top_are_sent_to_their_place() {
    with(
        "timeout_ms: 1\nmax_body_bytes: 1\ncompress: true\nhandler: A\npath: /a\nmethod: GET\n",
        expect![[r#"
        ok, but
        plugin.yaml:1: `timeout_ms` is not a known key and has no effect; did you mean `endpoints[].timeout_ms`?
        plugin.yaml:2: `max_body_bytes` is not a known key and has no effect; did you mean `endpoints[].max_body_bytes`?
        plugin.yaml:3: `compress` is not a known key and has no effect; did you mean `endpoints[].compress`?
        plugin.yaml:4: `handler` is not a known key and has no effect; did you mean `endpoints[].handler`?
        plugin.yaml:5: `path` is not a known key and has no effect; did you mean `endpoints[].path`?
        plugin.yaml:6: `method` is not a known key and has no effect; did you mean `endpoints[].method`?
    "#]],
    );
    with(
        "roles: [admin]\n",
        expect![[r#"
        plugin.yaml:1: `roles` is not a known key, and unknown restrictions are refused; did you mean `endpoints[].auth.roles`?
    "#]],
    );
    with(
        "validation: {}\nrpm: 1\n",
        expect![[r#"
        plugin.yaml:1: `validation` is not a known key, and unknown restrictions are refused; did you mean `endpoints[].validation`?
        plugin.yaml:2: `rpm` is not a known key, and unknown restrictions are refused; did you mean `endpoints[].rate_limit.rpm`?
    "#]],
    );
}

#[test]
fn a_tail_without_a_name_is_completed() {
    for path in ["/hello/*", "/hello/**", "/hello/{*}", "/*"] {
        let text = LEAST.replace("path: /hello", &format!("path: '{path}'"));
        let written = says(text.as_bytes(), Mode::Normal);
        let start = path.split('*').next().unwrap().trim_end_matches('{');
        assert!(written.contains(&format!("; write `{start}*rest`, found")), "{written}");
    }
    replaced(
        "/hello",
        "'/a/*/b'",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].path` must have parameter names that start with a letter or `_` and contain only letters, digits and `_`, at most 50 characters, found `/a/*/b`
    "#]],
    );
}

#[test]
fn the_range_of_a_deadline_is_that_of_the_host() {
    let check = |timeout: &str| {
        let text = LEAST.replace("handler: Hello", &format!("handler: Hello, timeout_ms: {timeout}"));
        match Manifest::check_for_host(text.as_bytes(), Mode::Normal, Duration::from_secs(300)) {
            Ok(_) => "ok\n".to_owned(),
            Err(problems) => lines(&problems),
        }
    };
    let found: String = ["30000", "300000", "300001", "0", "'30000'", "'400000'", "soon"].map(check).concat();
    expect![[r#"
        ok
        ok
        plugin.yaml:7: `endpoints[0].timeout_ms` must be at most 300000 on this host (`max_endpoint_timeout_seconds`), found `300001`
        plugin.yaml:7: `endpoints[0].timeout_ms` must be a whole number from 1 to 300000, found `0`
        plugin.yaml:7: `endpoints[0].timeout_ms` must be a whole number from 1 to 300000, not a text; write 30000 without quotes, found `"30000"`
        plugin.yaml:7: `endpoints[0].timeout_ms` must be a whole number from 1 to 300000, found `400000`
        plugin.yaml:7: `endpoints[0].timeout_ms` must be a whole number from 1 to 300000, found `soon`
    "#]].assert_eq(&found);
}
