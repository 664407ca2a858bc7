//! The versions of a repository: its branches and tags, listed without fetching.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use git2::{Direction, Remote};
use host_core::tag::{TagRule, VersionTag};
use host_core::{GitUrl, Revision};
use semver::Version;

use super::revision::{Advertised, BRANCHES, PEELED, TAGS, full_id, is_ours, no_such, releases, tag_of_version};
use super::session::Session;
use super::transport;
use crate::{Config, Error};

/// Far above any repository of plugins.
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
    /// The commit it leads to, 40 hex digits; for an annotated tag not that of the tag itself.
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
    /// The releases with tags like its own, the oldest version first, pre-releases among them.
    Releases(Vec<Release>),
    /// The current commit of its branch or tag.
    Tip(&'l str),
    /// Nothing: the revision is a commit.
    Fixed,
}

/// Lists the versions of a repository. Only the list of branches and tags crosses the network, and nothing is written.
///
/// The releases of GitHub, GitLab and others are tags of the repository, so this needs no REST API: one protocol for
/// every host and mirror, with the addresses, limits and timeouts of [`fetch`](crate::fetch()), without a token, and
/// without the 60 requests per hour that GitHub's API allows without one. Information that only an API has is not
/// available: release notes, files of a release, and the pre-release mark.
///
/// Setting `cancelled` ends it as it ends [`fetch`](crate::fetch()).
///
/// # Errors
/// Those of [`fetch`](crate::fetch()) for a repository, and [`Error::TooManyRefs`] above 10,000 branches and tags.
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
    /// the newest release, or the default branch if there is none; a name is a tag before a branch before a commit
    /// before the version of a tag. A version whose tag was deleted still has the other releases.
    ///
    /// # Errors
    /// [`Error::EmptyRepository`], [`Error::NoRevision`], [`Error::AmbiguousTags`] and [`Error::NoRelease`].
    pub fn follow(&self, revision: &Revision, rule: TagRule<'_>) -> Result<Follow<'_>, Error> {
        let Revision::Named(name) = revision else {
            let releases = self.releases(rule, None)?;
            let has_release = releases.iter().any(|release| release.version.pre.is_empty());
            return match &self.head {
                _ if has_release => Ok(Follow::Releases(releases)),
                _ if rule.pattern.is_some() => Err(self.no_such("latest", rule)),
                Some(head) => Ok(Follow::Tip(&head.commit)),
                None => Err(Error::EmptyRepository { url: self.url.to_string() }),
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

    /// The release of the version `asked`, or with the tag `asked`; `None` if there is none. `like` is a tag whose
    /// prefix is meant if several tags name the version.
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
mod tests {
    use git2::Oid;

    use super::super::revision::{Choice, choose};
    use super::*;

    fn advertised(names: &[&str]) -> Vec<Advertised> {
        let one = |(at, name): (usize, &&str)| Advertised {
            name: (*name).to_owned(),
            id: Oid::from_str(&format!("{:040x}", at + 1)).unwrap(),
            target: (*name == "HEAD").then(|| "refs/heads/main".to_owned()),
        };
        names.iter().enumerate().map(one).collect()
    }

    fn url() -> GitUrl {
        GitUrl::from_repository_address("git.example.org/acme/hello").unwrap()
    }

    const NAMES: &[&str] = &[
        "HEAD",
        "refs/heads/1.2.0",
        "refs/heads/latest",
        "refs/heads/main",
        "refs/heads/x!y",
        "refs/pull/7/head",
        "refs/tags/1.2.0",
        "refs/tags/1.2.0^{}",
        "refs/tags/main",
        "refs/tags/nightly",
        "refs/tags/nightly^{}",
        "refs/tags/v1.10.0",
        "refs/tags/v1.2.0",
        "refs/tags/v1.9.0-rc.1",
        "refs/tags/v2",
        "refs/notes/commits",
    ];

    #[test]
    fn a_list_is_sorted_into_releases_tags_and_branches() {
        let listing = listing(&url(), &advertised(NAMES)).unwrap();
        let short = |id: &str| id.trim_start_matches('0').to_owned();
        let tips = |tips: &[Tip]| {
            tips.iter().map(|tip| format!("{} {}", tip.name, short(&tip.commit))).collect::<Vec<_>>().join(", ")
        };
        let releases = listing.releases(TagRule::default(), None).unwrap();
        let releases: Vec<_> =
            releases.iter().map(|found| format!("{} {} {}", found.version, found.tag, short(&found.commit))).collect();
        assert_eq!(releases.join(", "), "1.2.0 1.2.0 8, 1.2.0 v1.2.0 d, 1.9.0-rc.1 v1.9.0-rc.1 e, 1.10.0 v1.10.0 c");
        assert_eq!(tips(&listing.tags), "1.2.0 8, main 9, nightly b, v1.10.0 c, v1.2.0 d, v1.9.0-rc.1 e, v2 f");
        assert_eq!(tips(&listing.branches), "1.2.0 2, main 4");
        assert_eq!(listing.head, Some(Head { branch: Some("main".to_owned()), commit: format!("{:040x}", 1) }));
    }

    #[test]
    fn the_followed_version_is_the_version_that_a_fetch_returns() {
        let id = "a".repeat(40);
        let rule = TagRule::default();
        fn version(tag: &str) -> Option<VersionTag<'_>> {
            VersionTag::new(tag)
        }
        let branch = ["HEAD", "refs/heads/main", "refs/tags/v1.0.0-rc.1"];
        for (names, revision, expected) in [
            (NAMES, "latest", "releases"),
            (NAMES, "v1.2.0", "releases"),
            (NAMES, "1.2.0", "releases"),
            (NAMES, "nightly", "tip b"),
            // The tag, not the branch.
            (NAMES, "main", "tip 9"),
            (NAMES, "v2", "tip f"),
            (NAMES, &id, "fixed"),
            // Its tag is gone.
            (NAMES, "v1.1.0", "releases"),
            (NAMES, "feature", "fetch_no_revision"),
            (&branch, "latest", "tip 1"),
            (&branch, "main", "tip 2"),
            (&branch, "v1.0.0-rc.1", "releases"),
            (&branch[..2], "v1.0.0", "fetch_no_revision"),
            (&[], "latest", "fetch_empty_repository"),
        ] {
            let advertised = advertised(names);
            let listing = listing(&url(), &advertised).unwrap();
            let revision: Revision = revision.parse().unwrap();
            let followed = match listing.follow(&revision, rule) {
                Ok(Follow::Releases(_)) => "releases".to_owned(),
                Ok(Follow::Tip(commit)) => format!("tip {}", commit.trim_start_matches('0')),
                Ok(Follow::Fixed) => "fixed".to_owned(),
                Err(error) => error.code().to_owned(),
            };
            assert_eq!(followed, expected, "{revision}");

            let chosen = choose("https://git.example.org/acme/hello", &advertised, &revision, rule);
            let name = match &chosen {
                Ok(Choice::Tip { name, .. }) => name,
                Ok(Choice::Commit(_)) => "commit",
                Err(error) => error.code(),
            };
            let agrees = match &*followed {
                "releases" => name.strip_prefix(TAGS).is_some_and(|tag| version(tag).is_some()),
                "fixed" => name == "commit",
                tip if tip.starts_with("tip") => name.starts_with("refs/") && version(&name[10..]).is_none(),
                code => name == code,
            };
            assert!(agrees || revision.to_string() == "v1.1.0", "{revision}: {followed}, but fetched is {name}");
        }
    }

    #[test]
    fn the_refusal_names_what_there_is() {
        let listing = listing(&url(), &advertised(NAMES)).unwrap();
        let error = listing.follow(&"feature".parse().unwrap(), TagRule::default()).unwrap_err().to_string();
        let known =
            "it has the branches `1.2.0`, `main` and the tags `1.2.0`, `main`, `nightly`, `v1.10.0`, `v1.2.0`, 2 more";
        assert!(error.contains(known), "{error}");
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_and_what_others_propose_does_not_count() {
        let names: Vec<_> = (0..MAX_REFS).map(|n| format!("refs/tags/v1.0.{n}")).collect();
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        names.extend(["HEAD", "refs/pull/1/head", "refs/tags/v1.0.9999^{}"]);
        assert_eq!(listing(&url(), &advertised(&names)).unwrap().tags.len(), MAX_REFS);
        names.push("refs/heads/main");
        let error = listing(&url(), &advertised(&names)).unwrap_err();
        assert_eq!(error.code(), "fetch_too_many_refs");
        assert!(error.to_string().contains("more than 10000 branches and tags"), "{error}");
    }
}
