//! Files in Git LFS, on a server with HTTPS that demands a token.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

#[path = "../../../tests/support/git_server.rs"]
mod git_server;
#[path = "support/https_git.rs"]
mod https_git;
#[path = "support/store.rs"]
mod store;
#[path = "../../../tests/support/tls_front.rs"]
mod tls_front;

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use git_server::{Behaviour, GitServer, Lfs};
use host_core::Digest;
use host_fetch::{Config, DEFAULT_GIT_USER, Error, Fetched, GitAccess, Mirror, TokenSource, Trust, fetch, read_index};
use host_store::Store;
use https_git::{BASIC, private_server, without_secrets};
use store::{SMALL, open_store};
use tls_front::{TlsFront, certificate};

const CONTENT: &[u8] = b"large";

struct Place {
    store: Store,
    server: GitServer,
    front: TlsFront,
    config: Config,
    cancelled: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

/// A server with the repository `acme/hello`. Its files `a.bin` and `other/b.bin` are in Git LFS.
fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path(), SMALL);
    let (server, front, mut config) = private_server(&folder.path().join("repositories"), &[BASIC]);
    let token = folder.path().join("token");
    write(&token, "s3cret");
    config.git.push(GitAccess {
        prefix: format!("{}/acme", front.host()).parse().unwrap(),
        user: DEFAULT_GIT_USER.to_owned(),
        token: Some(TokenSource::File(token)),
        ca_file: Some(certificate()),
        lfs: true,
        lfs_hosts: vec![],
    });
    let place = Place { store, server, front, config, cancelled: Arc::default(), _folder: folder };
    place.server.repository("acme/hello");
    place.commit(&pointer(CONTENT, CONTENT.len()));
    place.server.lfs(place.lfs());
    place
}

fn write(path: &std::path::Path, text: &str) {
    use std::io::Write as _;
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn pointer(content: &[u8], bytes: usize) -> String {
    let oid = Digest::compute(content).hex();
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {bytes}\n")
}

impl Place {
    fn commit(&self, text: &str) {
        let files = [("plugin.yaml", "1"), ("index.yaml", "plugins: {}"), ("a.bin", text), ("other/b.bin", text)];
        self.server.repository("acme/hello").commit(&files);
    }

    /// The object, at an address of the server that needs a header.
    fn lfs(&self) -> Lfs {
        Lfs {
            objects: HashMap::from([(Digest::compute(CONTENT).hex(), CONTENT.to_vec())]),
            href: format!("https://{}/objects/OID?signature=hidden", self.front.host()),
            header: Some(("X-Ticket".to_owned(), "hidden".to_owned())),
            answer: None,
        }
    }

    fn fetch(&self, path: &str) -> Result<Fetched, Error> {
        let source = format!("https://{}/acme/hello{path}", self.front.host()).parse().unwrap();
        fetch(&self.store, &self.config, &source, Trust::Http, &self.cancelled)
    }

    /// The code and message of a refusal, which does not contain what the server wants to be hidden.
    fn refused(&self) -> (&'static str, String) {
        without_secrets(&self.fetch("").unwrap_err(), &["hidden", "s3cret"])
    }
}

#[test]
fn files_in_lfs_are_downloaded_when_the_operator_allows_it() {
    let place = place();
    let tree = place.fetch("").unwrap().tree;
    for path in ["a.bin", "other/b.bin"] {
        assert_eq!(tree.read(&path.parse().unwrap(), 100).unwrap(), CONTENT);
    }
    let requests = place.server.requests();
    let authorizations = place.server.authorizations();
    let batches = requests.iter().filter(|line| line.starts_with("POST /acme/hello.git/info/lfs/objects/batch"));
    assert_eq!(batches.count(), 1, "{requests:?}");
    for (line, sent) in requests.iter().zip(authorizations) {
        // An object outside of `/acme` does not get the token of `/acme`.
        let expected = if line.starts_with("GET /objects/") { None } else { Some(BASIC) };
        assert_eq!(sent.as_deref(), expected, "{line}");
    }

    let index = format!("https://{}/acme/hello", place.front.host()).parse().unwrap();
    let before = place.server.requests().len();
    read_index(&place.store, &place.config, &index, &place.cancelled).unwrap();
    assert!(!place.server.requests()[before..].iter().any(|line| line.contains("/lfs/")));
}

#[test]
fn without_the_setting_pointers_of_the_plugin_are_refused_and_others_are_named() {
    let mut place = place();
    place.config.git[0].lfs = false;
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_lfs_pointers");
    let setting = format!("`a.bin`, `other/b.bin`; hint: set `lfs = true` in `[git.\"{}/acme\"]`", place.front.host());
    assert!(message.contains(&setting), "{message}");
    assert!(!place.server.requests().iter().any(|line| line.contains("/lfs/")));

    place.server.repository("acme/hello").commit(&[("plugins/a/plugin.yaml", "1")]);
    let warnings = place.fetch("#path=plugins/a").unwrap().warnings;
    assert!(warnings[0].contains("`a.bin`, `other/b.bin`; hint: run `git lfs pull`"), "{warnings:?}");

    // A mirror without TLS.
    place.config.mirrors[0].base = place.server.url();
    place.server.behave(Behaviour::Serve);
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_lfs_pointers");
    assert!(message.contains("only over https, and this mirror has none"), "{message}");
}

#[test]
fn another_server_needs_to_be_allowed_and_gets_no_token() {
    let mut place = place();
    let storage = self::place();
    storage.server.behave(Behaviour::Serve);
    storage.server.lfs(Lfs { header: None, ..place.lfs() });
    let host = storage.front.host();
    place.server.lfs(Lfs { href: format!("https://{host}/objects/OID?signature=hidden"), ..place.lfs() });

    let (code, message) = place.refused();
    assert_eq!(code, "fetch_lfs_host");
    let section = format!("[git.\"{}/acme\"]", place.front.host());
    assert!(message.contains(&format!("`{host}`, which is not in `lfs_hosts` of `{section}`")), "{message}");

    place.config.git[0].lfs_hosts = vec![host.parse().unwrap()];
    assert_eq!(place.refused().0, "fetch_private_address");
    assert!(storage.server.requests().is_empty());

    let base = format!("https://{host}/");
    place.config.mirrors.push(Mirror { prefix: base.clone(), base });
    assert_eq!(place.refused().0, "fetch_http", "its certificate is not known");
    let authority = GitAccess { prefix: host.parse().unwrap(), token: None, lfs: false, ..place.config.git[0].clone() };
    place.config.git.push(authority);
    assert_eq!(place.fetch("").unwrap().tree.read(&"a.bin".parse().unwrap(), 100).unwrap(), CONTENT);
    assert_eq!(storage.server.authorizations(), [None, None]);
}

#[test]
fn an_object_that_is_not_the_one_of_the_pointer_is_refused() {
    let place = place();
    let host = place.front.host();
    let lfs = |change: &dyn Fn(&mut Lfs)| {
        let mut lfs = place.lfs();
        change(&mut lfs);
        lfs
    };
    let bytes = |bytes: &'static [u8]| lfs(&|lfs| lfs.objects.values_mut().for_each(|found| *found = bytes.to_vec()));
    let href = |href: &str| lfs(&|lfs| lfs.href = href.to_owned());
    let answer = |text: &str| lfs(&|lfs| lfs.answer = Some(text.to_owned()));
    let header = |name: &str| lfs(&|lfs| lfs.header = Some((name.to_owned(), "hidden".to_owned())));
    let oid = Digest::compute(CONTENT).hex();
    for (lfs, code, evidence) in [
        (bytes(b"Large"), "fetch_lfs", "`a.bin` of `https://"),
        (bytes(b"Large"), "fetch_lfs", "its digest is not the one of its pointer"),
        (bytes(b"larg"), "fetch_lfs", "does not have the 5 bytes"),
        (bytes(b"larger"), "fetch_lfs", "does not have the 5 bytes"),
        (lfs(&|lfs| lfs.objects.clear()), "fetch_lfs", "answered 404 for it"),
        (href(&format!("http://{host}/objects/OID")), "fetch_lfs", "is not https"),
        (href(&format!("https://hidden@{host}/objects/OID")), "fetch_lfs", "carries a user"),
        (href("file:///etc/passwd"), "fetch_lfs", "is invalid"),
        (href("/objects/OID"), "fetch_lfs", "is invalid"),
        (href(&format!("https://{host}/objects/x?hidden")), "fetch_lfs", "the server answered 404"),
        (href("https://127.0.0.1/objects/OID"), "fetch_lfs_host", "`127.0.0.1`, which is not in `lfs_hosts`"),
        (header("Host"), "fetch_lfs", "asks for the header `Host`"),
        (header("a b"), "fetch_lfs", "asks for the header `a b`"),
        (answer("<html>"), "fetch_lfs", "not one of the batch API"),
        (answer(r#"{"objects":[]}"#), "fetch_lfs", "does not name it"),
        (answer(r#"{"transfer":"tus","objects":[]}"#), "fetch_lfs", "does not offer the transfer `basic`"),
        (answer(&format!(r#"{{"objects":[{{"oid":"{oid}"}}]}}"#)), "fetch_lfs", "names no address"),
    ] {
        place.server.lfs(lfs);
        let (found, message) = place.refused();
        assert_eq!(found, code, "{message}");
        assert!(message.contains(evidence), "`{message}` does not name `{evidence}`");
    }
    assert_eq!(place.store.usage().unwrap().trees, 0);

    place.server.lfs(place.lfs());
    place.commit("version https://git-lfs.github.com/spec/v9\n");
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_lfs");
    assert!(message.contains("its pointer is damaged"), "{message}");
    place.commit(&pointer(CONTENT, 100_001));
    assert_eq!(place.refused().0, "store_file_too_large");
}
