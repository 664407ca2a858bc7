//! Downloads the source of a plugin.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use host_run::SourceArchive;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use tokio::io::AsyncReadExt as _;

use crate::state::AppState;
use crate::state::uploads::MAX_AT_ONCE;
use crate::wire::input::PathId;
use crate::wire::problem::ApiError;

const CHUNK_BYTES: usize = 64 << 10;

/// `GET /api/plugins/{id}/source`: the files that the current version was built from.
pub(crate) async fn download(State(app): State<AppState>, PathId(id): PathId) -> Result<Response, ApiError> {
    let Ok(_slot) = app.uploads.slots.try_acquire() else {
        let detail = format!("the limit of {MAX_AT_ONCE} concurrent uploads and downloads of sources is reached");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "upload_busy", detail).retry_after(1));
    };
    let host = app.host.clone();
    let name = format!("attachment; filename=\"{}.zip\"", host_core::shown(&id, 100).replace(['"', '\\'], ""));
    let packed = tokio::task::spawn_blocking(move || host.source_archive(&id)).await;
    let SourceArchive { file, bytes, folder } = packed.map_err(|_| ApiError::from(host_run::Error::Panicked))??;
    let file = tokio::fs::File::from_std(file);
    // The folder is removed after the last chunk, or when the client disconnects.
    let chunks = stream::try_unfold((file, folder), |(mut file, folder)| async {
        let mut chunk = vec![0; CHUNK_BYTES];
        let n = file.read(&mut chunk).await?;
        chunk.truncate(n);
        Ok::<_, std::io::Error>((n > 0).then(|| (Bytes::from(chunk), (file, folder))))
    });
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, bytes.to_string()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}
