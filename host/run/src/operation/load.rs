//! Opening a library and starting its module.

use std::sync::Arc;

use host_call::{EndpointRules, EndpointState, Generation, GenerationParts, Polls};
use host_core::manifest::Endpoint;
use host_load::{Hook, Module, StartOptions};

use crate::model::{Error, Setup};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Opens the library through the gates. A library that is new to this process is opened in a child process first.
    pub(super) async fn open(&mut self, setup: &Setup) -> Result<Module, Error> {
        let kept = host_load::kept_libraries();
        if kept.len() >= self.host.config().max_kept_generations && self.host.unloading().is_ok() {
            return Err(Error::TooManyKept { kept });
        }
        let timeout = self.host.config().start_timeout;
        let trial = self.host.config().trial.clone();
        if let Some((depth, trial)) = trial
            .and_then(|trial| Some((trial.required_depth(&setup.build.manifest.id, &setup.build.artifact)?, trial)))
        {
            self.step("trial");
            let job = self.job.clone();
            trial.run(&self.host.0.store, setup, depth, timeout, &move |line| job.line(line)).await?;
            host_fail::point("run.tried");
        }
        self.step("open");
        let number = self.host.next_number(&setup.build.manifest.id);
        let (store, artifact) = (self.host.0.store.clone(), setup.build.artifact.clone());
        let manifest = setup.build.manifest.clone();
        // A task of its own: an open continues after its job was cancelled, and a shutdown waits until it has
        // removed its temporary folder.
        let opened =
            self.host.0.tasks.spawn(async move { Module::open(&store, &artifact, &manifest, number, timeout).await });
        let module = opened.await.map_err(|_| Error::Panicked)?;
        host_fail::point("run.opened");
        Ok(module.inspect_err(|error| {
            if let host_load::Error::LayoutDiffers { report, .. } = error {
                report.lines().for_each(|line| self.job.line(line));
            }
        })?)
    }

    /// Starts a module with the configuration of the setup.
    pub(super) async fn launch(
        &mut self,
        lease: &PluginLease,
        setup: &Setup,
        module: Module,
    ) -> Result<Arc<Generation>, Error> {
        let config = self.host.config();
        let manifest = &setup.build.manifest;
        let configuration = setup.configuration.clone();
        module.validate(&configuration, config.start_timeout).await.map_err(|error| setup.mask_error(error))?;
        self.step("start");
        let number = module.generation();
        let handlers = module.handlers().to_vec();
        let services = self.host.0.services.for_generation(manifest, number);
        let options = StartOptions { configuration, services: services.clone(), timeout: config.start_timeout };
        let started = module.start(options).await.inspect_err(|_| services.close());
        let instance = started.map_err(|error| setup.mask_error(error))?;
        host_fail::point("run.started");
        let id = lease.plugin.id.as_str();
        let serving = lease.plugin.state().serving().cloned();
        let schemas = &setup.build.body_schemas;
        let endpoints = manifest.endpoints.iter().zip(handlers).map(|(endpoint, handler)| {
            let metrics = self.host.0.metrics.endpoint(id, &label(endpoint));
            EndpointState {
                handler,
                polls: Polls::new(config.max_poll, metrics.long_polls.clone()),
                metrics,
                rules: EndpointRules::new(
                    endpoint,
                    schemas,
                    serving.as_ref().and_then(|serving| serving.rules_of(endpoint)),
                ),
            }
        });
        let generation = Arc::new(Generation::new(GenerationParts {
            id: lease.plugin.id.clone(),
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
            log: lease.plugin.log.clone(),
        }));
        let missing = manifest.endpoints.iter().filter_map(Endpoint::body_schema);
        for path in missing.filter(|path| !schemas.contains_key(path.as_str())) {
            let reason = "the artifact was built before body schemas were stored; reload the plugin";
            generation.note("warn", &format!("bodies are not checked against `{path}`: {reason}"));
        }
        Ok(generation)
    }

    /// Has the code of a stopped plugin validate its configuration.
    pub(super) async fn judge(&mut self, setup: &Setup) -> Result<(), Error> {
        let module = self.open(setup).await?;
        self.step("validate");
        let judged = module.validate(&setup.configuration, self.host.config().start_timeout).await;
        judged.map_err(|error| setup.mask_error(error))
    }

    /// Starts a stopped plugin, if its code has `hook`.
    pub(super) async fn launch_for(
        &mut self,
        lease: &PluginLease,
        setup: &Setup,
        hook: &Hook,
    ) -> Result<Option<Arc<Generation>>, Error> {
        let module = self.open(setup).await?;
        if module.has(hook) { self.launch(lease, setup, module).await.map(Some) } else { Ok(None) }
    }
}

/// The label of an endpoint in metrics.
fn label(endpoint: &host_core::manifest::Endpoint) -> String {
    format!("{} {}", endpoint.method.as_str(), endpoint.path.as_str())
}
