//! A started plugin, and calls of it.
#![expect(unsafe_code, reason = "calls the functions of a plugin's table")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use plugin_sdk_abi::head::Head;
use plugin_sdk_abi::{
    BodyStream, Chunk, Failure, FfiFuture, PluginHandle, ROption, RResult, Request, Response, failure_kind,
};

use crate::answer::Answer;
use crate::asked::ended;
use crate::error::{CallError, Panicked};
use crate::hold::{Hold, Kind, held_waker};
use crate::hook::Hooks;
use crate::ledger::safe_point;
use crate::library::Library;
use crate::own_thread::{Outcome, block_on_until, leave, run};
use crate::record::Watch;
use crate::text::one_line;

/// A started plugin. Shared by its generation, by every call in flight and by every byte it has answered with; the
/// plugin is dropped with the last of them.
pub struct Instance {
    handle: PluginHandle,
    /// `None` after its release.
    library: Option<Arc<Library>>,
    watch: Watch,
    hooks: Hooks,
    /// Whether a health hook is running. A blocked hook is not called again, so it costs one thread in total instead of
    /// one per interval.
    probing: AtomicBool,
}

/// The body of a request, as the plugin pulls it.
pub type RequestBody = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> + Send>;

impl Instance {
    /// # Safety
    /// `handle` must come from the start of `library` and be passed here once.
    pub(crate) unsafe fn new(handle: PluginHandle, library: Arc<Library>, hooks: Hooks) -> Instance {
        let watch = Watch::of(library.record());
        Instance { handle, library: Some(library), watch, hooks, probing: AtomicBool::new(false) }
    }

    /// Watches the library without holding it.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    pub(crate) fn library(&self) -> &Arc<Library> {
        self.library.as_ref().expect("only drop takes it")
    }

    pub(crate) fn hold(&self, kind: Kind) -> Hold {
        Hold::new(self.library().clone(), kind)
    }

    pub(crate) fn handle(&self) -> PluginHandle {
        self.handle
    }

    pub(crate) fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// Calls the plugin with a request: `head` in the layout of the boundary, `body` what has arrived of the body,
    /// `rest` what has not.
    ///
    /// # Cancel safety
    /// Dropping the call ends it in the plugin.
    pub fn call(self: &Arc<Self>, head: Vec<u8>, body: Bytes, rest: Option<RequestBody>) -> Call {
        let stream = rest.map(|rest| pulled(rest, Arc::downgrade(self.library())));
        let body = if body.is_empty() { Chunk::EMPTY } else { Chunk::from_owner(body) };
        let request = Request { head: Chunk::from_vec(head), body, stream: ROption::from(stream) };
        // SAFETY: handle and table belong together, and `release` is called by `drop` only.
        let future = unsafe { (self.handle.table.call())(self.handle.plugin, request) };
        Call { future: Some(future), instance: self.clone() }
    }

    /// Sends `GET path` to an endpoint as a health probe and returns the status.
    ///
    /// # Errors
    /// As [`Call`], and [`CallError::TimedOut`].
    pub async fn probe(self: &Arc<Self>, handler: u32, path: &str, timeout: Duration) -> Result<StatusCode, CallError> {
        let head = Head {
            handler,
            deadline_ms: Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX - 1)),
            method: "GET",
            path,
            query: None,
            peer: "",
            request_id: "health-probe",
            params: std::iter::empty(),
            headers: std::iter::empty(),
            context: std::iter::empty(),
        };
        let call = self.call(head.write(), Bytes::new(), None);
        let answer =
            tokio::time::timeout(timeout, call).await.map_err(|_| CallError::TimedOut { after: timeout })??;
        Ok(answer.status)
    }

    /// Runs the plugin's health hook.
    ///
    /// # Errors
    /// The plugin's error or panic, or [`CallError::TimedOut`]; the latter also immediately, while the hook still
    /// blocks the thread of an earlier probe.
    pub async fn health(self: &Arc<Self>, timeout: Duration) -> Result<(), CallError> {
        if self.probing.swap(true, Ordering::AcqRel) {
            return Err(CallError::TimedOut { after: timeout });
        }
        let probing = Probing(self.clone());
        self.hook("health", timeout, move |handle| {
            // SAFETY: as in `call`.
            let future = unsafe { (handle.table.health())(handle.plugin) };
            async move {
                let result = future.await;
                drop(probing);
                result
            }
        })
        .await
    }

    /// Runs the plugin's stop hook. Call it once, when no call is running or will arrive.
    ///
    /// # Errors
    /// As [`Instance::health`].
    pub async fn stop(self: &Arc<Self>, timeout: Duration) -> Result<(), CallError> {
        // SAFETY: as in `call`.
        self.hook("stop", timeout, |handle| unsafe { (handle.table.stop())(handle.plugin) }).await
    }

    /// Runs the stop hook on this thread, for a plugin that was started but is not wanted any more.
    pub(crate) fn stop_here(self, timeout: Duration) {
        // SAFETY: as in `call`.
        let stop = unsafe { (self.handle.table.stop())(self.handle.plugin) };
        let _ = block_on_until(stop, Instant::now() + timeout);
    }

    async fn hook<F: Future<Output = RResult<(), Failure>>>(
        self: &Arc<Self>,
        name: &str,
        timeout: Duration,
        call: impl FnOnce(PluginHandle) -> F + Send + 'static,
    ) -> Result<(), CallError> {
        let (instance, hold) = (self.clone(), self.hold(Kind::Hook));
        let work = move || async move {
            // Copied here: the plugin's memory does not leave the hold.
            let result = call(instance.handle).await.into_result().map_err(failure_error);
            drop((instance, hold));
            result
        };
        let outcome = run(name, timeout, work, drop);
        match outcome.await {
            Outcome::Done(result) => result,
            Outcome::TimedOut => Err(CallError::TimedOut { after: timeout }),
            Outcome::Lost => Err(CallError::Failed(format!("the {name} hook could not be run to its end"))),
        }
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instance")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let (handle, library) = (self.handle, self.library.take());
        // The last reference often falls on a worker of the host, and the plugin's own `Drop` may block.
        leave("release", move || {
            // SAFETY: the last reference is gone, so no call, stream or chunk is left, and this runs once.
            unsafe { release(handle) };
            drop(library);
        });
    }
}

/// # Safety
/// Nothing else of the plugin may be used any more.
unsafe fn release(handle: PluginHandle) {
    // SAFETY: handle and table belong together; the caller promises that this is the last use.
    unsafe { (handle.table.release())(handle.plugin) }
}

/// A health hook that runs.
struct Probing(Arc<Instance>);

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.probing.store(false, Ordering::Release);
    }
}

/// A call in flight.
pub struct Call {
    /// `None` after its end. Declared before `instance`, so that the plugin's future is dropped while its library is
    /// guarded.
    future: Option<FfiFuture<RResult<Response, Failure>>>,
    instance: Arc<Instance>,
}

impl Future for Call {
    type Output = Result<Answer, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(Err(CallError::Failed("the call has ended".to_owned())));
        };
        safe_point();
        // The SDK catches every panic; a library made without it may report one this way, as a panic on this side.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(context)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result.into_result().map_err(failure_error),
            Err(_) => Err(CallError::Panicked(Panicked {
                message: "the call panicked outside the SDK's guard".to_owned(),
                location: String::new(),
            })),
        };
        self.future = None;
        Poll::Ready(result.and_then(|response| Answer::read(response, &self.instance)))
    }
}

/// Converts the rest of a request's body to a stream for the plugin.
///
/// The plugin's waker is code of its library, and the producer of the body may keep the waker after the call has ended;
/// therefore it is wrapped with a guard. The plugin may keep the stream forever, so the stream holds no guard.
fn pulled(mut rest: RequestBody, library: Weak<Library>) -> BodyStream {
    let next = move |context: &mut Context<'_>| {
        let Some(holder) = library.upgrade() else { return Poll::Ready(Some(Err(ended()))) };
        let waker = held_waker(context.waker(), holder);
        let item = std::task::ready!(rest(&mut Context::from_waker(&waker)));
        Poll::Ready(item.map(|chunk| chunk.map(Chunk::from_owner).map_err(|message| Failure::failed(&message))))
    };
    BodyStream::new(next, |_| Failure::failed("the host failed to read the body"))
}

/// A failure of the boundary, copied into the host's memory.
pub(crate) fn failure_error(failure: Failure) -> CallError {
    let text = |text: &str| one_line(&text.chars().take(4096).collect::<String>()).into_owned();
    match failure.kind {
        failure_kind::PANICKED => {
            CallError::Panicked(Panicked { message: text(&failure.message), location: text(&failure.location) })
        }
        _ => CallError::Failed(text(&failure.message)),
    }
}
