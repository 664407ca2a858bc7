//! The application state that all requests share.

pub(crate) mod key_locks;
pub(crate) mod settings;
pub(crate) mod uploads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_run::Host;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::connection::rules::ReloadableRules;
use crate::connection::streams::Streams;
use crate::wire::request_id::RequestIds;
use key_locks::KeyLocks;
use settings::Settings;
use uploads::Uploads;

/// The state that all requests share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) host: Host,
    pub(crate) access: Arc<Access>,
    pub(crate) rules: ReloadableRules,
    pub(crate) streams: Arc<Streams>,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) uploads: Arc<Uploads>,
    /// Cancelled when the host stops.
    pub(crate) shutdown: CancellationToken,
    /// Tasks that continue when their client disconnects.
    pub(crate) tasks: TaskTracker,
    /// Locks for the idempotency keys in use.
    pub(crate) key_locks: Arc<KeyLocks>,
    /// `None` if the settings come from the command line only.
    pub(crate) settings: Option<Arc<dyn Settings>>,
}
