//! Permissions, relations to other plugins and required versions.

use expect_test::expect;

use super::{check, with};
use crate::manifest::tests::{LEAST, checked, lines, says};
use crate::manifest::{Mode, Permission};

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
            ("Upload", "is reserved for the management API; choose another id"),
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
            plugin.yaml:6: `conflicts[3].reason` is not a known key and has no effect
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
fn unmet_version_requirements_are_reported() {
    let manifest = checked(&with("compatibility: {host: '>=9', sdk: ^0.1, rust: '>=1.85'}\n")).manifest;
    let version = |text: &str| text.parse().unwrap();
    let says = |host, sdk, rust| lines(&manifest.incompatibilities(&version(host), &version(sdk), &version(rust)));
    assert_eq!(says("9.0.0", "0.1.7", "1.97.0-nightly"), "");
    expect![[r#"
        plugin.yaml:1: `compatibility.host` requires a host `>=9`, and this host is 0.1.0; update the host or choose another version of the plugin
        plugin.yaml:1: `compatibility.sdk` requires a plugin-sdk `^0.1`, and this host has plugin-sdk 0.2.0; build the plugin with the plugin-sdk of this host or choose another version of the plugin
        plugin.yaml:1: `compatibility.rust` requires a Rust compiler `>=1.85`, and the compiler of this host is 1.84.1; install that compiler or choose another version of the plugin
    "#]].assert_eq(&says("0.1.0", "0.2.0", "1.84.1"));
    assert_eq!(checked(LEAST).manifest.incompatibilities(&version("0.0.1"), &version("0.0.1"), &version("0.0.1")), []);
}
