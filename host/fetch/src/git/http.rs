//! HTTP for git: two kinds of requests, to one server, within limits. A request over https carries the token
//! that host.toml configures for its URL, if any.

use host_core::shown_address;
use ureq::{Body, BodyReader, RequestBuilder, Timeout, http};
use url::Url;

use super::allow::is_allowed;
use super::session::Session;
use super::watch::Watch;
use crate::Error;
use crate::access::UrlPrefix;

const MAX_REDIRECTS: usize = 3;

const LIST: &str = "/info/refs";
const LIST_QUERY: &str = "service=git-upload-pack";
const LIST_TYPE: &str = "application/x-git-upload-pack-advertisement";
const REQUEST_TYPE: &str = "application/x-git-upload-pack-request";
const RESULT_TYPE: &str = "application/x-git-upload-pack-result";

/// Requests the list of branches and tags, following redirects on the same server.
pub(crate) fn list(session: &Session) -> Result<BodyReader<'static>, Error> {
    for _ in 0..=MAX_REDIRECTS {
        let base = session.base();
        let url = format!("{base}{LIST}?{LIST_QUERY}");
        let request = session.agent.get(&url).config().timeout_global(Some(session.watch.remaining())).build();
        let (request, sent) = authorized(session, &base, request)?;
        let response = request.call().map_err(|source| error(&session.watch, source))?;
        if response.status().is_redirection() {
            session.set_base(redirected(session, &url, &response)?);
            continue;
        }
        return answer(session, sent, response, LIST_TYPE);
    }
    let url = session.asked().to_owned();
    Err(Error::Redirect { url, to: shown_target(session, &session.base()), rule: "which is one redirect too many" })
}

/// Sends a request for commits.
pub(crate) fn request(session: &Session, body: &[u8]) -> Result<BodyReader<'static>, Error> {
    let base = session.base();
    let url = format!("{base}/git-upload-pack");
    let request = session.agent.post(&url).config().timeout_global(Some(session.watch.remaining())).build();
    let request = request.header("content-type", REQUEST_TYPE).header("accept", RESULT_TYPE);
    let (request, sent) = authorized(session, &base, request)?;
    let response = request.send(body).map_err(|source| error(&session.watch, source))?;
    if response.status().is_redirection() {
        let to = shown_target(session, location(&response).unwrap_or_default());
        return Err(Error::Redirect { url: session.asked().to_owned(), to, rule: "in the middle of a fetch" });
    }
    answer(session, sent, response, RESULT_TYPE)
}

/// Returns the request with the token for the repository at `base`, and the prefix that the token belongs to.
fn authorized<'s, Any>(
    session: &'s Session,
    base: &str,
    request: RequestBuilder<Any>,
) -> Result<(RequestBuilder<Any>, Option<&'s UrlPrefix>), Error> {
    Ok(match session.authorization(base)? {
        Some((access, value)) => (request.header("authorization", value), Some(&access.prefix)),
        None => (request, None),
    })
}

/// Converts an error of the client.
pub(crate) fn error(watch: &Watch, source: ureq::Error) -> Error {
    let url = watch.url.clone();
    match source {
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(inner) => Error::Http { url, source: Box::new(ureq::Error::Other(inner)) },
        },
        ureq::Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => {
            Error::Stalled { url, after: watch.stall_timeout }
        }
        ureq::Error::Timeout(Timeout::Global | Timeout::PerCall) => Error::TimedOut { url, after: watch.timeout },
        source => Error::Http { url, source: Box::new(source) },
    }
}

fn answer(
    session: &Session,
    sent: Option<&UrlPrefix>,
    response: http::Response<Body>,
    expected: &'static str,
) -> Result<BodyReader<'static>, Error> {
    // The address that was asked for, not the address of its mirror.
    let (url, status) = (session.asked().to_owned(), response.status().as_u16());
    match status {
        200 => {}
        401 if sent.is_some() => {
            return Err(Error::TokenRefused {
                url,
                status,
                prefix: sent.map(UrlPrefix::to_string).unwrap_or_default(),
            });
        }
        // Servers that hide private repositories return any of these.
        401 | 403 | 404 | 410 => {
            let hint = match sent {
                Some(prefix) => format!("check that the token of `[git.\"{prefix}\"]` in host.toml may read it"),
                // The operator configured the mirror; its address is not shown to clients.
                None if session.is_mirror && session.base() != url => {
                    "for a private repository, set a token under `[git.\"<host of the mirror>\"]` in host.toml, which is \
                     sent over https only"
                        .to_owned()
                }
                None => {
                    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
                    format!("for a private repository, set a token under `[git.\"{host}\"]` in host.toml")
                }
            };
            return Err(Error::NoRepository { url, status, hint });
        }
        _ => return Err(Error::Status { url, status }),
    }
    let found = header(&response, "content-type").unwrap_or("no content type");
    if found != expected {
        return Err(Error::ContentType { url, found: found.chars().take(100).collect(), expected });
    }
    Ok(response.into_body().into_reader())
}

/// The new base, if the redirect stays on the server and is allowed.
fn redirected(session: &Session, url: &str, response: &http::Response<Body>) -> Result<String, Error> {
    let to = location(response).unwrap_or_default();
    let refuse = |rule| Err(Error::Redirect { url: session.asked().to_owned(), to: shown_target(session, to), rule });
    let Ok(from) = Url::parse(url) else { return refuse("from an address that does not parse") };
    let Ok(target) = from.join(to) else { return refuse("which does not parse") };
    if target.origin() != from.origin() {
        return refuse("which is another server");
    }
    if !target.username().is_empty() || target.password().is_some() {
        return refuse("which carries a user or password");
    }
    let Some(path) = target.path().strip_suffix(LIST).filter(|_| target.query() == Some(LIST_QUERY)) else {
        return refuse("which is not a git repository");
    };
    let port = target.port().map_or_else(String::new, |port| format!(":{port}"));
    let path_of_slug = path.strip_suffix(".git").unwrap_or(path);
    let slug = format!("{}{port}{path_of_slug}", target.host_str().unwrap_or_default());
    if !session.is_mirror && !is_allowed(&session.allowed, &slug) {
        return refuse("which is not in `allowed_repositories`");
    }
    Ok(format!("{}{path}", target.origin().ascii_serialization()))
}

/// Returns the target of a redirect for a message. The address of a mirror is not shown to clients.
fn shown_target(session: &Session, to: &str) -> String {
    let origin = |text: &str| Url::parse(text).map(|url| url.origin());
    match Url::parse(to) {
        Ok(target) if session.is_mirror && Ok(target.origin()) == origin(&session.base()) => target.path().to_owned(),
        _ => shown_address(to),
    }
}

pub(crate) fn location(response: &http::Response<Body>) -> Option<&str> {
    header(response, "location")
}

fn header<'a>(response: &'a http::Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
