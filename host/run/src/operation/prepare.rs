//! From a source to an artifact: fetch, check, build. Nothing of it is seen from outside.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_core::graph::Node;
use host_core::manifest::{Checked, Placement};
use host_core::{Desired, Goal, Manifest, Pick, Source, Trust};
use host_fetch::Fetched;

use crate::error::Error;
use crate::host::Host;
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::operation::{LoadOptions, Receipt, check};
use crate::setup::{Build, Settings, Setup};
use host_call::Phase;
use host_call::now_unix_ms;

impl Work<'_> {
    pub(super) async fn fetch(&mut self, source: Source, trust: Trust) -> Result<Fetched, Error> {
        self.step("fetch");
        self.job.line(&format!("fetching {source}"));
        let fetched = fetch(self.host, source, trust).await?;
        host_fail::point("run.fetched");
        Ok(fetched)
    }

    /// Builds what was fetched and lets it in, as a new plugin or in place of what is installed.
    pub(super) async fn install(
        &mut self,
        source: Source,
        trust: Trust,
        fetched: Fetched,
        options: LoadOptions,
    ) -> Result<Receipt, Error> {
        self.step("check");
        let checked = check(&self.host.0.config, &fetched.tree)?;
        self.job.concerns(&checked.manifest.id);
        let held = Held::plugin(self.host, self.job, &checked.manifest.id).await?;
        // What stands in its way is told before it is built.
        let fits = self.host.graph().check(&Node::of(&checked.manifest, options.start));
        held.noted(self.host, fits.map_err(Error::from))?;
        let built = self.build(&held, &source, &fetched, checked).await;
        let (build, cached) = held.noted(self.host, built)?;
        let is_new = held.installed().is_err();
        let mut desired = self.wish(&held, &build, pick(source, trust, fetched.commit, &build));
        if let Some(rule) = options.update {
            desired.update = rule;
        }
        match options.start {
            true => desired.goal = Goal::Running,
            false if is_new => desired.goal = Goal::Installed,
            false => {}
        }
        let setup = self.host.setup(desired, build).and_then(|setup| match options.configuration {
            Some(settings) => self.host.setup_with(setup, &Settings::Replace(settings)),
            None => Ok(setup),
        });
        let setup = held.noted(self.host, setup)?;
        let mut receipt = match setup.desired.goal {
            Goal::Running if options.if_changed && self.serves_already(&held, &setup) => {
                let now = held.serving_number();
                self.receipt(&held, now, now)?
            }
            Goal::Running => self.serve(held, setup, None).await?,
            _ => self.let_in(held, setup).await?,
        };
        receipt.cached = Some(cached);
        Ok(receipt)
    }

    /// Fetches and builds the same source again.
    pub(super) async fn reload(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        let installed = held.installed()?;
        if !installed.desired.goal.is_enabled() {
            return Err(Error::Disabled { id: held.plugin.id.clone() });
        }
        let Pick { source, trust, .. } = installed.desired.current;
        if matches!(source, Source::Upload(_)) && installed.build.is_some() {
            // An upload's tree may be swept; its artifact's is not, and has not changed.
            return self.serve_again(held).await;
        }
        let rebuilt = self.build_again(&held, source, trust).await;
        let (desired, build, cached) = held.noted(self.host, rebuilt)?;
        let desired = Desired { goal: Goal::Running, ..desired };
        let setup = self.host.setup(desired, build);
        let setup = held.noted(self.host, setup)?;
        let mut receipt = self.serve(held, setup, None).await?;
        receipt.cached = Some(cached);
        Ok(receipt)
    }

    /// Fetches and builds `source` as the plugin that is held, and says what would be asked for with it.
    pub(super) async fn build_again(
        &mut self,
        held: &Held,
        source: Source,
        trust: Trust,
    ) -> Result<(Desired, Build, bool), Error> {
        let working = held.plugin.working(Phase::Fetching);
        let fetched = self.fetch(source.clone(), trust).await?;
        drop(working);
        self.step("check");
        let checked = check(&self.host.0.config, &fetched.tree)?;
        if checked.manifest.id != held.plugin.id {
            return Err(Error::OtherPlugin { expected: held.plugin.id.clone(), found: checked.manifest.id });
        }
        let (build, cached) = self.build(held, &source, &fetched, checked).await?;
        let desired = self.wish(held, &build, pick(source, trust, fetched.commit, &build));
        Ok((desired, build, cached))
    }

    /// What is asked for with `pick`, after what was asked for so far.
    pub(super) fn wish(&self, held: &Held, build: &Build, pick: Pick) -> Desired {
        let Ok(installed) = held.installed() else { return Desired::new(&build.manifest, Goal::Running, pick) };
        let mut desired = installed.desired;
        // The same again is no change.
        if (Pick { loaded_unix_ms: desired.current.loaded_unix_ms, ..pick.clone() }) != desired.current {
            desired.pick(&build.manifest, pick, self.host.0.config.max_kept_versions);
        }
        desired
    }

    fn serves_already(&self, held: &Held, setup: &Setup) -> bool {
        let state = held.plugin.state();
        let same = state.installed.as_ref().filter(|installed| installed.desired == setup.desired);
        same.is_some_and(|installed| state.serving().is_some_and(|serving| serving.setup() == installed.setup))
    }

    pub(super) async fn build(
        &mut self,
        held: &Held,
        source: &Source,
        fetched: &Fetched,
        checked: Checked,
    ) -> Result<(Build, bool), Error> {
        let Checked { manifest, warnings } = checked;
        fits_host(self.host, &manifest)?;
        let builder = &self.host.0.builder;
        for warning in &warnings {
            self.job.line(&format!("warning: {warning}"));
        }
        host_fail::point("run.checked");
        self.step("build");
        let _working = held.plugin.working(Phase::Building);
        let job = self.job.clone();
        let from = host_build::BuildSource { source: source.to_string(), commit: fetched.commit.clone() };
        let built = builder.build(&fetched.tree, &manifest, &from, &move |line| job.line(line)).await?;
        host_fail::point("run.built");
        Ok((Build::of(manifest, warnings, built.artifact)?, built.cached))
    }
}

/// Whether a plugin is one for this host, as far as its plugin.yaml says.
pub(crate) fn fits_host(host: &Host, manifest: &Manifest) -> Result<(), Error> {
    if manifest.security.placement == Placement::Isolated {
        return Err(Error::Placement { id: manifest.id.clone() });
    }
    let (sdk, rustc) = (host_build::Builder::sdk_version(), &host.0.builder.toolchain().rustc);
    let problems = manifest.incompatibilities(&host.0.config.host_version, &sdk, rustc);
    if problems.is_empty() { Ok(()) } else { Err(Error::Manifest { problems }) }
}

/// Fetches a source.
///
/// # Cancel safety
/// Dropping the future ends the fetch; the store is as it was then.
pub(crate) async fn fetch(host: &Host, source: Source, trust: Trust) -> Result<Fetched, Error> {
    let host = host.clone();
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

/// The source with an absolute path: the host may be started elsewhere next time.
pub(crate) fn absolute(source: Source) -> Source {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    match source {
        Source::Folder(path) => Source::Folder(absolute(path)),
        Source::Archive(path) => Source::Archive(absolute(path)),
        Source::Library(path) => Source::Library(absolute(path)),
        other => other,
    }
}

/// What is asked for from now on.
pub(super) fn pick(source: Source, trust: Trust, commit: Option<String>, build: &Build) -> Pick {
    let source = absolute(source);
    let (version, artifact) = (build.manifest.version.clone(), build.artifact.digest());
    Pick { version, source, trust, commit, tag: None, artifact, loaded_unix_ms: now_unix_ms() }
}

/// Ends a fetch when whoever waits for it has gone.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
