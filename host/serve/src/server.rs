//! The HTTP server: listens, accepts connections, and serves them until the host stops.

mod accept;
mod connection;
mod control;
mod http2;
#[cfg(test)]
mod route_tests;
mod service;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_run::Host;
use host_state::State;
use host_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::initial_admin_token::InitialAdminToken;
use crate::access::{self, Access};
use crate::connection::rules::{ReloadableRules, Rules};
use crate::connection::tls::{Tls, TlsError, TlsFiles};
use crate::state::AppState;
use crate::state::settings::Settings;
use crate::state::uploads::Uploads;
use crate::wire::request_id::RequestIds;

pub use control::{Control, Pulse, Ready};

/// The configuration of the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on; port 0 selects a free port.
    pub address: SocketAddr,
    /// Rules that can be changed while the server runs.
    pub rules: Rules,
    /// Serves TLS only, with this certificate; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Maximum number of connections. Further ones evict idle connections, or wait.
    pub max_connections: usize,
    /// Timeout for the head of a request, and for an idle connection.
    pub header_timeout: Duration,
    /// Maximum size of an uploaded archive.
    pub max_upload_bytes: u64,
    /// Failed logins and invalid tokens per minute from one address.
    pub max_auth_failures: u32,
    /// Failed logins and invalid tokens per minute in total.
    pub max_auth_failures_of_all: u32,
    /// Lifetime of a session.
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

/// The reason why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is in use, or does not belong to this machine.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The initial admin token could not be read or created.
    #[error("failed to prepare the initial admin token")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Tokens and users could not be read.
    #[error("failed to prepare tokens and users")]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system's random number generator failed.
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
    /// The certificate or its key cannot be used.
    #[error("failed to prepare TLS")]
    Tls(#[from] TlsError),
}

/// A bound address. Connections wait until [`Server::run`] accepts them.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 selects a free port.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn bind(address: SocketAddr) -> Result<Listener, Error> {
        let failed = |source| Error::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Listener { socket, address })
    }
}

/// A server that is bound to its address.
pub struct Server {
    listener: Listener,
    token_path: PathBuf,
    app: AppState,
    tls: Option<Arc<Tls>>,
    pulses: (mpsc::Sender<oneshot::Sender<()>>, mpsc::Receiver<oneshot::Sender<()>>),
    config: Config,
}

impl Server {
    /// Prepares a server. `state` is the database of `host` and contains tokens and users. Connections are accepted by
    /// [`Server::run`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn new(
        listener: Listener,
        host: Host,
        store: &Store,
        state: State,
        config: Config,
    ) -> Result<Server, Error> {
        let token = InitialAdminToken::load_or_create(store)
            .map_err(|error: crate::access::initial_admin_token::Error| Error::Token(Box::new(error)))?;
        let token_path = token.path().to_owned();
        let tls = config.tls.as_ref().map(Tls::from_files).transpose()?.map(Arc::new);
        let rules = access::AuthLimits {
            max_failures: config.max_auth_failures,
            max_failures_of_all: config.max_auth_failures_of_all,
            session: config.session,
        };
        let access = Access::new(token, state, rules).await.map_err(|error| Error::Access(Box::new(error)))?;
        let app = AppState {
            host,
            access: Arc::new(access),
            rules: ReloadableRules::new(config.rules.clone()),
            streams: Arc::default(),
            request_ids: Arc::new(RequestIds::new().map_err(Error::Random)?),
            ready: Arc::default(),
            uploads: Arc::new(Uploads::new(config.max_upload_bytes)),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            key_locks: Arc::default(),
            settings: None,
        };
        Ok(Server { listener, token_path, app, tls, pulses: mpsc::channel(1), config })
    }

    /// Makes the settings of the host available over the API.
    pub fn with_settings(mut self, settings: Arc<dyn Settings>) -> Server {
        self.app.settings = Some(settings);
        self
    }

    /// Returns the bound address.
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Returns the path of the initial admin token.
    pub fn token_path(&self) -> &Path {
        &self.token_path
    }

    /// Returns the application state.
    #[cfg(test)]
    pub(crate) fn app_state(&self) -> AppState {
        self.app.clone()
    }

    /// Returns a handle to mark the host as ready.
    pub fn ready(&self) -> Ready {
        Ready::new(self.app.ready.clone())
    }

    /// Returns a handle to change settings of the running server.
    pub fn control(&self) -> Control {
        Control::new(self.app.rules.clone(), self.tls.clone())
    }

    /// Returns a handle to check that the accept loop is alive.
    pub fn pulse(&self) -> Pulse {
        Pulse::new(self.pulses.0.clone())
    }
}
