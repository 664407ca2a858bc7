//! The handle of a plugin's tokio runtime; a type without effect if the feature `tokio` is off.

#[cfg(feature = "tokio")]
pub(crate) use tokio::runtime::Handle;

/// Replaces the handle of a runtime.
#[cfg(not(feature = "tokio"))]
#[derive(Clone)]
pub(crate) struct Handle;

#[cfg(not(feature = "tokio"))]
impl Handle {
    pub(crate) fn enter(&self) {}
}
