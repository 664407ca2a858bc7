//! Which generation answers a request: the one that is current when it arrives.

use std::sync::Arc;

use crate::generation::Generation;
use crate::host::Host;
use crate::metrics::RefusalReason;
use crate::plugin::Phase;
use crate::routes::{RouteRefusal, Routed};

/// A request's hold on the generation that answers it. The generation is not stopped while one is left.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) generation: Arc<Generation>,
}

/// Why no generation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No plugin of that id is installed.
    Unknown,
    /// Its probes say that it does not work.
    CircuitOpen,
    /// The plugin is there but does not serve now.
    NotServing(Phase),
}

impl Host {
    /// Admits a request to the generation of `id` that serves now.
    ///
    /// # Errors
    /// [`Refusal`] when none does.
    pub fn admit(&self, id: &str) -> Result<Admitted, Refusal> {
        // Counted under the roster's lock: whoever swaps the entry afterwards sees this call in flight.
        if let Some(entry) = self.0.roster.get(id) {
            if entry.health.circuit_is_open() {
                entry.counters.refused(RefusalReason::Unhealthy);
                return Err(Refusal::CircuitOpen);
            }
            let generation = entry.value().clone();
            generation.in_flight.enter();
            return Ok(Admitted { generation });
        }
        match self.0.plugins.get(id) {
            Some(plugin) => {
                self.0.metrics.refused(id, RefusalReason::NotServing);
                Err(Refusal::NotServing(plugin.phase()))
            }
            // What nobody has installed has no name that could be counted.
            None => Err(Refusal::Unknown),
        }
    }
}

impl Admitted {
    /// The generation that answers.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Finds the endpoint for `path`: what follows the plugin's id, starting with `/`, as the caller sent it.
    ///
    /// # Errors
    /// [`RouteRefusal`] when there is none.
    pub fn route(&self, method: &http::Method, path: &str) -> Result<Routed, RouteRefusal> {
        self.generation.routes.find(method, path).inspect_err(|refusal| match refusal {
            // A resource may be asked what it takes.
            RouteRefusal::Method(_) if method == http::Method::OPTIONS => {}
            RouteRefusal::Method(_) => self.refuse(RefusalReason::Method),
            RouteRefusal::NotFound | RouteRefusal::BadPath => self.refuse(RefusalReason::Path),
        })
    }

    /// Counts that the request is refused, for a reason that whoever holds it has found.
    pub fn refuse(&self, reason: RefusalReason) {
        self.generation.counters.refused(reason);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.generation.in_flight.leave();
    }
}
