//! The listener, its connections, and how they end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_run::Host;
use host_state::State;
use host_store::Store;
use http::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{self, Access};
use crate::admission::Admission;
use crate::connections::{Held, Registered};
use crate::linger::Linger;
use crate::request_id::RequestIds;
use crate::routes::Front;
use crate::rules::{Live, Rules};
use crate::service::Service;
use crate::settings::Settings;
use crate::timer::ConnectionTimer;
use crate::tls::{Tls, TlsError, TlsFiles};
use crate::token::{self, OperatorToken};
use crate::trail;
use crate::upload::Uploads;

/// The most of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection that is to make room may still bring a request.
const SECOND_CHANCE: Duration = Duration::from_millis(20);
/// How often what was counted is written.
const BOOKS: Duration = Duration::from_secs(60);
/// When the host stops: how long connections that the system has taken already are looked for.
const LAST_ACCEPT: Duration = Duration::from_millis(20);
/// When the host stops: how long a connection may still bring a request that is on its way.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How the host is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// What may change while it serves.
    pub rules: Rules,
    /// Speaks TLS with this certificate, and nothing else.
    pub tls: Option<TlsFiles>,
    /// Connections at the same time. Of more, those without a request in work make room; else the new ones wait.
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
            rules: Rules::default(),
            tls: None,
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
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
    /// The certificate or its key can't be used.
    #[error("failed to prepare TLS")]
    Tls(#[from] TlsError),
}

/// A host that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token_path: PathBuf,
    front: Front,
    tls: Option<Arc<Tls>>,
    pulses: (mpsc::Sender<oneshot::Sender<()>>, mpsc::Receiver<oneshot::Sender<()>>),
    config: Config,
}

/// Changes what may change while a server serves. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    rules: Arc<Live>,
    tls: Option<Arc<Tls>>,
}

impl Control {
    /// Goes by other rules from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.set(rules);
    }

    /// Takes another certificate for the connections to come. Nothing happens when the server was started without TLS.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate that was used stays.
    pub fn set_tls(&self, files: &TlsFiles) -> Result<(), TlsError> {
        if let Some(tls) = &self.tls {
            tls.set(files)?;
            tracing::info!(certificate = %files.certificate.display(), "the TLS certificate was reloaded; new connections use it");
        }
        Ok(())
    }
}

/// Asks the loop that accepts connections for a sign of life. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(mpsc::Sender<oneshot::Sender<()>>);

impl Pulse {
    /// Waits for one; `false` when the loop has ended.
    pub async fn beat(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.is_ok() && answered.await.is_ok()
    }
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
        let tls = config.tls.as_ref().map(Tls::of).transpose()?.map(Arc::new);
        let rules = access::Rules {
            max_failures: config.max_auth_failures,
            max_failures_of_all: config.max_auth_failures_of_all,
            session: config.session,
        };
        let access = Access::new(token, state, rules).await.map_err(|error| Error::Access(Box::new(error)))?;
        let front = Front {
            host,
            access: Arc::new(access),
            rules: Arc::new(Live::new(config.rules.clone())),
            streams: Arc::default(),
            request_ids: Arc::new(RequestIds::new().map_err(Error::Random)?),
            ready: Arc::default(),
            uploads: Arc::new(Uploads::new(config.max_upload_bytes)),
            tasks: TaskTracker::new(),
            named: Arc::default(),
            settings: None,
        };
        Ok(Server { listener, address, token_path, front, tls, pulses: mpsc::channel(1), config })
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

    /// To change what may change while it serves.
    pub fn control(&self) -> Control {
        Control { rules: self.front.rules.clone(), tls: self.tls.clone() }
    }

    /// To see that it lives.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.pulses.0.clone())
    }

    /// Serves until `shutdown`, then takes no more connections, lets requests end, at most `grace`, and ends the
    /// generations.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let Server { listener, front, tls, config, .. } = self;
        let (host, mut pulses) = (front.host.clone(), self.pulses.1);
        let turns = Arc::new(Semaphore::new(config.max_connections));
        let tasks = front.tasks.clone();
        let admission = Admission {
            all: Arc::default(),
            rules: front.rules.clone(),
            request_ids: front.request_ids.clone(),
            metrics: host.front_metrics().clone(),
            is_plain: tls.is_none(),
        };
        tasks.spawn(keep_books(front.clone(), shutdown.clone()));
        let stopping = Arc::new(AtomicBool::new(false));
        let context = Context {
            service: Service::new(front.clone()),
            tls,
            header_timeout: config.header_timeout,
            stopping: stopping.clone(),
            shutdown: shutdown.clone(),
        };
        let serve = |stream: TcpStream, registered: Registered, turn: OwnedSemaphorePermit| {
            let (context, there) = (context.clone(), host.front_metrics().connection());
            tasks.spawn(async move {
                let _there = there;
                connection(stream, registered, context).await;
                drop(turn);
            });
        };
        // One that was accepted while all turns are taken, and whether another one goes for it.
        let (mut waiting, mut has_room) = (None, false);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(answer) = pulses.recv() => {
                    // Who asked may have gone.
                    let _ = answer.send(());
                }
                accepted = accept(&listener), if waiting.is_none() => {
                    let Some((stream, registered)) = accepted.and_then(|(stream, peer)| admission.admit(stream, peer))
                    else { continue };
                    match turns.clone().try_acquire_owned() {
                        Ok(turn) => serve(stream, registered, turn),
                        Err(_) => {
                            has_room = admission.make_room_for(&registered);
                            waiting = Some((stream, registered));
                        }
                    }
                }
                // Who could not make room then may still wait for a request by now, or for its client.
                () = tokio::time::sleep(SECOND_CHANCE), if waiting.is_some() && !has_room => {
                    has_room = waiting.as_ref().is_some_and(|(_, registered)| admission.make_room_for(registered));
                }
                turn = turns.clone().acquire_owned(), if waiting.is_some() => {
                    if let (Ok(turn), Some((stream, registered))) = (turn, waiting.take()) {
                        serve(stream, registered, turn);
                    }
                }
            }
        }
        stopping.store(true, Ordering::Release);
        // What the system has taken for the host already is served, as far as there are turns. In the end only what is there
        // at that moment: new ones may come faster than the last call is over.
        let last_call = Instant::now() + LAST_CALL;
        while let (Ok(turn), wait) =
            (turns.clone().try_acquire_owned(), LAST_ACCEPT.min(last_call.saturating_duration_since(Instant::now())))
            && let Ok(Some((stream, peer))) = tokio::time::timeout(wait, accept(&listener)).await
        {
            if let Some((stream, registered)) = admission.admit(stream, peer) {
                serve(stream, registered, turn);
            }
        }
        drop(listener);
        host.begin_shutdown();
        tasks.close();
        let until = Instant::now() + grace;
        // Requests in flight end on the generations they were admitted to, so these stop first accepting, then serving.
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!("{} connections were still open at the end of the grace period", tasks.len());
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

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
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

/// What the connections of a server share.
#[derive(Clone)]
struct Context {
    service: Service,
    tls: Option<Arc<Tls>>,
    header_timeout: Duration,
    /// Set when the host stops; asked for every request, which the token would make dearer.
    stopping: Arc<AtomicBool>,
    shutdown: CancellationToken,
}

async fn connection(stream: TcpStream, registered: Registered, context: Context) {
    let Registered { connection, .. } = &registered;
    let served = async {
        let Some(transport) = transport(stream, &registered, &context).await else { return };
        if let Err(error) = serve(transport, &registered, &context).await {
            tracing::debug!(peer = %connection.peer, "the connection ended with an error: {error}");
        }
    };
    tokio::select! {
        () = served => {}
        () = connection.evicted() => tracing::debug!(peer = %connection.peer, "the connection was closed to make room for a new one"),
    }
}

/// The bytes of a connection, as they are or in TLS.
type Transport = Either<Linger, Box<TlsStream<Linger>>>;

/// The bytes of a connection; `None` when it does not begin as it should.
async fn transport(stream: TcpStream, registered: &Registered, context: &Context) -> Option<Transport> {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = &registered.connection;
    let write_timeout = context.service.rules(connection).rules.write_timeout;
    let linger = |stream| Linger::new(stream, write_timeout, connection.clone());
    let Some(tls) = &context.tls else { return Some(Either::Left(linger(stream))) };
    let begun = tokio::select! {
        begun = tokio::time::timeout(context.header_timeout, tls.accept(stream, linger)) => begun,
        () = context.shutdown.cancelled() => return None,
    };
    match begun {
        Ok(Ok(stream)) => Some(Either::Right(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(peer = %connection.peer, "the TLS handshake failed: {error}");
            None
        }
        Err(_) => None,
    }
}

async fn serve(transport: Transport, registered: &Registered, context: &Context) -> Result<(), hyper::Error> {
    let connection = &registered.connection;
    // Shared by the requests of the connection.
    let shared = Arc::new((context.service.clone(), connection.clone(), context.stopping.clone()));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let shared = shared.clone();
        async move {
            let (service, connection, stopping) = &*shared;
            // One that makes room is about to be dropped, with this.
            let Some(in_work) = connection.begin() else { return std::future::pending().await };
            let mut response = service.answer(request, connection).await;
            if stopping.load(Ordering::Relaxed) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Held::new(body, in_work)))
        }
    });
    let served = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(context.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(transport), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        biased;
        ended = served.as_mut() => return ended,
        () = context.shutdown.cancelled() => {}
    }
    // A request that is on its way is answered, with `Connection: close`.
    if connection.is_idle()
        && let Ok(ended) = tokio::time::timeout(LAST_CALL, served.as_mut()).await
    {
        return ended;
    }
    served.as_mut().graceful_shutdown();
    served.await
}
