//! Installing a fetched source, and reloading an installed plugin.

use std::path::{Path, PathBuf};

use host_core::graph::Node;
use host_core::update::UpdateLevel;
use host_core::{Desired, Goal, Pick, PluginId, Revision, Source, Trust};
use host_fetch::Fetched;
use serde_json::{Map, Value};

use crate::model::{Error, LoadOptions, Receipt, SettingsChange, Setup};
use crate::operation::build::pick;
use crate::operation::check::check;
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Builds and installs a fetched source, as a new plugin or in place of the installed version.
    pub(super) async fn install(
        &mut self,
        source: Source,
        trust: Trust,
        fetched: Fetched,
        options: LoadOptions,
    ) -> Result<Receipt, Error> {
        self.step("check");
        let checked = check(&self.host.config(), &fetched.tree)?;
        self.job.set_plugin(&checked.manifest.id);
        let lease = PluginLease::plugin(self.host, self.job, &checked.manifest.id).await?;
        lease.show_first_load(self.job, &checked.manifest, &source);
        if !options.replace {
            refuse_other_source(&lease, &source)?;
        }
        let compared = self.compare_with_installed(&lease, &source, &fetched, &checked.manifest);
        lease.record_failure(self.host, compared)?;
        // Dependency conflicts are reported before the build.
        let fits = self.host.graph().check(&Node::from_manifest(&checked.manifest, options.start));
        lease.record_failure(self.host, fits.map_err(Error::from))?;
        let built = self.build(&lease, &source, &fetched, checked).await;
        let (build, cached) = lease.record_failure(self.host, built)?;
        let is_new = lease.installed().is_err();
        let mut desired =
            self.desired_with(&lease, &build, pick(source, trust, fetched.commit, fetched.reference, &build));
        if let Some(policy) = options.update {
            desired.update = policy;
        }
        if is_new
            && options.configuration.is_none()
            && let Some(configuration) = self.kept_configuration(&desired.id).await?
        {
            self.job.line("the configuration that the plugin had when it was unloaded is used again");
            desired.configuration = configuration;
        }
        if options.start {
            desired.goal = Goal::Running;
        } else if is_new {
            desired.goal = Goal::Installed;
        }
        if let Some(settings) = &options.configuration {
            self.report_removed_settings(&desired.configuration, settings);
        }
        let setup = self.host.setup(desired, build).and_then(|setup| match options.configuration {
            Some(settings) => self.host.setup_with(setup, &SettingsChange::Replace(settings)),
            None => Ok(setup),
        });
        let setup = lease.record_failure(self.host, setup)?;
        let mut receipt = match setup.desired.goal {
            Goal::Running if options.if_changed && self.serves_already(&lease, &setup) => {
                let now = lease.serving_number();
                self.receipt(&lease, now, now)?
            }
            Goal::Running => self.serve(lease, setup, None).await?,
            _ => self.install_stopped(lease, setup).await?,
        };
        receipt.cached = cached;
        Ok(receipt)
    }

    /// Warns of earlier settings that a load with a configuration removes, because it replaces all of them.
    fn report_removed_settings(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        let removed = before.keys().filter(|key| !after.contains_key(*key));
        let removed: Vec<_> = removed.take(10).map(|key| format!("`{}`", host_core::shown(key, 80))).collect();
        if !removed.is_empty() {
            let removed = removed.join(", ");
            self.remark(format!(
                "the given configuration replaces all earlier settings; removed: {removed}; `configure` changes single keys"
            ));
        }
    }

    /// The operator's settings of a plugin that was unloaded with its data kept.
    async fn kept_configuration(&self, id: &PluginId) -> Result<Option<Map<String, Value>>, Error> {
        // The newest revision is the removal.
        let newest = self.host.0.state.revisions(Some(id), None, 2).await?;
        let before = newest.into_iter().nth(1).and_then(|revision| revision.desired);
        let kept = before.filter(|desired| desired.goal == Goal::Absent { keep_data: true });
        Ok(kept.map(|desired| desired.configuration).filter(|settings| !settings.is_empty()))
    }

    /// Fetches and builds the same source again.
    pub(super) async fn reload(&mut self, id: &str) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let installed = lease.installed()?;
        if !installed.desired.goal.is_enabled() {
            return Err(Error::Disabled { id: lease.plugin.id.clone() });
        }
        let Desired { current, update, goal, .. } = installed.desired;
        if goal != Goal::Running {
            self.remark("the plugin was stopped; the reload has started it".to_owned());
        }
        let Pick { source, trust, commit, .. } = current;
        if matches!(source.place(), Source::Upload(_)) && installed.build.is_some() {
            // The tree of an upload may have been removed; its artifact is kept, and the upload cannot have changed.
            return self.serve_again(lease).await;
        }
        // A pinned plugin stays at its commit, wherever its branch or tag leads now.
        let pinned = commit.filter(|_| update.level() == UpdateLevel::Pinned);
        let exact = pinned.and_then(|commit| source.at(Revision::Named(commit)));
        let rebuilt = match exact {
            Some(exact) => self.build_commit_again(&lease, exact, trust).await,
            None => self.build_again(&lease, source, trust).await,
        };
        let (desired, build, cached) = lease.record_failure(self.host, rebuilt)?;
        let desired = Desired { goal: Goal::Running, ..desired };
        let setup = self.host.setup(desired, build);
        let setup = lease.record_failure(self.host, setup)?;
        let mut receipt = self.serve(lease, setup, None).await?;
        receipt.cached = cached;
        Ok(receipt)
    }

    fn serves_already(&self, lease: &PluginLease, setup: &Setup) -> bool {
        let state = lease.plugin.state();
        let same = state.installed.as_ref().filter(|installed| installed.desired == setup.desired);
        same.is_some_and(|installed| state.serving().is_some_and(|serving| serving.setup() == installed.setup))
    }
}

/// Refuses a source if the plugin is installed from another source.
///
/// # Errors
/// [`Error::OtherSource`].
fn refuse_other_source(lease: &PluginLease, found: &Source) -> Result<(), Error> {
    let Ok(installed) = lease.installed() else { return Ok(()) };
    let from = &installed.desired.current.source;
    if is_same_place(from, found) {
        return Ok(());
    }
    let id = lease.plugin.id.clone();
    Err(Error::OtherSource { id, installed: from.without_revision().into(), found: found.without_revision().into() })
}

/// Returns whether both sources are the same repository, the same path, or uploads: every upload has an id of its own.
/// Another folder in the same repository is another source.
pub(super) fn is_same_place(a: &Source, b: &Source) -> bool {
    if a.path() != b.path() {
        return false;
    }
    match (a.place(), b.place()) {
        (Source::Git { url: a, .. }, Source::Git { url: b, .. }) => a.is_same_repository(b),
        (Source::Upload(_), Source::Upload(_)) => true,
        (Source::Folder(a), Source::Folder(b))
        | (Source::Archive(a), Source::Archive(b))
        | (Source::Library(a), Source::Library(b)) => a == b || real(a) == real(b),
        _ => false,
    }
}

/// The absolute path without symbolic links, if it exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_at_another_revision_and_by_another_path() {
        let is_same = |a: &str, b: &str| is_same_place(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(is_same("https://github.com/acme/hello@v1", "https://github.com/Acme/hello.git"));
        assert!(!is_same("https://github.com/acme/hello", "https://github.com/other/hello"));
        assert!(is_same("/srv/hello", "/srv/./hello/"));
        assert!(is_same(".", env!("CARGO_MANIFEST_DIR")));
        let inside = "https://github.com/acme/hello#path=plugins/a";
        assert!(is_same(inside, "https://github.com/acme/hello@v1#path=plugins/a"));
        assert!(!is_same(inside, "https://github.com/acme/hello#path=plugins/b"));
        assert!(!is_same(inside, "https://github.com/acme/hello"));
        assert!(!is_same("/srv/hello", "/srv/hello.zip"));
        assert!(!is_same("/srv/hello", "/srv/other"));
        assert!(!is_same("https://github.com/acme/hello", "/srv/hello"));
        assert!(is_same_place(&Source::Upload("upload_1".to_owned()), &Source::Upload("upload_2".to_owned())));
    }
}
