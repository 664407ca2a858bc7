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
