//! The last allowed `Host` header of a connection. Clients send the same one with every request.

use std::sync::Arc;

use http::HeaderValue;
use parking_lot::Mutex;

use crate::connection::rules::CompiledRules;

/// A `Host` header, and the rules that allow it.
#[derive(Debug, Default)]
pub(crate) struct RecentHost(Mutex<Option<(HeaderValue, Arc<CompiledRules>)>>);

impl RecentHost {
    /// Returns whether the same rules have allowed the same header before.
    pub(super) fn is(&self, header: &HeaderValue, rules: &Arc<CompiledRules>) -> bool {
        self.0.lock().as_ref().is_some_and(|(host, by)| Arc::ptr_eq(by, rules) && host == header)
    }

    /// Stores an allowed header.
    pub(super) fn keep(&self, header: &HeaderValue, rules: &Arc<CompiledRules>) {
        *self.0.lock() = Some((header.clone(), rules.clone()));
    }
}
