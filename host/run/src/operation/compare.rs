//! The comparison of a fetched version with the installed one: moved tags, blocked versions, downgrades.

use std::cmp::Ordering;

use host_core::manifest::Mode;
use host_core::update::is_blocked;
use host_core::{Desired, Manifest, Pick, Revision, Source};
use host_fetch::Fetched;

use crate::model::Error;
use crate::operation::install::is_same_place;
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Compares a fetched version with the installed one, and adds what an operator should know to the warnings.
    ///
    /// # Errors
    /// [`Error::TagMoved`] in the mode `strict`, [`Error::VersionBlocked`].
    pub(super) fn compare_with_installed(
        &mut self,
        lease: &PluginLease,
        source: &Source,
        fetched: &Fetched,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let Ok(installed) = lease.installed() else { return Ok(()) };
        self.refuse_moved_tag(lease, source, fetched)?;
        let Desired { current, blocked, .. } = &installed.desired;
        if fetched.commit.is_some() && fetched.commit == current.commit {
            return Ok(());
        }
        let reference = fetched.reference.as_deref();
        let tag = reference.and_then(|reference| reference.strip_prefix("refs/tags/"));
        // The version in plugin.yaml says little about a branch, whose next commit often has the same version.
        let is_release = fetched.commit.is_some() && (tag.is_some() || reference.is_none());
        let tagged = tag.and_then(|tag| source.tag_rule().read(tag)).map(|tag| tag.version);
        let versions = [&manifest.version].into_iter().chain(&tagged);
        if let Some(version) = versions.filter(|_| is_release).find(|version| is_blocked(blocked, version)) {
            return Err(Error::VersionBlocked { id: lease.plugin.id.clone(), version: version.clone() });
        }
        if manifest.version.cmp_precedence(&current.version) == Ordering::Less {
            let (version, before) = (&manifest.version, &current.version);
            self.remark(format!("this is a downgrade: version {version} replaces the newer version {before}"));
        }
        Ok(())
    }

    /// Warns of a tag that leads to another commit than at its installation; the mode `strict` refuses it.
    ///
    /// # Errors
    /// [`Error::TagMoved`].
    pub(super) fn refuse_moved_tag(
        &mut self,
        lease: &PluginLease,
        source: &Source,
        fetched: &Fetched,
    ) -> Result<(), Error> {
        let Ok(installed) = lease.installed() else { return Ok(()) };
        let Desired { current, rollback_versions, .. } = &installed.desired;
        let (Some(to), Some(reference)) = (&fetched.commit, &fetched.reference) else { return Ok(()) };
        let Some(tag) = reference.strip_prefix("refs/tags/") else { return Ok(()) };
        let mut known =
            [current].into_iter().chain(rollback_versions).filter(|pick| is_same_place(&pick.source, source));
        let Some(from) = known.find(|pick| is_from_tag(pick, tag)).and_then(|pick| pick.commit.clone()) else {
            return Ok(());
        };
        if from == *to {
            return Ok(());
        }
        if self.host.config().mode == Mode::Strict {
            let place = source.at(Revision::Named(to.clone())).unwrap_or_else(|| source.clone()).to_string();
            let (id, tag, to) = (lease.plugin.id.clone(), tag.to_owned(), to.clone());
            return Err(Error::TagMoved { id, tag, from, to, place });
        }
        self.remark(format!("the tag `{tag}` was moved: it led to commit {from} before and leads to commit {to} now"));
        Ok(())
    }

    /// Adds a warning to the log of the job and to the receipt.
    pub(super) fn remark(&mut self, warning: String) {
        self.job.line(&format!("warning: {warning}"));
        self.remarks.push(warning);
    }
}

/// Returns whether a version was installed from a tag. Older hosts stored only the revision of the source.
fn is_from_tag(pick: &Pick, tag: &str) -> bool {
    match (&pick.reference, pick.source.place()) {
        (Some(_), _) => pick.tag_name() == Some(tag),
        (None, Source::Git { revision: Revision::Named(named), .. }) => pick.tag.is_none() && named == tag,
        _ => false,
    }
}
