//! Uploads of plugin archives.

use host_core::TreePath;

use crate::model::Error;
use crate::operation::check;
use crate::state::Host;

/// A stored upload.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The id to install it with.
    pub id: String,
    /// The manifest.
    pub manifest: host_core::Manifest,
}

/// The reason why an upload was refused.
#[derive(Debug)]
pub enum UploadError {
    /// The archive breaks a rule, or could not be stored.
    Refused(Error),
    /// The archive is valid, but its plugin.yaml is not.
    Invalid {
        /// The problems of plugin.yaml.
        error: Error,
        /// The warnings about the files of the archive.
        warnings: Vec<String>,
    },
}

impl Host {
    /// A temporary folder for an upload; removed when it is dropped.
    ///
    /// # Errors
    /// The data folder could not be written.
    pub fn upload_folder(&self) -> Result<host_store::TempDir, Error> {
        Ok(self.0.store.temp_dir()?)
    }

    /// Checks the plugin in an archive, or in a folder of it, and stores the tree of the archive for
    /// [`Operation::Install`](crate::Operation::Install). Blocks.
    ///
    /// # Errors
    /// [`UploadError`]; nothing was stored.
    pub fn upload(&self, archive: &std::path::Path, folder: Option<&TreePath>) -> Result<Upload, UploadError> {
        if let Err(error) = self.0.store.sweep_uploads(self.config().upload_lifetime) {
            tracing::warn!("failed to remove expired uploads: {error}");
        }
        let fetched = host_fetch::unpack(&self.0.store, &self.config().fetch.archive, archive)
            .map_err(|error| UploadError::Refused(error.into()))?;
        let invalid = |error| UploadError::Invalid { error, warnings: fetched.warnings.clone() };
        let plugin = host_fetch::folder_of(&fetched.tree, "the archive", folder)
            .map_err(|error| UploadError::Refused(error.into()))?;
        let checked = check(&self.config(), &plugin).map_err(invalid)?;
        let id = self.0.store.put_upload(&fetched.tree, &fetched.warnings);
        let id = id.map_err(|error| UploadError::Refused(error.into()))?;
        Ok(Upload { id, manifest: checked.manifest })
    }
}
