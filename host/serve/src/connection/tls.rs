//! TLS: the certificate and key from two PEM files, and the handshake.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_file::ReadError;
use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::connection::linger::Linger;

/// Maximum size of a certificate or key file.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Protocols offered to clients, in order of preference (ALPN).
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
const HTTP2: &[u8] = b"h2";
/// First byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;
const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\
    content-length: 46\r\n\r\nthis port accepts HTTPS only; use https://...\n";

/// The paths of the certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by its intermediate certificates. PEM.
    pub certificate: PathBuf,
    /// The private key. PEM; must not be accessible to others.
    pub key: PathBuf,
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// The key file is accessible to users other than its owner and group.
    #[error("the key `{}` has mode {mode:04o} and is accessible to others; hint: chmod 0640 or less", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The file's mode.
        mode: u32,
    },
    /// A file does not contain a certificate or key.
    #[error("`{}` does not contain a {what} in PEM format", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The expected content.
        what: &'static str,
    },
    /// The certificate and key do not match or are not supported.
    #[error("the certificate and the key do not match or are not supported")]
    Unfit(#[source] rustls::Error),
}

/// Returns true if the client chose HTTP/2 in the handshake.
pub(crate) fn is_http2(stream: &TlsStream<Linger>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// The certificate in use.
pub(crate) struct Tls(RwLock<Arc<ServerConfig>>);

impl Tls {
    pub(crate) fn from_files(files: &TlsFiles) -> Result<Tls, TlsError> {
        read(files).map(|config| Tls(RwLock::new(Arc::new(config))))
    }

    /// Replaces the certificate for new connections. The old one is kept if the new one is invalid.
    pub(crate) fn set(&self, files: &TlsFiles) -> Result<(), TlsError> {
        let config = Arc::new(read(files)?);
        *self.0.write() = config;
        Ok(())
    }

    /// Performs the handshake. A client that sends plain HTTP gets a plain response.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        linger: impl Fn(TcpStream) -> Linger,
    ) -> io::Result<TlsStream<Linger>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            if first[0].is_ascii_uppercase() {
                use tokio::io::AsyncWriteExt as _;
                let mut stream = linger(stream);
                stream.write_all(PLAIN_REFUSED).await?;
                stream.shutdown().await?;
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client did not start a TLS handshake"));
        }
        let config = self.0.read().clone();
        TlsAcceptor::from(config).accept(linger(stream)).await
    }
}

/// Checks that the files can be used.
///
/// # Errors
/// [`TlsError`].
pub fn check_tls(files: &TlsFiles) -> Result<(), TlsError> {
    read(files).map(drop)
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let (text, _) = contents(&files.certificate)?;
    let not_pem = |path: &Path, what| TlsError::NotPem { path: path.to_owned(), what };
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    let certificates = certificates.ok_or_else(|| not_pem(&files.certificate, "certificate"))?;
    let (text, mode) = contents(&files.key)?;
    if mode & 0o027 != 0 {
        return Err(TlsError::Open { path: files.key.clone(), mode });
    }
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| not_pem(&files.key, "private key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(TlsError::Unfit)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// Returns the content of a small file and its mode.
fn contents(path: &Path) -> Result<(Vec<u8>, u32), TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let (bytes, metadata) = host_file::read_with_metadata(path, MAX_FILE_BYTES).map_err(failed)?;
    Ok((bytes, metadata.permissions().mode() & 0o777))
}
