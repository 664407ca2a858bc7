//! Reading the token of a git server, and its form in a request.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_file::ReadError;
use host_process::{Command, Stream};
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use super::watch::Watch;
use crate::Error;
use crate::access::{GitAccess, TokenSource};

/// The maximum length of a token, far above real tokens.
const MAX_TOKEN_BYTES: usize = 4 << 10;
/// The maximum size of a file or output that contains a token.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// The maximum size of a file of authorities; enough for all authorities of a system.
const MAX_CA_BYTES: u64 = 4 << 20;

/// Reads the token and returns it as the value of `Authorization`, marked so that no log shows it.
///
/// # Errors
/// [`Error::GitAccess`], which never contains a part of the token, and the errors of [`Watch::check`].
pub(crate) fn authorization(access: &GitAccess, source: &TokenSource, watch: &Watch) -> Result<HeaderValue, Error> {
    let (key, read) = match source {
        TokenSource::File(path) => ("token_file", file(path, MAX_FILE_BYTES)),
        TokenSource::Environment(name) => ("token_env", variable(name)),
        TokenSource::Command { program, args, environment } => {
            let command = Command::new(program, "/", watch.token_timeout).args(args).max_output_bytes(MAX_FILE_BYTES);
            let command = environment.iter().fold(command, |command, (name, value)| command.env(name, value));
            ("token_command", output(command, watch)?)
        }
    };
    let unusable = |why| Error::GitAccess { prefix: access.prefix.to_string(), key, why };
    let text = read.map_err(unusable)?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    if token.len() > MAX_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable("its first line is not a token of visible ASCII characters".to_owned()));
    }
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{token}", access.user)));
    let mut value = HeaderValue::try_from(basic).map_err(|_| unusable("it cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads the certificate authorities of a server.
///
/// # Errors
/// [`Error::GitAccess`].
pub(crate) fn authorities(access: &GitAccess, path: &Path) -> Result<RootCerts, Error> {
    let unusable = |why| Error::GitAccess { prefix: access.prefix.to_string(), key: "ca_file", why };
    let text = file(path, MAX_CA_BYTES).map_err(unusable)?;
    let certificates = parse_pem(text.as_bytes()).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<Certificate<'static>> = certificates.collect();
    if certificates.is_empty() {
        return Err(unusable("it contains no PEM certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn file(path: &Path, max_bytes: u64) -> Result<String, String> {
    host_file::read_text(path, max_bytes).map_err(|error| match error {
        ReadError::Io(error) => format!("it cannot be read: {error}"),
        other => other.to_string(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the operator names the variable; it is read for each fetch")]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the host's environment has no variable `{name}`"))
}

/// Runs a command until it ends, reaches its time limit or the fetch has to end. Its standard error is not
/// used, because it may contain secrets.
fn output(command: Command, watch: &Watch) -> Result<Result<String, String>, Error> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(Err(error.to_string())),
    };
    runtime.block_on(async {
        let mut text = String::new();
        let mut run = Box::pin(command.run(|line| {
            if line.stream == Stream::Stdout && text.is_empty() {
                text = line.text;
            }
        }));
        let ended = loop {
            match tokio::time::timeout(super::agent::LOOK_UP, &mut run).await {
                Ok(ended) => break ended,
                Err(_) => watch.check()?,
            }
        };
        drop(run);
        Ok(match ended {
            Ok(exit) if exit.is_success() => Ok(text),
            Ok(exit) => Err(format!("it {exit}")),
            Err(error) => Err(error.to_string()),
        })
    })
}
