//! Settings as each room of the host wants them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_core::manifest::Mode;
use host_core::plan::Patience;
use host_core::{Source, probation};

use super::value::{Value, secret};
use super::{Environment, Origin, Settings};
use host_author::Children;

/// Settings as each room of the host wants them.
pub(crate) struct Rooms {
    /// The data folders.
    pub(crate) store: host_store::Config,
    /// Builds.
    pub(crate) build: host_build::Config,
    /// Plugins, and how sources are fetched.
    pub(crate) run: host_run::Config,
    /// The HTTP front.
    pub(crate) serve: host_serve::Config,
    /// How long calls may go on after the host was told to stop.
    pub(crate) grace: Duration,
    /// What to load when the host starts.
    pub(crate) load: Vec<Source>,
}

impl Rooms {
    /// Hands each room its settings.
    pub(crate) fn of(settings: &Settings, environment: &Environment) -> Rooms {
        let seconds = |key| Duration::from_secs(settings.number(key));
        let max_plugin_bytes = settings.number("max_plugin_size");

        let mut store = host_store::Config {
            plugin_dir: settings.plugin_dir(),
            cache_dir: absolute(settings.text("cache_dir")),
            limits: host_store::TreeLimits::default(),
        };
        store.limits.max_total_bytes = max_plugin_bytes;
        store.limits.max_file_bytes = max_plugin_bytes;

        let build = host_build::Config {
            cargo: program(settings.text("cargo")),
            rustc: program(settings.text("rustc")),
            slots: usize::try_from(settings.number("build_slots")).unwrap_or(usize::MAX),
            environment: environment.for_builds(),
            offline: settings.switch("build_offline"),
            ..host_build::Config::default()
        };

        let version = env!("CARGO_PKG_VERSION").parse().expect("cargo checks the version of a package");
        let mut run = host_run::Config::new(version);
        run.mode = match settings.text("security_mode") {
            "strict" => Mode::Strict,
            "permissive" => Mode::Permissive,
            _ => Mode::Normal,
        };
        run.start_timeout = seconds("start_timeout_seconds");
        run.stop_timeout = seconds("stop_timeout_seconds");
        run.drain_timeout = seconds("drain_timeout_seconds");
        run.max_kept_generations = usize::try_from(settings.number("max_kept_generations")).unwrap_or(usize::MAX);
        run.max_kept_versions = usize::try_from(settings.number("max_kept_versions")).unwrap_or(usize::MAX);
        run.patience = Patience {
            first_wait_ms: settings.number("retry_first_wait_ms"),
            max_wait_ms: settings.number("retry_max_wait_ms"),
            quarantine_after: u32::try_from(settings.number("quarantine_failures")).unwrap_or(u32::MAX),
            window_ms: settings.number("quarantine_window_seconds") * 1000,
        };
        run.probation = probation::Rules {
            window_ms: settings.number("probation_seconds") * 1000,
            max_error_rate: settings.number("probation_max_error_percent") as f64 / 100.0,
            min_requests: settings.number("probation_min_requests"),
        };
        run.max_events = settings.number("max_events");
        run.max_audit_entries = settings.number("max_audit_entries");
        run.fetch.source_roots = settings.list("source_roots").iter().map(absolute).collect();
        run.fetch.allowed_repositories = settings.list("allowed_repositories").to_vec();
        run.fetch.mirrors = settings.mirrors();
        run.fetch.max_git_bytes = max_plugin_bytes;
        run.fetch.archive.max_archive_bytes = max_plugin_bytes;
        run.fetch.archive.max_unpacked_bytes = max_plugin_bytes;

        run.indexes =
            settings.list("indexes").iter().filter_map(|source| source.parse().ok()).map(absolute_source).collect();
        run.index_keep = seconds("index_keep_seconds");
        run.cache_enabled = settings.switch("cache_enabled");
        run.cache_max_bytes = settings.number("cache_max_size");
        run.unreferenced_keep = seconds("unreferenced_keep_seconds");
        run.sweep_interval = seconds("sweep_interval_seconds");

        run.kv.max_value_bytes = settings.number("kv_max_value_bytes");
        run.kv.max_total_bytes = settings.number("kv_max_total_bytes");
        run.plugin_fetch.private_hosts =
            settings.list("fetch_private_hosts").iter().filter_map(|host| host.parse().ok()).collect();
        let secrets = settings.list("secrets").iter().filter_map(|text| secret(text));
        run.secrets = host_run::Secrets::new(secrets.map(|(plugin, name, source)| ((plugin, name), source)).collect());

        let sections = settings.configurations.iter();
        run.configurations = sections.map(|(plugin, section)| (plugin.clone(), section.values.clone())).collect();

        run.trial = Some(host_run::Trial::new(Children::new(environment.for_libraries())));

        let serve = host_serve::Config {
            address: settings.address(),
            rules: settings.rules(),
            tls: settings.tls(),
            max_connections: usize::try_from(settings.number("max_connections")).unwrap_or(usize::MAX),
            max_upload_bytes: settings.number("max_upload_bytes"),
            max_auth_failures: u32::try_from(settings.number("max_auth_failures")).unwrap_or(u32::MAX),
            max_auth_failures_of_all: u32::try_from(settings.number("max_auth_failures_of_all")).unwrap_or(u32::MAX),
            session: seconds("session_seconds"),
            ..host_serve::Config::default()
        };
        let load = settings.list("auto_load_plugins").iter().filter_map(|source| source.parse().ok()).collect();
        Rooms { store, build, run, serve, grace: seconds("shutdown_grace_seconds"), load }
    }
}

// === impl Settings ===

impl Settings {
    /// Where installed plugins are kept. Absolute.
    pub(crate) fn plugin_dir(&self) -> PathBuf {
        absolute(self.text("plugin_dir"))
    }

    /// The build cache of an author's command. A host's own default counts only where a host has been: these commands are
    /// run in the folders of plugins, and nothing may appear there.
    pub(crate) fn cache_dir_of_author(&self, environment: &Environment) -> PathBuf {
        let configured = absolute(self.text("cache_dir"));
        match self.get("cache_dir").origin {
            Origin::Default if !configured.is_dir() => {
                environment.cache_folder().map_or(configured, |folder| folder.join("build_cache"))
            }
            _ => configured,
        }
    }

    /// Where the host listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let host = self.text("host").parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        SocketAddr::new(host, u16::try_from(self.number("port")).unwrap_or(0))
    }

    /// What of the front may change while it serves.
    pub(crate) fn rules(&self) -> host_serve::Rules {
        let seconds = |key| Duration::from_secs(self.number(key));
        let count = |key| usize::try_from(self.number(key)).unwrap_or(usize::MAX);
        host_serve::Rules {
            cors_origins: self.list("cors_allowed_origins").to_vec(),
            allowed_hosts: self.list("allowed_hosts").to_vec(),
            trusted_proxies: self.list("trusted_proxies").iter().filter_map(|text| text.parse().ok()).collect(),
            max_connections_per_address: count("max_connections_per_address"),
            body_idle_timeout: seconds("body_idle_timeout_seconds"),
            min_body_bytes_per_second: self.number("min_body_bytes_per_second"),
            write_timeout: seconds("answer_timeout_seconds"),
            max_streams: count("max_streams"),
            max_streams_per_caller: count("max_streams_per_caller"),
        }
    }

    /// The files for TLS, when there is to be TLS.
    pub(crate) fn tls(&self) -> Option<host_serve::TlsFiles> {
        let (certificate, key) = (self.text("tls_cert"), self.text("tls_key"));
        let is_set = !certificate.is_empty() && !key.is_empty();
        is_set.then(|| host_serve::TlsFiles { certificate: absolute(certificate), key: absolute(key) })
    }

    /// Where a client on this machine finds the host.
    pub(crate) fn url(&self) -> String {
        let mut address = self.address();
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("{}://{address}", self.scheme())
    }

    /// What is spoken where the host listens.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls().is_some() { "https" } else { "http" }
    }

    /// The collector that spans go to.
    pub(crate) fn otlp_endpoint(&self) -> Option<&str> {
        Some(self.text("otlp_endpoint")).filter(|endpoint| !endpoint.is_empty())
    }

    /// Whether log lines are written as JSON.
    pub(crate) fn logs_json(&self) -> bool {
        self.text("log_format") == "json"
    }

    /// Which log lines are written, where somebody said so.
    pub(crate) fn chosen_log_filter(&self) -> Option<&str> {
        (self.get("log_filter").origin != Origin::Default || self.switch("debug")).then(|| self.log_filter())
    }

    /// Which log lines are written.
    pub(crate) fn log_filter(&self) -> &str {
        match self.get("log_filter").origin {
            // Of the HTTP library's own lines nobody who debugs a plugin wants to hear.
            Origin::Default if self.switch("debug") => "debug,hyper=info,hyper_util=info",
            _ => self.text("log_filter"),
        }
    }

    fn mirrors(&self) -> Vec<host_fetch::Mirror> {
        match &self.get("mirror").value {
            Value::Mirrors(pairs) => {
                let mirror = |(prefix, base): &(String, String)| host_fetch::Mirror {
                    prefix: prefix.clone(),
                    base: base.clone(),
                };
                pairs.iter().map(mirror).collect()
            }
            _ => vec![],
        }
    }
}

/// A program: a bare name stays one, because it is looked up in `PATH`.
fn program(text: &str) -> PathBuf {
    if text.contains('/') { absolute(text) } else { PathBuf::from(text) }
}

fn absolute_source(source: Source) -> Source {
    match source {
        Source::Folder(path) => Source::Folder(absolute(path)),
        Source::Archive(path) => Source::Archive(absolute(path)),
        Source::Library(path) => Source::Library(absolute(path)),
        other => other,
    }
}

fn absolute(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    // This fails only for an empty path, which no setting takes, and where there is no working folder.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
