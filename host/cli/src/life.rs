//! The host process, from reading its configuration to its end.

mod files;
mod reload;
mod startup;
mod systemd;

use std::sync::Arc;
use std::time::Instant;

use host_build::Builder;
use host_core::Span;
use host_load::CrashLog;
use host_run::Host;
use host_serve::{Listener, Server};
use host_state::{Newest, State};
use host_store::Store;
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::config::{self, Configs, Environment, LiveSettings, Running};
use crate::logs;
use crate::spans::Exporter;
use host_client::Screen;
use host_client::Signals;
use host_client::{Exit, Failure};
use startup::{StartupLoader, curl};
use systemd::Systemd;

/// Runs a host until it receives a stop signal.
///
/// # Errors
/// The host did not start. Later errors are logged and do not end the host.
pub(crate) async fn serve(args: Serve, environment: &Environment) -> Result<(), Failure> {
    let (inputs, overrides, settings) = config::read_with_changes(&args.flags, environment, args.config.as_deref())?;
    if let Some(files) = settings.tls() {
        let failed = |error| {
            let failure = Failure::from_error("failed to load the TLS certificate or key", &error);
            Failure { exit: Exit::Usage, ..failure }
        };
        host_serve::check_tls(&files).map_err(failed)?;
    }
    let screen = Screen::new();
    let log_filter = logs::start(settings.log_filter(), settings.logs_json(), &screen)?;
    settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let max_open_files = files::open_more();
    let exporter = Exporter::start(&settings)?;
    let mut configs = Configs::new(&settings, environment);
    configs.run.spans = exporter.sink();
    configs.serve.max_connections = files::connections(configs.serve.max_connections, max_open_files);
    for root in configs.run.fetch.source_roots.iter().filter(|root| !root.is_dir()) {
        let root = root.display();
        tracing::warn!(
            "`{root}` in `source_roots` is not a folder; create it, or correct the setting (`:` separates folders in an environment variable)"
        );
    }
    let systemd = Systemd::new(environment);
    environment.fail_points().into_iter().for_each(host_fail::watch);
    // From here on, a signal starts an orderly shutdown.
    let mut signals = Signals::new()?;
    let hangups = reload::hangups()?;

    // Bound first, so that a used address leaves no new folders.
    let listener = Listener::bind(configs.serve.address).await.map_err(|error| {
        Failure::from_error("failed to bind", &error)
            .fix("select another address with --host and --port, or stop the program that uses it")
    })?;
    let store = Store::open(configs.store).map_err(|error| {
        let mut failure = Failure::from_error("failed to open the data folders", &error);
        let folders = "set --plugin-dir and --cache-dir to folders that this user may create and write";
        failure.fix.get_or_insert_with(|| folders.to_owned());
        failure
    })?;
    configs.run.crash_log = watch_crashes(&store);
    let builder = Builder::new(store.clone(), configs.build).await;
    let builder = builder.map_err(|error| Failure::from_error("failed to prepare builds", &error))?;
    let rustc = builder.toolchain().rustc.clone();
    let state = open_state(&store).await?;
    let host = Host::new(configs.run, store.clone(), state.clone(), builder);
    let host = host.map_err(|error| Failure::from_error("failed to start the host", &error))?;
    let server = Server::new(listener, host.clone(), &store, state, configs.serve).await;
    let server = server.map_err(|error| Failure::from_error("failed to start the server", &error))?;
    let logs_json = settings.logs_json();
    let url = format!("{}://{}", settings.scheme(), server.address());
    let running = Running { host: host.clone(), control: server.control(), log_filter };
    let live_settings = Arc::new(LiveSettings::new(inputs, environment, overrides, settings, store, running));
    let pulse = server.pulse();
    let server = server.with_settings(live_settings.clone());

    let token_path = server.token_path().to_owned();
    let ready = server.ready();
    systemd.status("starting installed plugins");
    screen.line(&format!("listening on {url}"));
    screen.line(&format!("initial admin token in {}", token_path.display()));
    tracing::info!(address = %server.address(), %rustc, "the host is listening");
    if let Err(reason) = host.unloading() {
        tracing::warn!("ended generations cannot be unloaded and stay in memory: {reason}");
    }

    let grace = configs.grace;
    let shutdown = CancellationToken::new();
    let drained = CancellationToken::new();
    let server = server.run(shutdown.clone(), grace);
    let run_until_drained = async {
        // Installed plugins start first, from the stored artifacts.
        let n_installed = host.begin().await;
        let n_installed =
            n_installed.map_err(|error| Failure::from_error("failed to read the state database", &error))?;
        let sources = configs.load.into_iter().chain(args.load);
        let loader = StartupLoader { host: &host, screen: &screen, url: &url, json: logs_json };
        let load_plugins = async {
            if n_installed > 0 {
                host.settled().await;
                loader.print_installed();
            }
            // The first load waits for the warm-up of the build cache, which makes its build faster.
            host.warm();
            loader.load_all(sources).await + n_installed
        };
        let signal = tokio::select! {
            signal = signals.next() => signal,
            n_loaded = load_plugins => {
                ready.set();
                systemd.ready();
                host.note_ready();
                if n_loaded > 0 {
                    screen.line(&curl(&url, "/api/plugins", Some(&token_path)));
                } else if !logs_json {
                    screen.note("next: plugin-host load SOURCE    # in another terminal: a git URL, folder, .zip or .so");
                }
                tracing::info!("the host is ready");
                signals.next().await
            }
        };
        tracing::info!("{signal}: new calls are refused; calls in flight may take up to {}", Span::new(grace));
        systemd.stopping();
        shutdown.cancel();
        let stopping_since = Instant::now();
        // A second signal ends the host without waiting.
        tokio::select! {
            () = drained.cancelled() => Ok((signal, stopping_since)),
            second = signals.next() => Err(Failure::failed(format!("second {second}: calls in flight were cancelled"))),
        }
    };
    let serve_until_drained = async {
        server.await;
        drained.cancel();
        Ok(())
    };
    let ((signal, stopping_since), ()) = tokio::select! {
        ended = async { tokio::try_join!(run_until_drained, serve_until_drained) } => ended?,
        never = reload::follow(hangups, &live_settings, &host, &systemd) => match never {},
        never = systemd.watch(pulse) => match never {},
    };
    exporter.end().await;
    let duration_ms = u64::try_from(stopping_since.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(duration_ms, "stopped after {signal}");
    Ok(())
}

/// Reads the crashes of earlier processes, and records a crash of this one.
fn watch_crashes(store: &Store) -> Option<Arc<CrashLog>> {
    let log = CrashLog::open(&store.crash_log_path()).and_then(|log| log.watch().map(|()| log));
    let failed = |error| tracing::warn!("crashes of the host will not be attributed to plugins: {error}");
    log.map_err(failed).ok().map(Arc::new)
}

/// Opens the state database, or creates it in a plugin folder without records.
async fn open_state(store: &Store) -> Result<State, Failure> {
    let failed =
        |error: &(dyn std::error::Error + 'static)| Failure::from_error("failed to open the state database", error);
    let records = store.records().map_err(|error| failed(&error))?;
    let lost = || {
        let ids = records.iter().map(|(id, _)| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        Failure::failed(format!("the state database in `{}` is missing or empty", store.plugin_dir().display()))
            .because(format!("the folder holds records of {ids}"))
            .fix("restore a backup of state.db, or run `plugin-host rescan` to rebuild it from the records")
    };
    if !records.is_empty() && !State::is_there(store.plugin_dir()) {
        return Err(lost());
    }
    let state = State::open(store.plugin_dir()).await.map_err(|error| failed(&error))?;
    if !records.is_empty() {
        let newest = state.newest().await.map_err(|error| failed(&error))?;
        if newest == Newest::default() {
            state.close().await;
            return Err(lost());
        }
    }
    Ok(state)
}
