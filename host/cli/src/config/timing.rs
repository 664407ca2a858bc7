//! Which settings can be changed while the host runs, and when a change takes effect.

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Immediately.
    Immediate,
    /// At the next start of the host.
    AtStart,
    /// The setting cannot be changed over the API.
    Never,
}

/// Settings that take effect immediately.
const IMMEDIATE: &[&str] = &[
    "security_mode",
    "allowed_repositories",
    "upload_lifetime_seconds",
    "max_endpoint_timeout_seconds",
    "start_timeout_seconds",
    "stop_timeout_seconds",
    "drain_timeout_seconds",
    "max_kept_generations",
    "max_kept_versions",
    "retry_first_wait_ms",
    "retry_max_wait_ms",
    "quarantine_failures",
    "quarantine_window_seconds",
    "probation_seconds",
    "probation_max_error_percent",
    "probation_min_requests",
    "index_keep_seconds",
    "cache_enabled",
    "cache_max_size",
    "unreferenced_keep_seconds",
    "sweep_interval_seconds",
    "max_connections_per_address",
    "max_connection_age_seconds",
    "max_http2_streams",
    "body_idle_timeout_seconds",
    "min_body_bytes_per_second",
    "answer_timeout_seconds",
    "max_streams",
    "max_streams_per_caller",
    "debug",
    "log_filter",
];

/// Settings that take effect immediately when the configuration is reloaded, and cannot be changed over the API.
const IMMEDIATE_ON_RELOAD: &[&str] =
    &["cors_allowed_origins", "allowed_hosts", "trusted_proxies", "tls_cert", "tls_key"];

/// Settings that cannot be changed over the API: they define where the host listens and stores data, what its clients
/// can reach on this machine, and which programs and collectors it uses. Only someone with access to the machine may
/// set them.
const NEVER: &[&str] = &[
    "plugin_dir",
    "cache_dir",
    "auto_load_plugins",
    "source_roots",
    "cors_allowed_origins",
    "allowed_hosts",
    "trusted_proxies",
    "tls_cert",
    "tls_key",
    "host",
    "port",
    "mirror",
    "fetch_private_hosts",
    "secrets",
    "indexes",
    "cargo",
    "rustc",
    "otlp_endpoint",
];

/// Returns when a change of a setting takes effect.
pub(crate) fn timing_of(key: &str) -> Timing {
    if IMMEDIATE.contains(&key) {
        Timing::Immediate
    } else if NEVER.contains(&key) {
        Timing::Never
    } else {
        Timing::AtStart
    }
}

/// Returns whether a new value takes effect immediately in a running host.
pub(crate) fn applies_immediately(key: &str) -> bool {
    IMMEDIATE.contains(&key) || IMMEDIATE_ON_RELOAD.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::SETTINGS;

    #[test]
    fn the_lists_contain_each_setting_at_most_once() {
        for key in IMMEDIATE.iter().chain(NEVER) {
            assert!(SETTINGS.iter().any(|setting| setting.key == *key), "{key}");
            assert!(!(IMMEDIATE.contains(key) && NEVER.contains(key)), "{key}");
        }
        assert!(IMMEDIATE_ON_RELOAD.iter().all(|key| NEVER.contains(key)));
    }

    #[test]
    fn the_settings_that_need_a_restart_are_known() {
        let at_start = SETTINGS.iter().map(|setting| setting.key).filter(|key| timing_of(key) == Timing::AtStart);
        expect_test::expect![[r#"
            max_plugin_size max_upload_bytes max_connections max_poll_ms max_events max_audit_entries max_auth_failures max_auth_failures_of_all session_seconds shutdown_grace_seconds kv_max_value_bytes kv_max_total_bytes build_slots build_offline log_format"#]]
        .assert_eq(&at_start.collect::<Vec<_>>().join(" "));
    }
}
