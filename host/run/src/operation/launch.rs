//! From an artifact to a generation that is fit to serve. Nothing of it is seen from outside.

use std::sync::Arc;
use std::time::Duration;

use host_core::health::Probe;
use host_core::manifest::Endpoint;
use host_load::{Hook, Module, StartOptions};

use crate::error::Error;
use crate::health;
use crate::host::Host;
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::setup::Setup;
use host_call::EndpointRules;
use host_call::Phase;
use host_call::{EndpointState, Generation, GenerationParts};

/// A generation that was started and does not serve. When it is dropped as such, it is stopped.
pub(super) struct Started {
    generation: Option<Arc<Generation>>,
    host: Host,
}

impl Started {
    /// The generation, which is now in the hands of whoever lets it serve.
    pub(super) fn take(mut self) -> Arc<Generation> {
        self.generation.take().expect("it is only taken here, and `self` is gone then")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let Some(generation) = self.generation.take() else { return };
        let timeout = self.host.0.config.stop_timeout;
        self.host.0.tasks.spawn(async move {
            let _ = generation.instance.stop(timeout).await;
            generation.services.close();
        });
    }
}

impl Work<'_> {
    /// Opens, starts and probes.
    pub(super) async fn start(&mut self, held: &Held, setup: &Setup) -> Result<Started, Error> {
        let _working = held.plugin.working(Phase::Loading);
        let module = self.open(setup).await?;
        // What was started is stopped in order, or serves.
        let _uncut = self.job.uncut();
        let generation = self.launch(held, setup, module).await?;
        let started = Started { generation: Some(generation.clone()), host: self.host.clone() };
        if let Err(error) = self.settle(held, &generation).await {
            let generation = started.take();
            let _ = generation.instance.stop(self.host.0.config.stop_timeout).await;
            generation.services.close();
            return Err(error);
        }
        Ok(started)
    }

    /// Opens the library through the gates, in a child first when it is new to this process.
    pub(super) async fn open(&mut self, setup: &Setup) -> Result<Module, Error> {
        let kept = host_load::kept_libraries();
        if kept.len() >= self.host.0.config.max_kept_generations && self.host.unloading().is_ok() {
            return Err(Error::TooManyKept { kept });
        }
        let timeout = self.host.0.config.start_timeout;
        let trial = self.host.0.config.trial.as_ref();
        if let Some((trial, depth)) = trial.and_then(|trial| Some((trial, trial.wants(&setup.build.artifact)?))) {
            self.step("trial");
            let job = self.job.clone();
            trial.run(&self.host.0.store, setup, depth, timeout, &move |line| job.line(line)).await?;
            host_fail::point("run.tried");
        }
        self.step("open");
        let manifest = &setup.build.manifest;
        let number = self.host.next_number(&manifest.id);
        let module = Module::open(&self.host.0.store, &setup.build.artifact, manifest, number, timeout).await;
        host_fail::point("run.opened");
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
        setup: &Setup,
        module: Module,
    ) -> Result<Arc<Generation>, Error> {
        let config = &self.host.0.config;
        let manifest = &setup.build.manifest;
        let configuration = setup.configuration.clone();
        module.validate(&configuration, config.start_timeout).await?;
        self.step("start");
        let number = module.generation();
        let handlers = module.handlers().to_vec();
        let services = self.host.0.services.of_generation(manifest, number);
        let options = StartOptions { configuration, services: services.clone(), timeout: config.start_timeout };
        let instance = module.start(options).await.inspect_err(|_| services.close())?;
        host_fail::point("run.started");
        let id = held.plugin.id.as_str();
        let serving = held.plugin.state().serving().cloned();
        let schemas = &setup.build.body_schemas;
        let endpoints = manifest.endpoints.iter().zip(handlers).map(|(endpoint, handler)| EndpointState {
            handler,
            metrics: self.host.0.metrics.endpoint(id, &label(endpoint)),
            rules: EndpointRules::new(
                endpoint,
                schemas,
                serving.as_ref().and_then(|serving| serving.rules_of(endpoint)),
            ),
        });
        let generation = Arc::new(Generation::new(GenerationParts {
            id: held.plugin.id.clone(),
            number,
            artifact: setup.build.artifact.digest(),
            setup: setup.digest(),
            manifest: manifest.clone(),
            instance,
            services,
            endpoints: endpoints.collect(),
            panics: self.host.0.metrics.panics(id),
            counters: self.host.0.metrics.plugin(id),
            spans: config.spans.clone(),
            events: self.host.0.events.sink(),
            log: held.plugin.log.clone(),
        }));
        let missing = manifest.endpoints.iter().filter_map(Endpoint::body_schema);
        for path in missing.filter(|path| !schemas.contains_key(path.as_str())) {
            let reason = "the artifact was built before body schemas were stored; reload the plugin";
            generation.note("warn", &format!("bodies are not checked against `{path}`: {reason}"));
        }
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
            host_fail::point("run.hook_ran");
        }
        if generation.manifest.health.enabled {
            self.step("probe");
            let probe = health::probe(generation).await;
            host_fail::point("run.probed");
            generation.health.record_probe(&probe);
            if let Some(reason) = probe.problem().filter(|_| probe != Probe::Passed) {
                return Err(Error::Unhealthy { reason });
            }
        }
        self.job.go_on()?;
        if is_new {
            // From here on it is installed: a host that is killed now does not run the hook again.
            self.host.0.state.note_installed(&held.plugin.id, &version).await?;
            host_fail::point("run.noted_installed");
        }
        Ok(())
    }

    /// Asks the code of a plugin that does not serve whether it takes its configuration.
    pub(super) async fn judge(&mut self, setup: &Setup) -> Result<(), Error> {
        let module = self.open(setup).await?;
        self.step("validate");
        Ok(module.validate(&setup.configuration, self.host.0.config.start_timeout).await?)
    }

    /// Starts a plugin that does not serve, if its code has `hook`.
    pub(super) async fn launch_for(
        &mut self,
        held: &Held,
        setup: &Setup,
        hook: &Hook,
    ) -> Result<Option<Arc<Generation>>, Error> {
        let module = self.open(setup).await?;
        match module.has(hook) {
            true => self.launch(held, setup, module).await.map(Some),
            false => Ok(None),
        }
    }
}

/// How long a generation that never served may drain.
pub(super) const NO_DRAIN: Duration = Duration::ZERO;

/// What an endpoint is called in metrics.
fn label(endpoint: &host_core::manifest::Endpoint) -> String {
    format!("{} {}", endpoint.method.as_str(), endpoint.path.as_str())
}
