//! Admission of a request to the generation that serves when the request arrives.

use std::sync::Arc;

use dashmap::DashMap;
use host_core::PluginId;

use crate::generation::Generation;
use crate::metrics::RefusalReason;
use crate::refusal::{AdmissionRefusal, RouteRefusal};
use crate::routes::Routed;

/// The serving generation of each plugin.
#[derive(Debug, Default)]
pub struct Roster(DashMap<PluginId, Arc<Generation>>);

/// A request that a generation has admitted. The generation is not stopped before every `Admitted` of it is dropped.
#[derive(Debug)]
pub struct Admitted {
    generation: Arc<Generation>,
}

impl Roster {
    /// Admits a request to the serving generation of `id`; `None` if no generation of it serves.
    ///
    /// # Errors
    /// [`AdmissionRefusal::CircuitOpen`] while the health probes of the generation fail.
    pub fn admit(&self, id: &str) -> Option<Result<Admitted, AdmissionRefusal>> {
        // The call is counted under the map's lock: a later replacement of the entry sees this call in flight.
        let entry = self.0.get(id)?;
        if entry.health.circuit_is_open() {
            entry.counters.refused(RefusalReason::Unhealthy);
            return Some(Err(AdmissionRefusal::CircuitOpen));
        }
        let generation = entry.value().clone();
        generation.in_flight.enter();
        Some(Ok(Admitted { generation }))
    }

    /// The serving generation of `id`.
    pub fn get(&self, id: &PluginId) -> Option<Arc<Generation>> {
        self.0.get(id).map(|entry| entry.value().clone())
    }

    /// All serving generations.
    pub fn all(&self) -> Vec<Arc<Generation>> {
        self.0.iter().map(|entry| entry.value().clone()).collect()
    }

    /// The number of plugins that serve.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no plugin serves.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes a generation the serving one of its plugin and returns the generation that it replaces.
    pub fn insert(&self, generation: Arc<Generation>) -> Option<Arc<Generation>> {
        self.0.insert(generation.id.clone(), generation)
    }

    /// Removes and returns the serving generation of `id`.
    pub fn remove(&self, id: &PluginId) -> Option<Arc<Generation>> {
        self.0.remove(id).map(|(_, generation)| generation)
    }
}

impl Admitted {
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
            RouteRefusal::NotFound | RouteRefusal::BadPath(_) => self.refuse(RefusalReason::Path),
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
