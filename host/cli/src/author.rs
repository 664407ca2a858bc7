//! The commands of plugin authors: begin, try, check and pack a plugin, and look into a library.
//!
//! None of them needs a running host. They work with what a host works with (fetch, check, build, gates), in a plugin
//! folder of their own that goes away with them, on a build cache that stays.

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

/// Does `work` unless a signal comes first: what it began is then dropped, cargo and its children among it.
async fn until_a_signal(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = work => done,
        signal = signals.next() => Err(Failure::failed(format!("{signal}: ended before it was done"))),
    }
}

/// Runs what blocks on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
