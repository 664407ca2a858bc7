//! The updates that branches and tags of a repository offer to a plugin.

use std::collections::BTreeSet;

use host_core::Revision;
use host_core::update::{Available, UpdateLevel, choose, choose_commit};
use host_fetch::{Follow, Release};
use semver::Version;

use crate::model::{Update, UpdateReport};

/// Fills an empty report from what a listing says about `revision`.
pub(super) fn judge(
    report: &UpdateReport,
    followed: Follow<'_>,
    revision: &Revision,
    level: UpdateLevel,
    blocked: &BTreeSet<Version>,
) -> UpdateReport {
    let mut report = report.clone();
    match followed {
        Follow::Fixed => {}
        Follow::Tip(tip) => {
            let is_new = level != UpdateLevel::Pinned && choose_commit(report.commit.as_deref(), tip);
            let update = Update { version: None, revision: revision.clone(), commit: tip.to_owned() };
            report.newest = is_new.then_some(update);
            report.allowed = report.newest.clone().filter(|_| level.takes_any());
        }
        Follow::Releases(releases) => {
            let installed = release_of(&report, &releases);
            let available: Vec<_> = releases.iter().map(available).collect();
            let choice = choose(installed, &available, level, blocked);
            report.newest = choice.newest.map(update);
            report.allowed = choice.newest_allowed.map(update);
            report.held_back = choice.held_back;
        }
    }
    report
}

/// The version to compare with. Authors tag a commit and forget to change its plugin.yaml: without the tags of the
/// installed commit, such a release would always be newer than itself.
fn release_of<'r>(report: &'r UpdateReport, releases: &'r [Release]) -> &'r Version {
    let tags = releases.iter().filter(|release| report.commit.as_ref() == Some(&release.commit));
    let versions = tags.map(|release| &release.version).chain([&report.installed]);
    versions.max().unwrap_or(&report.installed)
}

fn available(release: &Release) -> Available {
    Available {
        version: release.version.clone(),
        revision: Revision::Named(release.tag.clone()),
        commit: release.commit.clone(),
    }
}

fn update(found: Available) -> Update {
    Update { version: Some(found.version), revision: found.revision, commit: found.commit }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use host_core::GitUrl;
    use host_core::tag::TagRule;
    use host_fetch::{Head, Listing, Tip};

    use super::*;

    /// Reads `tag=commit` as a release or tag and `branch:commit` as a branch; `main` is the default branch.
    fn listing(refs: &str) -> Listing {
        let url = GitUrl::from_repository_address("git.example.org/acme/hello").unwrap();
        let mut listing = Listing { url, tags: vec![], branches: vec![], head: None };
        for word in refs.split_whitespace() {
            if let Some((name, commit)) = word.split_once(':') {
                let name = name.to_owned();
                let commit = commit.to_owned();
                if name == "main" {
                    listing.head = Some(Head { branch: Some(name.clone()), commit: commit.clone() });
                }
                listing.branches.push(Tip { name, commit });
            } else if let Some((tag, commit)) = word.split_once('=') {
                listing.tags.push(Tip { name: tag.to_owned(), commit: commit.to_owned() });
            }
        }
        listing
    }

    /// The report for a plugin of version 1.2.0 and commit `c1`.
    fn check(revision: &str, refs: &str, expected: Expect) {
        let mut table = String::new();
        for level in UpdateLevel::ALL {
            let report = UpdateReport::empty(&"1.2.0".parse().unwrap(), Some("c1"));
            let blocked = ["1.2.9".parse().unwrap()].into();
            let (listing, revision) = (listing(refs), revision.parse().unwrap());
            let followed = listing.follow(&revision, TagRule::default());
            let judged = followed.map(|followed| judge(&report, followed, &revision, level, &blocked));
            let shown = |update: &Option<Update>| match update {
                None => "-".to_owned(),
                Some(Update { version: None, revision, commit }) => format!("{revision} at {commit}"),
                Some(Update { version: Some(version), revision, commit }) => {
                    format!("{version}, {revision} at {commit}")
                }
            };
            table += &match judged {
                Err(error) => format!("{level}: {}\n", error.code()),
                Ok(report) => {
                    let held: String = report.held_back.iter().map(|(version, _)| format!(" {version}")).collect();
                    format!("{level}: {} of {}; held back:{held}\n", shown(&report.allowed), shown(&report.newest))
                }
            };
        }
        expected.assert_eq(&table);
    }

    #[test]
    fn an_installed_release_is_compared_with_releases() {
        let refs = "main:c9 v1.2.0=c1 v1.2.1=c2 v1.2.9=c3 v1.3.0=c4 v2.0.0=c5";
        check(
            "latest",
            refs,
            expect![[r#"
            patch: 1.2.1, v1.2.1 at c2 of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.3.0 1.2.9
            minor: 1.3.0, v1.3.0 at c4 of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.2.9
            major: 2.0.0, v2.0.0 at c5 of 2.0.0, v2.0.0 at c5; held back: 1.2.9
            manual: - of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.3.0 1.2.9 1.2.1
            pinned: - of -; held back: 2.0.0 1.3.0 1.2.9 1.2.1
        "#]],
        );
        check(
            "v1.2.0",
            refs,
            expect![[r#"
            patch: 1.2.1, v1.2.1 at c2 of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.3.0 1.2.9
            minor: 1.3.0, v1.3.0 at c4 of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.2.9
            major: 2.0.0, v2.0.0 at c5 of 2.0.0, v2.0.0 at c5; held back: 1.2.9
            manual: - of 2.0.0, v2.0.0 at c5; held back: 2.0.0 1.3.0 1.2.9 1.2.1
            pinned: - of -; held back: 2.0.0 1.3.0 1.2.9 1.2.1
        "#]],
        );
    }

    #[test]
    fn an_installed_branch_is_compared_with_its_commits() {
        check(
            "latest",
            "main:c2 dev:c1",
            expect![[r#"
            patch: latest at c2 of latest at c2; held back:
            minor: latest at c2 of latest at c2; held back:
            major: latest at c2 of latest at c2; held back:
            manual: - of latest at c2; held back:
            pinned: - of -; held back:
        "#]],
        );
        check(
            "dev",
            "main:c2 dev:c1 v3.0.0=c7",
            expect![[r#"
            patch: - of -; held back:
            minor: - of -; held back:
            major: - of -; held back:
            manual: - of -; held back:
            pinned: - of -; held back:
        "#]],
        );
        check(
            "nightly",
            "main:c1 nightly=c2 v3.0.0=c7",
            expect![[r#"
            patch: nightly at c2 of nightly at c2; held back:
            minor: nightly at c2 of nightly at c2; held back:
            major: nightly at c2 of nightly at c2; held back:
            manual: - of nightly at c2; held back:
            pinned: - of -; held back:
        "#]],
        );
    }

    #[test]
    fn a_pinned_commit_has_no_updates() {
        check(
            &"a".repeat(40),
            "main:c2 v3.0.0=c7",
            expect![[r#"
            patch: - of -; held back:
            minor: - of -; held back:
            major: - of -; held back:
            manual: - of -; held back:
            pinned: - of -; held back:
        "#]],
        );
    }

    #[test]
    fn a_missing_revision_is_an_error() {
        check(
            "feature",
            "main:c2",
            expect![[r#"
            patch: fetch_no_revision
            minor: fetch_no_revision
            major: fetch_no_revision
            manual: fetch_no_revision
            pinned: fetch_no_revision
        "#]],
        );
    }

    #[test]
    fn a_release_with_another_version_in_plugin_yaml_is_not_newer_than_itself() {
        check(
            "latest",
            "v1.2.5=c1",
            expect![[r#"
            patch: - of -; held back:
            minor: - of -; held back:
            major: - of -; held back:
            manual: - of -; held back:
            pinned: - of -; held back:
        "#]],
        );
        check(
            "latest",
            "v1.1.0=c1 v1.1.1=c2",
            expect![[r#"
            patch: - of -; held back:
            minor: - of -; held back:
            major: - of -; held back:
            manual: - of -; held back:
            pinned: - of -; held back:
        "#]],
        );
    }
}
