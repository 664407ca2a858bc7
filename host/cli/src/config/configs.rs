//! Converts the settings to the configurations of the crates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_author::Children;
use host_core::plan::Patience;
use host_core::{Source, probation};
use host_fetch::{GitAccess, TokenSource};

use super::value::{LogFormat, Secret, is_bare_name, local_path, with_path};
use super::{Environment, Origin, Settings};

/// The configurations of the crates.
pub(crate) struct Configs {
    /// The data folders.
    pub(crate) store: host_store::Config,
    /// Builds.
    pub(crate) build: host_build::Config,
    /// Plugins, and how sources are fetched.
    pub(crate) run: host_run::Config,
    /// The HTTP server.
    pub(crate) serve: host_serve::Config,
    /// How long calls may continue after the host receives a stop signal.
    pub(crate) grace: Duration,
    /// The sources to load when the host starts.
    pub(crate) load: Vec<Source>,
}

impl Configs {
    /// Converts the settings.
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Configs {
        Configs {
            store: settings.store(),
            build: settings.build(environment),
            run: settings.run(environment),
            serve: settings.serve(),
            grace: settings.seconds("shutdown_grace_seconds"),
            load: settings.sources("auto_load_plugins"),
        }
    }
}

// === impl Settings ===

impl Settings {
    fn store(&self) -> host_store::Config {
        let max_plugin_bytes = self.number("max_plugin_size");
        let limits = host_store::TreeLimits {
            max_total_bytes: max_plugin_bytes,
            max_file_bytes: max_plugin_bytes,
            ..host_store::TreeLimits::default()
        };
        host_store::Config { plugin_dir: self.plugin_dir(), cache_dir: absolute(self.path("cache_dir")), limits }
    }

    fn build(&self, environment: &Environment) -> host_build::Config {
        host_build::Config {
            cargo: program(self.path("cargo")),
            rustc: program(self.path("rustc")),
            slots: self.count("build_slots"),
            environment: environment.for_builds(),
            offline: self.switch("build_offline"),
            ..host_build::Config::default()
        }
    }

    fn run(&self, environment: &Environment) -> host_run::Config {
        let version = env!("CARGO_PKG_VERSION").parse().expect("cargo checks the version of a package");
        let max_plugin_bytes = self.number("max_plugin_size");
        let mut run = host_run::Config::new(version);
        run.mode = self.mode("security_mode");
        run.max_endpoint_timeout = self.seconds("max_endpoint_timeout_seconds");
        run.max_poll = Duration::from_millis(self.number("max_poll_ms"));
        run.start_timeout = self.seconds("start_timeout_seconds");
        run.stop_timeout = self.seconds("stop_timeout_seconds");
        run.drain_timeout = self.seconds("drain_timeout_seconds");
        run.max_kept_generations = self.count("max_kept_generations");
        run.max_kept_versions = self.count("max_kept_versions");
        run.patience = Patience {
            first_wait_ms: self.number("retry_first_wait_ms"),
            max_wait_ms: self.number("retry_max_wait_ms"),
            quarantine_after: self.small("quarantine_failures"),
            window_ms: self.number("quarantine_window_seconds") * 1000,
        };
        run.probation = probation::Rules {
            window_ms: self.number("probation_seconds") * 1000,
            max_error_rate: self.number("probation_max_error_percent") as f64 / 100.0,
            min_requests: self.number("probation_min_requests"),
        };
        run.max_events = self.number("max_events");
        run.max_audit_entries = self.number("max_audit_entries");
        run.upload_lifetime = self.seconds("upload_lifetime_seconds");

        run.fetch.source_roots = self.paths("source_roots").iter().map(absolute).collect();
        run.fetch.allowed_repositories = self.texts("allowed_repositories").to_vec();
        run.fetch.mirrors = self.mirrors("mirror").to_vec();
        run.fetch.git = self.git_access(environment);
        run.fetch.max_git_bytes = max_plugin_bytes;
        run.fetch.archive.max_archive_bytes = max_plugin_bytes;
        run.fetch.archive.max_unpacked_bytes = max_plugin_bytes;

        run.indexes = self.sources("indexes").iter().map(absolute_source).collect();
        run.index_keep = self.seconds("index_keep_seconds");
        run.cache_enabled = self.switch("cache_enabled");
        run.cache_max_bytes = self.number("cache_max_size");
        run.unreferenced_keep = self.seconds("unreferenced_keep_seconds");
        run.sweep_interval = self.seconds("sweep_interval_seconds");

        run.kv.max_value_bytes = self.number("kv_max_value_bytes");
        run.kv.max_total_bytes = self.number("kv_max_total_bytes");
        run.plugin_fetch.private_hosts = self.hosts("fetch_private_hosts");
        let secrets = self.secrets("secrets").into_iter();
        let secrets = secrets.map(|Secret { plugin, name, source }| ((plugin, name), source));
        run.secrets = host_run::Secrets::new(secrets.collect());

        let sections = self.configurations.iter();
        run.configurations = sections.map(|(plugin, section)| (plugin.clone(), section.values.clone())).collect();
        run.trial = Some(host_run::Trial::new(Children::new(environment.for_libraries())));
        run
    }

    /// Returns the access to private repositories, with absolute paths: a `token_command` runs in another folder.
    fn git_access(&self, environment: &Environment) -> Vec<GitAccess> {
        let absolute_token = |source: &TokenSource| match source.clone() {
            TokenSource::File(path) => TokenSource::File(absolute(path)),
            TokenSource::Environment(name) => TokenSource::Environment(name),
            TokenSource::Command { program: name, args, .. } => {
                TokenSource::Command { program: program(&name), args, environment: environment.for_token_commands() }
            }
        };
        let access = |access: &GitAccess| GitAccess {
            token: access.token.as_ref().map(absolute_token),
            ca_file: access.ca_file.as_ref().map(absolute),
            ..access.clone()
        };
        self.git.values().map(|section| access(&section.access)).collect()
    }

    fn serve(&self) -> host_serve::Config {
        host_serve::Config {
            address: self.address(),
            rules: self.rules(),
            tls: self.tls(),
            max_connections: self.count("max_connections"),
            max_upload_bytes: self.number("max_upload_bytes"),
            max_auth_failures: self.small("max_auth_failures"),
            max_auth_failures_of_all: self.small("max_auth_failures_of_all"),
            session: self.seconds("session_seconds"),
            ..host_serve::Config::default()
        }
    }

    /// Returns the folder of installed plugins, absolute.
    pub(crate) fn plugin_dir(&self) -> PathBuf {
        absolute(self.path("plugin_dir"))
    }

    /// Returns the build cache for an author's command. The default of a host is only used where it exists: these
    /// commands run in the folders of plugins, and must not create a folder there.
    pub(crate) fn cache_dir_of_author(&self, environment: &Environment) -> PathBuf {
        let configured = absolute(self.path("cache_dir"));
        match self.get("cache_dir").origin {
            Origin::Default if !configured.is_dir() => {
                environment.cache_folder().map_or(configured, |folder| folder.join("build_cache"))
            }
            _ => configured,
        }
    }

    /// Returns the address that the host listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip("host"), u16::try_from(self.number("port")).unwrap_or(0))
    }

    /// Returns the rules of the HTTP server that can change while it runs.
    pub(crate) fn rules(&self) -> host_serve::Rules {
        host_serve::Rules {
            cors_origins: self.texts("cors_allowed_origins").to_vec(),
            allowed_hosts: self.texts("allowed_hosts").to_vec(),
            trusted_proxies: self.networks("trusted_proxies"),
            max_connections_per_address: self.count("max_connections_per_address"),
            max_connection_age: self.seconds("max_connection_age_seconds"),
            max_http2_streams: self.small("max_http2_streams"),
            body_idle_timeout: self.seconds("body_idle_timeout_seconds"),
            min_body_bytes_per_second: self.number("min_body_bytes_per_second"),
            write_timeout: self.seconds("answer_timeout_seconds"),
            max_streams: self.count("max_streams"),
            max_streams_per_caller: self.count("max_streams_per_caller"),
        }
    }

    /// Returns the certificate and key, if TLS is configured.
    pub(crate) fn tls(&self) -> Option<host_serve::TlsFiles> {
        let certificate = self.file("tls_cert")?;
        let key = self.file("tls_key")?;
        Some(host_serve::TlsFiles { certificate: absolute(certificate), key: absolute(key) })
    }

    /// Returns the URL of the host for clients on this machine.
    pub(crate) fn url(&self) -> String {
        let mut address = self.address();
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("{}://{address}", self.scheme())
    }

    /// Returns the URL scheme of the host.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls().is_some() { "https" } else { "http" }
    }

    /// Returns the URL of the collector for spans.
    pub(crate) fn otlp_endpoint(&self) -> Option<&str> {
        Some(self.text("otlp_endpoint")).filter(|endpoint| !endpoint.is_empty())
    }

    /// Returns whether the log is written as JSON.
    pub(crate) fn logs_json(&self) -> bool {
        self.log_format("log_format") == LogFormat::Json
    }

    /// Returns the log filter, unless it is the default.
    pub(crate) fn chosen_log_filter(&self) -> Option<&str> {
        (self.get("log_filter").origin != Origin::Default || self.switch("debug")).then(|| self.log_filter())
    }

    /// Returns the log filter.
    pub(crate) fn log_filter(&self) -> &str {
        match self.get("log_filter").origin {
            // The debug lines of the HTTP library do not help to debug a plugin.
            Origin::Default if self.switch("debug") => "debug,hyper=info,hyper_util=info",
            _ => self.text("log_filter"),
        }
    }
}

/// Makes the path of a program absolute, except for a name that is looked up in `PATH`.
fn program(path: &Path) -> PathBuf {
    if is_bare_name(path) { path.to_owned() } else { absolute(path) }
}

fn absolute_source(source: &Source) -> Source {
    local_path(source).map_or_else(|| source.clone(), |path| with_path(source, absolute(path)))
}

fn absolute(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    // Fails only for an empty path, which no setting allows, and without a working folder.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
