//! The commands for plugin authors: create, run, check and pack a plugin, and inspect a library.
//!
//! None of them needs a running host. They use the same fetch, check, build and compatibility checks as a host, in a
//! temporary plugin folder and with a persistent build cache.

pub mod args;
mod bundle;
mod check;
mod child;
mod config;
mod dev;
mod explain;
mod failure;
mod files;
mod lock;
mod new;
mod pack;
mod sdk;
mod trial;
mod workshop;

use host_client::{Failure, Signals};

pub use bundle::{read_bundle, write_bundle};
pub use check::check;
pub use child::open_library;
pub use config::AuthorConfig;
pub use dev::{LOG_FILTER, dev};
pub use explain::explain;
pub use failure::operation_failure;
pub use new::new;
pub use pack::{pack, pack_for_upload};
pub use sdk::sdk;
pub use trial::{Children, try_library};

/// Runs `work` until it ends or a signal arrives. A signal drops `work`, which kills cargo and its children.
async fn until_a_signal(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = work => done,
        signal = signals.next() => Err(Failure::failed(format!("{signal}: cancelled"))),
    }
}

/// Runs blocking work on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
