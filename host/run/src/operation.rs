//! What can be asked of the host, and how it is done: everything is prepared, then swapped.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures_util::FutureExt as _;
use host_core::health::Probe;
use host_core::manifest::{Checked, Placement};
use host_core::{Manifest, PluginId, Source};
use host_fetch::{Fetched, Trust};
use host_load::{LogLevel, LogSink, Module, StartOptions};
use host_store::{Artifact, Tree};
use tokio::sync::OwnedMutexGuard;

use crate::config::Config;
use crate::error::Error;
use crate::generation::{EndpointState, Generation, Parts};
use crate::health;
use crate::host::Host;
use crate::job::Job;
use crate::log_lines::now_unix_ms;
use crate::plugin::{Installed, LastError, Phase, Plugin};

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Install the plugin of a source, or replace it, and let it serve.
    Load {
        /// Where from.
        source: Source,
        /// Who asked: over HTTP, folders and files must lie below the source roots.
        trust: Trust,
        /// What the operator sets, over the manifest's defaults.
        configuration: serde_json::Map<String, serde_json::Value>,
    },
    /// The same for an upload.
    Install {
        /// The upload's id.
        upload: String,
        /// What the operator sets, over the manifest's defaults.
        configuration: serde_json::Map<String, serde_json::Value>,
    },
    /// Fetch and build the same source again and replace what serves.
    Reload {
        /// The plugin.
        id: String,
    },
    /// Let an installed plugin serve.
    Enable {
        /// The plugin.
        id: String,
    },
    /// Stop serving, but stay installed.
    Disable {
        /// The plugin.
        id: String,
    },
    /// Stop serving and forget the plugin.
    Unload {
        /// The plugin.
        id: String,
    },
}

/// What an operation did.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The plugin.
    pub id: PluginId,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: String,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The step.
    pub step: &'static str,
    /// Its time in milliseconds.
    pub duration_ms: f64,
}

impl Operation {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Operation::Load { .. } => "load",
            Operation::Install { .. } => "install",
            Operation::Reload { .. } => "reload",
            Operation::Enable { .. } => "enable",
            Operation::Disable { .. } => "disable",
            Operation::Unload { .. } => "unload",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Operation::Load { source, .. } => source.to_string(),
            Operation::Install { upload, .. } => upload.clone(),
            Operation::Reload { id }
            | Operation::Enable { id }
            | Operation::Disable { id }
            | Operation::Unload { id } => id.clone(),
        }
    }
}

/// Runs an operation to its end and tells its job.
pub(crate) async fn run(host: Host, operation: Operation, job: Arc<Job>) {
    let (name, subject) = (operation.name(), operation.subject());
    let started = Instant::now();
    let mut work = Work { host: &host, job: &job, steps: vec![], current: None };
    // A panic here is a defect of the host's; whoever waits must still be told that it ended.
    let result = std::panic::AssertUnwindSafe(work.run(operation)).catch_unwind().await;
    let result = result.unwrap_or(Err(Error::Panicked));
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = match &result {
        Ok(receipt) => {
            let (id, generation) = (&receipt.id, receipt.generation.unwrap_or(0));
            match receipt.generation {
                Some(_) => {
                    tracing::info!(plugin.id = %id, generation, duration_ms, "{name}: `{id}` now serves generation {generation}")
                }
                None => tracing::info!(plugin.id = %id, duration_ms, "{name}: `{id}` does not serve"),
            }
            "done"
        }
        Err(error) => {
            tracing::error!(code = error.code(), duration_ms, "{name} of `{subject}` failed: {}", error.chain());
            "failed"
        }
    };
    host.0.metrics.operations.with_label_values(&[name, outcome]).inc();
    job.end(result);
}

/// Checks the plugin.yaml of a tree.
pub(crate) fn check(config: &Config, tree: &Tree) -> Result<Checked, Error> {
    let text = tree.manifest_text()?;
    Manifest::check(&text, config.mode).map_err(|problems| Error::Manifest { problems })
}

/// One operation, step by step.
struct Work<'a> {
    host: &'a Host,
    job: &'a Arc<Job>,
    steps: Vec<StepReport>,
    current: Option<(&'static str, Instant)>,
}

/// A plugin, held against other operations.
struct Held {
    plugin: Arc<Plugin>,
    _turn: OwnedMutexGuard<()>,
}

impl Work<'_> {
    async fn run(&mut self, operation: Operation) -> Result<Receipt, Error> {
        if self.host.is_stopping() {
            return Err(Error::ShuttingDown);
        }
        match operation {
            Operation::Load { source, trust, configuration } => {
                let fetched = self.fetch(source.clone(), trust).await?;
                self.install(source, trust, fetched, configuration).await
            }
            Operation::Install { upload, configuration } => {
                let tree = self.host.0.store.upload(&upload)?.ok_or(Error::UnknownUpload { id: upload.clone() })?;
                let fetched = Fetched { tree, commit: None };
                self.install(Source::Upload(upload), Trust::Http, fetched, configuration).await
            }
            Operation::Reload { id } => self.reload(&id).await,
            Operation::Enable { id } => self.enable(&id).await,
            Operation::Disable { id } => self.disable(&id).await,
            Operation::Unload { id } => self.unload(&id).await,
        }
    }

    fn step(&mut self, step: &'static str) {
        let now = Instant::now();
        if let Some((step, since)) = self.current.replace((step, now)) {
            let micros = now.duration_since(since).as_micros();
            self.steps.push(StepReport { step, duration_ms: micros as f64 / 1e3 });
        }
        self.job.enter(step);
    }

    fn steps(&mut self) -> Vec<StepReport> {
        self.step("end");
        std::mem::take(&mut self.steps)
    }

    async fn fetch(&mut self, source: Source, trust: Trust) -> Result<Fetched, Error> {
        self.step("fetch");
        self.job.line(&format!("fetching {source}"));
        let host = self.host.clone();
        let never = Arc::new(AtomicBool::new(false));
        let fetched = tokio::task::spawn_blocking(move || {
            host_fetch::fetch(&host.0.store, &host.0.config.fetch, &source, trust, &never)
        });
        Ok(fetched.await.map_err(|_| Error::Panicked)??)
    }

    async fn install(
        &mut self,
        source: Source,
        trust: Trust,
        fetched: Fetched,
        configuration: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Receipt, Error> {
        self.step("check");
        let checked = check(&self.host.0.config, &fetched.tree)?;
        let held = self.hold_or_add(&checked.manifest.id).await;
        self.renew(held, source, trust, fetched, checked, configuration).await
    }

    async fn reload(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = self.hold(id).await?;
        let installed = self.installed(&held)?;
        let guard = held.plugin.working(Phase::Fetching);
        let fetched = match &installed.source {
            // An upload's tree may be swept; its artifact's is not, and has not changed.
            Source::Upload(_) => {
                drop(guard);
                return self.restart(held, installed).await;
            }
            source => self.fetch(source.clone(), installed.trust).await,
        };
        drop(guard);
        let fetched = self.noted(&held, fetched)?;
        self.step("check");
        let checked = check(&self.host.0.config, &fetched.tree);
        let checked = self.noted(&held, checked)?;
        if checked.manifest.id != held.plugin.id {
            let other = Error::OtherPlugin { expected: held.plugin.id.clone(), found: checked.manifest.id };
            return self.noted(&held, Err(other));
        }
        self.renew(held, installed.source, installed.trust, fetched, checked, installed.configuration).await
    }

    /// Builds what was fetched and lets it serve.
    async fn renew(
        &mut self,
        held: Held,
        source: Source,
        trust: Trust,
        fetched: Fetched,
        checked: Checked,
        configuration: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Receipt, Error> {
        let result = self.build(&held, &source, &fetched, &checked).await;
        let (artifact, cached) = self.noted(&held, result)?;
        let installed = Installed {
            source,
            trust,
            commit: fetched.commit,
            manifest: Arc::new(checked.manifest),
            warnings: checked.warnings,
            artifact,
            configuration,
            loaded_unix_ms: now_unix_ms(),
        };
        let mut receipt = self.restart(held, installed).await?;
        receipt.cached = Some(cached);
        Ok(receipt)
    }

    async fn build(
        &mut self,
        held: &Held,
        source: &Source,
        fetched: &Fetched,
        checked: &Checked,
    ) -> Result<(Artifact, bool), Error> {
        let manifest = &checked.manifest;
        if manifest.security.placement == Placement::Isolated {
            return Err(Error::Placement { id: manifest.id.clone() });
        }
        let builder = &self.host.0.builder;
        let sdk = host_build::Builder::sdk_version();
        let problems = manifest.incompatibilities(&self.host.0.config.host_version, &sdk, &builder.toolchain().rustc);
        if !problems.is_empty() {
            return Err(Error::Manifest { problems });
        }
        for warning in &checked.warnings {
            self.job.line(&format!("warning: {warning}"));
        }
        self.step("build");
        let _working = held.plugin.working(Phase::Building);
        let job = self.job.clone();
        let from = host_build::BuildSource { source: source.to_string(), commit: fetched.commit.clone() };
        let built = builder.build(&fetched.tree, manifest, &from, &move |line| job.line(line)).await?;
        Ok((built.artifact, built.cached))
    }

    /// Starts a generation of `installed` and swaps it in.
    async fn restart(&mut self, held: Held, installed: Installed) -> Result<Receipt, Error> {
        let started = self.start(&held, &installed).await;
        let generation = self.noted(&held, started)?;
        self.step("swap");
        let warnings = installed.warnings.iter().map(ToString::to_string).collect();
        {
            let mut state = held.plugin.state();
            state.add(generation.clone());
            state.installed = Some(installed.clone());
            state.enabled = true;
            state.last_error = None;
        }
        let before = self.host.0.roster.insert(held.plugin.id.clone(), generation.clone());
        let generation_before = before.as_ref().map(|generation| generation.number);
        if let Some(before) = before {
            self.host.retire(before, self.host.0.config.drain_timeout);
        }
        if generation.manifest.health.enabled {
            self.host.0.tasks.spawn(health::watch(generation.clone()));
        }
        Ok(Receipt {
            id: held.plugin.id.clone(),
            version: generation.manifest.version.to_string(),
            source: installed.source.to_string(),
            generation_before,
            generation: Some(generation.number),
            cached: None,
            warnings,
            steps: self.steps(),
        })
    }

    /// Opens, starts and probes; nothing of it is seen from outside until the swap.
    async fn start(&mut self, held: &Held, installed: &Installed) -> Result<Arc<Generation>, Error> {
        let _working = held.plugin.working(Phase::Loading);
        let config = &self.host.0.config;
        let manifest = &installed.manifest;
        self.step("open");
        let module = Module::open(&self.host.0.store, &installed.artifact, manifest, config.start_timeout).await;
        let module = module.inspect_err(|error| {
            if let host_load::Error::LayoutDiffers { report, .. } = error {
                report.lines().for_each(|line| self.job.line(line));
            }
        })?;
        self.step("start");
        let number = self.host.next_number(&held.plugin.id);
        let mut configuration = manifest.configuration.clone();
        configuration.extend(installed.configuration.clone());
        let handlers = module.handlers().to_vec();
        let options = StartOptions {
            generation: number,
            configuration,
            log: sink(&held.plugin, number),
            timeout: config.start_timeout,
        };
        let instance = module.start(options).await?;
        let id = held.plugin.id.as_str();
        let endpoints = manifest.endpoints.iter().zip(handlers).map(|(endpoint, handler)| EndpointState {
            handler,
            metrics: self.host.0.metrics.endpoint(id, &label(endpoint)),
        });
        let generation = Arc::new(Generation::new(Parts {
            id: held.plugin.id.clone(),
            number,
            manifest: manifest.clone(),
            instance,
            endpoints: endpoints.collect(),
            panics: self.host.0.metrics.panics(id),
            log: held.plugin.log.clone(),
        }));
        if manifest.health.enabled {
            self.step("probe");
            let probe = health::probe(&generation).await;
            generation.health.note(&probe);
            if let Some(reason) = probe.problem().filter(|_| probe != Probe::Passed) {
                let _ = generation.instance.stop(config.stop_timeout).await;
                if held.plugin.state().installed.is_none() {
                    self.host.0.metrics.forget(id, &manifest.endpoints.iter().map(label).collect::<Vec<_>>());
                }
                return Err(Error::Unhealthy { reason });
            }
        }
        Ok(generation)
    }

    async fn enable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = self.hold(id).await?;
        let installed = self.installed(&held)?;
        let serving = self.host.0.roster.get(&held.plugin.id).map(|entry| entry.number);
        match serving {
            // It serves: nothing to do, and nothing to disturb.
            Some(number) => Ok(self.receipt(&held, &installed, Some(number), Some(number))),
            None => self.restart(held, installed).await,
        }
    }

    async fn disable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = self.hold(id).await?;
        let installed = self.installed(&held)?;
        self.step("swap");
        held.plugin.state().enabled = false;
        let before = self.take_out(&held.plugin.id);
        Ok(self.receipt(&held, &installed, before, None))
    }

    async fn unload(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = self.hold(id).await?;
        let installed = self.installed(&held)?;
        self.step("swap");
        let before = self.take_out(&held.plugin.id);
        self.host.0.plugins.remove(&held.plugin.id);
        let endpoints = installed.manifest.endpoints.iter().map(label).collect::<Vec<_>>();
        self.host.0.metrics.forget(id, &endpoints);
        Ok(self.receipt(&held, &installed, before, None))
    }

    /// Takes a plugin out of the roster and ends its generation in the background.
    fn take_out(&self, id: &PluginId) -> Option<u64> {
        let (_, generation) = self.host.0.roster.remove(id)?;
        let number = generation.number;
        self.host.retire(generation, self.host.0.config.drain_timeout);
        Some(number)
    }

    fn receipt(&mut self, held: &Held, installed: &Installed, before: Option<u64>, now: Option<u64>) -> Receipt {
        Receipt {
            id: held.plugin.id.clone(),
            version: installed.manifest.version.to_string(),
            source: installed.source.to_string(),
            generation_before: before,
            generation: now,
            cached: None,
            warnings: vec![],
            steps: self.steps(),
        }
    }

    // === whose turn it is ===

    /// Waits for the turn on an installed plugin.
    async fn hold(&self, id: &str) -> Result<Held, Error> {
        loop {
            let plugin = self.host.0.plugins.get(id).map(|entry| entry.value().clone());
            let Some(plugin) = plugin else { return Err(Error::UnknownPlugin { id: id.to_owned() }) };
            let turn = plugin.serial.clone().lock_owned().await;
            // It may have been unloaded, and even loaded again, while this waited.
            if self.is_current(&plugin) {
                return Ok(Held { plugin, _turn: turn });
            }
        }
    }

    /// The same, and adds the plugin where it is not there.
    async fn hold_or_add(&self, id: &PluginId) -> Held {
        loop {
            let plugin =
                self.host.0.plugins.entry(id.clone()).or_insert_with(|| Arc::new(Plugin::new(id.clone()))).clone();
            let turn = plugin.serial.clone().lock_owned().await;
            if self.is_current(&plugin) {
                return Held { plugin, _turn: turn };
            }
        }
    }

    fn is_current(&self, plugin: &Arc<Plugin>) -> bool {
        self.host.0.plugins.get(&plugin.id).is_some_and(|entry| Arc::ptr_eq(entry.value(), plugin))
    }

    fn installed(&self, held: &Held) -> Result<Installed, Error> {
        let installed = held.plugin.state().installed.clone();
        installed.ok_or_else(|| Error::UnknownPlugin { id: held.plugin.id.to_string() })
    }

    /// Notes a failure with the plugin. One whose first load failed is not installed, so it is taken away again.
    fn noted<T>(&self, held: &Held, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            held.plugin.log.push("error", None, &error.chain());
            let mut state = held.plugin.state();
            state.last_error =
                Some(LastError { code: error.code(), message: error.chain(), at_unix_ms: now_unix_ms() });
            let never_installed = state.installed.is_none();
            drop(state);
            if never_installed {
                self.host.0.plugins.remove(&held.plugin.id);
            }
        }
        result
    }
}

/// What an endpoint is called in metrics.
fn label(endpoint: &host_core::manifest::Endpoint) -> String {
    format!("{} {}", endpoint.method.as_str(), endpoint.path.as_str())
}

/// Where the log lines of a generation go: the host's log, and the plugin's.
fn sink(plugin: &Plugin, generation: u64) -> LogSink {
    let (id, log) = (plugin.id.clone(), plugin.log.clone());
    Arc::new(move |level, message| {
        let level = match level {
            LogLevel::Error => {
                tracing::error!(plugin.id = %id, generation, "{message}");
                "error"
            }
            LogLevel::Warn => {
                tracing::warn!(plugin.id = %id, generation, "{message}");
                "warn"
            }
            LogLevel::Info => {
                tracing::info!(plugin.id = %id, generation, "{message}");
                "info"
            }
            LogLevel::Debug => {
                tracing::debug!(plugin.id = %id, generation, "{message}");
                "debug"
            }
        };
        log.push(level, Some(generation), message);
    })
}

/// Shows what an operation does with a plugin, for as long as it lives.
pub(crate) struct Working(Arc<Plugin>);

impl Plugin {
    fn working(self: &Arc<Self>, phase: Phase) -> Working {
        self.state().working = Some(phase);
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.state().working = None;
    }
}
