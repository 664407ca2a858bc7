//! The handle on builds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use host_core::manifest::{Build, Profile};
use host_core::{Digest, DigestWriter, Manifest, TreePath};
use host_store::{Artifact, Provenance, Store, Tree};
use semver::Version;
use tokio::task::spawn_blocking;

use crate::cargo::Run;
use crate::cargo_toml::Package;
use crate::counters::{Counters, Counts};
use crate::flights::Flights;
use crate::inspect::{Code, inspect};
use crate::slots::Slots;
use crate::work::Work;
use crate::{Config, Error, Toolchain, cargo_toml, checksums, fingerprint, lock_file, prebuilt, schema, sdk, warm};

/// Is called with each line that a build writes, while it runs.
pub type Lines<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// The handle on builds. Cheap to clone.
#[derive(Clone)]
pub struct Builder(Arc<Inner>);

struct Inner {
    store: Store,
    config: Config,
    toolchain: Toolchain,
    slots: Slots,
    /// Whether the slots above the first are in the pool.
    is_open: AtomicBool,
    /// Whether the cache is ignored.
    ignores_cache: AtomicBool,
    flights: Flights,
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

/// The predicted result of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// How the artifact would be created.
    pub way: Way,
    /// The predicted artifact; `None` if only a build can tell.
    pub artifact: Option<Digest>,
    /// The prebuilt library in the tree.
    pub library: Option<TreePath>,
    /// The schema of the configuration.
    pub configuration_schema: Option<Vec<u8>>,
}

/// The way to create an artifact from a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// cargo builds it.
    Build,
    /// An earlier build has made it.
    Cached,
    /// The prebuilt library is used.
    Library,
}

impl Builder {
    /// Queries the compiler's version and stores the SDK in the build cache.
    ///
    /// Until [`Builder::warm`] has ended, well or not, one build runs at a time.
    ///
    /// # Errors
    /// [`Error::NoToolchain`] if there is no compiler.
    pub async fn new(store: Store, mut config: Config) -> Result<Builder, Error> {
        config.slots = config.slots.clamp(1, Config::MAX_SLOTS);
        let toolchain = Toolchain::ask(&config, &store.empty_dir()).await?;
        let slots = Slots::new(config.queue_limit, config.queue_timeout);
        let is_open = AtomicBool::new(false);
        let (flights, counts, ignores_cache) = Default::default();
        let builder =
            Builder(Arc::new(Inner { store, config, toolchain, slots, is_open, ignores_cache, flights, counts }));
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

    /// Compiles the SDK into the first slot and copies the result to the other slots, which are then open for builds.
    ///
    /// Builds requested in the meantime wait. Whether the warm-up succeeds, fails or is dropped, all slots are open
    /// afterwards, at worst empty, so that the first build in each takes longer.
    pub async fn warm(&self, lines: Lines<'_>) -> Result<(), Error> {
        let inner = &self.0;
        let _open = OpenAtEnd(inner);
        let slot = inner.slots.take().await?;
        let _locked = inner.lock_target(slot.index).await?;
        let (store, (work, sdk)) = {
            let store = inner.store.clone();
            (inner.store.clone(), blocking(move || Ok((warm::work(&store)?, sdk::materialise(&store)?))).await?)
        };
        let target = store.target_dir(&inner.targets(), slot.index);
        let mut build = warm::build();
        if inner.config.development {
            build.profile = Profile::Dev;
        }
        let run = Run {
            config: &inner.config,
            store: &store,
            work: work.path(),
            package: &warm::package(),
            build: &build,
            sdk: &sdk,
            target: &target,
        };
        let ran = inner.counts.cargo_run(run.go(lines)).await;
        run.clean(ran.own).await;
        ran.library?;
        let others: Vec<_> = if inner.is_open.load(Ordering::Acquire) {
            // A second warm-up: builds may be using the other slots.
            Vec::new()
        } else {
            (1..inner.config.slots).collect()
        };
        let (store, toolchain) = (store.clone(), inner.targets());
        blocking(move || {
            warm::mark(&target)?;
            for slot in others {
                let other = store.target_dir(&toolchain, slot);
                if !warm::is_warm(&other) {
                    let _locked = store.lock_target(&toolchain, slot)?;
                    warm::copy(&target, &other)?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(())
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
    /// Dropping the future kills cargo and all it started, and leaves the store as it was.
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

    /// Predicts what [`Builder::build`] would do, without running a program or writing anything.
    ///
    /// # Errors
    /// Problems of the tree that are found before a build.
    pub async fn forecast(&self, tree: &Tree, manifest: &Manifest) -> Result<Forecast, Error> {
        let (builder, tree, manifest) = (self.clone(), tree.clone(), manifest.clone());
        blocking(move || {
            let inner = &builder.0;
            let code = inspect(&tree, &manifest)?;
            let schemas = schema::read(&tree, &manifest)?;
            let mut library = None;
            let (way, artifact) = match code {
                Code::Crate { .. } => {
                    let fingerprint = inner.fingerprint(&tree, &schemas, &inner.build_of(&manifest));
                    let remembered = inner.store.remembered(&fingerprint)?;
                    match remembered.filter(|_| !inner.ignores_cache.load(Ordering::Relaxed)) {
                        Some(artifact) => (Way::Cached, Some(artifact.digest())),
                        None => (Way::Build, None),
                    }
                }
                Code::Library { .. } => {
                    let file = prebuilt::library(&tree)?;
                    library = Some(file.path.clone());
                    (Way::Library, Some(Artifact::digest_of(file.digest, &tree.manifest_text()?, schemas.kept())))
                }
            };
            Ok(Forecast { way, artifact, library, configuration_schema: schemas.configuration })
        })
        .await
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
            lines("no Cargo.toml: the library is taken as it is");
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
        let _flight = inner.flights.enter(fingerprint).await;
        let remembered = {
            let store = inner.store.clone();
            let ignores_cache = inner.ignores_cache.load(Ordering::Relaxed);
            blocking(move || if ignores_cache { Ok(None) } else { Ok(store.remembered(&fingerprint)?) }).await?
        };
        let (artifact, cached) = match remembered {
            Some(artifact) => {
                lines("nothing has changed: the library of an earlier build is taken");
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
    /// Keeps other hosts with the same build cache out of a slot's target folder until the file is dropped.
    async fn lock_target(&self, slot: usize) -> Result<std::fs::File, Error> {
        let (store, toolchain, timeout) = (self.store.clone(), self.targets(), self.config.queue_timeout);
        let locked = blocking(move || Ok(store.lock_target(&toolchain, slot)?));
        tokio::time::timeout(timeout, locked).await.unwrap_or(Err(Error::QueueTimeout { timeout }))
    }

    async fn run_cargo(
        &self,
        tree: &Tree,
        build: &Build,
        package: &Package,
        fingerprint: Digest,
        Kept { schemas, provenance }: Kept,
        lines: Lines<'_>,
    ) -> Result<Artifact, Error> {
        if self.slots.is_busy() {
            lines(if self.is_open.load(Ordering::Acquire) {
                "waiting for a build slot"
            } else {
                "waiting for the SDK, which is compiled once for this toolchain"
            });
        }
        let slot = self.slots.take().await?;
        let mut locked = self.lock_target(slot.index).await?;
        let name = if self.config.development {
            format!("development of {}", provenance.source)
        } else {
            // Another host may build the same plugin in another slot.
            format!("{fingerprint} in slot {}", slot.index)
        };
        let (name, is_kept) = (Digest::of(name.as_bytes()), self.config.development);
        // The lock is held to the end.
        let (work, sdk, _locked) = {
            let (store, tree, package) = (self.store.clone(), tree.clone(), package.clone());
            let work = move || {
                let work = if is_kept {
                    Work::keep(&store, &name, &tree, &package, &mut locked)?
                } else {
                    Work::copy(&store, &name, &tree, &package)?
                };
                Ok((work, sdk::materialise(&store)?, locked))
            };
            blocking(work).await?
        };
        let locked = work.lock_file(package);
        if locked.is_empty() {
            lines("note: the plugin has no Cargo.lock, so cargo takes the newest versions of its dependencies");
        }
        let target = self.store.target_dir(&self.targets(), slot.index);
        let run = Run {
            config: &self.config,
            store: &self.store,
            work: work.path(),
            package,
            build,
            sdk: &sdk,
            target: &target,
        };
        let ran = self.counts.cargo_run(run.go(lines)).await;
        let artifact = match ran.library {
            Ok(library) => {
                say_changes(&locked, &work.lock_file(package), lines);
                let (store, tree) = (self.store.clone(), tree.clone());
                let keep = move || {
                    let artifact = store.put_artifact(&library, &tree.manifest_text()?, schemas.kept(), &provenance)?;
                    store.remember(&fingerprint, &artifact)?;
                    Ok(artifact)
                };
                blocking(keep).await
            }
            Err(error) => Err(error),
        };
        if !self.config.development {
            run.clean(ran.own).await;
        }
        artifact
    }

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
        fingerprint::of(&fingerprint::Inputs {
            tree: located(tree),
            schema: schemas.configuration.as_deref().map(Digest::of),
            body_schemas: schemas.bodies.as_deref().map(Digest::of),
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
            Digest::of(format!("development {}", self.toolchain.verbose).as_bytes()).hex()
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

/// Reports if cargo could not keep the versions of the plugin's Cargo.lock.
fn say_changes(before: &str, after: &str, lines: Lines<'_>) {
    let mut changes = lock_file::changes(before, after);
    if !before.is_empty() && !changes.is_empty() {
        // The SDK is the usual reason, so it is listed before its own dependencies.
        changes.sort_by_key(|change| !change[1..].starts_with("plugin-sdk"));
        let shown = changes[..changes.len().min(10)].join(", ");
        let n_more = changes.len().saturating_sub(10);
        lines(&format!("note: Cargo.lock did not fit the SDK of this host; cargo changed {shown} and {n_more} more"));
    }
}

/// The files stored beside a library and its manifest.
struct Kept {
    schemas: schema::Schemas,
    provenance: Provenance,
}

/// Adds the slots above the first to the pool when it is dropped, once.
struct OpenAtEnd<'a>(&'a Inner);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        if !self.0.is_open.swap(true, Ordering::AcqRel) {
            self.0.slots.open(1..self.0.config.slots);
        }
    }
}

/// Runs what blocks on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}
