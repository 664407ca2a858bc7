//! HTTPS in front of a plain HTTP server on 127.0.0.1, for tests. The certificate is valid for `localhost`.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its server has failed")]
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A running front. Stops when it is dropped.
pub(crate) struct TlsFront {
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl TlsFront {
    /// Decrypts connections and passes them to `behind`.
    pub(crate) fn start(behind: SocketAddr) -> TlsFront {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let chain = vec![CertificateDer::from_pem_file(certificate()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(certificate().with_extension("key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        // Bound outside of the runtime, because a test may start the front inside another one.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = runtime.handle().clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tasks.spawn(async move {
                    // A client that does not trust the certificate hangs up.
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        TlsFront { address, runtime: Some(runtime) }
    }

    /// The host and port, for example `localhost:4711`.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        // Not waited for, because a test may drop the front inside another runtime.
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// The certificate of the front, which signs itself.
pub(crate) fn certificate() -> PathBuf {
    let support = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/support");
    support.join("tls/first.pem")
}
