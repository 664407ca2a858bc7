//! HTTP client of the host's API.

mod connect;
mod download;
mod follow;
mod job;
mod problem;
mod upload;

use std::time::Duration;

use bytes::Bytes;
use host_core::{Span, shown_address};
use host_file::ReadError;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub(crate) use follow::StreamUpdate;
pub(crate) use job::FollowedJob;

use crate::args::HostArgs;
use crate::config::{ClientConfig, LocalHost};
use crate::failure::{self, Failure};
use connect::{Connector, Trust};

/// Time limit for requests that do not start an operation.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a response.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Maximum size of a file with a token.
const MAX_TOKEN_BYTES: u64 = 4 << 10;

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

/// A successful response.
pub(crate) struct ApiResponse {
    /// The `Location` header: the path of the job.
    location: Option<String>,
    /// The body, unchanged.
    pub(crate) body: Bytes,
}

/// A request to the API.
pub(crate) struct ApiRequest {
    method: Method,
    path: String,
    body: Bytes,
    content_type: String,
    respond_async: bool,
    headers: Vec<(&'static str, String)>,
}

impl ApiRequest {
    /// Creates a request without a body.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> ApiRequest {
        let path = path.into();
        let body = Bytes::new();
        let content_type = "application/json".to_owned();
        ApiRequest { method, path, body, content_type, respond_async: false, headers: vec![] }
    }

    /// Creates a GET request.
    pub(crate) fn get(path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(Method::GET, path)
    }

    /// Creates a POST request.
    pub(crate) fn post(path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(Method::POST, path)
    }

    /// Sets a JSON body.
    pub(crate) fn json(mut self, value: &impl Serialize) -> ApiRequest {
        self.body = serde_json::to_vec(value).expect("texts, numbers and maps with text keys serialize").into();
        self
    }

    /// Sets a YAML body.
    pub(crate) fn yaml(mut self, text: String) -> ApiRequest {
        self.body = text.into();
        self.content_type = "application/yaml".to_owned();
        self
    }

    /// Adds a header. A value that is invalid in a header makes the request fail.
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> ApiRequest {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Requests the host to respond before the operation has ended.
    pub(crate) fn respond_async(mut self) -> ApiRequest {
        self.respond_async = true;
        self
    }
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
        let waited = Span::of(READ_TIMEOUT);
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

// === impl ApiResponse ===

impl ApiResponse {
    /// Parses the body.
    ///
    /// # Errors
    /// The body has an unexpected shape, because the host has another version.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::from_error("failed to parse the host's response", &error)
                .fix("use the plugin-host program with the version of the host")
        })
    }
}

/// Parses the base URL of a host: http or https, without path and query.
fn base(text: &str) -> Result<Url, Failure> {
    let refused = |reason: &str| {
        let shown = shown_address(text);
        let failure = Failure::usage(format!("`{shown}` is not the URL of a host")).because(reason);
        Err(match without_scheme(text) {
            Some(meant) => failure.fix(format!("did you mean `{meant}`?")),
            None => failure.fix("set --url to a URL such as http://127.0.0.1:4000"),
        })
    };
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => refused("the scheme must be http or https"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            refused("the URL must not contain a user name or password")
        }
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            refused("the URL must not have a path or query")
        }
        Ok(url) => Ok(url),
        Err(error) => refused(&error.to_string()),
    }
}

/// Returns the URL that is meant by an address without a scheme, such as `localhost:4000`.
fn without_scheme(text: &str) -> Option<String> {
    let meant = Url::parse(&format!("http://{text}")).ok().filter(|_| !text.contains("//"))?;
    let is_address = meant.port().is_some() && meant.path() == "/" && meant.username().is_empty();
    is_address.then(|| meant.as_str().trim_end_matches('/').to_owned())
}

/// Returns the token and its origin.
fn token(args: &HostArgs, config: &ClientConfig, url: &Url) -> Result<(String, String), Failure> {
    let given = args.token.as_ref().map(|token| (token, "--token"));
    if let Some((token, origin)) = given.or_else(|| Some((config.token.as_ref()?, "PLUGIN_HOST_TOKEN"))) {
        return match token.trim() {
            "" => Err(Failure::usage(format!("the token in {origin} is empty"))
                .fix("set it to a token; `plugin-host token create` prints a new one")),
            token => Ok((token.to_owned(), origin.to_owned())),
        };
    }
    if !is_here(url, &config.local) {
        // The server at that URL must not learn the token of the host on this machine.
        let failure = Failure::usage(format!("no token is set for {url}"));
        return Err(failure
            .because("the token of the host on this machine is not sent to other machines")
            .fix("set PLUGIN_HOST_TOKEN or --token"));
    }
    let path = config.local.plugin_dir.join("operator.token");
    match host_file::read_text(&path, MAX_TOKEN_BYTES) {
        Ok(token) => Ok((token.trim().to_owned(), format!("`{}`", path.display()))),
        Err(error) => {
            let failure = Failure::usage(format!("failed to read the operator token `{}`", path.display()));
            let fix = match &error {
                ReadError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    "run the command as the user of the host, or set PLUGIN_HOST_TOKEN"
                }
                _ => {
                    "start a host with `plugin-host serve`, set --plugin-dir to its plugin folder, or set \
                     PLUGIN_HOST_TOKEN"
                }
            };
            Err(failure.because(error.to_string()).fix(fix))
        }
    }
}

/// Returns whether a URL refers to this machine.
fn is_here(url: &Url, local: &LocalHost) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address == local.address.ip(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address == local.address.ip(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_refused_with_the_url() {
        let fix = |text: &str| base(text).unwrap_err().fix.unwrap();
        assert_eq!(fix("localhost:4477"), "did you mean `http://localhost:4477`?");
        assert_eq!(fix("host.example.org:4000"), "did you mean `http://host.example.org:4000`?");
        for text in ["ftp://localhost:4477", "localhost", "http://localhost/api", "user:secret", "mailto:a@b"] {
            assert!(fix(text).contains("such as http://127.0.0.1:4000"), "{text}");
        }
    }
}
