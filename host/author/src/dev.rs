//! `dev`: a private host that serves one plugin folder and reloads it on every change.

mod output;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host_build::Builder;
use host_core::Source;
use host_run::{Error, Host, Initiator, Job, LoadOptions, Operation, Receipt, Trust};
use host_serve::{Listener, Server};
use host_state::State;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::args::Dev;
use crate::config::AuthorConfig;
use crate::failure::operation_failure;
use crate::workshop::Workshop;
use crate::{lock, sdk};
use host_client::Failure;
use host_client::Screen;
use host_client::Signals;
use host_client::output::text::duration;
use output::{Log, curl_lines, warnings};
use watch::Watch;

/// Maximum size of a configuration, as in the host.
const MAX_CONFIGURATION_BYTES: u64 = 1 << 20;

/// The default log filter. Reloads and failures of the plugin are printed separately.
pub const LOG_FILTER: &str = "error,host_run=off";
/// The actor of the operations.
const ACTOR: &str = "dev";
/// Drain time for calls in flight at a reload and at the end. Short, because there are no other clients.
const GRACE: Duration = Duration::from_secs(2);

/// Serves a plugin folder until a signal arrives.
///
/// # Errors
/// The host does not start. A plugin that does not compile or start is reported, and `dev` waits for the next change.
pub async fn dev(args: Dev, config: AuthorConfig, screen: &Screen) -> Result<(), Failure> {
    let mut workshop = Workshop::with_cache(config)?;
    let mut signals = Signals::new()?;
    let source = workshop.source(&args.folder)?;
    let Source::Folder(folder) = &source else { return Err(Failure::usage("`dev` needs a folder")) };
    if lock::complete(&workshop, folder).await {
        screen.note("note: wrote Cargo.lock, so that every build uses the same versions; commit it with the plugin");
    }
    // The watch starts before the folder is read, so that no change is missed.
    let watch = Watch::new(folder, args.configuration.as_deref())?;

    workshop.serve.address = ([127, 0, 0, 1], args.port).into();
    let listener = Listener::bind(workshop.serve.address).await.map_err(|error| {
        Failure::from_error("failed to bind", &error).fix("select another port with --port; 0 selects a free port")
    })?;
    workshop.build.development = true;
    workshop.run.drain_timeout = workshop.run.drain_timeout.min(GRACE);
    let builder = Builder::new(workshop.store.clone(), workshop.build.clone()).await;
    let builder = builder.map_err(|error| Failure::from_error("failed to prepare builds", &error))?;
    let state = State::open(workshop.store.plugin_dir()).await;
    let state = state.map_err(|error| Failure::from_error("failed to open the state database", &error))?;
    let host = Host::new(workshop.run.clone(), workshop.store.clone(), state.clone(), builder);
    let host = host.map_err(|error| Failure::from_error("failed to start the host", &error))?;
    host.begin().await.map_err(|error| Failure::from_error("failed to read the state database", &error))?;
    let server = Server::new(listener, host.clone(), &workshop.store, state, workshop.serve.clone()).await;
    let server = server.map_err(|error| Failure::from_error("failed to start the server", &error))?;
    let url = format!("http://{}", server.address());
    screen.line(&format!("listening on {url}"));
    screen.note(&format!("initial admin token in {}", server.token_path().display()));
    if sdk::is_of_another_host(&args.folder, workshop.data_folder.as_deref()) {
        screen.note("note: `cargo test` in this folder uses the plugin-sdk of another version; run `plugin-host sdk`");
    }
    let shutdown = CancellationToken::new();
    let ready = server.ready();
    let serving = server.run(shutdown.clone(), GRACE);
    let log = Log::new(host.clone(), screen.clone());
    let mut session = Session {
        host,
        screen: screen.clone(),
        source: source.clone(),
        configuration: args.configuration,
        verbose: args.verbose,
        url,
        log: log.handle(),
        id: None,
        endpoints: String::new(),
    };
    let living = async {
        let living = async {
            let has_failed = session.begin().await;
            ready.set();
            screen.line(&format!(
                "watching {} and reloading on every change; press ctrl-c to stop",
                args.folder.display()
            ));
            session.follow(watch, has_failed).await
        };
        let signal = tokio::select! {
            signal = signals.next() => Ok(signal),
            failure = living => Err(failure),
            () = log.follow() => Err(Failure::failed("the plugin's log ended")),
        };
        shutdown.cancel();
        signal.map(|signal| screen.note(&format!("{signal}: stopping")))
    };
    let (ended, ()) = tokio::join!(living, serving);
    ended
}

/// The plugin under development and its host.
struct Session {
    host: Host,
    screen: Screen,
    source: Source,
    configuration: Option<PathBuf>,
    verbose: bool,
    url: String,
    log: output::LogSelector,
    /// The id of the loaded plugin.
    id: Option<String>,
    /// The curl commands that were printed last.
    endpoints: String,
}

impl Session {
    /// Loads the plugin for the first time. Returns whether that failed.
    async fn begin(&mut self) -> bool {
        if !self.screen.is_terminal() && !self.verbose {
            self.screen.note("building; --verbose shows the output of cargo");
        }
        self.screen.note("dev build: incremental and not optimized; `plugin-host check` builds like a host");
        let began = Instant::now();
        let loaded = self.load().await;
        match &loaded {
            Ok(receipt) => self.print_loaded(receipt, "serving", began),
            Err(failure) => self.print_failed(failure, "not serving", began),
        }
        loaded.is_err()
    }

    /// Reloads the plugin on every change. Returns only if the folder can no longer be watched.
    async fn follow(&mut self, mut watch: Watch, mut has_failed: bool) -> Failure {
        loop {
            let began = match watch.changed(has_failed).await {
                Ok(began) => began,
                Err(failure) => return failure,
            };
            let was_serving = self.id.is_some();
            let loaded = self.load().await;
            match &loaded {
                Ok(receipt) if was_serving => self.print_loaded(receipt, "reloaded", began),
                Ok(receipt) => self.print_loaded(receipt, "serving", began),
                Err(failure) => {
                    self.print_failed(failure, if was_serving { "not reloaded" } else { "not serving" }, began)
                }
            }
            has_failed = loaded.is_err();
        }
    }

    async fn load(&mut self) -> Result<Receipt, LoadFailure> {
        let configuration = match &self.configuration {
            Some(path) => configuration(path).map_err(|failure| LoadFailure { code: "dev_configuration", failure })?,
            None => Map::new(),
        };
        if self.id.is_none() {
            self.log.begin(&self.source);
        }
        let options = LoadOptions { configuration: Some(configuration), ..LoadOptions::default() };
        let operation = Operation::Load { source: self.source.clone(), trust: Trust::CommandLine, options };
        let refused = |error: &Error| LoadFailure {
            code: error.code(),
            failure: operation_failure("failed to load the plugin", error),
        };
        let job = self.host.submit(operation, Initiator::new(ACTOR)).await.map_err(|error| refused(&error))?;
        let mut spinner = self.screen.spinner("building", self.verbose);
        let mut from = 0;
        loop {
            let lines = job.new_lines(from).await;
            let Some(last) = lines.last() else { break };
            from = last.number + 1;
            spinner.step(&job.view().step);
            lines.iter().for_each(|line| spinner.line(&line.message));
        }
        drop(spinner);
        let receipt = job.wait().await.map_err(|error| {
            let mut refused = refused(&error);
            let failure = &mut refused.failure;
            if matches!(*error, Error::Load(host_load::Error::TooManyOpened { .. })) {
                failure.fix = Some("end this command and start it again".to_owned());
            }
            if self.verbose {
                // The output was already shown.
                failure.compiler = None;
            }
            refused
        })?;
        self.print_warnings(&job);
        let id = receipt.id.as_ref().map(ToString::to_string).unwrap_or_default();
        self.log.follow_plugin(&id);
        if let Some(before) = self.id.replace(id.clone())
            && before != id
        {
            // The id in plugin.yaml has changed, so the plugin with the previous id is unloaded.
            let unload = Operation::Unload { id: before, keep_data: false, cascade: true };
            if let Ok(job) = self.host.submit(unload, Initiator::new(ACTOR)).await {
                let _ = job.wait().await;
            }
        }
        Ok(receipt)
    }

    fn print_warnings(&self, job: &Job) {
        if !self.verbose {
            let lines: Vec<_> = job.lines(0).into_iter().map(|line| line.message).collect();
            warnings(&lines).iter().for_each(|line| self.screen.note(line));
        }
    }

    /// Prints the result of a load, and the endpoints if they have changed.
    fn print_loaded(&mut self, receipt: &Receipt, what: &str, began: Instant) {
        let took = duration(began.elapsed().as_secs_f64() * 1e3);
        let build = receipt.steps.iter().find(|step| step.step == "build").map_or(0.0, |step| step.duration_ms);
        let build = match receipt.cached {
            Some(true) => "already built".to_owned(),
            _ => format!("build {}", duration(build)),
        };
        let id = receipt.id.as_ref().map_or("", |id| id.as_str());
        let plugin = match what {
            "reloaded" => String::new(),
            _ => format!("{id} {}, ", receipt.version),
        };
        let generation = receipt.generation.unwrap_or(0);
        self.screen.line(&format!("{what}: {plugin}generation {generation} in {took} ({build})"));
        for warning in &receipt.warnings {
            self.screen.note(&format!("warning: {warning}"));
        }
        let manifest = self.host.plugin(id).and_then(|plugin| plugin.manifest);
        let endpoints = manifest.map(|manifest| curl_lines(&self.url, &manifest)).unwrap_or_default();
        if endpoints != self.endpoints {
            self.screen.line(&endpoints);
            self.endpoints = endpoints;
        }
    }

    fn print_failed(&self, refused: &LoadFailure, what: &str, began: Instant) {
        let took = duration(began.elapsed().as_secs_f64() * 1e3);
        self.screen.note(&format!("\n{}\n", refused.failure));
        let serving = self.id.as_ref().and_then(|id| self.host.plugin(id)?.generation);
        let serving = match serving {
            Some(generation) => format!("; generation {generation} keeps running"),
            None => "; waiting for changes".to_owned(),
        };
        self.screen.line(&format!("{what}: {} in {took}{serving}", refused.code));
    }
}

/// The error code and failure of a load.
struct LoadFailure {
    code: &'static str,
    failure: Failure,
}

/// Reads the file of `--configuration`.
fn configuration(path: &Path) -> Result<Map<String, Value>, Failure> {
    let what = || format!("failed to read the configuration `{}`", path.display());
    let text = host_file::read_text(path, MAX_CONFIGURATION_BYTES).map_err(|error| {
        Failure::usage(what()).because(error.to_string()).fix("set --configuration to a file with one JSON object")
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::from_error(what(), &error).fix("write one JSON object, such as {\"greeting\": \"Hello\"}")
    })
}
