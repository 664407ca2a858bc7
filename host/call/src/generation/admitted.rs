//! A request that a generation has admitted.

use std::sync::Arc;

use super::Generation;
use crate::metrics::RefusalReason;
use crate::refusal::RouteRefusal;
use crate::routes::Routed;

/// A request that a generation has admitted. The generation is not stopped before every `Admitted` of it is dropped.
#[derive(Debug)]
pub struct Admitted {
    generation: Arc<Generation>,
}

impl Admitted {
    /// Admits a call to a generation that is in the roster at this moment.
    pub(crate) fn enter(generation: Arc<Generation>) -> Admitted {
        generation.in_flight.enter();
        Admitted { generation }
    }

    /// Admits a call of the host's own, such as a probe, to a generation that may have been replaced; `None` once the
    /// generation is closed. The generation's stop hook does not run before the value is dropped.
    pub fn to_open(generation: &Arc<Generation>) -> Option<Admitted> {
        generation.in_flight.try_enter().then(|| Admitted { generation: generation.clone() })
    }

    /// The generation that serves the request.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Finds the endpoint for `path`: the part of the path after the plugin's id, starting with `/`, as the caller sent
    /// it.
    ///
    /// # Errors
    /// [`RouteRefusal`] if no endpoint matches.
    pub fn route(&self, method: &http::Method, path: &str) -> Result<Routed, RouteRefusal> {
        self.generation.routes.find(method, path).inspect_err(|refusal| match refusal {
            // An OPTIONS request for an existing path is answered by the server, so it is not a refusal.
            RouteRefusal::Method(_) if method == http::Method::OPTIONS => {}
            RouteRefusal::Method(_) => self.refuse(RefusalReason::Method),
            RouteRefusal::NotFound(_) | RouteRefusal::BadPath(_) => self.refuse(RefusalReason::Path),
        })
    }

    /// Counts a refusal of the request by the holder of the admission.
    pub fn refuse(&self, reason: RefusalReason) {
        self.generation.counters.refused(reason);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.generation.in_flight.leave();
    }
}
