//! Entries of the audit log about ends of jobs and about steps of the host itself. The HTTP server writes the entries
//! about requests.

use host_call::now_unix_ms;
use host_core::PluginId;
use host_core::audit::{AuditRecord, Outcome};
use host_state::{AuditEntry, AuditFilter, AuditHead, AuditReport};

use crate::jobs::JobView;
use crate::model::{Error, Failed, OperationPart, PartState, Receipt};
use crate::state::Host;

/// The actor of steps of the host itself.
const HOST: &str = "host";

impl Host {
    /// Adds entries to the audit log, all or none, and returns their numbers once they are on disk.
    ///
    /// # Errors
    /// [`Error::State`]; nothing was added.
    ///
    /// # Cancel safety
    /// If the future is dropped, the entries are added or not.
    pub async fn note_audit(&self, entries: Vec<AuditRecord>) -> Result<Vec<u64>, Error> {
        Ok(self.0.state.append_audit(entries, self.config().max_audit_entries).await?)
    }

    /// At most `limit` entries of the audit log that match a filter, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        Ok(self.0.state.audit(filter, limit).await?)
    }

    /// Verifies the hash chain of the audit log, and that it contains an entry recorded earlier.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn verify_audit(&self, recorded: Option<&AuditHead>) -> Result<AuditReport, Error> {
        Ok(self.0.state.verify_audit(recorded).await?)
    }

    /// The entries about the end of a job: one for the job, and one for each of its parts.
    pub(crate) fn audit_of_job(&self, view: &JobView, result: Result<&Receipt, Failed>) -> (Vec<AuditRecord>, u64) {
        let (receipt, code) = match &result {
            Ok(receipt) => (Some(*receipt), ""),
            Err(failed) => (None, failed.code.as_str()),
        };
        let object = receipt.and_then(|receipt| receipt.id.as_ref()).map(ToString::to_string);
        let whole = AuditRecord {
            at_unix_ms: now_unix_ms(),
            actor: view.initiator.actor.clone(),
            action: format!("job_{}", view.operation),
            object: object.or_else(|| view.plugin.clone()).unwrap_or_else(|| view.subject.clone()),
            digest: self.digest_of(receipt),
            outcome: if receipt.is_some() { Outcome::Done } else { Outcome::Failed },
            code: code.to_owned(),
            job: view.id.clone(),
            times: 1,
            ..AuditRecord::default()
        };
        let parts = result.as_ref().map_or_else(|failed| &failed.parts, |receipt| &receipt.parts);
        let parts = parts.iter().filter(|part| part.state != PartState::Skipped);
        let parts: Vec<_> = parts.map(|part| self.audit_of_part(&whole, part)).collect();
        ([vec![whole], parts].concat(), self.config().max_audit_entries)
    }

    fn audit_of_part(&self, whole: &AuditRecord, part: &OperationPart) -> AuditRecord {
        let object = part.receipt.as_ref().and_then(|receipt| receipt.id.as_ref()).map(ToString::to_string);
        let is_done = part.state == PartState::Done;
        let code = part.problem.as_ref().map_or(part.state.as_str(), |problem| problem.code.as_str());
        AuditRecord {
            action: format!("job_{}", part.operation),
            object: object.unwrap_or_else(|| part.subject.clone()),
            digest: self.digest_of(part.receipt.as_deref()),
            outcome: if is_done { Outcome::Done } else { Outcome::Failed },
            code: if is_done { String::new() } else { code.to_owned() },
            ..whole.clone()
        }
    }

    /// The digest of the installed artifact of a receipt's plugin.
    fn digest_of(&self, receipt: Option<&Receipt>) -> String {
        receipt.and_then(|receipt| receipt.id.as_ref()).map(|id| self.installed_digest(id)).unwrap_or_default()
    }

    fn installed_digest(&self, id: &PluginId) -> String {
        let plugin = self.0.plugins.get(id).map(|entry| entry.value().clone());
        let artifact = plugin.and_then(|plugin| Some(plugin.state().installed.as_ref()?.desired.current.artifact));
        artifact.map(|artifact| artifact.to_string()).unwrap_or_default()
    }

    /// Writes an entry about a step of the host itself. A failure is only logged, because there is no client to report
    /// it to.
    pub(crate) async fn audit_own(&self, step: &str, id: &PluginId, error: Option<&Error>) {
        let entry = AuditRecord {
            at_unix_ms: now_unix_ms(),
            actor: HOST.to_owned(),
            action: format!("host_{step}"),
            object: id.to_string(),
            digest: self.installed_digest(id),
            outcome: if error.is_some() { Outcome::Failed } else { Outcome::Done },
            code: error.map(|error| error.code().to_owned()).unwrap_or_default(),
            times: 1,
            ..AuditRecord::default()
        };
        if let Err(error) = self.note_audit(vec![entry]).await {
            tracing::error!(plugin.id = %id, "failed to write {step} of `{id}` to the audit log: {error}");
        }
    }
}
