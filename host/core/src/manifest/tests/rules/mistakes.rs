//! Frequent mistakes and older formats.

use expect_test::expect;
use serde_json::json;

use super::{check, endpoint, with};
use crate::manifest::Mode;
use crate::manifest::tests::{LEAST, checked, says};

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
    let text = LEAST.replace("endpoints:", "routes:");
    expect![[r#"
        plugin.yaml: `endpoints` is required
        plugin.yaml:6: `routes` is not a known key and has no effect
    "#]]
    .assert_eq(&says(text.as_bytes(), Mode::Normal));
}

#[test]
fn likely_mistakes_in_settings_are_named() {
    let manifest = checked(&format!("{LEAST}configuration: {{greeting: Hello, limits: {{guests: 3}}, free: {{}}}}\n"));
    let slips = |settings: serde_json::Value| manifest.manifest.likely_slips(settings.as_object().unwrap()).join("\n");
    for (settings, expected) in [
        (json!({"greeting": "A", "limits": {"guests": 4}, "free": {"any": 1}}), ""),
        (
            json!({"limits": {"rooms": 4}}),
            "`limits.rooms` is not in plugin.yaml's `configuration`; the plugin may not read it",
        ),
        (json!({"other": 1}), "`other` is not in plugin.yaml's `configuration`; the plugin may not read it"),
        (json!({"greting": "A"}), "`greting` is not in plugin.yaml's `configuration`; did you mean `greeting`?"),
        (
            json!({"configuration": {"greeting": "A"}}),
            "`configuration` is not in plugin.yaml's `configuration`; its keys belong one level up",
        ),
        (
            json!({"limits": {"guest": 4}}),
            "`limits.guest` is not in plugin.yaml's `configuration`; did you mean `guests`?",
        ),
        (
            json!({"limits.guests": 4}),
            "`limits.guests` is not in plugin.yaml's `configuration`; a dot in a key does not nest; write `{\"limits\": \
             {\"guests\": …}}`",
        ),
    ] {
        assert_eq!(slips(settings.clone()), expected, "{settings}");
    }
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
