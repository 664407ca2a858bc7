//! The table of settings: every key of `host.toml`, with its flag, its variable, its default and what it takes.

use super::value::Kind;

/// One thing that can be set.
pub(crate) struct Setting {
    /// The key in `host.toml`.
    pub(crate) key: &'static str,
    /// The flag of `serve` and `config show`, without the dashes.
    pub(crate) flag: &'static str,
    /// The environment variable, where there is one.
    pub(crate) variable: Option<&'static str>,
    /// What it takes.
    pub(crate) kind: Kind,
    /// As it would be written in a variable or after the flag.
    pub(crate) default: &'static str,
    /// What it is for, for `--help`.
    pub(crate) about: &'static str,
}

const fn setting(
    key: &'static str,
    flag: &'static str,
    variable: Option<&'static str>,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, flag, variable, kind, default, about }
}

/// All settings, in the order in which they are shown.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    setting("plugin_dir", "plugin-dir", Some("PLUGIN_DIR"), Kind::Path, "./cache",
        "Where installed plugins and the operator's token are kept"),
    setting("cache_dir", "cache-dir", Some("PLUGIN_CACHE_DIR"), Kind::Path, "./build_cache",
        "Where builds keep what makes them fast; safe to delete while no host runs"),
    setting("security_mode", "security-mode", Some("PLUGIN_SECURITY_MODE"), Kind::Word(&["strict", "normal", "permissive"]), "normal",
        "How strictly plugin.yaml is read: strict refuses keys it does not know"),
    setting("debug", "debug", Some("PLUGIN_DEBUG"), Kind::Switch, "false",
        "Log at level debug, unless log_filter says otherwise"),
    setting("auto_load_plugins", "auto-load-plugins", Some("AUTO_LOAD_PLUGINS"), Kind::Sources, "",
        "Sources to load when the host starts, before those of --load"),
    setting("source_roots", "source-root", Some("PLUGIN_SOURCE_ROOTS"), Kind::Paths, ".",
        "Folders below which sources that are named over HTTP may lie"),
    setting("cors_allowed_origins", "cors-allowed-origin", Some("CORS_ALLOWED_ORIGIN"), Kind::Origins, "",
        "Origins whose pages may call the API from a browser"),
    setting("host", "host", Some("HOST"), Kind::Address, "127.0.0.1",
        "The address to listen at"),
    setting("port", "port", Some("PORT"), Kind::Number { min: 0, max: 65_535 }, "4000",
        "The port to listen at; 0 takes any that is free"),
    setting("allowed_repositories", "allowed-repository", None, Kind::Repositories, "",
        "Repositories that may be fetched, as host/owner/name with `*`; none given: any on a public host"),
    setting("mirror", "mirror", None, Kind::Mirrors, "",
        "Fetch repositories whose address starts with a prefix from another base, as PREFIX=BASE"),
    setting("max_plugin_size", "max-plugin-size", None, Kind::Bytes { min: 1 << 10, max: 4 << 30 }, "100MiB",
        "Most bytes of a source: downloaded, packed and unpacked"),
    setting("max_upload_bytes", "max-upload-bytes", None, Kind::Bytes { min: 1 << 10, max: 4 << 30 }, "64MiB",
        "Most bytes of an upload"),
    setting("max_connections", "max-connections", None, Kind::Number { min: 1, max: 1_000_000 }, "4096",
        "How many connections may be open at once"),
    setting("start_timeout_seconds", "start-timeout-seconds", None, Kind::Number { min: 1, max: 3_600 }, "10",
        "How long a library may take to open, and a plugin to start"),
    setting("stop_timeout_seconds", "stop-timeout-seconds", None, Kind::Number { min: 1, max: 3_600 }, "10",
        "How long a plugin's stop hook may take"),
    setting("drain_timeout_seconds", "drain-timeout-seconds", None, Kind::Number { min: 0, max: 86_400 }, "30",
        "How long calls of a replaced generation may go on before they are cut"),
    setting("max_kept_generations", "max-kept-generations", None, Kind::Number { min: 1, max: 4_000 }, "100",
        "How many ended generations may be kept in memory before new ones are refused"),
    setting("max_kept_versions", "max-kept-versions", None, Kind::Number { min: 0, max: 100 }, "3",
        "How many versions of each plugin stay, beside the one in use, for a rollback"),
    setting("retry_first_wait_ms", "retry-first-wait-ms", None, Kind::Number { min: 1, max: 3_600_000 }, "1000",
        "How long a plugin that failed waits before it is started again; twice as long after each further failure"),
    setting("retry_max_wait_ms", "retry-max-wait-ms", None, Kind::Number { min: 1, max: 86_400_000 }, "60000",
        "The longest such wait"),
    setting("quarantine_failures", "quarantine-failures", None, Kind::Number { min: 1, max: 1_000 }, "10",
        "As many failures within the window take a plugin out of service, until the operator enables it"),
    setting("quarantine_window_seconds", "quarantine-window-seconds", None, Kind::Number { min: 1, max: 604_800 }, "600",
        "The window in which failures are counted for the quarantine"),
    setting("probation_seconds", "probation-seconds", None, Kind::Number { min: 0, max: 86_400 }, "60",
        "How long a version that replaced another is judged, and taken back when it does badly; 0 judges none"),
    setting("probation_max_error_percent", "probation-max-error-percent", None, Kind::Number { min: 0, max: 100 }, "50",
        "The largest part of its answers that may fail meanwhile"),
    setting("probation_min_requests", "probation-min-requests", None, Kind::Number { min: 1, max: 1_000_000 }, "20",
        "Fewer answers than this say nothing about a version"),
    setting("max_events", "max-events", None, Kind::Number { min: 100, max: 10_000_000 }, "10000",
        "How many events the journal keeps"),
    setting("max_audit_entries", "max-audit-entries", None, Kind::Number { min: 1_000, max: 100_000_000 }, "100000",
        "How many entries the audit log keeps"),
    setting("max_auth_failures", "max-auth-failures", None, Kind::Number { min: 1, max: 100_000 }, "10",
        "Failed logins and wrong tokens that one address may send a minute"),
    setting("max_auth_failures_of_all", "max-auth-failures-of-all", None, Kind::Number { min: 1, max: 1_000_000 }, "100",
        "The same of all addresses together"),
    setting("session_seconds", "session-seconds", None, Kind::Number { min: 60, max: 31_536_000 }, "43200",
        "How long a login counts"),
    setting("shutdown_grace_seconds", "shutdown-grace-seconds", None, Kind::Number { min: 0, max: 86_400 }, "30",
        "How long calls may go on after the host was told to stop"),
    setting("kv_max_value_bytes", "kv-max-value-bytes", None, Kind::Bytes { min: 1, max: 64 << 20 }, "1MiB",
        "Most bytes of one value that a plugin keeps in the key-value store"),
    setting("kv_max_total_bytes", "kv-max-total-bytes", None, Kind::Bytes { min: 1, max: 64 << 30 }, "64MiB",
        "Most bytes of all keys and values of one plugin"),
    setting("fetch_private_hosts", "fetch-private-host", None, Kind::Hosts, "",
        "Hosts in private networks that plugins may fetch from, if their plugin.yaml lists them too"),
    setting("secrets", "secret", None, Kind::Secrets, "",
        "Secrets of plugins, each as PLUGIN/NAME=file:PATH or PLUGIN/NAME=env:VARIABLE; read when the plugin asks"),
    setting("indexes", "index", None, Kind::Sources, "",
        "Indexes of plugins that can be installed: repositories, folders or files; the first counts before the others"),
    setting("index_keep_seconds", "index-keep-seconds", None, Kind::Number { min: 10, max: 604_800 }, "600",
        "How long what an index said is taken for true"),
    setting("cache_enabled", "cache-enabled", None, Kind::Switch, "true",
        "Let builds be answered by earlier ones"),
    setting("cache_max_size", "cache-max-size", None, Kind::Bytes { min: 0, max: 1 << 50 }, "20GB",
        "Most bytes of the build cache; what was used least recently goes first"),
    setting("unreferenced_keep_seconds", "unreferenced-keep-seconds", None, Kind::Number { min: 0, max: 31_536_000 }, "86400",
        "How long artifacts and trees stay that no plugin refers to any more"),
    setting("sweep_interval_seconds", "sweep-interval-seconds", None, Kind::Number { min: 1, max: 86_400 }, "3600",
        "How often what nobody needs is looked for and removed"),
    setting("build_slots", "build-slots", None, Kind::Number { min: 1, max: host_build::Config::MAX_SLOTS as u64 }, "2",
        "How many builds run at once"),
    setting("build_offline", "build-offline", None, Kind::Switch, "false",
        "Let cargo use only what it has already downloaded"),
    setting("cargo", "cargo", None, Kind::Program, "cargo",
        "The cargo to build with"),
    setting("rustc", "rustc", None, Kind::Program, "rustc",
        "The rustc that cargo runs"),
    setting("log_format", "log-format", None, Kind::Word(&["pretty", "json"]), "pretty",
        "How log lines are written to stderr"),
    setting("log_filter", "log-filter", Some("RUST_LOG"), Kind::Filter, "info",
        "Which log lines are written, as for RUST_LOG"),
    setting("otlp_endpoint", "otlp-endpoint", Some("OTEL_EXPORTER_OTLP_ENDPOINT"), Kind::Url, "",
        "The OpenTelemetry collector that spans of requests are sent to, in programs built with the feature `otel`"),
];

/// The setting of that key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
