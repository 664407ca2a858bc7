//! Uploads of plugin archives.

use crate::model::Error;
use crate::operation::check;
use crate::state::Host;

/// An upload that is kept for a while.
#[derive(Clone, Debug)]
pub struct Upload {
    /// To be installed under this id.
    pub id: String,
    /// What its plugin.yaml says.
    pub manifest: host_core::Manifest,
}

/// Why an upload is not kept.
#[derive(Debug)]
pub enum UploadError {
    /// The archive breaks a rule, or could not be stored.
    Refused(Error),
    /// The archive is fine, its plugin.yaml is not.
    Invalid(Error),
}

impl Host {
    /// A folder to receive an upload in; removed when it is dropped.
    ///
    /// # Errors
    /// The data folder could not be written.
    pub fn upload_folder(&self) -> Result<host_store::TempDir, Error> {
        Ok(self.0.store.temp_dir()?)
    }

    /// Checks an archive and keeps its tree for [`Operation::Install`](crate::Operation::Install). Blocks.
    ///
    /// # Errors
    /// [`UploadError`]; nothing is kept then.
    pub fn upload(&self, archive: &std::path::Path) -> Result<Upload, UploadError> {
        if let Err(error) = self.0.store.sweep_uploads(self.config().upload_lifetime) {
            tracing::warn!("failed to remove expired uploads: {error}");
        }
        let tree = host_fetch::unpack(&self.0.store, &self.config().fetch.archive, archive)
            .map_err(|error| UploadError::Refused(error.into()))?;
        let checked = check(&self.config(), &tree).map_err(UploadError::Invalid)?;
        let id = self.0.store.put_upload(&tree).map_err(|error| UploadError::Refused(error.into()))?;
        Ok(Upload { id, manifest: checked.manifest })
    }
}
