//! The requests of jobs, as the state database stores them.

use host_state::JobRecord;

use crate::model::{Error, JobError, Operation, record};
use crate::state::Host;

impl Host {
    /// The operation of a stored job.
    pub(crate) fn operation_of(&self, record: &JobRecord) -> Result<Operation, Error> {
        let lost = || JobError::Unreadable { reason: "the request is not stored".to_owned() };
        let request = self.unprotect(&record.id, record.request.as_deref().ok_or_else(lost)?)?;
        // The parser's message is not reported, because it may quote a secret.
        let reason = || "this host does not know the operation".to_owned();
        Ok(record::read(&request).map_err(|_| JobError::Unreadable { reason: reason() })?)
    }

    /// Seals the request of a job, because it may contain secrets of a configuration. The seal is bound to the job's
    /// id.
    pub(super) fn protect(&self, job: &str, request: String) -> Result<String, Error> {
        Ok(self.0.sealer.seal(&format!("request of {job}"), request.as_bytes())?)
    }

    /// Opens a request that [`Host::protect`] has sealed for the same job.
    fn unprotect(&self, job: &str, kept: &str) -> Result<String, Error> {
        let request = self.0.sealer.open(&format!("request of {job}"), kept)?;
        Ok(String::from_utf8(request).map_err(|error| JobError::Unreadable { reason: error.to_string() })?)
    }
}
