//! Chooses the version of an update.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use semver::Version;

use super::UpdatePolicy;
use crate::Revision;

/// A version that could be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// The version.
    pub version: Version,
    /// The revision to fetch.
    pub revision: Revision,
    /// The commit of the revision, 40 hex digits.
    pub commit: String,
}

/// The allowed version, the newest version, and the reasons for the difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The newest version that the policy allows.
    pub newest_allowed: Option<Available>,
    /// The newest version regardless of the policy: not blocked, and not a pre-release unless of the installed version.
    /// `None` if it is installed, and for pinned plugins.
    pub newest: Option<Available>,
    /// Versions newer than the allowed one with the reason they are held back, and blocked versions; newest first. At
    /// most 50, plus the blocked ones.
    pub held_back: Vec<(Version, Reason)>,
}

/// The reason why a newer version is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The operator, or a rollback, has blocked it.
    Blocked,
    /// A pre-release of another version than the installed one.
    PreRelease,
    /// The policy does not allow it.
    Policy(UpdatePolicy),
}

const MAX_HELD_BACK: usize = 50;

impl Reason {
    /// A word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Blocked => "blocked",
            Reason::PreRelease => "pre_release",
            Reason::Policy(_) => "policy",
        }
    }

    /// One sentence for people.
    pub fn sentence(self) -> String {
        match self {
            Reason::Blocked => "it is blocked".to_owned(),
            Reason::PreRelease => "it is a pre-release".to_owned(),
            Reason::Policy(policy) => format!("the policy is `{policy}`"),
        }
    }
}

/// Chooses among the available versions. Never chooses the installed version or an older one.
///
/// Build metadata does not make a version newer. Of versions that differ only in metadata, the last in sort order is
/// used; of two tags for one version, the last. A blocked version without metadata applies to all its builds.
pub fn choose(
    installed: &Version,
    available: &[Available],
    policy: UpdatePolicy,
    blocked: &BTreeSet<Version>,
) -> Choice {
    let is_newer = |version: &Version, than: &Version| version.cmp_precedence(than) == Ordering::Greater;
    let held = |version: &Version| {
        if is_blocked(blocked, version) {
            Some(Reason::Blocked)
        } else if !version.pre.is_empty() && !is_next_pre_release(installed, version) {
            Some(Reason::PreRelease)
        } else if !policy.allows(installed, version) {
            Some(Reason::Policy(policy))
        } else {
            None
        }
    };
    let mut newer: Vec<_> = available.iter().filter(|found| is_newer(&found.version, installed)).collect();
    newer.sort_by(|a, b| a.version.cmp(&b.version));
    let newest_of = |wanted: &dyn Fn(Option<Reason>) -> bool| {
        newer.iter().rev().find(|found| wanted(held(&found.version))).map(|found| (*found).clone())
    };
    let newest_allowed = newest_of(&|reason| reason.is_none());
    let newest = newest_of(&|reason| matches!(reason, None | Some(Reason::Policy(_))));

    let mut held_back: Vec<(Version, Reason)> = Vec::new();
    let mut n_not_blocked = 0;
    for found in newer.iter().rev() {
        let Some(reason) = held(&found.version) else { continue };
        let is_above = newest_allowed.as_ref().is_none_or(|allowed| is_newer(&found.version, &allowed.version));
        let wanted = match reason {
            Reason::Blocked => true,
            _ => is_above && n_not_blocked < MAX_HELD_BACK,
        };
        // Two tags of the same version are adjacent.
        if wanted && held_back.last().is_none_or(|(last, _)| *last != found.version) {
            n_not_blocked += usize::from(reason != Reason::Blocked);
            held_back.push((found.version.clone(), reason));
        }
    }
    Choice { newest_allowed, newest: newest.filter(|_| policy != UpdatePolicy::Pinned), held_back }
}

/// Returns whether the head of a branch differs from the installed commit. A commit has no version, so the size of the
/// update is unknown before it is fetched.
pub fn choose_commit(installed: Option<&str>, tip: &str) -> bool {
    installed.is_none_or(|installed| !installed.eq_ignore_ascii_case(tip))
}

/// Returns whether a version is blocked. A blocked version without metadata applies to all its builds.
pub fn is_blocked(blocked: &BTreeSet<Version>, version: &Version) -> bool {
    let any_build = Version { build: semver::BuildMetadata::EMPTY, ..version.clone() };
    blocked.contains(version) || blocked.contains(&any_build)
}

/// Returns whether a pre-release precedes the same release as the installed pre-release.
fn is_next_pre_release(installed: &Version, version: &Version) -> bool {
    let core = |version: &Version| (version.major, version.minor, version.patch);
    !installed.pre.is_empty() && core(installed) == core(version)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn available(tag: &str) -> Available {
        let version = tag.strip_prefix('v').unwrap_or(tag).parse().unwrap();
        Available { version, revision: tag.parse().unwrap(), commit: tag.len().to_string() }
    }

    /// One line for each policy. Versions in brackets are blocked.
    fn check(installed: &str, available_and_blocked: &str, expected: Expect) {
        let words = available_and_blocked.split_whitespace();
        let (blocked, tags): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('['));
        let blocked = blocked.iter().map(|word| word.trim_matches(['[', ']']).parse().unwrap()).collect();
        let available: Vec<_> = tags.iter().map(|tag| available(tag)).collect();
        let shown =
            |found: &Option<Available>| found.as_ref().map_or("-".to_owned(), |found| found.revision.to_string());
        let mut table = String::new();
        for policy in UpdatePolicy::ALL {
            let choice = choose(&installed.parse().unwrap(), &available, policy, &blocked);
            let held: Vec<_> =
                choice.held_back.iter().map(|(version, reason)| format!("{version} ({})", reason.sentence())).collect();
            table += &format!(
                "{policy}: {} of {}; {}\n",
                shown(&choice.newest_allowed),
                shown(&choice.newest),
                if held.is_empty() { "-".to_owned() } else { held.join(", ") }
            );
        }
        expected.assert_eq(&table);
    }

    #[test]
    fn a_policy_limits_the_size_of_an_update() {
        check(
            "1.2.3",
            "v1.2.2 v1.2.3 v1.2.4 v1.2.10 v1.3.0 v1.10.0 v2.0.0 v3.1.0",
            expect![[r#"
            patch: v1.2.10 of v3.1.0; 3.1.0 (the policy is `patch`), 2.0.0 (the policy is `patch`), 1.10.0 (the policy is `patch`), 1.3.0 (the policy is `patch`)
            minor: v1.10.0 of v3.1.0; 3.1.0 (the policy is `minor`), 2.0.0 (the policy is `minor`)
            major: v3.1.0 of v3.1.0; -
            manual: - of v3.1.0; 3.1.0 (the policy is `manual`), 2.0.0 (the policy is `manual`), 1.10.0 (the policy is `manual`), 1.3.0 (the policy is `manual`), 1.2.10 (the policy is `manual`), 1.2.4 (the policy is `manual`)
            pinned: - of -; 3.1.0 (the policy is `pinned`), 2.0.0 (the policy is `pinned`), 1.10.0 (the policy is `pinned`), 1.3.0 (the policy is `pinned`), 1.2.10 (the policy is `pinned`), 1.2.4 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn without_a_newer_version_there_is_no_update() {
        check(
            "1.2.3",
            "",
            expect![[r#"
            patch: - of -; -
            minor: - of -; -
            major: - of -; -
            manual: - of -; -
            pinned: - of -; -
        "#]],
        );
        check(
            "1.2.3",
            "v0.9.0 v1.2.2 v1.2.3 v1.2.3-rc.1 v1.2.3+build.9",
            expect![[r#"
            patch: - of -; -
            minor: - of -; -
            major: - of -; -
            manual: - of -; -
            pinned: - of -; -
        "#]],
        );
    }

    #[test]
    fn below_version_one_a_new_minor_version_counts_as_a_major_update() {
        check(
            "0.3.1",
            "0.3.2 0.4.0 1.0.0",
            expect![[r#"
            patch: 0.3.2 of 1.0.0; 1.0.0 (the policy is `patch`), 0.4.0 (the policy is `patch`)
            minor: 0.3.2 of 1.0.0; 1.0.0 (the policy is `minor`), 0.4.0 (the policy is `minor`)
            major: 1.0.0 of 1.0.0; -
            manual: - of 1.0.0; 1.0.0 (the policy is `manual`), 0.4.0 (the policy is `manual`), 0.3.2 (the policy is `manual`)
            pinned: - of -; 1.0.0 (the policy is `pinned`), 0.4.0 (the policy is `pinned`), 0.3.2 (the policy is `pinned`)
        "#]],
        );
        check(
            "0.0.3",
            "0.0.4 0.1.0",
            expect![[r#"
            patch: 0.0.4 of 0.1.0; 0.1.0 (the policy is `patch`)
            minor: 0.0.4 of 0.1.0; 0.1.0 (the policy is `minor`)
            major: 0.1.0 of 0.1.0; -
            manual: - of 0.1.0; 0.1.0 (the policy is `manual`), 0.0.4 (the policy is `manual`)
            pinned: - of -; 0.1.0 (the policy is `pinned`), 0.0.4 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn pre_releases_follow_only_pre_releases_of_the_same_version() {
        check(
            "1.2.3",
            "1.2.4-rc.1 1.2.4 1.3.0-beta.1 2.0.0-rc.1",
            expect![[r#"
            patch: 1.2.4 of 1.2.4; 2.0.0-rc.1 (it is a pre-release), 1.3.0-beta.1 (it is a pre-release)
            minor: 1.2.4 of 1.2.4; 2.0.0-rc.1 (it is a pre-release), 1.3.0-beta.1 (it is a pre-release)
            major: 1.2.4 of 1.2.4; 2.0.0-rc.1 (it is a pre-release), 1.3.0-beta.1 (it is a pre-release)
            manual: - of 1.2.4; 2.0.0-rc.1 (it is a pre-release), 1.3.0-beta.1 (it is a pre-release), 1.2.4 (the policy is `manual`), 1.2.4-rc.1 (it is a pre-release)
            pinned: - of -; 2.0.0-rc.1 (it is a pre-release), 1.3.0-beta.1 (it is a pre-release), 1.2.4 (the policy is `pinned`), 1.2.4-rc.1 (it is a pre-release)
        "#]],
        );
        check(
            "1.3.0-beta.2",
            "1.3.0-beta.1 1.3.0-beta.11 1.3.0-rc.1 1.3.1-rc.1 1.4.0-alpha",
            expect![[r#"
            patch: 1.3.0-rc.1 of 1.3.0-rc.1; 1.4.0-alpha (it is a pre-release), 1.3.1-rc.1 (it is a pre-release)
            minor: 1.3.0-rc.1 of 1.3.0-rc.1; 1.4.0-alpha (it is a pre-release), 1.3.1-rc.1 (it is a pre-release)
            major: 1.3.0-rc.1 of 1.3.0-rc.1; 1.4.0-alpha (it is a pre-release), 1.3.1-rc.1 (it is a pre-release)
            manual: - of 1.3.0-rc.1; 1.4.0-alpha (it is a pre-release), 1.3.1-rc.1 (it is a pre-release), 1.3.0-rc.1 (the policy is `manual`), 1.3.0-beta.11 (the policy is `manual`)
            pinned: - of -; 1.4.0-alpha (it is a pre-release), 1.3.1-rc.1 (it is a pre-release), 1.3.0-rc.1 (the policy is `pinned`), 1.3.0-beta.11 (the policy is `pinned`)
        "#]],
        );
        check(
            "1.3.0-beta.2",
            "1.3.0-rc.1 1.3.0 1.3.1-rc.1",
            expect![[r#"
            patch: 1.3.0 of 1.3.0; 1.3.1-rc.1 (it is a pre-release)
            minor: 1.3.0 of 1.3.0; 1.3.1-rc.1 (it is a pre-release)
            major: 1.3.0 of 1.3.0; 1.3.1-rc.1 (it is a pre-release)
            manual: - of 1.3.0; 1.3.1-rc.1 (it is a pre-release), 1.3.0 (the policy is `manual`), 1.3.0-rc.1 (the policy is `manual`)
            pinned: - of -; 1.3.1-rc.1 (it is a pre-release), 1.3.0 (the policy is `pinned`), 1.3.0-rc.1 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn blocked_versions_are_never_chosen() {
        check(
            "1.0.0",
            "1.0.1 1.0.2 1.1.0 [1.0.2] [1.1.0] [0.9.0] [7.0.0]",
            expect![[r#"
            patch: 1.0.1 of 1.0.1; 1.1.0 (it is blocked), 1.0.2 (it is blocked)
            minor: 1.0.1 of 1.0.1; 1.1.0 (it is blocked), 1.0.2 (it is blocked)
            major: 1.0.1 of 1.0.1; 1.1.0 (it is blocked), 1.0.2 (it is blocked)
            manual: - of 1.0.1; 1.1.0 (it is blocked), 1.0.2 (it is blocked), 1.0.1 (the policy is `manual`)
            pinned: - of -; 1.1.0 (it is blocked), 1.0.2 (it is blocked), 1.0.1 (the policy is `pinned`)
        "#]],
        );
        check(
            "1.0.0",
            "1.0.1 1.0.2 [1.0.1]",
            expect![[r#"
            patch: 1.0.2 of 1.0.2; 1.0.1 (it is blocked)
            minor: 1.0.2 of 1.0.2; 1.0.1 (it is blocked)
            major: 1.0.2 of 1.0.2; 1.0.1 (it is blocked)
            manual: - of 1.0.2; 1.0.2 (the policy is `manual`), 1.0.1 (it is blocked)
            pinned: - of -; 1.0.2 (the policy is `pinned`), 1.0.1 (it is blocked)
        "#]],
        );
        check(
            "1.0.0",
            "1.0.1 2.0.0-rc.1 [1.0.1] [2.0.0-rc.1]",
            expect![[r#"
            patch: - of -; 2.0.0-rc.1 (it is blocked), 1.0.1 (it is blocked)
            minor: - of -; 2.0.0-rc.1 (it is blocked), 1.0.1 (it is blocked)
            major: - of -; 2.0.0-rc.1 (it is blocked), 1.0.1 (it is blocked)
            manual: - of -; 2.0.0-rc.1 (it is blocked), 1.0.1 (it is blocked)
            pinned: - of -; 2.0.0-rc.1 (it is blocked), 1.0.1 (it is blocked)
        "#]],
        );
    }

    #[test]
    fn build_metadata_does_not_make_a_version_newer() {
        check(
            "1.0.0+a",
            "1.0.0+b 1.0.0",
            expect![[r#"
            patch: - of -; -
            minor: - of -; -
            major: - of -; -
            manual: - of -; -
            pinned: - of -; -
        "#]],
        );
        check(
            "1.0.0",
            "1.0.1+build.2 1.0.1+build.10 1.0.1",
            expect![[r#"
            patch: 1.0.1+build.10 of 1.0.1+build.10; -
            minor: 1.0.1+build.10 of 1.0.1+build.10; -
            major: 1.0.1+build.10 of 1.0.1+build.10; -
            manual: - of 1.0.1+build.10; 1.0.1+build.10 (the policy is `manual`), 1.0.1+build.2 (the policy is `manual`), 1.0.1 (the policy is `manual`)
            pinned: - of -; 1.0.1+build.10 (the policy is `pinned`), 1.0.1+build.2 (the policy is `pinned`), 1.0.1 (the policy is `pinned`)
        "#]],
        );
        check(
            "1.0.0",
            "1.0.1+build.2 1.0.1+build.10 [1.0.1]",
            expect![[r#"
            patch: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (it is blocked)
            minor: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (it is blocked)
            major: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (it is blocked)
            manual: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (it is blocked)
            pinned: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (it is blocked)
        "#]],
        );
        check(
            "1.0.0",
            "1.0.1+build.2 1.0.1+build.10 [1.0.1+build.10]",
            expect![[r#"
            patch: 1.0.1+build.2 of 1.0.1+build.2; 1.0.1+build.10 (it is blocked)
            minor: 1.0.1+build.2 of 1.0.1+build.2; 1.0.1+build.10 (it is blocked)
            major: 1.0.1+build.2 of 1.0.1+build.2; 1.0.1+build.10 (it is blocked)
            manual: - of 1.0.1+build.2; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (the policy is `manual`)
            pinned: - of -; 1.0.1+build.10 (it is blocked), 1.0.1+build.2 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn the_last_of_two_tags_for_a_version_is_used() {
        check(
            "1.0.0",
            "1.0.1 v1.0.1 2.0.0 v2.0.0",
            expect![[r#"
            patch: v1.0.1 of v2.0.0; 2.0.0 (the policy is `patch`)
            minor: v1.0.1 of v2.0.0; 2.0.0 (the policy is `minor`)
            major: v2.0.0 of v2.0.0; -
            manual: - of v2.0.0; 2.0.0 (the policy is `manual`), 1.0.1 (the policy is `manual`)
            pinned: - of -; 2.0.0 (the policy is `pinned`), 1.0.1 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        check(
            "1.0.0",
            "2.0.0 1.0.2 1.1.0 1.0.1",
            expect![[r#"
            patch: 1.0.2 of 2.0.0; 2.0.0 (the policy is `patch`), 1.1.0 (the policy is `patch`)
            minor: 1.1.0 of 2.0.0; 2.0.0 (the policy is `minor`)
            major: 2.0.0 of 2.0.0; -
            manual: - of 2.0.0; 2.0.0 (the policy is `manual`), 1.1.0 (the policy is `manual`), 1.0.2 (the policy is `manual`), 1.0.1 (the policy is `manual`)
            pinned: - of -; 2.0.0 (the policy is `pinned`), 1.1.0 (the policy is `pinned`), 1.0.2 (the policy is `pinned`), 1.0.1 (the policy is `pinned`)
        "#]],
        );
    }

    #[test]
    fn the_list_of_held_back_versions_is_limited() {
        let available: Vec<_> = (2..200).map(|major| available(&format!("{major}.0.0"))).collect();
        let blocked = ["2.0.0".parse().unwrap()].into();
        let choice = choose(&"1.0.0".parse().unwrap(), &available, UpdatePolicy::Minor, &blocked);
        assert_eq!(choice.held_back.len(), MAX_HELD_BACK + 1);
        assert_eq!(choice.held_back[0].0.to_string(), "199.0.0");
        assert_eq!(choice.held_back[MAX_HELD_BACK], ("2.0.0".parse().unwrap(), Reason::Blocked));
    }

    #[test]
    fn a_branch_has_an_update_if_its_commit_differs() {
        for (installed, tip, expected) in [
            (Some("aa11"), "aa11", false),
            (Some("AA11"), "aa11", false),
            (Some("aa11"), "bb22", true),
            (None, "bb22", true),
        ] {
            assert_eq!(choose_commit(installed, tip), expected, "{installed:?} {tip}");
        }
    }
}
