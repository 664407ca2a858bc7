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
    let shown = |found: &Option<Available>| found.as_ref().map_or("-".to_owned(), |found| found.revision.to_string());
    let mut table = String::new();
    for policy in UpdateLevel::ALL {
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

/// Checks that no policy finds an update or holds one back.
fn check_no_update(installed: &str, available_and_blocked: &str) {
    check(
        installed,
        available_and_blocked,
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
    check_no_update("1.2.3", "");
    check_no_update("1.2.3", "v0.9.0 v1.2.2 v1.2.3 v1.2.3-rc.1 v1.2.3+build.9");
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
    check_no_update("1.0.0+a", "1.0.0+b 1.0.0");
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
    let choice = choose(&"1.0.0".parse().unwrap(), &available, UpdateLevel::Minor, &blocked);
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
