//! [`Builder`]: turns trees into artifacts, and reuses earlier builds.

mod cargo_build;
mod forecast;
mod warm_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use host_core::manifest::{Build, Profile};
use host_core::{Digest, DigestWriter, Manifest};
use host_store::{Artifact, Provenance, Store, Tree};
use semver::Version;
use tokio::sync::broadcast;
use tokio::task::spawn_blocking;

use crate::build_locks::BuildLocks;
use crate::cargo::Lines;
use crate::counters::{Counters, Counts};
use crate::slots::Slots;
use crate::{Config, Error, Toolchain, cargo_toml, checksums, fingerprint, prebuilt, schema, sdk};
use cargo_build::Kept;

pub use forecast::{BuildKind, Forecast};

/// Turns trees into artifacts: runs cargo, or returns the artifact of an earlier build. Cheap to clone.
#[derive(Clone)]
pub struct Builder(Arc<Inner>);

struct Inner {
    store: Store,
    config: Config,
    toolchain: Toolchain,
    slots: Slots,
    /// Whether all build slots are in use. During the warm-up, only the first slot is.
    is_open: AtomicBool,
    /// Sends the output of the warm-up to the builds that wait for it.
    warm_up_lines: broadcast::Sender<String>,
    /// Whether the cache is ignored.
    ignores_cache: AtomicBool,
    locks: BuildLocks,
    counts: Counts,
}

/// The origin of a tree, for the provenance of its artifact.
#[derive(Clone, Debug)]
pub struct BuildSource {
    /// The source as requested.
    pub source: String,
    /// The git commit, when the source is a repository.
    pub commit: Option<String>,
}

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The library in the store.
    pub artifact: Artifact,
    /// Whether the artifact came from the cache, without running cargo.
    pub cached: bool,
    /// The fingerprint; `None` for a prebuilt library.
    pub fingerprint: Option<Digest>,
}

impl Builder {
    /// Queries the compiler's version and stores the SDK in the build cache.
    ///
    /// Until [`Builder::warm`] has ended, successfully or not, one build runs at a time.
    ///
    /// # Errors
    /// [`Error::NoToolchain`] if there is no compiler.
    pub async fn new(store: Store, mut config: Config) -> Result<Builder, Error> {
        config.slots = config.slots.clamp(1, Config::MAX_SLOTS);
        let toolchain = Toolchain::ask(&config, &store.empty_dir()).await?;
        let slots = Slots::new(config.queue_limit, config.queue_timeout);
        let is_open = AtomicBool::new(false);
        // A build that cannot keep up misses lines, which only show progress.
        let (warm_up_lines, _) = broadcast::channel(64);
        let (locks, counts, ignores_cache) = Default::default();
        let builder = Builder(Arc::new(Inner {
            store,
            config,
            toolchain,
            slots,
            is_open,
            warm_up_lines,
            ignores_cache,
            locks,
            counts,
        }));
        let inner = builder.0.clone();
        blocking(move || sdk::materialise(&inner.store)).await?;
        Ok(builder)
    }

    /// The compiler that plugins are built with.
    pub fn toolchain(&self) -> &Toolchain {
        &self.0.toolchain
    }

    /// The version of `plugin-sdk` that plugins are built with.
    pub fn sdk_version() -> Version {
        sdk::version()
    }

    /// The version of the boundary between host and plugin, which is the version of `plugin-sdk-abi`.
    pub fn abi_version() -> Version {
        sdk::abi_version()
    }

    /// Sets whether earlier builds are reused; initially they are.
    pub fn use_cache(&self, use_it: bool) {
        self.0.ignores_cache.store(!use_it, Ordering::Relaxed);
    }

    /// The counters of this builder.
    pub fn counters(&self) -> Counters {
        self.0.counts.read(self.0.slots.n_waiting())
    }

    /// Creates an artifact from a tree: builds its crate, or uses its prebuilt library.
    ///
    /// Does not run cargo if a build with the same fingerprint has succeeded before. Of two equal concurrent builds,
    /// the second waits for the first and uses its artifact; if the first fails or is dropped, it builds itself.
    ///
    /// # Errors
    /// [`Error::Cargo`] with the compiler's output; [`Error::TimedOut`] after the manifest's `build.timeout`, which
    /// does not include waiting for a slot.
    ///
    /// # Cancel safety
    /// Dropping the future kills cargo and its child processes; the store is unchanged.
    pub async fn build(
        &self,
        tree: &Tree,
        manifest: &Manifest,
        source: &BuildSource,
        lines: Lines<'_>,
    ) -> Result<Built, Error> {
        let counts = &self.0.counts;
        counts.build_asked();
        let started = Instant::now();
        let result = self.build_or_import(tree, manifest, source, lines).await;
        match &result {
            Ok(built) => {
                if built.cached {
                    counts.cache_hit();
                }
                let (artifact, duration_ms) = (built.artifact.digest(), started.elapsed().as_millis() as u64);
                tracing::info!(plugin.id = %manifest.id, %artifact, cached = built.cached, duration_ms, "built `{}`", manifest.id);
            }
            Err(_) => counts.failure(),
        }
        result
    }

    async fn build_or_import(
        &self,
        tree: &Tree,
        manifest: &Manifest,
        source: &BuildSource,
        lines: Lines<'_>,
    ) -> Result<Built, Error> {
        let inner = &self.0;
        checksums::check(tree, &manifest.checksums)?;
        if !cargo_toml::is_in(tree) {
            lines("no Cargo.toml: the prebuilt library is used unchanged");
            let provenance = inner.provenance(tree, source, None);
            let (store, tree, manifest) = (inner.store.clone(), tree.clone(), manifest.clone());
            let artifact = blocking(move || prebuilt::import(&store, &tree, &manifest, &provenance)).await?;
            return Ok(Built { artifact, cached: false, fingerprint: None });
        }
        if manifest.security.checksum.is_some() {
            lines("note: `security.checksum` is of a prebuilt library; this one is built from source and not compared");
        }
        let (schemas, package) = {
            let (tree, manifest) = (tree.clone(), manifest.clone());
            blocking(move || Ok((schema::read(&tree, &manifest)?, cargo_toml::check(&tree, &sdk::version())?))).await?
        };
        let build = inner.build_of(manifest);
        let fingerprint = inner.fingerprint(tree, &schemas, &build);
        let _lock = inner.locks.lock(fingerprint).await;
        let remembered = {
            let store = inner.store.clone();
            let ignores_cache = inner.ignores_cache.load(Ordering::Relaxed);
            blocking(move || if ignores_cache { Ok(None) } else { Ok(store.remembered(&fingerprint)?) }).await?
        };
        let (artifact, cached) = match remembered {
            Some(artifact) => {
                lines("nothing has changed: the library of an earlier build is reused");
                (artifact, true)
            }
            None => {
                let kept = Kept { schemas, provenance: inner.provenance(tree, source, Some(fingerprint)) };
                (inner.run_cargo(tree, &build, &package, fingerprint, kept, lines).await?, false)
            }
        };
        Ok(Built { artifact, cached, fingerprint: Some(fingerprint) })
    }
}

// === impl Inner ===

impl Inner {
    /// The build settings: those of the manifest, except for the profile of a development build.
    fn build_of(&self, manifest: &Manifest) -> Build {
        let mut build = manifest.build.clone();
        if self.config.development {
            build.profile = Profile::Dev;
        }
        build
    }

    /// The fingerprint of a build of this tree.
    fn fingerprint(&self, tree: &Tree, schemas: &schema::Schemas, build: &Build) -> Digest {
        fingerprint::compute(&fingerprint::Inputs {
            tree: located(tree),
            schema: schemas.configuration.as_deref().map(Digest::compute),
            body_schemas: schemas.bodies.as_deref().map(Digest::compute),
            rustc: &self.toolchain.verbose,
            sdk: sdk::digest(),
            abi: &sdk::abi_version().to_string(),
            build,
            environment: &self.config.environment,
            development: self.config.development,
        })
    }

    /// A name for the target folders of these builds.
    fn targets(&self) -> String {
        if self.config.development {
            Digest::compute(format!("development {}", self.toolchain.verbose).as_bytes()).hex()
        } else {
            self.toolchain.hex()
        }
    }

    fn provenance(&self, tree: &Tree, source: &BuildSource, fingerprint: Option<Digest>) -> Provenance {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Provenance {
            source: source.source.clone(),
            commit: source.commit.clone(),
            tree: Some(tree.digest()),
            fingerprint,
            // The compiler of a prebuilt library is unknown.
            rustc: fingerprint.map(|_| self.toolchain.verbose.lines().next().unwrap_or_default().to_owned()),
            built_at_unix_seconds: now.as_secs(),
        }
    }
}

/// The digest of a tree with the folder of the plugin in it.
fn located(tree: &Tree) -> Digest {
    let Some(folder) = tree.folder() else { return tree.digest() };
    let mut digest = DigestWriter::new();
    digest.field(b"tree in a folder").field(tree.digest().hex().as_bytes()).field(folder.as_str().as_bytes());
    digest.finish()
}

/// Runs blocking work on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}
