//! The listener, its connections, and how they end.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_run::Host;
use host_store::Store;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cors::Cors;
use crate::linger::Linger;
use crate::request_id::RequestIds;
use crate::routes::Front;
use crate::service::Service;
use crate::timer::ConnectionTimer;
use crate::token::{self, OperatorToken};
use crate::upload::Uploads;

/// The most of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the host is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Origins whose pages may use the API; `*` for all.
    pub cors_origins: Vec<String>,
    /// Connections at the same time; more wait to be accepted.
    pub max_connections: usize,
    /// How long the head of a request may take; also how long a connection may idle.
    pub header_timeout: Duration,
    /// The largest archive that may be uploaded.
    pub max_upload_bytes: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: SocketAddr::from(([127, 0, 0, 1], 4000)),
            cors_origins: vec![],
            max_connections: 4096,
            header_timeout: Duration::from_secs(5),
            max_upload_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why the host can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not this machine's.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The operator's token could not be read or made.
    #[error("failed to prepare the operator token")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gave no randomness.
    #[error("the system gave no randomness")]
    Random(#[source] getrandom::Error),
}

/// A host that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token_path: PathBuf,
    front: Front,
    config: Config,
}

/// Says that the host is ready: `/health/ready` answers 200 from then on.
#[derive(Clone)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Says so.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Server {
    /// Listens. Nothing is accepted before [`Server::run`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind(host: Host, store: &Store, config: Config) -> Result<Server, Error> {
        let token = OperatorToken::of(store).map_err(|error: token::Error| Error::Token(Box::new(error)))?;
        let address = config.address;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let token_path = token.path().to_owned();
        let front = Front {
            host,
            token: Arc::new(token),
            cors: Arc::new(Cors::new(&config.cors_origins)),
            request_ids: Arc::new(RequestIds::new().map_err(Error::Random)?),
            ready: Arc::default(),
            uploads: Arc::new(Uploads::new(config.max_upload_bytes)),
        };
        Ok(Server { listener, address, token_path, front, config })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator's token lies.
    pub fn token_path(&self) -> &Path {
        &self.token_path
    }

    /// To be told when the host is ready.
    pub fn ready(&self) -> Ready {
        Ready(self.front.ready.clone())
    }

    /// Serves until `shutdown`, then takes no more connections, lets requests end, at most `grace`, and ends the
    /// generations.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let host = self.front.host.clone();
        let connections = TaskTracker::new();
        let turns = Arc::new(Semaphore::new(self.config.max_connections));
        let service = Service::new(self.front);
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = accept(&self.listener, &turns) => accepted,
            };
            let Some((stream, peer, turn)) = accepted else { continue };
            let (service, shutdown) = (service.clone(), shutdown.clone());
            let header_timeout = self.config.header_timeout;
            let there = host.front_metrics().connection();
            connections.spawn(async move {
                let _there = there;
                connection(stream, peer, service, header_timeout, shutdown).await;
                drop(turn);
            });
        }
        drop(self.listener);
        host.begin_shutdown();
        connections.close();
        let until = Instant::now() + grace;
        // Requests in flight end on the generations they were admitted to, so these stop first accepting, then serving.
        if tokio::time::timeout(grace, connections.wait()).await.is_err() {
            tracing::warn!("{} connections did not end within the grace period", connections.len());
        }
        host.shutdown(until.saturating_duration_since(Instant::now())).await;
    }
}

async fn accept(
    listener: &TcpListener,
    turns: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let turn = turns.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, turn)),
        Err(error) => {
            // A client that left again is no reason to wait; a full table of file descriptors is.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    service: Service,
    header_timeout: Duration,
    shutdown: CancellationToken,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    // Shared by the requests of the connection.
    let shared = Arc::new((service, peer.to_string()));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let shared = shared.clone();
        async move { shared.0.answer(request, &shared.1).await }
    });
    let connection = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Linger::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, "a connection ended early: {error}");
    }
}
