//! Resolves a revision among the branches and tags of a repository.

use git2::{Oid, RemoteHead};
use host_core::tag::{Ambiguous, TagRule, VersionTag};
use host_core::{Revision, shown_list};

use crate::Error;

/// The number of branches and of tags in a message.
const MAX_NAMES: usize = 5;

/// A branch, a tag or `HEAD`, as the server lists it.
#[derive(Clone, Debug)]
pub(crate) struct Advertised {
    pub(crate) name: String,
    pub(crate) id: Oid,
    /// The branch of `HEAD`.
    pub(crate) target: Option<String>,
}

impl From<&RemoteHead<'_>> for Advertised {
    fn from(head: &RemoteHead<'_>) -> Advertised {
        Advertised { name: head.name().to_owned(), id: head.oid(), target: head.symref_target().map(str::to_owned) }
    }
}

/// The target of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The commit that this branch or tag points to.
    Tip {
        /// For example `refs/heads/main`.
        name: String,
        /// A commit, or a tag object that leads to one.
        id: Oid,
    },
    /// A commit somewhere in the history.
    Commit(Oid),
}

pub(crate) const TAGS: &str = "refs/tags/";
pub(crate) const BRANCHES: &str = "refs/heads/";
/// The suffix of a tag's name in the entry for the commit that the tag object leads to.
pub(crate) const PEELED: &str = "^{}";

/// Finds what `revision` means: a tag, else a branch, else a commit id, else the version of a tag.
pub(crate) fn choose(
    url: &str,
    advertised: &[Advertised],
    revision: &Revision,
    rule: TagRule<'_>,
) -> Result<Choice, Error> {
    if advertised.is_empty() {
        return Err(Error::EmptyRepository { url: url.to_owned() });
    }
    let tip = |found: &Advertised| Choice::Tip { name: found.name.clone(), id: found.id };
    let named =
        |prefix: &str, wanted: &str| advertised.iter().find(|found| found.name.strip_prefix(prefix) == Some(wanted));
    match revision {
        Revision::Latest => {
            let releases = releases(url, names(advertised, TAGS), rule, None)?;
            let newest = releases.iter().rev().find(|release| release.version.pre.is_empty());
            if newest.is_none() && rule.pattern.is_some() {
                return Err(no_such_of(url, advertised, "latest", rule));
            }
            newest
                .and_then(|release| named(TAGS, release.tag))
                .or_else(|| default_branch(advertised))
                .map(tip)
                .ok_or_else(|| no_default_branch(url, names(advertised, BRANCHES), names(advertised, TAGS)))
        }
        Revision::Named(wanted) => {
            if let Some(found) = named(TAGS, wanted).or_else(|| named(BRANCHES, wanted)) {
                return Ok(tip(found));
            }
            if let Some(id) = full_id(wanted) {
                return Ok(commit(advertised, id));
            }
            let tag = tag_of_version(url, names(advertised, TAGS), wanted, rule, None)?;
            let found = tag.and_then(|tag| named(TAGS, tag.tag));
            found.map(tip).ok_or_else(|| no_such_of(url, advertised, wanted, rule))
        }
    }
}

/// The names of branches or tags.
fn names<'a>(advertised: &'a [Advertised], prefix: &'static str) -> impl Iterator<Item = &'a str> + Clone {
    let names = advertised.iter().filter_map(move |found| found.name.strip_prefix(prefix));
    names.filter(|name| !name.ends_with(PEELED))
}

/// The releases of a plugin among the tags of a repository.
pub(crate) fn releases<'t>(
    url: &str,
    tags: impl Iterator<Item = &'t str>,
    rule: TagRule<'_>,
    like: Option<&str>,
) -> Result<Vec<VersionTag<'t>>, Error> {
    rule.releases(tags, like).map_err(|Ambiguous(prefixes)| {
        let example = prefixes.first().map_or_else(String::new, |prefix| format!("{prefix}v{{version}}"));
        let found = format!("the release tags have the prefixes {}", shown_list(prefixes, MAX_NAMES));
        Error::AmbiguousTags { url: url.to_owned(), found, example }
    })
}

/// The tag of a version, with any prefix and spelling.
pub(crate) fn tag_of_version<'t>(
    url: &str,
    tags: impl Iterator<Item = &'t str>,
    wanted: &str,
    rule: TagRule<'_>,
    like: Option<&str>,
) -> Result<Option<VersionTag<'t>>, Error> {
    rule.named(tags, wanted, like).map_err(|Ambiguous(tags)| {
        let example = tags.first().and_then(|tag| VersionTag::new(tag));
        let example = example.map_or_else(String::new, |tag| format!("{}v{{version}}", tag.prefix));
        let found = format!("version `{wanted}` has the tags {}", shown_list(tags, MAX_NAMES));
        Error::AmbiguousTags { url: url.to_owned(), found, example }
    })
}

/// The error, with some of the server's branches and tags.
pub(crate) fn no_such_of(url: &str, advertised: &[Advertised], revision: &str, rule: TagRule<'_>) -> Error {
    no_such(url, names(advertised, BRANCHES), names(advertised, TAGS), revision, rule)
}

/// The error for a missing revision, with some of the existing branches and tags.
pub(crate) fn no_such<'n>(
    url: &str,
    branches: impl Iterator<Item = &'n str>,
    tags: impl Iterator<Item = &'n str> + Clone,
    revision: &str,
    rule: TagRule<'_>,
) -> Error {
    if let (Some(pattern), "latest") = (rule.pattern, revision) {
        let known = some_of(tags, "tags");
        return Error::NoRelease { url: url.to_owned(), pattern: pattern.to_string(), known };
    }
    let is_hex = revision.len() >= 7 && revision.bytes().all(|c| c.is_ascii_hexdigit());
    let near = rule.near(tags.clone(), revision);
    let is_ref = revision.starts_with("refs/") || revision.starts_with("origin/") || revision == "HEAD";
    let hint = if is_ref {
        "write the name of the branch or tag alone, such as `main`, or leave the version out for the newest release"
    } else if !near.is_empty() {
        "name one of these tags, or leave the version out for the newest release"
    } else if ["latest", "newest", "stable"].iter().any(|word| revision.eq_ignore_ascii_case(word)) {
        "leave the version out for the newest release"
    } else if is_hex && revision.len() == 40 {
        "the commit must be on a branch or tag of this repository, not of a fork"
    } else if is_hex {
        "write all 40 digits of a commit id"
    } else {
        "check the spelling"
    };
    Error::NoRevision {
        url: url.to_owned(),
        revision: revision.to_owned(),
        known: match &*near {
            [] => format!("{} and {}", some_of(branches, "branches"), some_of(tags, "tags")),
            _ => format!("near tags: {}", shown_list(near, MAX_NAMES)),
        },
        hint,
    }
}

/// The error for a repository without a release and without the commit of a default branch.
pub(crate) fn no_default_branch<'n>(
    url: &str,
    branches: impl Iterator<Item = &'n str>,
    tags: impl Iterator<Item = &'n str>,
) -> Error {
    let known = format!("{} and {}", some_of(branches, "branches"), some_of(tags, "tags"));
    Error::NoDefaultBranch { url: url.to_owned(), known }
}

fn some_of<'n>(names: impl Iterator<Item = &'n str>, kind: &str) -> String {
    match shown_list(names, MAX_NAMES) {
        names if names.is_empty() => format!("no {kind}"),
        names => format!("the {kind} {names}"),
    }
}

fn default_branch(advertised: &[Advertised]) -> Option<&Advertised> {
    let head = advertised.iter().find(|found| found.name == "HEAD")?;
    let target = head.target.as_deref();
    let branch = advertised.iter().find(|found| Some(found.name.as_str()) == target);
    Some(branch.unwrap_or(head))
}

pub(crate) fn full_id(text: &str) -> Option<Oid> {
    let is_full = text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit());
    if is_full { Oid::from_str(text).ok() } else { None }
}

/// Chooses the download of a commit: if a branch or tag points to it, its history is not needed.
fn commit(advertised: &[Advertised], id: Oid) -> Choice {
    let pointing = advertised.iter().find(|found| found.id == id && !found.name.ends_with(PEELED) && is_ours(found));
    match pointing {
        Some(found) => Choice::Tip { name: found.name.clone(), id },
        None => Choice::Commit(id),
    }
}

/// Returns whether an entry is a branch or tag of the repository. Servers also list proposals of others, such as
/// `refs/pull/1/head`.
pub(crate) fn is_ours(found: &Advertised) -> bool {
    found.name.starts_with(TAGS) || found.name.starts_with(BRANCHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn advertised(names: &[(&str, char)]) -> Vec<Advertised> {
        let one = |(name, digit): &(&str, char)| Advertised {
            name: (*name).to_owned(),
            id: Oid::from_str(&id(*digit)).unwrap(),
            target: (*name == "HEAD").then(|| "refs/heads/main".to_owned()),
        };
        names.iter().map(one).collect()
    }

    fn chosen(names: &[(&str, char)], revision: &str) -> String {
        let rule = TagRule::default();
        match choose("https://example.org/a/b", &advertised(names), &revision.parse().unwrap(), rule) {
            Ok(Choice::Tip { name, id }) => format!("{name} {}", &id.to_string()[..1]),
            Ok(Choice::Commit(id)) => format!("commit {}", &id.to_string()[..1]),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn latest_is_the_newest_release_or_the_default_branch() {
        let branches = [("HEAD", '1'), ("refs/heads/dev", '2'), ("refs/heads/main", '1')];
        assert_eq!(chosen(&branches, "latest"), "refs/heads/main 1");
        let mut tags = branches.to_vec();
        tags.extend([("refs/tags/v1.9.0", '3'), ("refs/tags/1.10.0", '4'), ("refs/tags/1.10.0^{}", '5')]);
        tags.extend([("refs/tags/v2.0.0-rc.1", '6'), ("refs/tags/nightly", '7'), ("refs/tags/v1.2", '8')]);
        tags.extend([("refs/tags/other-v3.0.0", '9')]);
        assert_eq!(chosen(&tags, "latest"), "refs/tags/1.10.0 4");
        for (version, expected) in [("1.9.0", "v1.9.0 3"), ("v1.10.0", "1.10.0 4"), ("3.0.0", "other-v3.0.0 9")] {
            assert_eq!(chosen(&tags, version), format!("refs/tags/{expected}"));
        }
        let prefixed = [("HEAD", '1'), ("refs/tags/x-v1.0.0", '2'), ("refs/tags/x-v1.1.0", '3')];
        assert_eq!(chosen(&prefixed, "latest"), "refs/tags/x-v1.1.0 3");
        let several = [("HEAD", '1'), ("refs/tags/x-v1.0.0", '2'), ("refs/tags/y-v1.0.0", '3')];
        assert_eq!(chosen(&several, "latest"), "fetch_ambiguous_tags");
        assert_eq!(chosen(&several, "1.0.0"), "fetch_ambiguous_tags");
        assert_eq!(chosen(&[("HEAD", '1')], "latest"), "HEAD 1");
        assert_eq!(chosen(&[], "latest"), "fetch_empty_repository");
    }

    #[test]
    fn a_name_is_a_tag_before_a_branch_before_a_commit() {
        let names = [
            ("HEAD", '1'),
            ("refs/heads/main", '1'),
            ("refs/heads/feature/x", '2'),
            ("refs/heads/v1", '3'),
            ("refs/tags/v1", '4'),
            ("refs/tags/v1^{}", '5'),
            ("refs/pull/7/head", '6'),
        ];
        for (revision, expected) in [
            ("main", "refs/heads/main 1"),
            ("feature/x", "refs/heads/feature/x 2"),
            ("v1", "refs/tags/v1 4"),
            ("v2", "fetch_no_revision"),
            ("1111111", "fetch_no_revision"),
            (&id('2'), "refs/heads/feature/x 2"),
            (&id('5'), "commit 5"),
            (&id('6'), "commit 6"),
        ] {
            assert_eq!(chosen(&names, revision), expected, "{revision}");
        }
        let rule = TagRule::default();
        let error = no_such_of("https://example.org/a/b", &advertised(&names), "v2", rule).to_string();
        assert!(error.contains("`main`, `feature/x`, `v1` and the tags `v1`; hint: check"), "{error}");
        let error = no_such_of("https://example.org/a/b", &advertised(&names), "Latest", rule).to_string();
        assert!(error.contains("hint: leave the version out for the newest release"), "{error}");
        for name in ["HEAD", "refs/heads/main", "origin/main"] {
            let error = no_such_of("https://example.org/a/b", &advertised(&names), name, rule).to_string();
            assert!(error.contains("hint: write the name of the branch or tag alone"), "{error}");
        }
        let tags = [("refs/tags/v1.0.1", '1'), ("refs/tags/v1.2.0", '2'), ("refs/tags/v3.0.0", '3')];
        let error = no_such_of("https://example.org/a/b", &advertised(&tags), "1.0", rule).to_string();
        assert!(error.contains("near tags: `v1.0.1`; hint: name one"), "{error}");
        let pattern = "x{version}".parse().unwrap();
        let rule = TagRule { pattern: Some(&pattern), ..rule };
        let error = choose("https://example.org/a/b", &advertised(&tags), &Revision::Latest, rule).unwrap_err();
        assert!(error.to_string().contains("matches `x{version}`; it has the tags `v1.0.1`"), "{error}");
    }
}
