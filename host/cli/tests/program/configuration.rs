//! The configuration: invalid files, and `config show`.

use std::io::Write as _;

use expect_test::expect;
use tempfile::TempDir;

use super::{check, program, run, show};

#[test]
fn a_configuration_that_is_not_a_regular_file_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let (read, write) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("host.toml"), read | write).unwrap();
    check(
        folder.path(),
        &["config", "show"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: failed to read the configuration `host.toml`
              it is a pipe; it must be a regular file of at most 1 MiB

            fix: name a file that exists and can be read with --config
        "#]],
    );
}

#[test]
fn an_invalid_configuration_exits_with_2_and_lists_all_problems() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["serve", "--config", "none.toml"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: failed to read the configuration `none.toml`
          No such file or directory (os error 2)

        fix: name a file that exists and can be read with --config
    "#]],
    );
    std::fs::File::create(folder.path().join("host.toml")).unwrap().write_all(b"prot = 1\nport = 70000\n").unwrap();
    check(
        folder.path(),
        &["serve"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: the configuration is invalid
              host.toml:1: unknown key `prot`; did you mean `port`?
              host.toml:2: `port` is `70000`, expected a number from 0 to 65535

            fix: correct the listed settings; `plugin-host serve --help` describes each setting
        "#]],
    );
    for words in [&["config", "show"][..], &["list"]] {
        assert_eq!(run(folder.path(), words), run(folder.path(), &["serve"]));
    }
}

const HOST_TOML: &[u8] = b"build_slots = 1
[configuration.hello]
greeting = 'Hi'
api_key = 'hidden'
";

#[test]
fn the_configuration_is_shown_with_its_origins() {
    let folder = TempDir::new().unwrap();
    std::fs::File::create(folder.path().join("host.toml")).unwrap().write_all(HOST_TOML).unwrap();
    let mut command = program(folder.path(), &["config", "show", "--origin", "--security-mode", "strict"]);
    let shown = show(command.env("PORT", "4100").output().unwrap(), folder.path());
    expect![[r#"
        exit 0
        --- stdout
        KEY                           VALUE                                   ORIGIN
        plugin_dir                    "./cache"                               default
        cache_dir                     "./build_cache"                         default
        security_mode                 "strict"                                flag --security-mode
        debug                         false                                   default
        auto_load_plugins             []                                      default
        source_roots                  ["."]                                   default
        cors_allowed_origins          []                                      default
        host                          "127.0.0.1"                             default
        port                          4100                                    environment PORT
        allowed_hosts                 []                                      default
        trusted_proxies               []                                      default
        tls_cert                      ""                                      default
        tls_key                       ""                                      default
        allowed_repositories          []                                      default
        mirror                        []                                      default
        max_plugin_size               "100MiB"                                default
        max_upload_bytes              "64MiB"                                 default
        upload_lifetime_seconds       3600                                    default
        max_connections               4096                                    default
        max_connections_per_address   64                                      default
        max_connection_age_seconds    1800                                    default
        max_http2_streams             64                                      default
        body_idle_timeout_seconds     10                                      default
        min_body_bytes_per_second     100                                     default
        answer_timeout_seconds        30                                      default
        max_streams                   256                                     default
        max_streams_per_caller        16                                      default
        max_endpoint_timeout_seconds  300                                     default
        max_poll_ms                   50                                      default
        start_timeout_seconds         10                                      default
        stop_timeout_seconds          10                                      default
        drain_timeout_seconds         30                                      default
        max_kept_generations          100                                     default
        max_kept_versions             3                                       default
        retry_first_wait_ms           1000                                    default
        retry_max_wait_ms             60000                                   default
        quarantine_failures           10                                      default
        quarantine_window_seconds     600                                     default
        probation_seconds             60                                      default
        probation_max_error_percent   50                                      default
        probation_min_requests        20                                      default
        max_events                    10000                                   default
        max_audit_entries             100000                                  default
        max_auth_failures             10                                      default
        max_auth_failures_of_all      100                                     default
        session_seconds               43200                                   default
        shutdown_grace_seconds        30                                      default
        kv_max_value_bytes            "1MiB"                                  default
        kv_max_total_bytes            "64MiB"                                 default
        fetch_private_hosts           []                                      default
        secrets                       []                                      default
        indexes                       []                                      default
        index_keep_seconds            600                                     default
        cache_enabled                 true                                    default
        cache_max_size                "20GiB"                                 default
        unreferenced_keep_seconds     86400                                   default
        sweep_interval_seconds        3600                                    default
        build_slots                   1                                       file host.toml:1
        build_offline                 false                                   default
        cargo                         "cargo"                                 default
        rustc                         "rustc"                                 default
        log_format                    "pretty"                                default
        log_filter                    "info"                                  default
        otlp_endpoint                 ""                                      default
        configuration.hello           {"api_key":"********","greeting":"Hi"}  file host.toml:2
        --- stderr
    "#]]
    .assert_eq(&shown);
    let json = run(folder.path(), &["config", "show", "--json"]);
    assert!(json.contains(r#""build_slots":1"#) && !json.contains("hidden"), "{json}");
    assert!(json.contains(r#""configuration.hello":{"api_key":"********","greeting":"Hi"}"#), "{json}");
}
