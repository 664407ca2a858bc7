//! The host process, from reading its configuration to its end.

mod files;
mod loads;
mod reload;
mod systemd;

use std::sync::Arc;
use std::time::Instant;

use host_build::Builder;
use host_run::Host;
use host_serve::Server;
use host_state::{Newest, State};
use host_store::Store;
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::config::{self, Changes, Environment, Configs};
use crate::logs;
use crate::spans::Exporter;
use host_client::Screen;
use host_client::Signals;
use host_client::{Exit, Failure};
use loads::{Loads, curl};
use systemd::Systemd;

/// Runs a host until it is told to stop.
///
/// # Errors
/// The host did not start. Later errors are logged and do not end the host.
pub(crate) async fn serve(args: Serve, environment: &Environment) -> Result<(), Failure> {
    let (given, changed, settings) = config::read_with_changes(&args.flags, environment, args.config.as_deref())?;
    if let Some(files) = settings.tls() {
        let failed =
            |error| Failure { exit: Exit::Usage, ..Failure::of("failed to load the TLS certificate or key", &error) };
        host_serve::check_tls(&files).map_err(failed)?;
    }
    let screen = Screen::new();
    let filter = logs::start(&settings, &screen)?;
    let max_files = files::open_more();
    let exporter = Exporter::start(&settings)?;
    let mut rooms = Configs::new(&settings, environment);
    rooms.run.spans = exporter.sink();
    rooms.serve.max_connections = files::connections(rooms.serve.max_connections, max_files);
    let systemd = Systemd::of(environment);
    environment.fail_points().into_iter().for_each(host_fail::watch);
    // From here on a signal ends the host in order.
    let (mut signals, hangups) = (Signals::new()?, reload::hangups()?);

    let store = Store::open(rooms.store).map_err(|error| Failure::of("failed to open the data folders", &error))?;
    let builder = Builder::new(store.clone(), rooms.build).await;
    let builder = builder.map_err(|error| Failure::of("failed to prepare builds", &error))?;
    let toolchain = builder.toolchain().rustc.clone();
    let state = open_state(&store).await?;
    let host = Host::new(rooms.run, store.clone(), state.clone(), builder);
    let host = host.map_err(|error| Failure::of("failed to start the host", &error))?;
    let server = Server::bind(host.clone(), &store, state, rooms.serve).await.map_err(|error| {
        let failure = Failure::of("failed to bind", &error);
        match error {
            host_serve::Error::Listen { .. } => {
                failure.fix("name another address with --host and --port, or stop what uses it")
            }
            _ => failure,
        }
    })?;
    let (logs_json, scheme) = (settings.logs_json(), settings.scheme());
    let in_use = (host.clone(), server.control(), filter);
    let changes = Arc::new(Changes::new(given, environment, changed, settings, store, in_use));
    let pulse = server.pulse();
    let server = server.with_settings(changes.clone());

    let (address, token, ready) = (server.address(), server.token_path().to_owned(), server.ready());
    let url = format!("{scheme}://{address}");
    systemd.status("starting installed plugins");
    screen.line(&format!("listening on {url}"));
    screen.line(&format!("operator token in {}", token.display()));
    tracing::info!(%address, rustc = %toolchain, "the host is listening");
    if let Err(reason) = host.unloading() {
        tracing::warn!("ended generations cannot be unloaded and stay in memory: {reason}");
    }

    let (shutdown, ended) = (CancellationToken::new(), CancellationToken::new());
    let serving = server.run(shutdown.clone(), rooms.grace);
    let living = async {
        // Installed plugins start first, from the stored artifacts.
        let n_installed = host.begin().await;
        let n_installed = n_installed.map_err(|error| Failure::of("failed to read the state", &error))?;
        let sources = rooms.load.into_iter().chain(args.load);
        let loads = Loads { host: &host, screen: &screen, url: &url, json: logs_json };
        let signal = tokio::select! {
            signal = signals.next() => signal,
            n_loaded = async {
                if n_installed > 0 {
                    host.settled().await;
                    loads.tell_all();
                }
                // The first load waits for the warm-up of the build cache, which makes its build faster.
                host.warm();
                loads.all(sources).await + n_installed
            } => {
                ready.set();
                systemd.ready();
                host.note_ready();
                if n_loaded > 0 {
                    screen.line(&curl(&url, "/api/plugins", Some(&token)));
                }
                tracing::info!("the host is ready");
                signals.next().await
            }
        };
        tracing::info!("{signal}: new calls are refused; calls in flight may take up to {} s", rooms.grace.as_secs());
        systemd.stopping();
        shutdown.cancel();
        let stopped = Instant::now();
        // A second signal ends the host without waiting.
        tokio::select! {
            () = ended.cancelled() => Ok((signal, stopped)),
            again = signals.next() => Err(Failure::failed(format!("second {again}: calls in flight were cut off"))),
        }
    };
    let serving = async {
        serving.await;
        ended.cancel();
        Ok(())
    };
    let ((signal, stopped), ()) = tokio::select! {
        ended = async { tokio::try_join!(living, serving) } => ended?,
        never = reload::follow(hangups, &changes, &host, &systemd) => match never {},
        never = systemd.watch(pulse) => match never {},
    };
    exporter.end().await;
    let duration_ms = u64::try_from(stopped.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(duration_ms, "stopped after {signal}");
    Ok(())
}

/// Opens the state database, or creates it in a plugin folder without records.
async fn open_state(store: &Store) -> Result<State, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::of("failed to open the state", error);
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
