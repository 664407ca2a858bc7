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

/// The reason why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("failed to read `{}`; hint: set `{setting}` to a PEM file that this user can read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The setting that names the file.
        setting: &'static str,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// The key file is accessible to users other than its owner and group.
    #[error(
        "the key `{}` has mode {mode:04o} and is accessible to others; hint: run `chmod 640` on the file",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The file's mode.
        mode: u32,
    },
    /// A file does not contain a certificate or key.
    #[error("`{}` does not contain a {what} in PEM format; hint: {remedy}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The expected content.
        what: &'static str,
        /// The command or setting that corrects it.
        remedy: String,
    },
    /// The certificate and key do not match or are not supported.
    #[error(
        "the certificate and the key do not match or are not supported; hint: the public keys that \
        `openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` print must be equal"
    )]
    Unfit(#[source] rustls::Error),
}

/// Returns whether the client chose HTTP/2 in the handshake.
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
    let (text, _) = contents(&files.certificate, "tls_cert")?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    let certificates = certificates.ok_or_else(|| TlsError::NotPem {
        path: files.certificate.clone(),
        what: "certificate",
        remedy: certificate_remedy(&text),
    })?;
    let (text, mode) = contents(&files.key, "tls_key")?;
    if mode & 0o027 != 0 {
        return Err(TlsError::Open { path: files.key.clone(), mode });
    }
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::NotPem {
        path: files.key.clone(),
        what: "private key",
        remedy: key_remedy(&text),
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(TlsError::Unfit)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// Returns whether a file is a certificate or key in the binary format DER: a sequence of ASN.1.
fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30) && std::str::from_utf8(content).is_err()
}

/// Returns whether a PEM file has a section with a name that ends with `name`.
fn has_section(content: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(content);
    text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{name}-----")))
}

fn certificate_remedy(content: &[u8]) -> String {
    if is_der(content) {
        "convert it with `openssl x509 -inform der -in FILE -out CERTIFICATE`".to_owned()
    } else if has_section(content, "PRIVATE KEY") {
        "it contains a private key; set `tls_cert` to the certificate and `tls_key` to the key".to_owned()
    } else {
        "set `tls_cert` to a PEM file with the certificate, followed by its intermediate certificates".to_owned()
    }
}

fn key_remedy(content: &[u8]) -> String {
    let is_encrypted = has_section(content, "ENCRYPTED PRIVATE KEY")
        || String::from_utf8_lossy(content).lines().any(|line| line.starts_with("Proc-Type: 4,ENCRYPTED"));
    if is_encrypted {
        "it is encrypted; remove the passphrase with `openssl pkey -in FILE -out KEY`".to_owned()
    } else if is_der(content) {
        "convert it with `openssl pkey -inform der -in FILE -out KEY`".to_owned()
    } else if has_section(content, "CERTIFICATE") {
        "it contains a certificate; set `tls_cert` to the certificate and `tls_key` to the key".to_owned()
    } else {
        "set `tls_key` to a PEM file with the private key of the certificate".to_owned()
    }
}

/// Returns the content of the small file that a setting names, and its mode.
fn contents(path: &Path, setting: &'static str) -> Result<(Vec<u8>, u32), TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), setting, source };
    let (bytes, metadata) = host_file::read_with_metadata(path, MAX_FILE_BYTES).map_err(failed)?;
    Ok((bytes, metadata.permissions().mode() & 0o777))
}
