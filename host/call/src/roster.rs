//! The serving generations, and the admission of requests to them.

use std::sync::Arc;

use dashmap::DashMap;
use host_core::PluginId;

use crate::generation::{Admitted, Generation};
use crate::metrics::RefusalReason;
use crate::refusal::AdmissionRefusal;

/// The serving generation of each plugin.
#[derive(Debug, Default)]
pub struct Roster(DashMap<PluginId, Arc<Generation>>);

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
        Some(Ok(Admitted::enter(entry.value().clone())))
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

    /// Returns whether no plugin serves.
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
