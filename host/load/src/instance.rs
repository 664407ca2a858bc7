//! A started plugin.
#![expect(unsafe_code, reason = "calls the functions of a plugin's table")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plugin_sdk_abi::{Failure, PluginHandle, RResult};

use crate::error::CallError;
use crate::guard::LibraryGuard;
use crate::hooks::Hooks;
use crate::kind::GuardKind;
use crate::ledger::{Activity, Entered, Place};
use crate::library::Library;
use crate::own_thread::{Outcome, block_on_until, run, spawn_detached};
use crate::record::Watch;

/// A started plugin. Shared by its generation, the calls in flight and the chunks of its responses; the
/// plugin is dropped with the last of them.
pub struct Instance {
    handle: PluginHandle,
    /// `None` after its release.
    library: Option<Arc<Library>>,
    watch: Watch,
    /// Where a thread is during a call.
    calls: Place,
    hooks: Hooks,
    /// Whether a health hook is running. A blocked hook is not called again, so it costs one thread in total instead of
    /// one per interval.
    probing: AtomicBool,
}

impl Instance {
    /// # Safety
    /// `handle` must come from the start of `library` and be passed here once.
    pub(crate) unsafe fn new(handle: PluginHandle, library: Arc<Library>, hooks: Hooks) -> Instance {
        let (watch, calls) = (Watch::new(library.record()), library.place(Activity::Call));
        Instance { handle, library: Some(library), watch, calls, hooks, probing: AtomicBool::new(false) }
    }

    /// Watches the library without holding it.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    pub(crate) fn library(&self) -> &Arc<Library> {
        self.library.as_ref().expect("only drop takes it")
    }

    /// Marks this thread as running a call of the plugin, until the result is dropped.
    pub(crate) fn enter_call(&self) -> Entered {
        self.calls.enter()
    }

    pub(crate) fn hold(&self, kind: GuardKind) -> LibraryGuard {
        LibraryGuard::new(self.library().clone(), kind)
    }

    pub(crate) fn handle(&self) -> PluginHandle {
        self.handle
    }

    pub(crate) fn hooks(&self) -> Hooks {
        self.hooks
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
    /// The error or panic of the hook, or [`CallError::TimedOut`].
    pub async fn stop(self: &Arc<Self>, timeout: Duration) -> Result<(), CallError> {
        // SAFETY: as in `call`.
        self.hook("stop", timeout, |handle| unsafe { (handle.table.stop())(handle.plugin) }).await
    }

    /// Runs the stop hook on this thread, for a plugin that was started but is no longer needed.
    pub(crate) fn stop_here(self, timeout: Duration) {
        let _entered = self.library().place(Activity::Hook).enter();
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
        let (instance, hold) = (self.clone(), self.hold(GuardKind::Hook));
        let work = move || async move {
            let _entered = instance.library().place(Activity::Hook).enter();
            // Copied here: the plugin's memory does not leave the guard.
            let result = call(instance.handle).await.into_result().map_err(CallError::from);
            drop((instance, hold));
            result
        };
        let outcome = run(name, timeout, work, drop);
        match outcome.await {
            Outcome::Done(result) => result,
            Outcome::TimedOut => Err(CallError::TimedOut { after: timeout }),
            Outcome::Lost => Err(CallError::Failed(format!("the {name} hook did not complete"))),
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
        spawn_detached("release", move || {
            let _entered = library.as_ref().map(|library| library.place(Activity::Release).enter());
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

/// A running health hook.
struct Probing(Arc<Instance>);

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.probing.store(false, Ordering::Release);
    }
}
