//! The listener, its connections, and how they end.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_run::Host;
use host_state::State;
use host_store::Store;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{self, Access};
use crate::cors::Cors;
use crate::linger::Linger;
use crate::request_id::RequestIds;
use crate::routes::Front;
use crate::service::Service;
use crate::settings::Settings;
use crate::timer::ConnectionTimer;
use crate::token::{self, OperatorToken};
use crate::trail;
use crate::upload::Uploads;

/// The most of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often what was counted is written.
const BOOKS: Duration = Duration::from_secs(60);

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
    /// Failed logins and wrong tokens that one address may send a minute.
    pub max_auth_failures: u32,
    /// The same of all addresses together.
    pub max_auth_failures_of_all: u32,
    /// How long a login counts.
    pub session: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: SocketAddr::from(([127, 0, 0, 1], 4000)),
            cors_origins: vec![],
            max_connections: 4096,
            header_timeout: Duration::from_secs(5),
            max_upload_bytes: 64 * 1024 * 1024,
            max_auth_failures: 10,
            max_auth_failures_of_all: 100,
            session: Duration::from_secs(12 * 60 * 60),
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
    /// Tokens and users could not be read.
    #[error("failed to prepare tokens and users")]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
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
    /// Listens. `state` is the one of `host`: tokens and users are in it. Nothing is accepted before [`Server::run`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind(host: Host, store: &Store, state: State, config: Config) -> Result<Server, Error> {
        let token = OperatorToken::of(store).map_err(|error: token::Error| Error::Token(Box::new(error)))?;
        let address = config.address;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let token_path = token.path().to_owned();
        let rules = access::Rules {
            max_failures: config.max_auth_failures,
            max_failures_of_all: config.max_auth_failures_of_all,
            session: config.session,
        };
        let access = Access::new(token, state, rules).await.map_err(|error| Error::Access(Box::new(error)))?;
        let front = Front {
            host,
            access: Arc::new(access),
            cors: Arc::new(Cors::new(&config.cors_origins)),
            request_ids: Arc::new(RequestIds::new().map_err(Error::Random)?),
            ready: Arc::default(),
            uploads: Arc::new(Uploads::new(config.max_upload_bytes)),
            tasks: TaskTracker::new(),
            named: Arc::default(),
            settings: None,
        };
        Ok(Server { listener, address, token_path, front, config })
    }

    /// Lets administrators see and change the settings of the host.
    pub fn with_settings(mut self, settings: Arc<dyn Settings>) -> Server {
        self.front.settings = Some(settings);
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator's token lies.
    pub fn token_path(&self) -> &Path {
        &self.token_path
    }

    /// What its routes share.
    #[cfg(test)]
    pub(crate) fn front(&self) -> Front {
        self.front.clone()
    }

    /// To be told when the host is ready.
    pub fn ready(&self) -> Ready {
        Ready(self.front.ready.clone())
    }

    /// Serves until `shutdown`, then takes no more connections, lets requests end, at most `grace`, and ends the
    /// generations.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let host = self.front.host.clone();
        let (front, connections) = (self.front.clone(), self.front.tasks.clone());
        connections.spawn(keep_books(front.clone(), shutdown.clone()));
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
        write_books(&front, true).await;
        host.shutdown(until.saturating_duration_since(Instant::now())).await;
    }
}

/// Writes now and then what need not be on the disk at once: when tokens were used, and how often somebody was refused.
async fn keep_books(front: Front, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(BOOKS);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => write_books(&front, false).await,
        }
    }
}

async fn write_books(front: &Front, all: bool) {
    front.access.note_used().await;
    trail::write_refusals(&front.host, &front.access, all).await;
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
