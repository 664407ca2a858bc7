//! The table of settings: each key of `host.toml` with its flag, environment variable, type, default and help text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::setting_type::SettingType;

/// A setting of the host.
pub(crate) struct Setting {
    /// The key in `host.toml`.
    pub(crate) key: &'static str,
    /// The flag of `serve` and `config show`, without the dashes.
    pub(crate) flag: &'static str,
    /// The short environment variable, where there is one. `PLUGIN_HOST_` and the key is another name of every
    /// setting.
    pub(crate) variable: Option<&'static str>,
    /// The type of its value.
    pub(crate) setting_type: SettingType,
    /// The default, as it would be written in the environment variable or after the flag.
    pub(crate) default: &'static str,
    /// The text for `--help`.
    pub(crate) about: &'static str,
}

const fn setting(
    key: &'static str,
    flag: &'static str,
    variable: Option<&'static str>,
    setting_type: SettingType,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, flag, variable, setting_type, default, about }
}

/// The environment variable `PLUGIN_HOST_…` of each setting, by key.
static LONG_VARIABLES: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    SETTINGS.iter().map(|setting| (setting.key, format!("PLUGIN_HOST_{}", setting.key.to_uppercase()))).collect()
});

impl Setting {
    /// The environment variables, in the order of their precedence.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'static str> {
        LONG_VARIABLES.get(self.key).map(String::as_str).into_iter().chain(self.variable)
    }
}

/// All settings, in display order.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    setting("plugin_dir", "plugin-dir", Some("PLUGIN_DIR"), SettingType::Path, "./cache",
        "Folder of installed plugins, the state database and the initial admin token"),
    setting("cache_dir", "cache-dir", Some("PLUGIN_CACHE_DIR"), SettingType::Path, "./build_cache",
        "Folder of the build cache; can be deleted while no build runs"),
    setting("security_mode", "security-mode", Some("PLUGIN_SECURITY_MODE"), SettingType::Mode, "normal",
        "`normal` warns about unknown keys of plugin.yaml and about moved tags, and refuses unknown keys that seem to restrict access and files that do not match `checksums` in plugin.yaml; `strict` refuses all of these; `permissive` only warns about them"),
    setting("debug", "debug", Some("PLUGIN_DEBUG"), SettingType::Switch, "false",
        "Log at level debug, unless log_filter is set"),
    setting("auto_load_plugins", "auto-load-plugins", Some("AUTO_LOAD_PLUGINS"), SettingType::Sources, "",
        "Sources to load at startup, before the sources of --load"),
    setting("source_roots", "source-root", Some("PLUGIN_SOURCE_ROOTS"), SettingType::Paths, ".",
        "Folders from which API clients may load local sources"),
    setting("cors_allowed_origins", "cors-allowed-origin", Some("CORS_ALLOWED_ORIGIN"), SettingType::Origins, "",
        "Web origins that may call the API from a browser (CORS)"),
    setting("host", "host", Some("HOST"), SettingType::Address, "127.0.0.1",
        "IP address to listen on"),
    setting("port", "port", Some("PORT"), SettingType::Number { min: 0, max: 65_535 }, "4000",
        "Port to listen on; 0 selects a free port"),
    setting("allowed_hosts", "allowed-host", Some("ALLOWED_HOSTS"), SettingType::HostNames, "",
        "Accepted names in the Host header, besides localhost and IP addresses; `*.example.org` accepts all subdomains, `*` any name"),
    setting("trusted_proxies", "trusted-proxy", Some("TRUSTED_PROXIES"), SettingType::Networks, "",
        "Networks of proxies that are trusted to report the client address (Forwarded, X-Forwarded-*)"),
    setting("tls_cert", "tls-cert", Some("TLS_CERT"), SettingType::File, "",
        "PEM file with the certificate chain; enables HTTPS and disables HTTP; reloaded on SIGHUP"),
    setting("tls_key", "tls-key", Some("TLS_KEY"), SettingType::File, "",
        "PEM file with the private key of the certificate; must not be readable by other users"),
    setting("allowed_repositories", "allowed-repository", None, SettingType::Repositories, "",
        "Repositories that may be fetched, as host[:port]/owner/name; `*` stands for any text in a part, `**` at the end for all further parts; empty allows every repository on a public host"),
    setting("mirror", "mirror", None, SettingType::Mirrors, "",
        "Mirror for repositories, as PREFIX=BASE: a URL that starts with PREFIX is fetched from BASE"),
    setting("max_plugin_size", "max-plugin-size", None, SettingType::Bytes { min: 1 << 10, max: 4 << 30 }, "100MiB",
        "Maximum size of a source, both packed and unpacked"),
    setting("max_upload_bytes", "max-upload-bytes", None, SettingType::Bytes { min: 1 << 10, max: 4 << 30 }, "64MiB",
        "Maximum size of an upload"),
    setting("upload_lifetime_seconds", "upload-lifetime-seconds", None, SettingType::Number { min: 1, max: 31_536_000 }, "3600",
        "How long an uploaded archive that is not installed is stored"),
    setting("max_connections", "max-connections", None, SettingType::Number { min: 1, max: 1_000_000 }, "4096",
        "Maximum number of open connections"),
    setting("max_connections_per_address", "max-connections-per-address", None, SettingType::Number { min: 1, max: 1_000_000 }, "64",
        "Maximum number of open connections per client address; this machine and trusted proxies are exempt"),
    setting("max_connection_age_seconds", "max-connection-age-seconds", None, SettingType::Number { min: 0, max: 31_536_000 }, "1800",
        "Age at which a connection is closed after its current requests; 0 for no limit"),
    setting("max_http2_streams", "max-http2-streams", None, SettingType::Number { min: 1, max: 100_000 }, "64",
        "Maximum number of concurrent requests on an HTTP/2 connection"),
    setting("body_idle_timeout_seconds", "body-idle-timeout-seconds", None, SettingType::Number { min: 1, max: 86_400 }, "10",
        "Longest pause while receiving a request body"),
    setting("min_body_bytes_per_second", "min-body-bytes-per-second", None, SettingType::Bytes { min: 0, max: 1 << 30 }, "100",
        "Minimum average rate of a request body after the first 30 seconds; 0 for no minimum"),
    setting("answer_timeout_seconds", "answer-timeout-seconds", None, SettingType::Number { min: 1, max: 86_400 }, "30",
        "How long a client may stop reading a response before its connection is closed"),
    setting("max_streams", "max-streams", None, SettingType::Number { min: 1, max: 1_000_000 }, "256",
        "Maximum number of open event and log streams"),
    setting("max_streams_per_caller", "max-streams-per-caller", None, SettingType::Number { min: 1, max: 1_000_000 }, "16",
        "Maximum number of open event and log streams per caller"),
    setting("max_endpoint_timeout_seconds", "max-endpoint-timeout-seconds", None, SettingType::Number { min: 1, max: 86_400 }, "300",
        "Largest `timeout_ms` that plugin.yaml may set for an endpoint"),
    setting("max_poll_ms", "max-poll-ms", None, SettingType::Number { min: 1, max: 60_000 }, "50",
        "How long a handler may run without an `await` that waits, before it counts as blocking"),
    setting("start_timeout_seconds", "start-timeout-seconds", None, SettingType::Number { min: 1, max: 3_600 }, "10",
        "Time limit for opening a library and for starting a plugin"),
    setting("stop_timeout_seconds", "stop-timeout-seconds", None, SettingType::Number { min: 1, max: 3_600 }, "10",
        "Time limit for a plugin's stop hook"),
    setting("drain_timeout_seconds", "drain-timeout-seconds", None, SettingType::Number { min: 0, max: 86_400 }, "30",
        "How long calls to a replaced generation may continue before they are cancelled"),
    setting("max_kept_generations", "max-kept-generations", None, SettingType::Number { min: 1, max: 4_000 }, "100",
        "Maximum number of ended generations in memory; at this number, loads are refused"),
    setting("max_kept_versions", "max-kept-versions", None, SettingType::Number { min: 0, max: 100 }, "3",
        "Number of earlier versions of each plugin that are stored for a rollback"),
    setting("retry_first_wait_ms", "retry-first-wait-ms", None, SettingType::Number { min: 1, max: 3_600_000 }, "1000",
        "Delay before a failed plugin is restarted; doubles with each further failure"),
    setting("retry_max_wait_ms", "retry-max-wait-ms", None, SettingType::Number { min: 1, max: 86_400_000 }, "60000",
        "Longest delay before a failed plugin is restarted"),
    setting("quarantine_failures", "quarantine-failures", None, SettingType::Number { min: 1, max: 1_000 }, "10",
        "Number of failures within the window after which a plugin is stopped until an operator enables, starts or restarts it (quarantine)"),
    setting("quarantine_window_seconds", "quarantine-window-seconds", None, SettingType::Number { min: 1, max: 604_800 }, "600",
        "Length of the window in which failures are counted for the quarantine"),
    setting("probation_seconds", "probation-seconds", None, SettingType::Number { min: 0, max: 86_400 }, "60",
        "How long a new version is watched; it is rolled back if too many requests fail; 0 disables this rollback"),
    setting("probation_max_error_percent", "probation-max-error-percent", None, SettingType::Number { min: 0, max: 100 }, "50",
        "Error rate, in percent, above which the new version is rolled back"),
    setting("probation_min_requests", "probation-min-requests", None, SettingType::Number { min: 1, max: 1_000_000 }, "20",
        "Minimum number of responses before the error rate of a new version is judged"),
    setting("max_events", "max-events", None, SettingType::Number { min: 100, max: 10_000_000 }, "10000",
        "Number of events stored in the journal"),
    setting("max_audit_entries", "max-audit-entries", None, SettingType::Number { min: 1_000, max: 100_000_000 }, "100000",
        "Number of entries stored in the audit log"),
    setting("max_auth_failures", "max-auth-failures", None, SettingType::Number { min: 1, max: 100_000 }, "10",
        "Maximum number of failed logins and invalid tokens per minute and client address"),
    setting("max_auth_failures_of_all", "max-auth-failures-of-all", None, SettingType::Number { min: 1, max: 1_000_000 }, "100",
        "Maximum number of failed logins and invalid tokens per minute over all addresses"),
    setting("session_seconds", "session-seconds", None, SettingType::Number { min: 60, max: 31_536_000 }, "43200",
        "Lifetime of a login session"),
    setting("shutdown_grace_seconds", "shutdown-grace-seconds", None, SettingType::Number { min: 0, max: 86_400 }, "30",
        "How long calls may continue after the host receives a stop signal"),
    setting("kv_max_value_bytes", "kv-max-value-bytes", None, SettingType::Bytes { min: 1, max: 64 << 20 }, "1MiB",
        "Maximum size of one value in a plugin's key-value store"),
    setting("kv_max_total_bytes", "kv-max-total-bytes", None, SettingType::Bytes { min: 1, max: 64 << 30 }, "64MiB",
        "Maximum size of all keys and values of one plugin"),
    setting("fetch_private_hosts", "fetch-private-host", None, SettingType::Hosts, "",
        "Hosts in private networks that plugins may fetch from, if plugin.yaml also lists them"),
    setting("secrets", "secret", None, SettingType::Secrets, "",
        "Secrets of plugins, as PLUGIN/NAME=file:PATH or PLUGIN/NAME=env:VARIABLE; read each time the plugin requests it"),
    setting("indexes", "index", None, SettingType::Sources, "",
        "Plugin indexes: repositories, folders or files; for a plugin in several indexes, the first index wins"),
    setting("index_keep_seconds", "index-keep-seconds", None, SettingType::Number { min: 10, max: 604_800 }, "600",
        "How long the content of an index is cached"),
    setting("cache_enabled", "cache-enabled", None, SettingType::Switch, "true",
        "Reuse the results of earlier builds"),
    setting("cache_max_size", "cache-max-size", None, SettingType::Bytes { min: 0, max: 1 << 50 }, "20GiB",
        "Maximum size of the build cache; the least recently used entries are deleted first"),
    setting("unreferenced_keep_seconds", "unreferenced-keep-seconds", None, SettingType::Number { min: 0, max: 31_536_000 }, "86400",
        "How long unreferenced artifacts and source trees are stored"),
    setting("sweep_interval_seconds", "sweep-interval-seconds", None, SettingType::Number { min: 1, max: 86_400 }, "3600",
        "Interval of the cleanup that deletes unreferenced data"),
    setting("build_slots", "build-slots", None, SettingType::Number { min: 1, max: host_build::Config::MAX_SLOTS as u64 }, "2",
        "Maximum number of concurrent builds"),
    setting("build_offline", "build-offline", None, SettingType::Switch, "false",
        "Run cargo offline, with already downloaded crates only"),
    setting("cargo", "cargo", None, SettingType::Program, "cargo",
        "cargo program for builds"),
    setting("rustc", "rustc", None, SettingType::Program, "rustc",
        "rustc program for builds"),
    setting("log_format", "log-format", None, SettingType::LogFormat, "pretty",
        "Format of the log on standard error"),
    setting("log_filter", "log-filter", Some("RUST_LOG"), SettingType::Filter, "info",
        "Log filter, in the syntax of RUST_LOG"),
    setting("otlp_endpoint", "otlp-endpoint", Some("OTEL_EXPORTER_OTLP_ENDPOINT"), SettingType::Url, "",
        "URL of the OpenTelemetry collector for request spans; needs a program built with the feature `otel`"),
];

/// Returns the setting with this key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
