//! A git server with HTTPS for tests.

use std::path::Path;
use std::time::Duration;

use host_fetch::{Config, Error, Mirror};

use crate::git_server::{Behaviour, GitServer};
use crate::tls_front::TlsFront;

/// `x-access-token:s3cret` in base64.
pub(crate) const BASIC: &str = "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0";

/// Starts a git server that demands one of these values of `Authorization`. Its address is a mirror of itself, because
/// only mirrors may be in a private network.
pub(crate) fn private_server(folder: &Path, authorizations: &[&str]) -> (GitServer, TlsFront, Config) {
    let server = GitServer::start(folder);
    server.behave(Behaviour::Private(authorizations.iter().map(ToString::to_string).collect()));
    let front = TlsFront::start(server.address());
    let base = format!("https://{}/", front.host());
    let mirrors = vec![Mirror { prefix: base.clone(), base }];
    (server, front, Config { mirrors, timeout: Duration::from_secs(60), ..Config::default() })
}

/// Returns the code and message of an error after checking that it and its causes contain no secret.
pub(crate) fn without_secrets(error: &Error, secrets: &[&str]) -> (&'static str, String) {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(" {cause}");
        source = cause.source();
    }
    for secret in secrets {
        assert!(!text.contains(secret), "{text}");
    }
    (error.code(), error.to_string())
}
