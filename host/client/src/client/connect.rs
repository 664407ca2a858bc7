//! Connections to a host, with TLS for https URLs.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_util::either::Either;
use tower_service::Service;

use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a file with certificates. The public authorities of a system take 200 KiB.
const MAX_BYTES: u64 = 4 << 20;

/// Opens connections to a host.
#[derive(Clone)]
pub(super) struct Connector(TlsConnector);

type BoxError = Box<dyn StdError + Send + Sync>;

/// How the certificate of a host is verified.
pub(super) enum Trust {
    /// By public authorities, with the host name.
    Public,
    /// By the authorities in a PEM file, with the host name.
    Authorities(PathBuf),
    /// By equality with the first certificate in a PEM file, without regard to names: the host's own certificate.
    Own(PathBuf),
}

impl Connector {
    /// Creates a connector that verifies hosts this way.
    ///
    /// # Errors
    /// A file cannot be read or contains no certificates.
    pub(super) fn new(trust: &Trust) -> Result<Connector, Failure> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring has the usual cipher suites");
        let config = match trust {
            Trust::Public => {
                config.with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
            }
            Trust::Authorities(path) => {
                let fix = "set --ca or PLUGIN_HOST_CA to a PEM file with the certificates of authorities";
                config.with_root_certificates(roots(path).map_err(|failure| failure.fix(fix))?)
            }
            Trust::Own(path) => {
                let fix =
                    "set `tls_cert` to the certificate of the host, or set --ca to a copy that this user can read";
                let certificate = certificates(path).map_err(|failure| failure.fix(fix))?.swap_remove(0);
                config
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(PinnedCertificate { certificate, provider }))
            }
        };
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Connector(TlsConnector::from(Arc::new(config))))
    }

    async fn connect(self, uri: Uri) -> Result<Stream, BoxError> {
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or("the URL has no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        let _ = stream.set_nodelay(true);
        if !is_tls {
            return Ok(Stream(TokioIo::new(Either::Left(stream))));
        }
        let stream = self.0.connect(ServerName::try_from(host.to_owned())?, stream).await?;
        Ok(Stream(TokioIo::new(Either::Right(Box::new(stream)))))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| no_certificates(path, &error.to_string()))?;
    }
    Ok(roots)
}

/// Reads the certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = host_file::read(path, MAX_BYTES).map_err(|error| no_certificates(path, &error.to_string()))?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| no_certificates(path, &error.to_string()))?;
    if found.is_empty() { Err(no_certificates(path, "the file contains no certificate")) } else { Ok(found) }
}

fn no_certificates(path: &Path, reason: &str) -> Failure {
    Failure::usage(format!("failed to load certificates from `{}`", path.display())).because(reason)
}

/// Accepts exactly one certificate. The signatures of the handshake prove that the server has its key.
#[derive(Debug)]
struct PinnedCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *certificate == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("the server's certificate differs from the certificate in `tls_cert`".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            connected.unwrap_or_else(|_| Err("timed out while connecting".into()))
        })
    }
}

/// A plain or TLS connection.
pub(super) struct Stream(TokioIo<Either<TcpStream, Box<TlsStream<TcpStream>>>>);

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
