//! Asks a host over HTTP.

mod connect;
mod follow;
mod job;
mod problem;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub(crate) use follow::Told;
pub(crate) use job::Watched;

use crate::config::{Environment, Flags, Settings};
use crate::failure::Failure;
use crate::words;
use crate::{config, failure};
use connect::{Connector, Trust};

/// How long a question may take that the host answers without working.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A host, seen from outside.
pub(crate) struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    /// Without a slash at the end.
    url: String,
    /// `None` for questions that anybody may ask.
    authorization: Option<HeaderValue>,
    /// Where the token stood, for when it is refused.
    token_origin: String,
}

/// An answer that is no error.
pub(crate) struct Reply {
    /// Where to watch what goes on.
    location: Option<String>,
    /// As it came.
    pub(crate) body: Bytes,
}

/// A question.
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Bytes,
    content_type: String,
    respond_async: bool,
    headers: Vec<(&'static str, String)>,
}

impl Ask {
    /// A question without a body.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Ask {
        let (path, body) = (path.into(), Bytes::new());
        let content_type = "application/json".to_owned();
        Ask { method, path, body, content_type, respond_async: false, headers: vec![] }
    }

    /// `GET`.
    pub(crate) fn get(path: impl Into<String>) -> Ask {
        Ask::new(Method::GET, path)
    }

    /// `POST`.
    pub(crate) fn post(path: impl Into<String>) -> Ask {
        Ask::new(Method::POST, path)
    }

    /// Sends a value along.
    pub(crate) fn json(mut self, value: &impl Serialize) -> Ask {
        self.body = serde_json::to_vec(value).expect("texts, numbers and maps with text keys serialize").into();
        self
    }

    /// Sends a YAML text along.
    pub(crate) fn yaml(mut self, text: String) -> Ask {
        self.body = text.into();
        self.content_type = "application/yaml".to_owned();
        self
    }

    /// Sends a header along. What no header may hold makes the question fail.
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Ask {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Does not wait for the end of a long operation.
    pub(crate) fn respond_async(mut self) -> Ask {
        self.respond_async = true;
        self
    }
}

impl Client {
    /// The host that the words, the environment and the file name.
    ///
    /// # Errors
    /// The address is none, or there is no token.
    pub(crate) fn new(words: &words::Client, environment: &Environment) -> Result<Client, Failure> {
        let mut client = Client::without_token(words, environment)?;
        let settings = settings(words, environment)?;
        let url = Url::parse(&client.url).map_err(|error| Failure::of("the address is none", &error))?;
        let (token, token_origin) = token(words, environment, &settings, &url)?;
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            Failure::usage(format!("{token_origin} holds characters that no token has"))
                .fix("give it as it is in operator.token")
        });
        let mut authorization = authorization?;
        authorization.set_sensitive(true);
        (client.authorization, client.token_origin) = (Some(authorization), token_origin);
        Ok(client)
    }

    /// The same host, asked as somebody whom it does not know.
    ///
    /// # Errors
    /// The address is none, or the authorities can't be read.
    pub(crate) fn without_token(words: &words::Client, environment: &Environment) -> Result<Client, Failure> {
        let settings = settings(words, environment)?;
        let url = base(words.url.as_deref().or(environment.url()).unwrap_or(&settings.url()))?;
        let given = words.ca.as_deref().or(environment.authorities()).map(PathBuf::from);
        // 0 is any.
        let port = Some(settings.address().port()).filter(|port| *port != 0);
        let is_own = is_here(&url, &settings) && (port.is_none() || port == url.port_or_known_default());
        let trust = match (given, settings.tls()) {
            _ if url.scheme() != "https" => Trust::Public,
            (Some(authorities), _) => Trust::Authorities(authorities),
            // The host on this machine is known by the certificate that it is configured with, whatever it is called there.
            (None, Some(files)) if is_own => Trust::Own(files.certificate),
            (None, _) => Trust::Public,
        };
        let pool = Pool::builder(TokioExecutor::new()).build(Connector::new(&trust)?);
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Client { pool, url, authorization: None, token_origin: String::new() })
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and reads the whole answer.
    ///
    /// # Errors
    /// What the host answered, when that is a problem; [`failure::Exit::Unreachable`] when it does not answer.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Reply, Failure> {
        let timeout = (ask.method == Method::GET).then_some(READ_TIMEOUT);
        let asking = async {
            let response = self.send(ask).await?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| Failure {
                exit: failure::Exit::Unreachable,
                ..Failure::of("the answer broke off", &*error)
            })?;
            Ok(Reply { location, body: body.to_bytes() })
        };
        match timeout {
            None => asking.await,
            Some(timeout) => tokio::time::timeout(timeout, asking).await.unwrap_or_else(|_| Err(self.too_late())),
        }
    }

    /// Asks for how the host is, which is no error when it is not well.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn look(&self, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::get(format!("{}{path}", self.url)).body(Full::default());
        let request = request.map_err(|error| Failure::of("the address is none", &error))?;
        let looking = async {
            let response = self.pool.request(request).await.map_err(|error| self.no_answer(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
        };
        tokio::time::timeout(READ_TIMEOUT, looking).await.unwrap_or_else(|_| Err(self.too_late()))
    }

    /// What answers is no host.
    pub(crate) fn stranger(&self, status: StatusCode, body: &[u8]) -> Failure {
        let failure = Failure::unreachable(format!("what answers at {} is no plugin host: it said {status}", self.url));
        let said: String = String::from_utf8_lossy(body).lines().next().unwrap_or_default().chars().take(120).collect();
        let failure = if said.is_empty() || said.starts_with('<') { failure } else { failure.because(said) };
        failure.fix("name the host with --url")
    }

    fn too_late(&self) -> Failure {
        let seconds = READ_TIMEOUT.as_secs();
        Failure::unreachable(format!("the host at {} did not answer within {seconds} s", self.url))
    }

    /// Asks, and gives the answer as it begins.
    async fn send(&self, ask: Ask) -> Result<Response<Incoming>, Failure> {
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
        let request = request.body(Full::new(ask.body)).map_err(|error| Failure::of("the address is none", &error))?;
        let response = self.pool.request(request).await.map_err(|error| self.no_answer(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.problem(response).await)
    }

    async fn problem(&self, response: Response<Incoming>) -> Failure {
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let Ok(problem) = serde_json::from_slice::<host_api::Problem>(&body) else {
            return self.stranger(status, &body);
        };
        let mut failure = problem::failure(&problem);
        failure.answer = Some(body);
        if status == StatusCode::UNAUTHORIZED {
            failure.details.push(format!("the token is from {}", self.token_origin));
            failure.fix = Some(
                "name the host's plugin folder with --plugin-dir, or give its token with PLUGIN_HOST_TOKEN".to_owned(),
            );
        }
        failure
    }

    fn no_answer(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let chain = Failure::of("", error).details;
        let reason = chain.last().cloned().unwrap_or_default();
        let fix = match &*reason {
            reason if reason.contains("UnknownIssuer") => "name a file with the certificate of its authority with --ca",
            reason if reason.contains("CaUsedAsEndEntity") => {
                "give the host a certificate that is no authority's (basicConstraints=critical,CA:FALSE)"
            }
            reason if reason.contains("certificate") => "ask by a name that the certificate has, with --url",
            _ => "start one with `plugin-host serve`, or name another with --url",
        };
        Failure::unreachable(format!("no host answers at {}", self.url)).because(reason).fix(fix)
    }
}

// === impl Reply ===

impl Reply {
    /// What it says.
    ///
    /// # Errors
    /// It is not what this program knows: the host is of another version, or none.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::of("the host's answer is not understood", &error)
                .fix("use the plugin-host program of the host's version")
        })
    }
}

fn settings(words: &words::Client, environment: &Environment) -> Result<Settings, Failure> {
    let flags = Flags::default().with("plugin_dir", words.plugin_dir.as_deref());
    let settings = config::read(&flags, environment, words.config.as_deref());
    // Who says which host is asked wants to hear of it also when what lies here is broken.
    match settings {
        Err(_) if words.url.is_some() || environment.url().is_some() => config::read_without_file(&flags, environment),
        settings => settings,
    }
}

/// The address of a host: HTTP or HTTPS, nothing behind the port.
fn base(text: &str) -> Result<Url, Failure> {
    let refused = |reason: &str| {
        let failure = Failure::usage(format!("`{text}` is not the address of a host")).because(reason);
        Err(failure.fix("give --url such as http://127.0.0.1:4000"))
    };
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => refused("only http and https are spoken"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => refused("it carries a user or password"),
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            refused("there is something behind the port")
        }
        Ok(url) => Ok(url),
        Err(error) => refused(&error.to_string()),
    }
}

/// The token, and where it stood.
fn token(
    words: &words::Client,
    environment: &Environment,
    settings: &Settings,
    url: &Url,
) -> Result<(String, String), Failure> {
    if let Some(token) = &words.token {
        return Ok((token.trim().to_owned(), "--token".to_owned()));
    }
    if let Some(token) = environment.token() {
        return Ok((token.trim().to_owned(), "PLUGIN_HOST_TOKEN".to_owned()));
    }
    if !is_here(url, settings) {
        // Whoever listens there would learn the token of the host on this machine.
        let failure = Failure::usage(format!("no token was given for {url}"));
        return Err(failure
            .because("the token of this machine's host is not sent elsewhere")
            .fix("give PLUGIN_HOST_TOKEN or --token"));
    }
    let path = settings.plugin_dir().join("operator.token");
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok((token.trim().to_owned(), format!("`{}`", path.display()))),
        Err(error) => {
            let failure = Failure::usage(format!("there is no operator token in `{}`", path.display()));
            Err(failure.because(error.to_string()).fix(
                "start a host there with `plugin-host serve`, name its plugin folder with --plugin-dir, or give PLUGIN_HOST_TOKEN",
            ))
        }
    }
}

/// Whether an address is this machine's.
fn is_here(url: &Url, settings: &Settings) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address == settings_ip(settings),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address == settings_ip(settings),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn settings_ip(settings: &Settings) -> std::net::IpAddr {
    settings.address().ip()
}
