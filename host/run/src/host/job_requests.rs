//! What a job is to do, as it lies in the state.

use host_state::JobRecord;

use crate::model::{Error, JobError, Operation, record};
use crate::state::Host;

impl Host {
    /// What a job is to do.
    pub(crate) fn operation_of(&self, record: &JobRecord) -> Result<Operation, Error> {
        let lost = || JobError::Unreadable { reason: "the request is not stored".to_owned() };
        let request = self.unprotect(&record.id, record.request.as_deref().ok_or_else(lost)?)?;
        // What stands there is not told: a parser's message may quote a secret.
        let reason = || "this host does not know the operation".to_owned();
        Ok(record::read(&request).map_err(|_| JobError::Unreadable { reason: reason() })?)
    }

    /// What a job is to do, as it may lie on the disk: it may hold the secrets of a configuration. Bound to the job's id.
    pub(super) fn protect(&self, job: &str, request: String) -> Result<String, Error> {
        Ok(self.0.sealer.seal(&format!("request of {job}"), request.as_bytes())?)
    }

    /// What [`Host::protect`] was given, for the same job.
    fn unprotect(&self, job: &str, kept: &str) -> Result<String, Error> {
        let request = self.0.sealer.open(&format!("request of {job}"), kept)?;
        Ok(String::from_utf8(request).map_err(|error| JobError::Unreadable { reason: error.to_string() })?)
    }
}
