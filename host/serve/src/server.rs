//! The HTTP server: listens, accepts connections, and serves them until the host stops.

mod accept;
mod connection;
mod control;
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
use tokio_util::task::TaskTracker;

use crate::access::operator_token::OperatorToken;
use crate::access::{self, Access};
use crate::connection::rules::{ReloadableRules, Rules};
use crate::connection::tls::{Tls, TlsError, TlsFiles};
use crate::state::AppState;
use crate::state::settings::Settings;
use crate::state::uploads::Uploads;
use crate::wire::request_id::RequestIds;

pub use control::{Control, Pulse, Ready};

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
    app: AppState,
    tls: Option<Arc<Tls>>,
    pulses: (mpsc::Sender<oneshot::Sender<()>>, mpsc::Receiver<oneshot::Sender<()>>),
    config: Config,
}

impl Server {
    /// Listens. `state` is the one of `host`: tokens and users are in it. Nothing is accepted before [`Server::run`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind(host: Host, store: &Store, state: State, config: Config) -> Result<Server, Error> {
        let token = OperatorToken::load_or_create(store)
            .map_err(|error: crate::access::operator_token::Error| Error::Token(Box::new(error)))?;
        let address = config.address;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let token_path = token.path().to_owned();
        let tls = config.tls.as_ref().map(Tls::from_files).transpose()?.map(Arc::new);
        let rules = access::Rules {
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
            tasks: TaskTracker::new(),
            key_locks: Arc::default(),
            settings: None,
        };
        Ok(Server { listener, address, token_path, app, tls, pulses: mpsc::channel(1), config })
    }

    /// Lets administrators see and change the settings of the host.
    pub fn with_settings(mut self, settings: Arc<dyn Settings>) -> Server {
        self.app.settings = Some(settings);
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
    pub(crate) fn app_state(&self) -> AppState {
        self.app.clone()
    }

    /// To be told when the host is ready.
    pub fn ready(&self) -> Ready {
        Ready::new(self.app.ready.clone())
    }

    /// To change what may change while it serves.
    pub fn control(&self) -> Control {
        Control::new(self.app.rules.clone(), self.tls.clone())
    }

    /// To see that it lives.
    pub fn pulse(&self) -> Pulse {
        Pulse::new(self.pulses.0.clone())
    }
}
