//! An operation, step by step: everything is prepared, then swapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use host_core::health::Probe;
use host_core::manifest::{Checked, Placement};
use host_core::{PluginId, Source};
use host_fetch::{Fetched, Trust};
use host_load::{Hook, Module, StartOptions};
use host_store::Artifact;

use crate::error::Error;
use crate::generation::{EndpointState, Generation, Parts};
use crate::health;
use crate::host::Host;
use crate::job::Job;
use crate::log_lines::now_unix_ms;
use crate::operation::turn::Held;
use crate::operation::{Operation, Receipt, StepReport, check};
use crate::plugin::{Installed, Phase};

/// One operation, step by step.
pub(super) struct Work<'a> {
    pub(super) host: &'a Host,
    pub(super) job: &'a Arc<Job>,
    steps: Vec<StepReport>,
    current: Option<(&'static str, Instant)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(host: &'a Host, job: &'a Arc<Job>) -> Work<'a> {
        Work { host, job, steps: vec![], current: None }
    }

    pub(super) async fn run(&mut self, operation: Operation) -> Result<Receipt, Error> {
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
            Operation::Unload { id, keep_data } => self.unload(&id, keep_data).await,
            Operation::Configure { id, configuration } => self.configure(&id, configuration).await,
        }
    }

    pub(super) fn step(&mut self, step: &'static str) {
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
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(cancelled.clone());
        // A host that stops waits until the fetch has noticed, so that nothing half made is left on disk.
        let token = host.0.tasks.token();
        let fetched = tokio::task::spawn_blocking(move || {
            let _token = token;
            host_fetch::fetch(&host.0.store, &host.0.config.fetch, &source, trust, &cancelled)
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
        let held = Held::plugin(self.host, &checked.manifest.id).await;
        self.renew(held, source, trust, fetched, checked, configuration).await
    }

    async fn reload(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, id).await?;
        let installed = held.installed()?;
        if !held.plugin.state().enabled {
            return Err(Error::Disabled { id: held.plugin.id.clone() });
        }
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
        let fetched = held.noted(self.host, fetched)?;
        self.step("check");
        let checked = check(&self.host.0.config, &fetched.tree);
        let checked = held.noted(self.host, checked)?;
        if checked.manifest.id != held.plugin.id {
            let other = Error::OtherPlugin { expected: held.plugin.id.clone(), found: checked.manifest.id };
            return held.noted(self.host, Err(other));
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
        let (artifact, cached) = held.noted(self.host, result)?;
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
    pub(super) async fn restart(&mut self, held: Held, installed: Installed) -> Result<Receipt, Error> {
        let started = self.start(&held, &installed).await;
        let generation = held.noted(self.host, started)?;
        self.step("swap");
        let slips = installed.manifest.likely_slips(&installed.configuration);
        let warnings = installed.warnings.iter().map(ToString::to_string).chain(slips).collect();
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
        if self.host.is_stopping() {
            // Whoever stops the host may have looked at the roster before.
            self.take_out(&held.plugin.id);
            return Err(Error::ShuttingDown);
        }
        if generation.instance.has(&Hook::OnLoad) {
            self.step("on_load");
            generation.run_hook(&Hook::OnLoad, self.host.0.config.start_timeout).await;
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
        let module = self.open(installed).await?;
        let generation = self.launch(held, installed, module).await?;
        let settled = self.settle(held, &generation).await;
        if settled.is_err() {
            let _ = generation.instance.stop(self.host.0.config.stop_timeout).await;
            generation.services.close();
        }
        settled.map(|()| generation)
    }

    /// Opens the library through the gates, in a child first when it is new to this process.
    pub(super) async fn open(&mut self, installed: &Installed) -> Result<Module, Error> {
        let kept = host_load::kept_libraries();
        if kept.len() >= self.host.0.config.max_kept_generations && self.host.unloading().is_ok() {
            return Err(Error::TooManyKept { kept });
        }
        let timeout = self.host.0.config.start_timeout;
        let trial = self.host.0.config.trial.as_ref();
        if let Some((trial, depth)) = trial.and_then(|trial| Some((trial, trial.wants(&installed.artifact)?))) {
            self.step("trial");
            let job = self.job.clone();
            trial.run(&self.host.0.store, installed, depth, timeout, &move |line| job.line(line)).await?;
        }
        self.step("open");
        let number = self.host.next_number(&installed.manifest.id);
        let module = Module::open(&self.host.0.store, &installed.artifact, &installed.manifest, number, timeout).await;
        Ok(module.inspect_err(|error| {
            if let host_load::Error::LayoutDiffers { report, .. } = error {
                report.lines().for_each(|line| self.job.line(line));
            }
        })?)
    }

    /// Starts a module with the plugin's configuration.
    pub(super) async fn launch(
        &mut self,
        held: &Held,
        installed: &Installed,
        module: Module,
    ) -> Result<Arc<Generation>, Error> {
        let config = &self.host.0.config;
        let manifest = &installed.manifest;
        let configuration = installed.effective_configuration();
        module.validate(&configuration, config.start_timeout).await?;
        self.step("start");
        let number = module.generation();
        let handlers = module.handlers().to_vec();
        let services = self.host.0.services.of_generation(manifest, number);
        let options = StartOptions { configuration, services: services.clone(), timeout: config.start_timeout };
        let instance = module.start(options).await.inspect_err(|_| services.close())?;
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
            services,
            endpoints: endpoints.collect(),
            panics: self.host.0.metrics.panics(id),
            events: self.host.0.events.clone(),
            log: held.plugin.log.clone(),
        }));
        Ok(generation)
    }

    /// Lets a started generation say that it is fit to serve: its `install` or `upgrade` hook, and its first probe.
    async fn settle(&mut self, held: &Held, generation: &Arc<Generation>) -> Result<(), Error> {
        let version = generation.manifest.version.to_string();
        let hook = match self.host.0.state.installed_version(&held.plugin.id).await? {
            None => Some(Hook::Install),
            Some(from) if from != version => Some(Hook::Upgrade { from }),
            Some(_) => None,
        };
        let is_new = hook.is_some();
        if let Some(hook) = hook.filter(|hook| generation.instance.has(hook)) {
            self.step(hook.name());
            let ran = generation.instance.run_hook(&hook, self.host.0.config.start_timeout).await;
            ran.map_err(|error| Error::Hook { hook: hook.name(), reason: error.to_string() })?;
        }
        if generation.manifest.health.enabled {
            self.step("probe");
            let probe = health::probe(generation).await;
            generation.health.note(&probe);
            if let Some(reason) = probe.problem().filter(|_| probe != Probe::Passed) {
                return Err(Error::Unhealthy { reason });
            }
        }
        if is_new {
            // From here on it is installed: a host that is killed now does not run the hook again.
            self.host.0.state.note_installed(&held.plugin.id, &version).await?;
        }
        Ok(())
    }

    async fn enable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, id).await?;
        let installed = held.installed()?;
        let serving = self.host.0.roster.get(&held.plugin.id).map(|entry| entry.number);
        match serving {
            // It serves: nothing to do, and nothing to disturb.
            Some(number) => Ok(self.receipt(&held, &installed, Some(number), Some(number))),
            None => self.restart(held, installed).await,
        }
    }

    async fn disable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, id).await?;
        let installed = held.installed()?;
        self.step("swap");
        held.plugin.state().enabled = false;
        let before = self.take_out(&held.plugin.id);
        Ok(self.receipt(&held, &installed, before, None))
    }

    /// Takes a plugin out of the roster and ends its generation in the background.
    pub(super) fn take_out(&self, id: &PluginId) -> Option<u64> {
        let (_, generation) = self.host.0.roster.remove(id)?;
        let number = generation.number;
        self.host.retire(generation, self.host.0.config.drain_timeout);
        Some(number)
    }

    pub(super) fn receipt(
        &mut self,
        held: &Held,
        installed: &Installed,
        before: Option<u64>,
        now: Option<u64>,
    ) -> Receipt {
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
}

/// Ends a fetch when whoever waits for it has gone.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What an endpoint is called in metrics.
fn label(endpoint: &host_core::manifest::Endpoint) -> String {
    format!("{} {}", endpoint.method.as_str(), endpoint.path.as_str())
}
