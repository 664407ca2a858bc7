//! The child process of a trial. The library's code runs here and may crash or block the process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_core::Manifest;
use host_core::manifest::{Method, Mode};
use host_load::{CallError, Instance, Module, StartOptions};
use host_store::{Artifact, Provenance, Store};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use serde_json::{Map, Value};

use super::services::NoHost;
use super::{CONFIGURATION, ChildReport, MANIFEST, MARK, STOP, Stage, short};
use crate::args::TryLibrary;
use host_client::Failure;
use host_client::output;

/// The library under trial.
struct Subject {
    store: Store,
    artifact: Artifact,
    manifest: Manifest,
    configuration: Map<String, Value>,
    open_only: bool,
    timeout: Duration,
}

/// Opens, starts, stops and drops a library, reports the result, and ends this process.
///
/// # Errors
/// The library or its files cannot be read. A failure of the library is a result, not an error.
pub async fn try_library(args: TryLibrary) -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A crash is expected, so no core file is written; a failure of the call is ignored. The guard of `host_process`
    // kills this process with the host. The parent-death signal of the system would kill it too early: it is sent when
    // the thread that started the process ends, and threads of the host's runtime come and go.
    let _ = setrlimit(Resource::Core, none);
    let subject = tokio::task::spawn_blocking(move || Subject::read(args)).await;
    let subject = subject.map_err(|error| Failure::from_error("failed to prepare the trial", &error))??;
    let mut started = None;
    let report = match subject.start(&mut started).await {
        Ok(()) => ChildReport::Passed,
        Err(report) => report,
    };
    if let Some(instance) = started {
        end(instance).await;
    }
    // Sent last, because the plugin may also end this process while it is stopped or dropped.
    send(&report);
    // Killed instead of returned, because threads of the library may still run, and exit handlers are not part of the
    // trial.
    let killed = kill_process(getpid(), Signal::KILL);
    killed.map_err(|error| Failure::from_error("failed to end the child process", &error))
}

/// Stops and drops a plugin. A stop hook or drop that fails or hangs is ignored, because in a host it affects only its
/// own thread; only a crash of this process makes the trial fail.
async fn end(instance: Arc<Instance>) {
    send(&ChildReport::At(Stage::Stop));
    let _ = instance.stop(STOP).await;
    send(&ChildReport::At(Stage::Drop));
    let watch = instance.watch();
    drop(instance);
    let _ = tokio::time::timeout(STOP, watch.released()).await;
}

impl Subject {
    fn read(args: TryLibrary) -> Result<Subject, Failure> {
        let TryLibrary { library, scratch, open_only, timeout_ms } = args;
        let failed =
            |error: &(dyn std::error::Error + 'static)| Failure::from_error("failed to prepare the trial", error);
        let folder = |name: &str| -> PathBuf { scratch.join(name) };
        let manifest = std::fs::read(folder(MANIFEST)).map_err(|error| failed(&error))?;
        let configuration = std::fs::read(folder(CONFIGURATION)).map_err(|error| failed(&error))?;
        let configuration = serde_json::from_slice(&configuration).map_err(|error| failed(&error))?;
        let config = host_store::Config {
            plugin_dir: folder("plugins"),
            cache_dir: folder("cache"),
            limits: Default::default(),
        };
        let failed_to_store = |error: host_store::Error| {
            if matches!(error, host_store::Error::Full { .. }) {
                send(&ChildReport::NoRoom);
            }
            failed(&error)
        };
        let store = Store::open(config).map_err(failed_to_store)?;
        let artifact = put(&store, &library, &manifest).map_err(failed_to_store)?;
        // The host has already checked the manifest in its own mode.
        let checked = Manifest::check(&manifest, Mode::Permissive).map_err(|problems| {
            problems.iter().fold(Failure::failed("plugin.yaml is invalid"), |failure, problem| {
                failure.because(problem.to_string())
            })
        })?;
        let timeout = Duration::from_millis(timeout_ms);
        Ok(Subject { store, artifact, manifest: checked.manifest, configuration, open_only, timeout })
    }

    /// Runs the steps of a host up to the first health probe; `started` receives the started instance.
    async fn start(&self, started: &mut Option<Arc<Instance>>) -> Result<(), ChildReport> {
        // `within` enforces the time limit. The limit of the steps is longer, because its error looks like a refusal.
        let longer = self.timeout * 2;
        let opened = Module::open(&self.store, &self.artifact, &self.manifest, 0, longer);
        let module = self.within(Stage::Open, opened).await?;
        if self.open_only {
            return Ok(());
        }
        let handlers = module.handlers().to_vec();
        self.within(Stage::Validate, module.validate(&self.configuration, longer)).await?;
        let no_host = Arc::new(NoHost::default());
        let options =
            StartOptions { configuration: self.configuration.clone(), services: no_host.clone(), timeout: longer };
        let instance = self.within(Stage::Start, module.start(options)).await.map_err(|report| match report {
            // The plugin may wait for a service that only a host provides, so this is not reported as a hang. If it
            // also hangs in the host, it blocks only its own thread.
            ChildReport::TimedOut if no_host.was_asked() => ChildReport::Refused(
                "it did not start in time and requested host services, which the child process does not provide"
                    .to_owned(),
            ),
            report => report,
        })?;
        *started = Some(instance.clone());
        if self.manifest.health.enabled {
            send(&ChildReport::At(Stage::Probe));
            // The host probes again and reports the details.
            self.probe(&instance, &handlers).await.map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    async fn within<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, host_load::Error>>,
    ) -> Result<T, ChildReport> {
        send(&ChildReport::At(stage));
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done.map_err(|error| refused(&error)),
            Err(_) => Err(ChildReport::TimedOut),
        }
    }

    /// Probes the plugin's health: the endpoint in the manifest, or the health hook.
    async fn probe(&self, instance: &Arc<Instance>, handlers: &[u32]) -> Result<(), CallError> {
        let timeout = self.manifest.health.timeout;
        let Some(path) = &self.manifest.health.endpoint else { return instance.health(timeout).await };
        let is_asked = |endpoint: &host_core::manifest::Endpoint| {
            endpoint.method == Method::Get && endpoint.path.pattern() == path.as_str()
        };
        let found = self.manifest.endpoints.iter().position(is_asked).and_then(|at| handlers.get(at));
        let Some(handler) = found else { return Ok(()) };
        instance.probe(*handler, path, timeout).await.map(drop)
    }
}

fn put(store: &Store, library: &Path, manifest: &[u8]) -> Result<Artifact, host_store::Error> {
    store.put_artifact(library, manifest, host_store::Schemas::default(), &Provenance::of_file(library))
}

fn refused(error: &(dyn std::error::Error + 'static)) -> ChildReport {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    ChildReport::Refused(short(&format!("{error}{cause}")))
}

fn send(report: &ChildReport) {
    let text = serde_json::to_string(report).expect("a report always has a JSON form");
    // The library may have written a line without a line end.
    output::line(&format!("\n{MARK}{text}"));
}
