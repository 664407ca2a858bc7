//! The versions of a repository: its branches and tags, listed without fetching.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use git2::{Direction, Remote};
use host_core::tag::{TagRule, VersionTag};
use host_core::{GitUrl, Revision};
use semver::Version;

use super::revision::{
    Advertised, BRANCHES, PEELED, TAGS, full_id, is_ours, no_default_branch, no_such, releases, tag_of_version,
};
use super::session::Session;
use super::transport;
use crate::{Config, Error};

/// The maximum number of branches and tags, far above any repository of plugins.
const MAX_REFS: usize = 10_000;

/// The branches and tags of a repository at one time. Names that no [`Revision`] can refer to are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The repository.
    pub url: GitUrl,
    /// The tags.
    pub tags: Vec<Tip>,
    /// The branches.
    pub branches: Vec<Tip>,
    /// The default branch; `None` for a repository without commits.
    pub head: Option<Head>,
}

/// A tag that names a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The tag.
    pub tag: String,
    /// The commit it leads to, 40 hex digits; for an annotated tag, the tagged commit.
    pub commit: String,
}

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The name.
    pub name: String,
    /// The commit it leads to, 40 hex digits.
    pub commit: String,
}

/// The default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The default branch, if the server reports it.
    pub branch: Option<String>,
    /// The commit it leads to, 40 hex digits.
    pub commit: String,
}

/// The newer versions of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow<'l> {
    /// The releases and pre-releases with tags like the revision's own, the oldest version first.
    Releases(Vec<Release>),
    /// The current commit of its branch or tag.
    Tip(&'l str),
    /// Nothing: the revision is a commit.
    Fixed,
}

/// Lists the versions of a repository. Only the list of branches and tags is transferred, and nothing is written.
///
/// The releases of GitHub, GitLab and others are tags of the repository, so this needs no REST API: one protocol for
/// every host and mirror, with the addresses, limits and timeouts of [`fetch`](crate::fetch()). GitHub's API would need
/// a token, or be limited to 60 requests per hour. Information that only an API has is not available: release notes,
/// files of a release, and the pre-release mark.
///
/// Setting `cancelled` ends the request as it ends [`fetch`](crate::fetch()).
///
/// # Errors
/// The errors of [`fetch`](crate::fetch()) for a repository, and [`Error::TooManyRefs`] above 10,000 branches and tags.
pub fn versions(config: &Config, url: &GitUrl, cancelled: &Arc<AtomicBool>) -> Result<Listing, Error> {
    let session = Arc::new(Session::new(config, url, cancelled)?);
    let attempt = || -> Result<Listing, Error> {
        let git = |source| session.git_error("name the address", source);
        // Without a repository there is no configuration that could rewrite the address.
        let mut remote = Remote::create_detached(session.asked()).map_err(git)?;
        listing(url, &transport::during(&session, || list(&session, &mut remote))?)
    };
    // libgit2 only reports that its transport failed; the session knows the reason.
    attempt().map_err(|error| session.failure().unwrap_or(error))
}

/// Connects and requests the branches and tags.
pub(super) fn list(session: &Session, remote: &mut Remote<'_>) -> Result<Vec<Advertised>, Error> {
    let git = |source| session.git_error("list the branches and tags", source);
    session.check_url(&String::from_utf8_lossy(remote.url_bytes()))?;
    remote.connect(Direction::Fetch).map_err(git)?;
    Ok(remote.list().map_err(git)?.iter().map(Advertised::from).collect())
}

fn listing(url: &GitUrl, advertised: &[Advertised]) -> Result<Listing, Error> {
    if advertised.iter().filter(|found| is_ours(found) && !found.name.ends_with(PEELED)).count() > MAX_REFS {
        return Err(Error::TooManyRefs { url: url.to_string(), max_refs: MAX_REFS });
    }
    let mut listing = Listing { url: url.clone(), tags: vec![], branches: vec![], head: head(advertised) };
    // The commit of an annotated tag follows the tag directly.
    for (at, found) in advertised.iter().enumerate() {
        let peeled = advertised.get(at + 1).filter(|next| next.name.strip_suffix(PEELED) == Some(&found.name));
        let commit = peeled.unwrap_or(found).id.to_string();
        if let Some(name) = found.name.strip_prefix(BRANCHES).filter(|name| can_be_named(name)) {
            listing.branches.push(Tip { name: name.to_owned(), commit });
        } else if let Some(name) = found.name.strip_prefix(TAGS).filter(|name| can_be_named(name)) {
            listing.tags.push(Tip { name: name.to_owned(), commit });
        }
    }
    Ok(listing)
}

fn head(advertised: &[Advertised]) -> Option<Head> {
    let head = advertised.iter().find(|found| found.name == "HEAD")?;
    let branch = head.target.as_deref().and_then(|target| target.strip_prefix(BRANCHES));
    Some(Head { branch: branch.filter(|name| can_be_named(name)).map(str::to_owned), commit: head.id.to_string() })
}

fn can_be_named(name: &str) -> bool {
    matches!(name.parse(), Ok(Revision::Named(_)))
}

// === impl Listing ===

impl Listing {
    /// Returns the newer versions of `revision`, by the same rules as [`fetch`](crate::fetch()): the latest version is
    /// the newest release, or the default branch if there is none; a name is looked up as a tag, then as a branch, as a
    /// commit, and as the version of a tag. For a version with a deleted tag, the other releases are returned.
    ///
    /// # Errors
    /// [`Error::EmptyRepository`], [`Error::NoDefaultBranch`], [`Error::NoRevision`], [`Error::AmbiguousTags`] and
    /// [`Error::NoRelease`].
    pub fn follow(&self, revision: &Revision, rule: TagRule<'_>) -> Result<Follow<'_>, Error> {
        let Revision::Named(name) = revision else {
            let releases = self.releases(rule, None)?;
            let has_release = releases.iter().any(|release| release.version.pre.is_empty());
            return match &self.head {
                _ if has_release => Ok(Follow::Releases(releases)),
                _ if rule.pattern.is_some() => Err(self.no_such("latest", rule)),
                Some(head) => Ok(Follow::Tip(&head.commit)),
                None if self.branches.is_empty() && self.tags.is_empty() => {
                    Err(Error::EmptyRepository { url: self.url.to_string() })
                }
                None => {
                    let branches = self.branches.iter().map(|tip| &*tip.name);
                    Err(no_default_branch(&self.url.to_string(), branches, self.tag_names()))
                }
            };
        };
        if let Some(tip) = self.tags.iter().chain(&self.branches).find(|tip| tip.name == *name) {
            let is_release = self.tags.iter().any(|tag| tag.name == *name) && rule.read(name).is_some();
            return if is_release {
                Ok(Follow::Releases(self.releases(rule, Some(name))?))
            } else {
                Ok(Follow::Tip(&tip.commit))
            };
        }
        if full_id(name).is_some() {
            return Ok(Follow::Fixed);
        }
        match tag_of_version(&self.url.to_string(), self.tag_names(), name, rule, None)? {
            Some(tag) => Ok(Follow::Releases(self.releases(rule, Some(tag.tag))?)),
            None => {
                let releases = if rule.read(name).is_some() { self.releases(rule, Some(name))? } else { vec![] };
                if releases.is_empty() { Err(self.no_such(name, rule)) } else { Ok(Follow::Releases(releases)) }
            }
        }
    }

    /// Returns the release with the version or tag `asked`; `None` if there is none. If several tags name the version,
    /// the tag with the prefix of the tag `like` is used.
    ///
    /// # Errors
    /// [`Error::AmbiguousTags`].
    pub fn release(&self, asked: &str, rule: TagRule<'_>, like: Option<&str>) -> Result<Option<Release>, Error> {
        let exact = self.tags.iter().find(|tip| tip.name == asked).and_then(|tip| rule.read(&tip.name));
        let found = match exact {
            Some(tag) => Some(tag),
            None => tag_of_version(&self.url.to_string(), self.tag_names(), asked, rule, like)?,
        };
        Ok(found.and_then(|tag| self.release_of(&tag)))
    }

    fn releases(&self, rule: TagRule<'_>, like: Option<&str>) -> Result<Vec<Release>, Error> {
        let releases = releases(&self.url.to_string(), self.tag_names(), rule, like)?;
        Ok(releases.iter().filter_map(|tag| self.release_of(tag)).collect())
    }

    fn release_of(&self, tag: &VersionTag<'_>) -> Option<Release> {
        let tip = self.tags.iter().find(|tip| tip.name == tag.tag)?;
        Some(Release { version: tag.version.clone(), tag: tip.name.clone(), commit: tip.commit.clone() })
    }

    fn tag_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tags.iter().map(|tip| &*tip.name)
    }

    fn no_such(&self, name: &str, rule: TagRule<'_>) -> Error {
        no_such(&self.url.to_string(), self.branches.iter().map(|tip| &*tip.name), self.tag_names(), name, rule)
    }
}

#[cfg(test)]
mod tests;
