//! Connections. The connector resolves the name itself and connects only to an address that it has checked, so that no
//! second resolution can lead to another address (DNS rebinding).

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::either::Either;
use tower_service::Service;
use url::{Host, Url};

use super::rules::Rules;
use super::{FetchConfig, in_time};

/// The TLS configuration; made once per host.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

/// Connects to the servers that the rules allow.
#[derive(Clone)]
pub(crate) struct Connector {
    rules: Arc<Rules>,
    tls: Tls,
    timeout: Duration,
}

/// A refusal that is not an error of the network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectRefusal {
    /// The rules do not allow it.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// The connection timed out.
    #[error("the connection timed out")]
    TimedOut,
}

/// Finds a refusal among the causes of an error.
pub(crate) fn refused<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e ConnectRefusal> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<ConnectRefusal>() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}

// === impl Tls ===

impl Tls {
    /// Trusts the public authorities and those of the configuration. An invalid certificate is logged and ignored.
    pub(crate) fn new(config: &FetchConfig) -> Tls {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for authority in &config.extra_authorities {
            if let Err(error) = roots.add(CertificateDer::from(authority.clone())) {
                tracing::error!(%error, "an entry of `extra_authorities` is not a valid certificate and is ignored");
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the usual cipher suites")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Tls(TlsConnector::from(Arc::new(config)))
    }
}

// === impl Connector ===

impl Connector {
    pub(crate) fn new(rules: Arc<Rules>, tls: Tls, timeout: Duration) -> Connector {
        Connector { rules, tls, timeout }
    }

    async fn connect(self, uri: Uri) -> Result<Stream, BoxError> {
        let url = Url::parse(&uri.to_string())?;
        // The URL was checked before. It is checked again here, where no caller can skip the check.
        self.rules.rule(&url).map_err(ConnectRefusal::NotAllowed)?;
        let deadline = in_time(self.timeout);
        let connected = timeout_at(deadline, async {
            let stream = self.tcp(&url, deadline).await?;
            if url.scheme() != "https" {
                return Ok(Stream(TokioIo::new(Either::Left(stream))));
            }
            let name = match url.host() {
                Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())?,
                Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::from(address)),
                Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::from(address)),
                None => return Err("the URL names no host".into()),
            };
            let stream = self.tls.0.connect(name, stream).await?;
            Ok(Stream(TokioIo::new(Either::Right(Box::new(stream)))))
        });
        connected.await.unwrap_or_else(|_| Err(ConnectRefusal::TimedOut.into()))
    }

    async fn tcp(&self, url: &Url, deadline: Instant) -> Result<TcpStream, BoxError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            None => vec![],
        };
        let mut allowed = Vec::new();
        let mut rule = None;
        for address in found {
            match self.rules.refuses(url, address.ip()) {
                None => allowed.push(address),
                Some(refused) => rule = Some(refused),
            }
        }
        if let Some(rule) = rule.filter(|_| allowed.is_empty()) {
            return Err(ConnectRefusal::NotAllowed(rule).into());
        }
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
        for (tried, address) in allowed.iter().enumerate() {
            // Each address gets an equal share of the remaining time, so that one unreachable address does not use it
            // all.
            let share = u32::try_from(allowed.len() - tried).unwrap_or(u32::MAX);
            let until = Instant::now() + deadline.saturating_duration_since(Instant::now()) / share;
            match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = error,
                Err(_) if share == 1 => return Err(ConnectRefusal::TimedOut.into()),
                Err(_) => {}
            }
        }
        Err(failure.into())
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection: http or https.
pub(crate) struct Stream(TokioIo<Either<TcpStream, Box<TlsStream<TcpStream>>>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
