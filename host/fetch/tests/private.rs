//! Private repositories, on a server that demands a token over HTTPS.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

#[path = "../../../tests/support/git_server.rs"]
mod git_server;
#[path = "support/https_git.rs"]
mod https_git;
#[path = "support/store.rs"]
mod store;
#[path = "../../../tests/support/tls_front.rs"]
mod tls_front;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use git_server::{Behaviour, GitServer};
use host_fetch::{
    Config, DEFAULT_GIT_USER, Error, Fetched, GitAccess, Mirror, TokenSource, Trust, fetch, read_index, versions,
};
use host_store::Store;
use https_git::{BASIC, private_server, without_secrets};
use store::{SMALL, open_store};
use tls_front::{TlsFront, certificate};

/// `robot:other` in base64.
const OTHER: &str = "Basic cm9ib3Q6b3RoZXI=";

struct Place {
    store: Store,
    server: GitServer,
    front: TlsFront,
    config: Config,
    cancelled: Arc<AtomicBool>,
    folder: tempfile::TempDir,
}

/// A server with the repository `acme/hello`, which demands [`BASIC`] or [`OTHER`].
fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path(), SMALL);
    let (server, front, config) = private_server(&folder.path().join("repositories"), &[BASIC, OTHER]);
    let repository = server.repository("acme/hello");
    repository.commit(&[("plugin.yaml", "1"), ("index.yaml", "plugins: {}")]);
    repository.git(&["tag", "v1.0.0"]);
    Place { store, server, front, config, cancelled: Arc::default(), folder }
}

impl Place {
    /// Adds a section for the server, or for `path` on it.
    fn with(mut self, path: &str, token: Option<TokenSource>) -> Place {
        let prefix = format!("{}{path}", self.front.host()).parse().unwrap();
        let user = DEFAULT_GIT_USER.to_owned();
        self.config.git.push(GitAccess {
            prefix,
            user,
            token,
            ca_file: Some(certificate()),
            lfs: false,
            lfs_hosts: vec![],
        });
        self
    }

    fn file(&self, text: &str) -> TokenSource {
        let path = self.folder.path().join("token");
        fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        TokenSource::File(path)
    }

    fn source(&self) -> String {
        format!("https://{}/acme/hello", self.front.host())
    }

    fn fetch(&self) -> Result<Fetched, Error> {
        self.fetch_from(&self.source())
    }

    fn fetch_from(&self, source: &str) -> Result<Fetched, Error> {
        fetch(&self.store, &self.config, &source.parse().unwrap(), Trust::Http, &self.cancelled)
    }

    /// The code and message of a refusal, which does not contain the token.
    fn refused(&self) -> (&'static str, String) {
        without_secrets(&self.fetch().unwrap_err(), &["s3cret", "czNjcmV0"])
    }
}

fn shell(script: &str) -> TokenSource {
    let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    TokenSource::Command { program: "sh".into(), args: vec!["-c".to_owned(), script.to_owned()], environment }
}

#[test]
fn a_private_repository_is_read_with_a_token_of_a_file_a_variable_or_a_command() {
    let mut place = place();
    // The variable is one that cargo sets for tests.
    let of_variable = "Basic eC1hY2Nlc3MtdG9rZW46aG9zdC1mZXRjaA==";
    let sources = [
        (place.file("s3cret\nsecond line\n"), BASIC),
        (TokenSource::Environment("CARGO_PKG_NAME".to_owned()), of_variable),
        (shell("echo '  s3cret '; echo more; echo noise >&2"), BASIC),
    ];
    for (token, expected) in sources {
        place.config.git.clear();
        place = place.with("", Some(token));
        place.server.behave(Behaviour::Private(vec![expected.to_owned()]));
        let before = place.server.authorizations().len();
        assert_eq!(place.fetch().unwrap().reference.as_deref(), Some("refs/tags/v1.0.0"));
        let host_core::Source::Git { url, .. } = place.source().parse().unwrap() else { unreachable!() };
        assert_eq!(versions(&place.config, &url, &place.cancelled).unwrap().tags.len(), 1);
        read_index(&place.store, &place.config, &place.source().parse().unwrap(), &place.cancelled).unwrap();
        let sent = place.server.authorizations().split_off(before);
        assert!(sent.len() >= 5 && sent.iter().all(|value| value.as_deref() == Some(expected)), "{sent:?}");
    }
}

#[test]
fn a_token_command_runs_once_for_a_fetch_and_a_changed_file_is_read_again() {
    let place = place();
    let log = place.folder.path().join("runs");
    let command = shell(&format!("echo run >> {}; echo s3cret", log.display()));
    let mut place = place.with("", Some(command));
    place.fetch().unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap(), "run\n");

    place.config.git.clear();
    let file = place.file("expired");
    let place = place.with("", Some(file));
    assert_eq!(place.refused().0, "fetch_token_refused");
    place.file("s3cret");
    place.fetch().unwrap();
}

#[test]
fn the_most_specific_section_wins_and_each_section_has_its_user() {
    let place = place();
    let file = place.file("wrong");
    let mut place = place.with("", Some(file)).with("/acme", Some(shell("echo other")));
    place.config.git[1].user = "robot".to_owned();
    place.fetch().unwrap();
    assert!(place.server.authorizations().iter().all(|value| value.as_deref() == Some(OTHER)));
}

#[test]
fn a_refusal_names_the_section_and_never_the_token() {
    let place = place();
    let file = place.file("s3cret");
    let place = place.with("/acme", Some(file));
    let section = format!("[git.\"{}/acme\"]", place.front.host());

    place.server.behave(Behaviour::Private(vec![]));
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_token_refused");
    assert!(message.contains(&format!("the token of `{section}` in host.toml was refused")), "{message}");
    for status in [403, 404] {
        place.server.behave(Behaviour::Status(status));
        let (code, message) = place.refused();
        assert_eq!(code, "fetch_no_repository");
        assert!(
            message.contains(&format!("check that the token of `{section}` in host.toml may read it")),
            "{message}"
        );
    }
}

#[test]
fn without_a_token_the_refusal_names_the_setting() {
    let place = place().with("", None);
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_no_repository");
    assert!(
        message.contains("it is private; hint: check the address; for a private repository, set a token"),
        "{message}"
    );
    assert_eq!(place.server.authorizations(), [None]);
}

#[test]
fn a_server_whose_certificate_no_known_authority_signed_gets_no_request() {
    let place = place();
    let file = place.file("s3cret");
    let mut place = place.with("", Some(file));
    place.config.git[0].ca_file = None;
    assert_eq!(place.refused().0, "fetch_http");
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_redirect_to_another_server_is_refused_and_gets_no_token() {
    let first = place();
    let file = first.file("s3cret");
    let first = first.with("", Some(file));
    let second = place();
    let path = "/acme/hello/info/refs?service=git-upload-pack";
    let port = second.server.address().port();
    for to in [
        format!("https://{}{path}", second.front.host()),
        format!("https://127.0.0.1:{}{path}", first.front.host().trim_start_matches("localhost:")),
        format!("http://localhost:{port}{path}"),
        format!("//127.0.0.1:{port}{path}"),
    ] {
        first.server.behave(Behaviour::Redirect(to));
        assert_eq!(first.refused().0, "fetch_redirect");
    }
    assert!(second.server.requests().is_empty());
}

#[test]
fn after_a_redirect_on_the_same_server_the_token_of_the_new_path_is_sent() {
    let place = place();
    let file = place.file("s3cret");
    let place = place.with("/acme", Some(file));
    let new = place.server.repository("other/hello");
    new.commit(&[("plugin.yaml", "2")]);
    place.server.behave(Behaviour::Renamed("/acme/".to_owned(), "/other/".to_owned()));
    place.fetch().unwrap();
    let mut sent = place.server.authorizations();
    assert_eq!(sent.remove(0).as_deref(), Some(BASIC));
    assert!(!sent.is_empty() && sent.iter().all(Option::is_none), "{sent:?}");
}

#[test]
fn a_mirror_gets_only_the_token_of_its_own_name_and_only_over_https() {
    let place = place();
    let file = place.file("s3cret");
    let mut place = place.with("", Some(file));
    let access = place.config.git[0].clone();
    let of = |name: String| GitAccess { prefix: name.parse().unwrap(), ..access.clone() };
    let github = "https://github.com/".to_owned();

    // The token of github.com is not sent to its mirror.
    place.config.mirrors = vec![Mirror { prefix: github.clone(), base: format!("https://{}/", place.front.host()) }];
    place.config.git = vec![of("github.com".to_owned()), GitAccess { token: None, ..access.clone() }];
    let error = place.fetch_from("https://github.com/acme/hello").unwrap_err();
    assert_eq!(error.code(), "fetch_no_repository");
    assert!(error.to_string().contains("set a token under `[git.\"<host of the mirror>\"]`"), "{error}");

    // A plain connection has no token, whatever its name is.
    let plain = place.server.address();
    place.config.mirrors[0].base = format!("http://{plain}/");
    place.config.git = vec![of("github.com".to_owned()), of(plain.to_string())];
    assert_eq!(place.fetch_from("https://github.com/acme/hello").unwrap_err().code(), "fetch_no_repository");
    assert!(place.server.authorizations().iter().all(Option::is_none));

    place.config.mirrors[0].base = format!("https://{}/", place.front.host());
    place.config.git = vec![access];
    place.fetch_from("https://github.com/acme/hello").unwrap();
}

#[test]
fn a_token_that_cannot_be_read_fails_the_fetch_before_any_request() {
    let place = place();
    let missing = TokenSource::File(PathBuf::from("/nowhere/token"));
    let folder = TokenSource::File(place.folder.path().to_owned());
    let program =
        |program: &Path| TokenSource::Command { program: program.to_owned(), args: vec![], environment: vec![] };
    let sources = [
        (missing, "`token_file` of", "it cannot be read: No such file"),
        (folder, "`token_file` of", "it is a folder; it must be a regular file"),
        (place.file(" \n"), "`token_file` of", "it is empty"),
        (TokenSource::Environment("NO_SUCH_TOKEN".to_owned()), "`token_env` of", "no variable `NO_SUCH_TOKEN`"),
        (shell("echo s3cret; echo s3cret >&2; exit 3"), "`token_command` of", "it ended with code 3"),
        (shell("true"), "`token_command` of", "it is empty"),
        (shell("echo 'two words'"), "`token_command` of", "its first line is not a token"),
        (shell("yes s3cret"), "`token_command` of", "wrote more output"),
        (program(Path::new("/nowhere/program")), "`token_command` of", "does not exist"),
    ];
    let mut place = place;
    for (token, key, why) in sources {
        place.config.git.clear();
        place = place.with("", Some(token));
        let (code, message) = place.refused();
        assert_eq!(code, "fetch_git_access", "{message}");
        assert!(message.contains(key) && message.contains(why), "{message}");
    }
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_token_command_that_hangs_is_ended_and_a_fetch_that_waits_for_it_can_be_cancelled() {
    let mut place = place().with("", Some(shell("echo s3cret; exec sleep 100000")));
    place.config.token_timeout = Duration::from_millis(200);
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_git_access");
    assert!(message.contains("`token_command` of") && message.contains("did not end within 200 ms"), "{message}");

    let pipe = place.folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    place.config.git.clear();
    let mut place = place.with("", Some(shell(&format!("echo started > {}; exec sleep 100000", pipe.display()))));
    place.config.token_timeout = Duration::from_secs(100_000);
    let cancelled = place.cancelled.clone();
    let canceller = std::thread::spawn(move || {
        // Ends when the command has written.
        fs::read(pipe).unwrap();
        cancelled.store(true, Ordering::Relaxed);
    });
    assert_eq!(place.refused().0, "fetch_cancelled");
    canceller.join().unwrap();
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_file_without_certificates_is_refused() {
    let place = place();
    let TokenSource::File(file) = place.file("no certificate") else { unreachable!() };
    let mut place = place.with("", None);
    place.config.git[0].ca_file = Some(file);
    let (code, message) = place.refused();
    assert_eq!(code, "fetch_git_access");
    assert!(message.contains("`ca_file` of") && message.contains("no PEM certificate"), "{message}");
}
