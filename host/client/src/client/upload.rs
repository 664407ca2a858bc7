//! Uploads an archive.

use std::path::Path;

use bytes::Bytes;
use host_api::UploadResponse;
use host_core::Digest;

use super::{ApiRequest, Client};
use crate::failure::Failure;

/// Maximum size of an archive, the largest value of `max_upload_bytes`.
const MAX_BYTES: u64 = 4 << 30;

impl Client {
    /// Uploads an archive, in which the plugin may be in a folder, and returns the upload id.
    ///
    /// # Errors
    /// The file cannot be read, the host cannot be reached, or the plugin is invalid.
    pub(crate) async fn upload(&self, path: &Path, folder: Option<&str>) -> Result<String, Failure> {
        let unreadable =
            |reason: String| Failure::failed(format!("failed to read `{}`", path.display())).because(reason);
        let archive = host_file::read(path, MAX_BYTES).map_err(|error| unreadable(error.to_string()))?;
        let reply = self.request(form(&archive, folder)).await?;
        let response: UploadResponse = reply.read()?;
        match response.upload_id {
            Some(id) => Ok(id),
            None => {
                let mut failure = Failure::failed(format!("the plugin in `{}` is invalid", path.display()));
                let warnings = response.validation.warnings.iter().map(|warning| format!("warning: {warning}"));
                let errors = response.validation.errors.into_iter();
                failure.details = errors.chain(warnings).collect();
                failure.fix = response.validation.fix;
                failure.response = Some(reply.body);
                Err(failure)
            }
        }
    }
}

/// Creates a multipart form with the folder of the plugin in the field `path` and the archive in the field `plugin`.
fn form(archive: &[u8], folder: Option<&str>) -> ApiRequest {
    // An archive cannot contain its own digest, so the digest is a safe boundary.
    let boundary = Digest::compute(archive).hex();
    let path = folder
        .map(|folder| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n{folder}\r\n"));
    let head = format!(
        "{}--{boundary}\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"plugin.zip\"\r\n\
         Content-Type: application/zip\r\n\r\n",
        path.unwrap_or_default()
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let mut ask = ApiRequest::post("/api/plugins/upload");
    ask.body = Bytes::from([head.as_bytes(), archive, tail.as_bytes()].concat());
    ask.content_type = format!("multipart/form-data; boundary={boundary}");
    ask
}
