//! HTTP client of the host's API.

mod connect;
mod download;
mod follow;
mod job;
mod message;
mod problem;
mod target;
mod upload;

use std::time::Duration;

use bytes::Bytes;
use host_core::Span;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use url::Url;

pub(crate) use follow::StreamUpdate;
pub(crate) use job::FollowedJob;
pub(crate) use message::{ApiRequest, ApiResponse};

use crate::args::HostArgs;
use crate::config::ClientConfig;
use crate::failure::{self, Failure};
use connect::{Connector, Trust};
use target::{base, is_here, token};

/// Time limit for requests that do not start an operation.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a response.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// A client for one host.
pub(crate) struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    /// The base URL, without a trailing slash.
    url: String,
    /// `None` for requests that need no token.
    authorization: Option<HeaderValue>,
    /// The origin of the token, for error messages.
    token_origin: String,
    /// Whether the host is on this machine.
    is_local: bool,
}

impl Client {
    /// Creates a client for the host given by arguments, environment and configuration file.
    ///
    /// # Errors
    /// The URL is invalid, or no token is found.
    pub(crate) fn new(args: &HostArgs, config: &ClientConfig) -> Result<Client, Failure> {
        let mut client = Client::without_token(args, config)?;
        let url = Url::parse(&client.url).map_err(|error| Failure::from_error("invalid URL", &error))?;
        let (token, token_origin) = token(args, config, &url)?;
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            Failure::usage(format!("the token in {token_origin} contains invalid characters"))
                .fix("copy the token from operator.token without changes")
        });
        let mut authorization = authorization?;
        authorization.set_sensitive(true);
        (client.authorization, client.token_origin) = (Some(authorization), token_origin);
        Ok(client)
    }

    /// Creates a client that sends no token.
    ///
    /// # Errors
    /// The URL is invalid, or the certificate authorities cannot be read.
    pub(crate) fn without_token(args: &HostArgs, config: &ClientConfig) -> Result<Client, Failure> {
        let url = base(args.url.as_deref().or(config.url.as_deref()).unwrap_or(&config.local.url))?;
        let given = args.ca.clone().or_else(|| config.authorities.clone());
        // Port 0 selects a free port, so the port of the host is not known.
        let port = Some(config.local.address.port()).filter(|port| *port != 0);
        let is_own = is_here(&url, &config.local) && (port.is_none() || port == url.port_or_known_default());
        let trust = match (given, &config.local.certificate) {
            _ if url.scheme() != "https" => Trust::Public,
            (Some(authorities), _) => Trust::Authorities(authorities),
            // The host on this machine is recognized by its configured certificate, whatever names it contains.
            (None, Some(certificate)) if is_own => Trust::Own(certificate.clone()),
            (None, _) => Trust::Public,
        };
        let pool = Pool::builder(TokioExecutor::new()).build(Connector::new(&trust)?);
        let is_local = is_here(&url, &config.local);
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Client { pool, url, authorization: None, token_origin: String::new(), is_local })
    }

    /// Returns whether the host is on this machine, so that it may read the same files.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Returns the base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// The problem that the host returned; [`failure::Exit::Unreachable`] if the host does not respond.
    pub(crate) async fn request(&self, ask: ApiRequest) -> Result<ApiResponse, Failure> {
        let timeout = (ask.method == Method::GET).then_some(READ_TIMEOUT);
        let asking = async {
            let response = self.send(ask).await?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
            let body = body.map_err(|error| Failure {
                exit: failure::Exit::Unreachable,
                ..Failure::from_error("the connection was closed before the response was complete", &*error)
            })?;
            Ok(ApiResponse { location, body: body.to_bytes() })
        };
        match timeout {
            None => asking.await,
            Some(timeout) => tokio::time::timeout(timeout, asking).await.unwrap_or_else(|_| Err(self.timed_out())),
        }
    }

    /// Requests a health endpoint. Any status is a result, not an error.
    ///
    /// # Errors
    /// The host does not respond.
    pub(crate) async fn health(&self, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::get(format!("{}{path}", self.url)).body(Full::default());
        let request = request.map_err(|error| Failure::from_error("invalid URL", &error))?;
        let looking = async {
            let response = self.pool.request(request).await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
            Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
        };
        tokio::time::timeout(READ_TIMEOUT, looking).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// Creates the failure for a server that is not a plugin host.
    pub(crate) fn not_a_host(&self, status: StatusCode, body: &[u8]) -> Failure {
        let failure =
            Failure::unreachable(format!("the server at {} is not a plugin host (HTTP {})", self.url, status.as_u16()));
        let first_line: String =
            String::from_utf8_lossy(body).lines().next().unwrap_or_default().chars().take(120).collect();
        let failure =
            if first_line.is_empty() || first_line.starts_with('<') { failure } else { failure.because(first_line) };
        failure.fix("set --url to the URL of a plugin host")
    }

    fn timed_out(&self) -> Failure {
        let waited = Span::new(READ_TIMEOUT);
        Failure::unreachable(format!("the host at {} did not respond within {waited}", self.url))
    }

    /// Sends a request and returns the response once its head has arrived.
    async fn send(&self, ask: ApiRequest) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(ask.method).uri(format!("{}{}", self.url, ask.path));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        if ask.respond_async {
            request = request.header("prefer", "respond-async");
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(ask.body)).map_err(|error| Failure::from_error("invalid URL", &error))?;
        let response = self.pool.request(request).await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.problem(response).await)
    }

    async fn problem(&self, response: Response<Incoming>) -> Failure {
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let Ok(problem) = serde_json::from_slice::<host_api::Problem>(&body) else {
            return self.not_a_host(status, &body);
        };
        let mut failure = problem::failure(&problem);
        failure.response = Some(body);
        if status == StatusCode::UNAUTHORIZED {
            failure.details.push(format!("the token was read from {}", self.token_origin));
            failure.fix =
                Some("set --plugin-dir to the host's plugin folder, or PLUGIN_HOST_TOKEN to a valid token".to_owned());
        }
        failure
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let chain = Failure::from_error("", error).details;
        let reason = chain.last().cloned().unwrap_or_default();
        let fix = match &*reason {
            reason if reason.contains("UnknownIssuer") => "set --ca to a file with the certificate of its authority",
            reason if reason.contains("CaUsedAsEndEntity") => {
                "use a host certificate that is not a CA certificate (basicConstraints=critical,CA:FALSE)"
            }
            reason if reason.contains("InvalidContentType") => {
                "the server does not use TLS: set --url to a URL that starts with http://"
            }
            reason if reason.contains("differs from the certificate in `tls_cert`") => {
                "send SIGHUP to the host, so that it loads the new certificate; for another server, set --ca"
            }
            reason if reason.contains("expired") => "renew the certificate in `tls_cert`, and send SIGHUP to the host",
            reason if reason.contains("not valid yet") => "set the clocks of both machines",
            reason if reason.contains("certificate") => "set --url to a URL with a host name from the certificate",
            _ => "start a host with `plugin-host serve`, or set --url to a running host",
        };
        Failure::unreachable(format!("no host is reachable at {}", self.url)).because(reason).fix(fix)
    }
}
