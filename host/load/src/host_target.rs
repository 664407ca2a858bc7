//! The owner of the object behind a plugin's host handle.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

/// Owns the object behind the host handle of a library. If the library does not release the handle, the object ends
/// with the library.
#[derive(Default)]
pub(crate) struct HostTarget(Mutex<Option<Arc<dyn Any + Send + Sync>>>);

impl HostTarget {
    /// Stores the object. Its address does not change.
    pub(crate) fn set(&self, target: Arc<dyn Any + Send + Sync>) {
        *self.0.lock() = Some(target);
    }

    /// Drops the object. The library must have released its handle, or be about to be closed, so that nothing of it
    /// uses the object.
    pub(crate) fn end(&self) {
        let target = self.0.lock().take();
        catch_panic(|| drop(target));
    }
}

/// Runs `f`; a panic of the host must not unwind into the plugin.
pub(crate) fn catch_panic(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}
