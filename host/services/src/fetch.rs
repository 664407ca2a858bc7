//! The HTTP client of plugins: one client per generation, for the servers that plugin.yaml lists.
//!
//! Every URL, including the target of each redirect, is checked against `security.allowed_hosts`. Every connection is
//! checked by its address: a name that resolves to a private address is refused, unless plugin.yaml lists that exact
//! host and the operator allows it as well. The client speaks HTTP/1.1, without proxies, cookies or decompression.

mod body;
mod connect;
mod message;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_core::AllowedHost;
use host_core::manifest::Security;
use host_load::{ServiceBody, ServiceRequest};
use http::{Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::Error;
use crate::answer::collect;

use body::{RequestBody, ResponseBody, Upload};
use connect::{ConnectRefusal, Connector};
use rules::{Rules, origin};

pub(crate) use connect::Tls;

/// A body of at most this many bytes is buffered, so that it can be sent again after a redirect.
const REPEATED_BYTES: u64 = 64 * 1024;
/// The maximum number of concurrent fetches of one generation; further fetches wait.
const MAX_AT_ONCE: usize = 64;
const MAX_REDIRECTS: usize = 5;
/// The maximum number of idle connections to one server, and their lifetime.
const MAX_IDLE: usize = 8;
const IDLE: Duration = Duration::from_secs(30);
/// The longest response head, in bytes.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// The configuration of fetches for plugins.
#[derive(Clone, Debug)]
pub struct FetchConfig {
    /// The hosts with private addresses that plugins may fetch from, if their plugin.yaml lists that exact host.
    pub private_hosts: Vec<AllowedHost>,
    /// The timeout of a connection, including its TLS handshake.
    pub connect_timeout: Duration,
    /// The timeout of a fetch until its last byte, unless the plugin sets one.
    pub timeout: Duration,
    /// Certificates (DER) of authorities that are trusted in addition to the public ones.
    pub extra_authorities: Vec<Vec<u8>>,
}

/// Fetches for one generation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher {
    client: Client<Connector, RequestBody>,
    rules: Arc<Rules>,
    at_once: Arc<Semaphore>,
    connect_timeout: Duration,
    timeout: Duration,
}

/// A request; a redirect replaces it.
struct FetchRequest {
    method: Method,
    url: Url,
    headers: http::HeaderMap,
    /// The body, if it can be sent again; `None` for a stream.
    body: Option<Bytes>,
}

impl Default for FetchConfig {
    fn default() -> FetchConfig {
        FetchConfig {
            private_hosts: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            extra_authorities: Vec::new(),
        }
    }
}

impl Fetcher {
    pub(crate) fn new(config: &FetchConfig, tls: &Tls, security: &Security) -> Fetcher {
        let rules = Arc::new(Rules::new(security, &config.private_hosts));
        let connector = Connector::new(rules.clone(), tls.clone(), config.connect_timeout);
        // One client per generation, so that no plugin uses a connection that another plugin opened.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(connector);
        let at_once = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Fetcher { client, rules, at_once, connect_timeout: config.connect_timeout, timeout: config.timeout }
    }

    /// Performs the request and follows redirects.
    pub(crate) async fn answer(&self, request: ServiceRequest) -> Result<Response<ServiceBody>, Error> {
        let url = rules::url(&request.path, request.query.as_deref())?;
        if request.method == Method::CONNECT {
            let method = "CONNECT".to_owned();
            return Err(Error::Method { service: "the HTTP client", allowed: "requests, not tunnels", method });
        }
        self.rules.check(&url)?;
        let after = request.timeout.unwrap_or(self.timeout);
        let deadline = in_time(after);
        let timed_out = |url: &Url, what| Error::FetchTimedOut { to: origin(url), what, after };
        let permit = timeout_at(deadline, self.at_once.clone().acquire_owned()).await;
        // The semaphore is never closed.
        let permit = permit.map_err(|_| timed_out(&url, "the plugin's earlier fetches did not end in time"))?.ok();

        let headers = message::to_send(&request)?;
        let known = request.body.size_hint().exact().filter(|length| *length <= REPEATED_BYTES);
        let (body, mut upload) = match known {
            Some(_) => {
                let bytes = collect(request.body, usize::try_from(REPEATED_BYTES).unwrap_or(usize::MAX)).await?;
                (bytes.map(Bytes::from), None)
            }
            None => (None, Some(request.body)),
        };
        let mut current = FetchRequest { method: request.method, url, headers, body };
        for _ in 0..=MAX_REDIRECTS {
            let (sent, mut pump) = match (&current.body, upload.take()) {
                (Some(bytes), _) => (RequestBody::whole(bytes.clone()), None),
                (None, Some(body)) => {
                    let (sent, pump) = Upload::new(body);
                    (sent, Some(pump))
                }
                (None, None) => (RequestBody::whole(Bytes::new()), None),
            };
            let response = body::while_sending(&mut pump, self.client.request(current.request(sent)?));
            let response = timeout_at(deadline, response)
                .await
                .map_err(|_| timed_out(&current.url, "the server did not respond"))?;
            let response = response.map_err(|error| self.failure(&current.url, &error, pump.as_ref()))?;
            if let Some(next) = message::redirect(&current, &response)? {
                self.rules.check_redirect(&current.url, &next.url)?;
                current = next;
                continue;
            }
            let (head, body) = response.into_parts();
            let headers = message::received(head.headers);
            let body = ResponseBody::new(
                body,
                pump,
                deadline,
                timed_out(&current.url, "the server did not send its complete response"),
                permit,
            );
            let mut response = Response::new(body.boxed_unsync());
            *response.status_mut() = head.status;
            *response.headers_mut() = headers;
            return Ok(response);
        }
        Err(Error::FetchFailed { to: origin(&current.url), reason: format!("more than {MAX_REDIRECTS} redirects") })
    }

    /// Translates an error of the client.
    fn failure(&self, url: &Url, error: &hyper_util::client::legacy::Error, pump: Option<&Upload>) -> Error {
        let to = origin(url);
        if let Some(message) = pump.and_then(Upload::failure) {
            return Error::Body { message };
        }
        match connect::refused(error) {
            Some(ConnectRefusal::NotAllowed(rule)) => Error::FetchNotAllowed { to, rule: rule.clone() },
            Some(ConnectRefusal::TimedOut) => Error::FetchTimedOut {
                to,
                what: "the connection to the server was not established",
                after: self.connect_timeout,
            },
            None => Error::FetchFailed { to, reason: crate::error::chain(error) },
        }
    }
}

/// The instant after this time, limited to a year, because adding an arbitrary duration to an instant may overflow.
fn in_time(after: Duration) -> Instant {
    Instant::now() + after.min(Duration::from_secs(365 * 24 * 60 * 60))
}

impl FetchRequest {
    fn request(&self, body: RequestBody) -> Result<Request<RequestBody>, Error> {
        let refused = |rule| Error::FetchUrl { rule, found: format!("`{}`", origin(&self.url)) };
        let uri = self.url.as_str().parse::<Uri>().map_err(|_| refused("must be a valid request URI"))?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}
