//! Trials of libraries in a child process. Constructors run when a library is opened; they may crash the process or
//! hang while they hold the lock of the dynamic linker. A library that this host has not built is also started, stopped
//! and dropped in the child, and so are the libraries of a plugin that has crashed an earlier host process.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_core::{Digest, Manifest, PluginId, Span};
use host_store::{Artifact, Store};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::model::{Error, Setup};

/// Runs a library in a child process.
pub trait TrialRunner: fmt::Debug + Send + Sync + 'static {
    /// Opens the library. If the attempt includes the start, also validates the configuration, starts the plugin,
    /// probes its health once, stops it and drops it.
    ///
    /// # Errors
    /// [`host_load::Error::TrialCrashed`] and [`host_load::Error::TrialTimedOut`] if the child process was lost;
    /// [`host_load::Error::TrialFailed`] if it could not be started.
    ///
    /// # Cancel safety
    /// Dropping the future kills the child process and its children.
    fn try_out<'a>(&'a self, attempt: TrialAttempt<'a>) -> TrialFuture<'a>;
}

/// A running trial.
pub type TrialFuture<'a> = Pin<Box<dyn Future<Output = Result<TrialOutcome, host_load::Error>> + Send + 'a>>;

/// The parameters of a trial.
#[derive(Clone, Copy)]
pub struct TrialAttempt<'a> {
    /// The extent of the trial.
    pub depth: TrialDepth,
    /// The library; it is not modified during the trial.
    pub library: &'a Path,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The text of the manifest, as it was reviewed.
    pub manifest_text: &'a [u8],
    /// The configuration to start with.
    pub configuration: &'a Map<String, Value>,
    /// An empty working directory; it is removed afterwards.
    pub folder: &'a Path,
    /// The timeout of each of opening, `validate` and `start`.
    pub timeout: Duration,
    /// Receives each line that the library writes.
    pub on_line: &'a (dyn Fn(&str) + Send + Sync),
}

/// The extent of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialDepth {
    /// The library is opened.
    Open,
    /// The library is opened; the plugin is started, stopped and dropped.
    Start,
}

/// The outcome of a trial that did not lose the child process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialOutcome {
    /// The trial passed.
    Passed,
    /// A gate or the plugin itself refused. The plugin has no host services in a trial.
    Refused {
        /// The reason.
        reason: String,
    },
}

/// The runner of trials, and the artifacts that have passed since the host started. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trial {
    child: Arc<dyn TrialRunner>,
    passed: Arc<Mutex<HashSet<Digest>>>,
    suspects: Arc<Mutex<HashSet<PluginId>>>,
}

impl Trial {
    /// Trials that `child` runs.
    pub fn new(child: impl TrialRunner) -> Trial {
        Trial { child: Arc::new(child), passed: Arc::default(), suspects: Arc::default() }
    }

    /// Marks an artifact that has served on this host before as passed.
    pub(crate) fn mark_passed(&self, artifact: Digest) {
        self.passed().insert(artifact);
    }

    /// Marks a plugin that has crashed an earlier host process: its libraries are started in a child process first.
    pub(crate) fn mark_suspect(&self, id: PluginId) {
        self.suspects.lock().insert(id);
    }

    /// The extent of the trial that an artifact of a plugin needs; `None` if it has passed. An artifact that this host
    /// has built is only opened, unless the plugin has crashed the host.
    pub(crate) fn required_depth(&self, id: &PluginId, artifact: &Artifact) -> Option<TrialDepth> {
        let is_built_here = artifact.provenance().fingerprint.is_some();
        let is_suspect = self.suspects.lock().contains(id);
        let depth = if is_built_here && !is_suspect { TrialDepth::Open } else { TrialDepth::Start };
        (!self.passed().contains(&artifact.digest())).then_some(depth)
    }

    /// Runs the trial of a setup. Only the loss of the child process is an error: the host finds all other problems
    /// itself, with the host services that the plugin may need.
    pub(crate) async fn run(
        &self,
        store: &Store,
        setup: &Setup,
        depth: TrialDepth,
        timeout: Duration,
        on_line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), Error> {
        let started = Instant::now();
        let folder = store.temp_dir()?;
        let tried = self.child.try_out(TrialAttempt {
            depth,
            library: setup.build.artifact.library(),
            manifest: &setup.build.manifest,
            manifest_text: setup.build.artifact.manifest_text(),
            configuration: &setup.configuration,
            folder: folder.path(),
            timeout,
            on_line,
        });
        let tried = tried.await;
        let took = Span::new(started.elapsed());
        let done = match depth {
            TrialDepth::Open => "opened",
            TrialDepth::Start => "started",
        };
        match tried? {
            TrialOutcome::Passed => {
                self.passed().insert(setup.build.artifact.digest());
                on_line(&format!("{done} in a child process first: passed in {took}"));
            }
            TrialOutcome::Refused { reason } => {
                on_line(&format!(
                    "{done} in a child process first: no crash in {took}, but refused: {}",
                    setup.mask_text(&reason)
                ));
            }
        }
        Ok(())
    }

    fn passed(&self) -> parking_lot::MutexGuard<'_, HashSet<Digest>> {
        self.passed.lock()
    }
}
