//! HTTP for git: two kinds of requests, to one place, within limits, and never with credentials.

use std::time::{Duration, Instant};

use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport, time,
};
use ureq::{Agent, Body, BodyReader, Timeout, http};
use url::Url;

use super::allow::is_allowed;
use super::session::Session;
use super::watch::Watch;
use crate::Error;
use host_core::is_public_address;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval at which a waiting connection checks whether to continue.
const LOOK_UP: Duration = Duration::from_millis(100);
const MAX_REDIRECTS: usize = 3;

const LIST: &str = "/info/refs";
const LIST_QUERY: &str = "service=git-upload-pack";
const LIST_TYPE: &str = "application/x-git-upload-pack-advertisement";
const REQUEST_TYPE: &str = "application/x-git-upload-pack-request";
const RESULT_TYPE: &str = "application/x-git-upload-pack-result";

/// A client for one fetch. Only a mirror, which the operator configured, may be in a private network or use plain HTTP.
pub(crate) fn agent(watch: &Watch, is_mirror: bool) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(!is_mirror)
        .max_redirects(0)
        .proxy(None)
        .user_agent("git/2.0 (plugin-host)")
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(watch.stall_timeout))
        .timeout_per_write(Some(watch.stall_timeout))
        .build();
    let connector = ().chain(TcpConnector::default()).chain(Watching(watch.clone())).chain(RustlsConnector::default());
    if is_mirror {
        Agent::with_parts(config, connector, DefaultResolver::default())
    } else {
        Agent::with_parts(config, connector, PublicResolver::default())
    }
}

/// Requests the list of branches and tags, following redirects on the same server.
pub(crate) fn list(session: &Session) -> Result<BodyReader<'static>, Error> {
    for _ in 0..=MAX_REDIRECTS {
        let base = session.base();
        let url = format!("{base}{LIST}?{LIST_QUERY}");
        let request = session.agent.get(&url).config().timeout_global(Some(session.watch.remaining())).build();
        let response = request.call().map_err(|source| error(&session.watch, source))?;
        if response.status().is_redirection() {
            session.set_base(redirected(session, &url, &response)?);
            continue;
        }
        return answer(session, response, LIST_TYPE);
    }
    let url = session.asked().to_owned();
    Err(Error::Redirect { url, to: session.base(), rule: "which is one redirect too many" })
}

/// Sends a request for commits.
pub(crate) fn request(session: &Session, body: &[u8]) -> Result<BodyReader<'static>, Error> {
    let url = format!("{}/git-upload-pack", session.base());
    let request = session.agent.post(&url).config().timeout_global(Some(session.watch.remaining())).build();
    let request = request.header("content-type", REQUEST_TYPE).header("accept", RESULT_TYPE);
    let response = request.send(body).map_err(|source| error(&session.watch, source))?;
    if response.status().is_redirection() {
        let to = location(&response).unwrap_or_default().to_owned();
        return Err(Error::Redirect { url, to, rule: "in the middle of a fetch" });
    }
    answer(session, response, RESULT_TYPE)
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
    response: http::Response<Body>,
    expected: &'static str,
) -> Result<BodyReader<'static>, Error> {
    // The address that was asked for, not the address of its mirror.
    let (url, status) = (session.asked().to_owned(), response.status().as_u16());
    match status {
        200 => {}
        // Servers that hide private repositories return any of these.
        401 | 403 | 404 | 410 => return Err(Error::NoRepository { url, status }),
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
    let refuse = |rule| Err(Error::Redirect { url: url.to_owned(), to: to.chars().take(200).collect(), rule });
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

fn location(response: &http::Response<Body>) -> Option<&str> {
    header(response, "location")
}

fn header<'a>(response: &'a http::Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

// === impl PublicResolver ===

/// Returns only public addresses. The connection uses one of these, so a name that resolves differently a moment later
/// cannot bypass the check.
#[derive(Debug, Default)]
struct PublicResolver {
    inner: DefaultResolver,
}

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public_address(address.ip())) {
            public.push(*address);
        }
        match (public.is_empty(), found.first()) {
            (true, Some(refused)) => {
                let host = uri.host().unwrap_or_default().to_owned();
                Err(ureq::Error::Other(Box::new(Error::PrivateAddress { host, address: refused.ip() })))
            }
            _ => Ok(public),
        }
    }
}

// === impl Watching ===

/// Makes connections that stop waiting when the fetch has to end.
#[derive(Debug)]
struct Watching(Watch);

impl<In: Transport> Connector<In> for Watching {
    type Out = Watched<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Watched<In>>, ureq::Error> {
        Ok(chained.map(|inner| Watched { inner, watch: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Watched<In> {
    inner: In,
    watch: Watch,
}

impl<In: Transport> Transport for Watched<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let limit = timeout.for_read();
        let started = Instant::now();
        loop {
            self.watch.check().map_err(|error| ureq::Error::Other(Box::new(error)))?;
            let rest = limit.after.saturating_sub(started.elapsed());
            let slice = NextTimeout { after: time::Duration::Exact(rest.min(LOOK_UP)), ..limit };
            // Bytes that arrive after a slice are still in the socket for the next one.
            match self.inner.await_input(slice) {
                Err(ureq::Error::Timeout(_)) if rest > LOOK_UP => {}
                Err(ureq::Error::Timeout(_)) => return Err(ureq::Error::Timeout(limit.reason)),
                result => return result,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
