//! Lists of versions.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use host_core::tag::TagRule;
use host_fetch::{Config, Follow, Head, versions};

use super::git_server::Behaviour;
use super::{place, url};

#[test]
fn the_versions_of_a_repository_are_listed_and_nothing_is_fetched() {
    let place = place();
    assert_eq!(place.versions().unwrap().head, None);
    let old = place.repository.commit(&[("plugin.yaml", "1")]);
    place.repository.git(&["tag", "v1.9.0"]);
    let new = place.repository.commit(&[("plugin.yaml", "2")]);
    place.repository.git(&["tag", "--annotate", "-m", "release", "v1.10.0"]);
    place.repository.git(&["tag", "--annotate", "-m", "again", "stable", "v1.10.0"]);
    place.repository.git(&["tag", "v2.0.0-rc.1"]);
    place.repository.git(&["tag", "v1.2"]);
    let newest = place.repository.commit(&[("plugin.yaml", "3")]);
    place.repository.git(&["branch", "feature/x", &old]);
    place.repository.git(&["update-ref", "refs/pull/1/head", &old]);

    let listing = place.versions().unwrap();
    let rule = TagRule::default();
    let Ok(Follow::Releases(releases)) = listing.follow(&host_core::Revision::Latest, rule) else {
        panic!("{listing:?}")
    };
    let releases: Vec<_> = releases.iter().map(|found| (&*found.tag, &*found.commit)).collect();
    assert_eq!(releases, [("v1.2", &*new), ("v1.9.0", &*old), ("v1.10.0", &*new), ("v2.0.0-rc.1", &*new)]);
    let tips =
        |tips: &[host_fetch::Tip]| tips.iter().map(|tip| (tip.name.clone(), tip.commit.clone())).collect::<Vec<_>>();
    // A tag of a tag leads to the commit as well.
    assert!(tips(&listing.tags).contains(&("stable".to_owned(), new.clone())), "{:?}", listing.tags);
    assert_eq!(tips(&listing.branches), [("feature/x".to_owned(), old), ("main".to_owned(), newest.clone())]);
    assert_eq!(listing.head, Some(Head { branch: Some("main".to_owned()), commit: newest }));
    assert!(place.server.requests().iter().all(|line| line.starts_with("GET ")), "{:?}", place.server.requests());
}

#[test]
fn a_listing_agrees_with_a_fetch() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "1")]);
    place.repository.git(&["tag", "--annotate", "-m", "moves", "nightly"]);
    place.repository.git(&["checkout", "--quiet", "--detach"]);
    for text in ["2", "3"] {
        let listing = place.versions().unwrap();
        for revision in ["latest", "nightly", "main"] {
            let Ok(Follow::Tip(tip)) = listing.follow(&revision.parse().unwrap(), TagRule::default()) else {
                panic!("{revision}")
            };
            assert_eq!(place.fetch(revision).unwrap().commit.as_deref(), Some(tip), "{revision}");
        }
        place.repository.commit(&[("plugin.yaml", text)]);
    }
    place.repository.git(&["tag", "v1.0.0"]);
    let newest = place.repository.commit(&[("plugin.yaml", "4")]);
    let listing = place.versions().unwrap();
    assert_eq!(listing.head.as_ref().map(|head| &head.commit), Some(&newest));
    let followed = listing.follow(&host_core::Revision::Latest, TagRule::default());
    let Ok(Follow::Releases(releases)) = followed else { panic!("{listing:?}") };
    let fetched = place.fetch("latest").unwrap();
    assert_eq!((fetched.commit, &*fetched.reference.unwrap()), (Some(releases[0].commit.clone()), "refs/tags/v1.0.0"));
    let by_version = place.fetch("1.0.0").unwrap();
    assert_eq!(by_version.reference.as_deref(), Some("refs/tags/v1.0.0"));
    assert_eq!(place.fetch("main").unwrap().reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(place.fetch(&releases[0].commit).unwrap().reference, None);
}

#[test]
fn a_listing_asks_only_where_a_fetch_may_and_no_longer() {
    let mut place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    place.config.allowed_repositories = vec!["github.com/other/*".to_owned()];
    assert_eq!(place.versions().unwrap_err().code(), "fetch_repository_not_allowed");
    let error = versions(&Config::default(), &url("https://localhost/acme/hello"), &place.cancelled).unwrap_err();
    assert_eq!(error.code(), "fetch_private_address");
    assert_eq!(place.server.connections(), 0);

    place.config.allowed_repositories.clear();
    place.server.behave(Behaviour::Redirect("http://169.254.169.254/latest/meta-data".to_owned()));
    assert_eq!(place.versions().unwrap_err().code(), "fetch_redirect");
    place.server.behave(Behaviour::Renamed("/acme/hello".to_owned(), "/acme/absent".to_owned()));
    assert_eq!(place.versions().unwrap_err().code(), "fetch_no_repository");
    place.server.behave(Behaviour::Status(503));
    assert_eq!(place.versions().unwrap_err().code(), "fetch_http_status");
    place.config.stall_timeout = Duration::from_millis(300);
    place.server.behave(Behaviour::StallBeforeAnswer);
    assert_eq!(place.versions().unwrap_err().code(), "fetch_stalled");
    place.config.stall_timeout = Duration::from_secs(600);
    place.config.max_git_bytes = 50;
    place.server.behave(Behaviour::Serve);
    assert_eq!(place.versions().unwrap_err().code(), "fetch_git_too_large");
}

#[test]
fn a_listing_that_waits_can_be_cancelled() {
    let place = place();
    place.server.behave(Behaviour::StallBeforeAnswer);
    thread::scope(|scope| {
        scope.spawn(|| {
            while place.server.requests().is_empty() {
                thread::yield_now();
            }
            place.cancelled.store(true, Ordering::Relaxed);
        });
        assert_eq!(place.versions().unwrap_err().code(), "fetch_cancelled");
    });
}
