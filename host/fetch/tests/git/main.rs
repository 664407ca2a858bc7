//! Repositories, served by git itself on 127.0.0.1.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

mod fetch;
#[path = "../../../../tests/support/git_server.rs"]
mod git_server;
mod listing;
mod server;
#[path = "../support/store.rs"]
mod store;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use git_server::{GitServer, Repository};
use host_core::GitUrl;
use host_fetch::{Config, Error, Fetched, Listing, Mirror, Trust, fetch, versions};
use host_store::Store;
use store::{SMALL, names, open_store};

struct Place {
    store: Store,
    server: GitServer,
    repository: Repository,
    config: Config,
    cancelled: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

/// A store, and a server with an empty repository that stands for `https://github.com/acme/hello`.
fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path(), SMALL);
    let server = GitServer::start(&folder.path().join("repositories"));
    let mirror = Mirror { prefix: "https://github.com/".to_owned(), base: server.url() };
    // Long enough that a limit is only reached by a test that lowers it.
    let (timeout, stall_timeout) = (Duration::from_secs(600), Duration::from_secs(600));
    let config = Config { mirrors: vec![mirror], timeout, stall_timeout, ..Config::default() };
    let repository = server.repository("acme/hello");
    Place { store, server, repository, config, cancelled: Arc::default(), _folder: folder }
}

impl Place {
    fn fetch(&self, revision: &str) -> Result<Fetched, Error> {
        self.fetch_from(&format!("https://github.com/acme/hello@{revision}"))
    }

    fn fetch_from(&self, source: &str) -> Result<Fetched, Error> {
        let result = fetch(&self.store, &self.config, &source.parse().unwrap(), Trust::Http, &self.cancelled);
        assert_eq!(fs::read_dir(self.store.plugin_dir().join("tmp")).unwrap().count(), 0, "temporary files are left");
        result
    }

    fn versions(&self) -> Result<Listing, Error> {
        let listed = versions(&self.config, &url("https://github.com/acme/hello"), &self.cancelled);
        assert!(!self.store.plugin_dir().join("tmp").read_dir().unwrap().any(|_| true), "something was written");
        listed
    }

    fn code(&self, revision: &str) -> &'static str {
        match self.fetch(revision) {
            Ok(_) => "fetched",
            Err(error) => error.code(),
        }
    }

    fn refused(&self, revision: &str, code: &str, evidence: &str) {
        let error = self.fetch(revision).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), code, "{error}: {:?}", std::error::Error::source(&error));
        assert!(error.to_string().contains(evidence), "`{error}` does not name `{evidence}`");
        assert_eq!(self.store.usage().unwrap().trees, 0);
    }
}

fn url(text: &str) -> GitUrl {
    GitUrl::from_repository_address(text).unwrap()
}

fn manifest(fetched: &Fetched) -> String {
    String::from_utf8(fetched.tree.manifest_text().unwrap()).unwrap()
}
