//! The application state that all requests share.

pub(crate) mod key_locks;
pub(crate) mod settings;
pub(crate) mod uploads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_run::Host;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::connection::rules::ReloadableRules;
use crate::connection::streams::Streams;
use crate::wire::request_id::RequestIds;
use key_locks::KeyLocks;
use settings::Settings;
use uploads::Uploads;

/// What the surfaces share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) host: Host,
    pub(crate) access: Arc<Access>,
    pub(crate) rules: ReloadableRules,
    pub(crate) streams: Arc<Streams>,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) uploads: Arc<Uploads>,
    /// What goes on when its client is gone.
    pub(crate) tasks: TaskTracker,
    /// Requests that name themselves, one at a time for each name.
    pub(crate) key_locks: Arc<KeyLocks>,
    /// `None` where the settings are those of a command line.
    pub(crate) settings: Option<Arc<dyn Settings>>,
}
