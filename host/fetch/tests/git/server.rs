//! Servers that are not asked, and servers that do not answer as a git server does.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::git_server::{Behaviour, GitServer};
use super::{manifest, place};

#[test]
fn only_allowed_repositories_are_requested() {
    let mut place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    place.config.allowed_repositories = vec!["github.com/other/*".to_owned()];
    place.refused("main", "fetch_repository_not_allowed", "`github.com/acme/hello`");
    assert_eq!(place.server.connections(), 0);
    place.config.allowed_repositories = vec!["github.com/acme/h*".to_owned()];
    assert_eq!(place.code("main"), "fetched");
}

#[test]
fn a_host_with_a_private_address_is_not_connected_to() {
    let place = place();
    let error = place.fetch_from("https://localhost/acme/hello").unwrap_err();
    assert_eq!(error.code(), "fetch_private_address");
    assert!(error.to_string().contains("`localhost`"), "{error}");
    assert_eq!(place.server.connections(), 0);
}

#[test]
fn redirects_are_followed_only_on_the_same_server() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    place.server.behave(Behaviour::Renamed("/acme/old".to_owned(), "/acme/hello".to_owned()));
    let fetched = place.fetch_from("https://github.com/acme/old").unwrap();
    assert_eq!(manifest(&fetched), "x");
    drop(fetched);
    place.store.remove_unused(&Default::default(), &Default::default()).unwrap();

    let canary = GitServer::start(place.store.plugin_dir());
    let list = "info/refs?service=git-upload-pack";
    for (to, evidence) in [
        (format!("{}acme/hello/{list}", canary.url()), "another server"),
        (format!("https://127.0.0.1/acme/hello/{list}"), "another server"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "another server"),
        ("file:///etc/passwd".to_owned(), "another server"),
        (format!("{}elsewhere", place.server.url()), "not a git repository"),
        (format!("{}acme/hello/{list}", place.server.url().replace("//", "//user:secret@")), "user or password"),
        (format!("/acme/hello/{list}"), "one redirect too many"),
    ] {
        place.server.behave(Behaviour::Redirect(to));
        place.refused("main", "fetch_redirect", evidence);
        let message = place.fetch("main").unwrap_err().to_string();
        assert!(message.starts_with("`https://github.com/acme/hello` redirects to `"), "{message}");
        for hidden in [place.server.address().to_string(), "secret".to_owned(), "upload-pack".to_owned()] {
            assert!(!message.contains(&hidden), "{message}");
        }
    }
    assert_eq!(canary.connections(), 0);
}

#[test]
fn a_server_other_than_a_git_server_is_reported() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    for (behaviour, code, evidence) in [
        (Behaviour::Status(401), "fetch_no_repository", "401"),
        (Behaviour::Status(429), "fetch_http_status", "429"),
        (Behaviour::Status(503), "fetch_http_status", "try again"),
        (Behaviour::ContentType("text/html".to_owned()), "fetch_content_type", "`text/html`"),
        (Behaviour::BreakOff, "fetch_http", "acme/hello"),
    ] {
        place.server.behave(behaviour);
        place.refused("main", code, evidence);
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_named() {
    let mut place = place();
    place.config.mirrors[0].base = place.server.url().replace("http:", "https:");
    place.refused("main", "fetch_http", "https://github.com/acme/hello");
}

#[test]
fn a_server_that_stalls_or_drips_does_not_hold_the_host() {
    let mut place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    place.config.stall_timeout = Duration::from_millis(300);
    for behaviour in [Behaviour::StallBeforeAnswer, Behaviour::StallInPack] {
        place.server.behave(behaviour);
        place.refused("main", "fetch_stalled", "300 ms");
    }
    place.config.stall_timeout = Duration::from_secs(600);
    place.config.timeout = Duration::from_millis(600);
    place.server.behave(Behaviour::Drip);
    place.refused("main", "fetch_timed_out", "600 ms");
}

#[test]
fn a_fetch_that_waits_can_be_cancelled() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    place.server.behave(Behaviour::StallInPack);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !place.server.requests().iter().any(|line| line.starts_with("POST")) {
                thread::yield_now();
            }
            place.cancelled.store(true, Ordering::Relaxed);
        });
        place.refused("main", "fetch_cancelled", "cancelled");
    });
}
