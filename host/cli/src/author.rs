//! The commands for plugin authors: create, run, check and pack a plugin, and inspect a library.
//!
//! None of them needs a running host. They use the same fetch, check, build and compatibility checks as a host, in a
//! temporary plugin folder and with a persistent build cache.

mod check;
mod child;
mod dev;
mod explain;
mod new;
mod pack;
mod sdk;
mod workshop;

pub(crate) use check::check;
pub(crate) use child::open_library;
pub(crate) use dev::dev;
pub(crate) use explain::explain;
pub(crate) use new::new;
pub(crate) use pack::pack;
pub(crate) use sdk::sdk;

use crate::failure::Failure;
use crate::life::signals::Signals;

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
