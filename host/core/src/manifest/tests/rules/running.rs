//! Configuration, placement, health probes and the build.

use expect_test::expect;

use super::{check, endpoint};

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
            plugin.yaml:1: has a number that is too large; write it in quotes, found `99999999999999999999`
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
            plugin.yaml:1: `security.network_acces` is not a known key, and unknown restrictions are refused; did you mean `network_access`?
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
            plugin.yaml:1: `health.endpoint` must be the path of a GET endpoint in this file, and that path must have no parameters and no `upgrade`, found `/nowhere`
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
            plugin.yaml:1: `health.endpoint` must be the path of a GET endpoint in this file, and that path must have no parameters and no `upgrade`, found `/a/{x}`
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
