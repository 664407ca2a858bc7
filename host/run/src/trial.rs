//! A finished library starts in a process that may be lost, before it is opened in this one: code that this host has
//! not built may end the process it is in.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use host_core::{Digest, Manifest};
use host_store::{Artifact, Store};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::plugin::Installed;

/// Starts a library in a process that may be lost.
pub trait TryOut: fmt::Debug + Send + Sync + 'static {
    /// Opens the library, lets it judge its configuration, starts it and asks its health once.
    ///
    /// # Errors
    /// [`host_load::Error::TrialCrashed`] and [`host_load::Error::TrialTimedOut`] when the process was lost;
    /// [`host_load::Error::TrialFailed`] when there was none.
    ///
    /// # Cancel safety
    /// Dropping the future kills the process and what it started.
    fn try_out<'a>(&'a self, attempt: Attempt<'a>) -> Trying<'a>;
}

/// A trial on its way.
pub type Trying<'a> = Pin<Box<dyn Future<Output = Result<Tried, host_load::Error>> + Send + 'a>>;

/// What is tried.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
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

/// How a trial ended that the process survived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
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
    child: Arc<dyn TryOut>,
    passed: Arc<Mutex<HashSet<Digest>>>,
}

impl Trial {
    /// Tries them with `child`.
    pub fn new(child: impl TryOut) -> Trial {
        Trial { child: Arc::new(child), passed: Arc::default() }
    }

    /// Whether an artifact is to be tried: this host has not built it, and it has not passed before.
    pub(crate) fn wants(&self, artifact: &Artifact) -> bool {
        let is_built_here = artifact.provenance().fingerprint.is_some();
        !is_built_here && !self.passed().contains(&artifact.digest())
    }

    /// Tries what is to be installed. Only a process that was lost is a refusal: what else is wrong the host finds out by
    /// itself, with all that the plugin may ask it for.
    pub(crate) async fn run(
        &self,
        store: &Store,
        installed: &Installed,
        timeout: Duration,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), Error> {
        let started = Instant::now();
        let folder = store.temp_dir()?;
        let configuration = installed.effective_configuration();
        let tried = self.child.try_out(Attempt {
            library: installed.artifact.library(),
            manifest: &installed.manifest,
            manifest_text: installed.artifact.manifest_text(),
            configuration: &configuration,
            folder: folder.path(),
            timeout,
            say,
        });
        let tried = tried.await;
        let duration_ms = started.elapsed().as_millis();
        match tried? {
            Tried::Passed => {
                self.passed().insert(installed.artifact.digest());
                say(&format!("started in a child first: passed in {duration_ms} ms"));
            }
            Tried::Refused { reason } => {
                say(&format!("started in a child first: did not crash in {duration_ms} ms, but said no: {reason}"));
            }
        }
        Ok(())
    }

    fn passed(&self) -> std::sync::MutexGuard<'_, HashSet<Digest>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
