//! Handlers that are plain functions: they run on threads of the plugin, so that they may block.
//!
//! The host polls handlers on its worker threads, which all plugins share. A function that blocks there would delay the
//! calls of every plugin, and nothing could interrupt it. On a thread of its own plugin, only its caller waits, and the
//! deadline ends the wait. Without the feature `tokio` there are no such threads, and the function runs on the worker.

use crate::Response;

/// Runs a handler on a thread of the plugin, in the scope of its call.
///
/// Cancel safety: dropping the future while it waits for a turn prevents the handler from running. Afterwards the
/// handler runs to its end, and its response is dropped. The handler holds its plugin until then, and its thread keeps
/// the library in memory.
#[cfg(feature = "tokio")]
pub async fn off_worker(handler: impl FnOnce() -> Response + Send + 'static) -> Response {
    use crate::guard::{guarded, resume};
    use crate::scope::Scope;
    use crate::{Error, IntoResponse as _, StatusCode};

    let scope = Scope::capture();
    // A call of `Plugin::call` without a host, in a test, has no runtime.
    let Some(plugin_runtime) = scope.plugin_runtime.clone() else { return handler() };
    let stopped = || Error::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_stopped").into_response();
    let Ok(turn) = plugin_runtime.turns.take().await else { return stopped() };
    let work = plugin_runtime.handle.spawn_blocking(move || {
        let _turn = turn;
        scope.run(|| guarded(handler))
    });
    match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(failure)) => resume(failure),
        // The runtime was shut down before the handler ran. A panic cannot arrive here: it was caught.
        Err(_) => stopped(),
    }
}

/// Runs a handler.
#[cfg(not(feature = "tokio"))]
pub async fn off_worker(handler: impl FnOnce() -> Response + Send + 'static) -> Response {
    handler()
}
