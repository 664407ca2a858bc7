//! Checks for updates by a host, with a git server on 127.0.0.1.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

#[path = "../../../tests/support/git_server.rs"]
mod git_server;

use std::collections::BTreeSet;
use std::time::Duration;

use git_server::{Behaviour, GitServer, Repository};
use host_build::Builder;
use host_core::Source;
use host_core::update::{UpdateInterval, UpdateLevel, UpdatePolicy};
use host_fetch::Mirror;
use host_run::{Config, Host, UpdateReport, Watched};
use host_state::State;
use host_store::Store;
use tokio::sync::mpsc;

struct Place {
    host: Host,
    server: GitServer,
    repository: Repository,
    _folder: tempfile::TempDir,
}

/// A host, and a server with an empty repository in place of `https://github.com/acme/hello`.
async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(&folder.path().join("repositories"));
    let repository = server.repository("acme/hello");
    let store = Store::open(host_store::Config {
        plugin_dir: folder.path().join("cache"),
        cache_dir: folder.path().join("build_cache"),
        limits: host_store::TreeLimits::default(),
    });
    let store = store.unwrap();
    let state = State::open(store.plugin_dir()).await.unwrap();
    let wanted = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    let environment = std::env::vars().filter(|(name, _)| wanted.contains(&name.as_str())).collect();
    let builder = Builder::new(store.clone(), host_build::Config { environment, ..Default::default() }).await.unwrap();
    let mut config = Config::new("0.1.0".parse().unwrap());
    // Long enough that no check ends because of a limit.
    (config.fetch.timeout, config.fetch.stall_timeout) = (Duration::from_secs(600), Duration::from_secs(600));
    config.fetch.mirrors = vec![Mirror { prefix: "https://github.com/".to_owned(), base: server.url() }];
    Place { host: Host::new(config, store, state, builder).unwrap(), server, repository, _folder: folder }
}

impl Place {
    async fn check(&self, source: &str, policy: UpdateLevel) -> Result<UpdateReport, host_run::Error> {
        let policy = UpdatePolicy::new(policy, false, UpdateInterval::default()).unwrap();
        let blocked = BTreeSet::from(["1.0.2".parse().unwrap()]);
        let source: Source = source.parse().unwrap();
        self.host.check_updates(&source, &"1.0.0".parse().unwrap(), None, &policy, &blocked).await
    }

    /// The allowed and the newest revision, the number of versions that are held back, and the error.
    async fn found(&self, source: &str, policy: UpdateLevel) -> String {
        let report = match self.check(source, policy).await {
            Ok(report) => report,
            Err(error) => return error.code().to_owned(),
        };
        let shown = |update: &Option<host_run::Update>| {
            update.as_ref().map_or("-".to_owned(), |update| update.revision.to_string())
        };
        let error = report.error.as_ref().map_or("", |error| error.code);
        let (allowed, newest) = (shown(&report.allowed), shown(&report.newest));
        format!("{allowed} of {newest}, {} held back {error}", report.held_back.len())
    }
}

const HELLO: &str = "https://github.com/acme/hello";

fn watched(source: &str, policy: UpdateLevel) -> Watched {
    Watched {
        id: "hello".parse().unwrap(),
        source: source.parse().unwrap(),
        installed: "1.0.0".parse().unwrap(),
        commit: None,
        policy: UpdatePolicy::new(policy, true, UpdateInterval::default()).unwrap(),
        blocked: BTreeSet::new(),
        last_check_unix_ms: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_lists_the_newer_versions_of_a_source() {
    let place = place().await;
    place.repository.commit(&[("plugin.yaml", "1")]);
    for tag in ["v1.0.0", "v1.0.1", "v1.0.2", "v1.1.0", "v2.0.0"] {
        place.repository.git(&["tag", "--annotate", "-m", "release", tag]);
    }
    assert_eq!(place.found(HELLO, UpdateLevel::Patch).await, "v1.0.1 of v2.0.0, 3 held back ");
    assert_eq!(place.found(HELLO, UpdateLevel::Manual).await, "- of v2.0.0, 4 held back ");
    assert_eq!(place.found(&format!("{HELLO}@main"), UpdateLevel::Minor).await, "main of main, 0 held back ");
    let absent = place.found("https://github.com/acme/absent", UpdateLevel::Minor).await;
    assert_eq!(absent, "- of -, 0 held back fetch_no_repository");
    let folder = place.check("examples/hello", UpdateLevel::Minor).await.unwrap().error.unwrap();
    assert_eq!((folder.code, folder.fix.is_some()), ("update_no_repository", true));

    place.server.behave(Behaviour::Status(503));
    let failed = place.check(HELLO, UpdateLevel::Minor).await.unwrap().error.unwrap();
    assert_eq!((failed.code, failed.fix.as_deref()), ("fetch_http_status", Some("try again later")));
    assert!(failed.message.contains("answered 503"), "{}", failed.message);
    place.host.begin_shutdown();
    assert_eq!(place.found(HELLO, UpdateLevel::Minor).await, "run_shutting_down");
    place.host.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_poller_reports_a_release_within_its_interval() {
    let place = place().await;
    place.repository.commit(&[("plugin.yaml", "1")]);
    place.repository.git(&["tag", "v1.0.0"]);
    let (told, mut reports) = mpsc::unbounded_channel();
    // From here on, simulated time passes as fast as it is awaited, except for the answers of the server.
    tokio::time::pause();
    let poller = place.host.poll_updates(
        || async { vec![watched(HELLO, UpdateLevel::Minor)] },
        move |watched, report: UpdateReport| {
            let told = told.clone();
            async move {
                told.send((watched.id.to_string(), report.allowed.map(|found| found.revision.to_string()))).unwrap()
            }
        },
    );
    assert_eq!(reports.recv().await, Some(("hello".to_owned(), None)));
    place.repository.git(&["tag", "v1.1.0"]);
    let report = tokio::time::timeout(Duration::from_secs(66 * 60), reports.recv()).await.unwrap();
    assert_eq!(report, Some(("hello".to_owned(), Some("v1.1.0".to_owned()))));
    tokio::time::resume();

    let n_requests = place.server.requests().len();
    drop(poller);
    assert_eq!(reports.recv().await, None, "nobody reports any more");
    assert_eq!(place.server.requests().len(), n_requests);
    place.host.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_host_does_not_wait_for_a_stalled_server() {
    let place = place().await;
    place.server.behave(Behaviour::StallBeforeAnswer);
    let poller = place.host.poll_updates(|| async { vec![] }, |_, report| async move { panic!("{report:?}") });
    let check = tokio::task::JoinSet::from_iter([{
        let host = place.host.clone();
        async move {
            let watched = watched(HELLO, UpdateLevel::Minor);
            host.check_updates(&watched.source, &watched.installed, None, &watched.policy, &watched.blocked).await
        }
    }]);
    while place.server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    place.host.shutdown(Duration::from_secs(600)).await;
    assert_eq!(check.join_all().await[0].as_ref().unwrap_err().code(), "run_shutting_down");
    drop(poller);
}
