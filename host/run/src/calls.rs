//! Admission of calls to the serving generations.

use host_call::{AdmissionRefusal, Admitted, RefusalReason};

use crate::host::Host;

impl Host {
    /// Admits a request to the serving generation of `id`.
    ///
    /// # Errors
    /// [`AdmissionRefusal`] if no generation admits it.
    pub fn admit(&self, id: &str) -> Result<Admitted, AdmissionRefusal> {
        if let Some(admitted) = self.0.roster.admit(id) {
            return admitted;
        }
        match self.0.plugins.get(id) {
            Some(plugin) => {
                self.0.metrics.refused(id, RefusalReason::NotServing);
                Err(AdmissionRefusal::NotServing(plugin.phase()))
            }
            // The id of a plugin that is not installed comes from the caller, so it must not become a label.
            None => Err(AdmissionRefusal::Unknown),
        }
    }
}
