//! A library is opened in a process that may be lost before it is opened in this one: its constructors run then, and may
//! end the process, or hang while they hold the dynamic linker's lock. One that this host has not built is started there too.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_core::{Digest, Manifest};
use host_store::{Artifact, Store};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::model::{Error, Setup};

/// Starts a library in a process that may be lost.
pub trait TrialRunner: fmt::Debug + Send + Sync + 'static {
    /// Opens the library; if it is to be started too, lets it judge its configuration, starts it and asks its health once.
    ///
    /// # Errors
    /// [`host_load::Error::TrialCrashed`] and [`host_load::Error::TrialTimedOut`] when the process was lost;
    /// [`host_load::Error::TrialFailed`] when there was none.
    ///
    /// # Cancel safety
    /// Dropping the future kills the process and what it started.
    fn try_out<'a>(&'a self, attempt: TrialAttempt<'a>) -> TrialFuture<'a>;
}

/// A trial on its way.
pub type TrialFuture<'a> = Pin<Box<dyn Future<Output = Result<TrialOutcome, host_load::Error>> + Send + 'a>>;

/// What is tried.
#[derive(Clone, Copy)]
pub struct TrialAttempt<'a> {
    /// How far it goes.
    pub depth: TrialDepth,
    /// The library, which nobody writes to.
    pub library: &'a Path,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// The manifest as it was reviewed.
    pub manifest_text: &'a [u8],
    /// The configuration it would start with.
    pub configuration: &'a Map<String, Value>,
    /// An empty folder to work in, which goes away afterwards.
    pub folder: &'a Path,
    /// How long each of opening, `validate` and `start` may take.
    pub timeout: Duration,
    /// Takes each line that the library writes meanwhile.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
}

/// How far a trial goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialDepth {
    /// The library is opened.
    Open,
    /// And the plugin started.
    Start,
}

/// How a trial ended that the process survived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialOutcome {
    /// All went well.
    Passed,
    /// Something said no: a gate, or the plugin itself, which finds no host services there.
    Refused {
        /// What it said.
        reason: String,
    },
}

/// Where finished libraries are tried, and which have passed since this process started. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trial {
    child: Arc<dyn TrialRunner>,
    passed: Arc<Mutex<HashSet<Digest>>>,
}

impl Trial {
    /// Tries them with `child`.
    pub fn new(child: impl TrialRunner) -> Trial {
        Trial { child: Arc::new(child), passed: Arc::default() }
    }

    /// Takes an artifact that has served on this host before as one that passed.
    pub(crate) fn has_served(&self, artifact: Digest) {
        self.passed().insert(artifact);
    }

    /// How far an artifact is to be tried, if it has not passed before: one that this host has built is only opened.
    pub(crate) fn wants(&self, artifact: &Artifact) -> Option<TrialDepth> {
        let is_built_here = artifact.provenance().fingerprint.is_some();
        let depth = if is_built_here { TrialDepth::Open } else { TrialDepth::Start };
        (!self.passed().contains(&artifact.digest())).then_some(depth)
    }

    /// Tries what is to be installed. Only a process that was lost is a refusal: what else is wrong the host finds out by
    /// itself, with all that the plugin may ask it for.
    pub(crate) async fn run(
        &self,
        store: &Store,
        setup: &Setup,
        depth: TrialDepth,
        timeout: Duration,
        say: &(dyn Fn(&str) + Send + Sync),
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
            say,
        });
        let tried = tried.await;
        let duration_ms = started.elapsed().as_millis();
        let done = match depth {
            TrialDepth::Open => "opened",
            TrialDepth::Start => "started",
        };
        match tried? {
            TrialOutcome::Passed => {
                self.passed().insert(setup.build.artifact.digest());
                say(&format!("{done} in a child process first: passed in {duration_ms} ms"));
            }
            TrialOutcome::Refused { reason } => {
                say(&format!("{done} in a child process first: no crash in {duration_ms} ms, but refused: {reason}"));
            }
        }
        Ok(())
    }

    fn passed(&self) -> parking_lot::MutexGuard<'_, HashSet<Digest>> {
        self.passed.lock()
    }
}
