//! Building a tree into an artifact.

use host_call::{Phase, now_unix_ms};
use host_core::manifest::Checked;
use host_core::{Desired, Goal, Pick, Source, Trust};
use host_fetch::Fetched;

use crate::model::{Build, Error};
use crate::operation::check::{check, fits_host};
use crate::operation::fetch::absolute;
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    pub(super) async fn build(
        &mut self,
        lease: &PluginLease,
        source: &Source,
        fetched: &Fetched,
        checked: Checked,
    ) -> Result<(Build, Option<bool>), Error> {
        let Checked { manifest, warnings } = checked;
        fits_host(self.host, &manifest)?;
        let builder = &self.host.0.builder;
        self.source_warnings.clone_from(&fetched.warnings);
        self.warnings = fetched.warnings.iter().cloned().chain(warnings.iter().map(ToString::to_string)).collect();
        for note in &fetched.notes {
            self.job.line(&format!("note: {note}"));
        }
        for warning in &self.warnings {
            self.job.line(&format!("warning: {warning}"));
        }
        host_fail::point("run.checked");
        self.step("build");
        let _working = lease.plugin.working(Phase::Building);
        let job = self.job.clone();
        let from = host_build::BuildSource { source: source.to_string(), commit: fetched.commit.clone() };
        let built = builder.build(&fetched.tree, &manifest, &from, &move |line| job.line(line)).await;
        let built = built.map_err(|source| match source.compiler_output() {
            Some(_) => Error::BuildOfSource { notes: [&*fetched.notes, &fetched.warnings].concat(), source },
            None => source.into(),
        })?;
        host_fail::point("run.built");
        // A prebuilt library is neither built nor cached.
        let cached = built.fingerprint.map(|_| built.cached);
        Ok((Build::from_artifact(manifest, warnings, built.artifact)?, cached))
    }

    /// Fetches and builds `source` for the leased plugin. Returns the desired state with the new version.
    pub(super) async fn build_again(
        &mut self,
        lease: &PluginLease,
        source: Source,
        trust: Trust,
    ) -> Result<(Desired, Build, Option<bool>), Error> {
        let working = lease.plugin.working(Phase::Fetching);
        let fetched = self.fetch(source.clone(), trust).await?;
        drop(working);
        self.step("check");
        let checked = check(&self.host.config(), &fetched.tree)?;
        if checked.manifest.id != lease.plugin.id {
            return Err(Error::OtherPlugin { expected: lease.plugin.id.clone(), found: checked.manifest.id });
        }
        self.compare_with_installed(lease, &source, &fetched, &checked.manifest)?;
        let (build, cached) = self.build(lease, &source, &fetched, checked).await?;
        let desired = self.desired_with(lease, &build, pick(source, trust, fetched.commit, fetched.reference, &build));
        Ok((desired, build, cached))
    }

    /// Fetches and builds the installed commit again: `exact` names it. The plugin keeps its source.
    pub(super) async fn build_commit_again(
        &mut self,
        lease: &PluginLease,
        exact: Source,
        trust: Trust,
    ) -> Result<(Desired, Build, Option<bool>), Error> {
        let before = lease.installed()?.desired;
        let (mut desired, build, cached) = self.build_again(lease, exact, trust).await?;
        let Pick { source, reference, tag, .. } = before.current.clone();
        let current = Pick { source, reference, tag, ..desired.current.clone() };
        let is_same = Pick { loaded_unix_ms: current.loaded_unix_ms, ..before.current.clone() } == current;
        if is_same {
            desired = before;
        } else {
            desired.current = current;
        }
        Ok((desired, build, cached))
    }

    /// The current desired state with the version `pick`.
    pub(super) fn desired_with(&self, lease: &PluginLease, build: &Build, pick: Pick) -> Desired {
        let Ok(installed) = lease.installed() else { return Desired::new(&build.manifest, Goal::Running, pick) };
        let mut desired = installed.desired;
        // The same version is not a change.
        if (Pick { loaded_unix_ms: desired.current.loaded_unix_ms, ..pick.clone() }) != desired.current {
            desired.pick(&build.manifest, pick, self.host.config().max_kept_versions);
        }
        desired
    }
}

/// The version of a build, for the desired state.
pub(super) fn pick(
    source: Source,
    trust: Trust,
    commit: Option<String>,
    reference: Option<String>,
    build: &Build,
) -> Pick {
    let source = absolute(source);
    let version = build.manifest.version.clone();
    let artifact = build.artifact.digest();
    Pick { version, source, trust, commit, reference, tag: None, artifact, loaded_unix_ms: now_unix_ms() }
}
