//! Downloads a file.

use std::path::Path;
use std::time::Duration;

use host_core::{Size, Span};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;

use super::{ApiRequest, Client};
use crate::failure::{Exit, Failure};

/// The longest silence of the host, which may prepare a large file first.
const SILENCE: Duration = Duration::from_secs(120);

impl Client {
    /// Writes the response to a GET request to a new file.
    ///
    /// # Errors
    /// The host refuses the request or stops responding, the response is larger than `max_bytes`, or the file cannot be
    /// written.
    pub(crate) async fn download(&self, place: &str, path: &Path, max_bytes: u64) -> Result<(), Failure> {
        let failed =
            |error: std::io::Error| Failure::from_error(format!("failed to write `{}`", path.display()), &error);
        let silent = |_| Failure::unreachable(format!("the host sent nothing for {}", Span::new(SILENCE)));
        let response = tokio::time::timeout(SILENCE, self.send(ApiRequest::get(place))).await.map_err(silent)??;
        let mut body = response.into_body();
        let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
        let mut bytes = 0;
        while let Some(frame) = tokio::time::timeout(SILENCE, body.frame()).await.map_err(silent)? {
            let frame = frame.map_err(|error| Failure {
                exit: Exit::Unreachable,
                ..Failure::from_error("the connection was closed before the response was complete", &error)
            })?;
            let Ok(data) = frame.into_data() else { continue };
            bytes += data.len() as u64;
            if bytes > max_bytes {
                return Err(Failure::failed(format!("the response is larger than {}", Size::new(max_bytes))));
            }
            file.write_all(&data).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)
    }
}
