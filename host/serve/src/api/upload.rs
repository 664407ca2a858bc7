//! Uploads: receives a ZIP archive, checks it, and stores it until it is installed.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request, State};
use host_api as api;
use host_core::{Size, Source, SourceError, Span, TreePath};
use host_run::UploadError;
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;

use crate::access::audit_context::AuditSubject;
use crate::operation::source::inside;
use crate::operation::validate::{judged, messages, problems};
use crate::state::AppState;
use crate::state::uploads::MAX_AT_ONCE;
use crate::wire::form::{Allowance, MAX_BETWEEN_FILES};
use crate::wire::input;
use crate::wire::problem::ApiError;

/// Timeout for each part of the form.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// `POST /api/plugins/upload`: a multipart form with the archive in the field `plugin` or `file`, and before it the
/// folder of the plugin in the field `path`, if that is not the root.
pub(crate) async fn upload(
    State(app): State<AppState>,
    subject: AuditSubject,
    request: Request,
) -> Result<Json<api::UploadResponse>, ApiError> {
    input::plain(request.headers())?;
    let Ok(_slot) = app.uploads.slots.try_acquire() else {
        let detail = format!("the limit of {MAX_AT_ONCE} concurrent uploads is reached");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "upload_busy", detail).retry_after(1));
    };
    let (head, body) = request.into_parts();
    let (body, allowance) = Allowance::limit(body);
    let mut form = Multipart::from_request(Request::from_parts(head, body), &app).await.map_err(|_| {
        ApiError::new(StatusCode::BAD_REQUEST, "upload_form", "the request body is not a multipart form")
            .fix("send the archive as `multipart/form-data` in the field `plugin`")
    })?;
    let not_exceeded = || {
        let detail = format!("the form has more than {} besides the archive", Size::new(MAX_BETWEEN_FILES));
        let refused = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
            .fix("send only the fields `path` and `plugin`");
        if allowance.is_exceeded() { Err(refused) } else { Ok(()) }
    };
    let (mut path, mut archive) = (None, None);
    loop {
        let field = in_time(form.next_field()).await;
        not_exceeded()?;
        let Some(field) = field? else { break };
        match field.name() {
            Some("path") if archive.is_some() => return Err(refused("the field `path` is after the archive")),
            Some("path") if path.is_some() => return Err(refused("the form has the field `path` twice")),
            Some("path") => {
                let text = in_time(field.text()).await;
                not_exceeded()?;
                let folder = TreePath::of_folder(&text?).map_err(SourceError::Folder);
                path = Some(folder.map_err(|error| ApiError::from(host_run::Error::from(error)))?);
            }
            Some("plugin" | "file") if archive.is_some() => return Err(refused("the form has two archives")),
            Some("plugin" | "file") if field.file_name().is_none() => {
                let detail = "the field with the archive is a text, not a file";
                let refused = ApiError::new(StatusCode::BAD_REQUEST, "upload_type", detail);
                return Err(refused.fix("send a file; with curl, write `-F plugin=@plugin.zip`"));
            }
            Some("plugin" | "file") => {
                if !field.file_name().is_some_and(|name| name.to_ascii_lowercase().ends_with(".zip")) {
                    let detail = "the file name does not end in `.zip`";
                    let refused = ApiError::new(StatusCode::BAD_REQUEST, "upload_type", detail);
                    return Err(refused
                        .fix("send a ZIP archive, which `plugin-host pack` writes, with a name such as `plugin.zip`"));
                }
                allowance.unlimited();
                archive = Some(receive(&app, field).await?);
                allowance.between_files();
            }
            Some(name) => {
                return Err(refused(&format!("the form has the unknown field `{}`", host_core::shown(name, 80))));
            }
            None => return Err(refused("the form has a field without a name")),
        }
    }
    let archive = archive.ok_or_else(|| refused("the form has no file in the field `plugin` or `file`"))?;
    let answer = check(&app, archive, path).await?;
    subject.object(answer.upload_id.clone().unwrap_or_default());
    Ok(Json(answer))
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "upload_field", detail)
        .fix("send the archive in the field `plugin` or `file`, and before it the optional field `path`, each once")
}

/// The schema of the form.
pub(crate) fn form() -> serde_json::Value {
    let file = serde_json::json!({
        "type": "string",
        "contentMediaType": "application/zip",
        "description": "The ZIP archive, with a file name that ends in `.zip`. The field can also be named `file`.",
    });
    let path = serde_json::json!({
        "type": "string",
        "description": "The folder of the plugin in the archive, for example `plugins/hello`; before the archive. The \
                        installation needs the same `path`.",
    });
    serde_json::json!({ "type": "object", "properties": { "path": path, "plugin": file }, "required": ["plugin"] })
}

/// An archive on disk, in a folder that is removed when it is dropped.
struct Archive {
    folder: host_store::TempDir,
    path: PathBuf,
}

async fn receive(app: &AppState, mut field: Field<'_>) -> Result<Archive, ApiError> {
    let max_bytes = app.uploads.max_bytes;
    let folder = app.host.upload_folder()?;
    let path = folder.path().join("upload.zip");
    let failed = |error: std::io::Error| {
        if host_store::is_full(&error) {
            ApiError::from(host_run::Error::from(host_store::Error::Full {
                action: "write",
                path: path.clone(),
                source: error,
            }))
        } else {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "upload_io", "failed to write the upload to disk")
        }
    };
    let mut file = tokio::fs::File::create(&path).await.map_err(failed)?;
    let mut bytes = 0u64;
    while let Some(chunk) = in_time(field.chunk()).await? {
        bytes += chunk.len() as u64;
        if bytes > max_bytes {
            let detail = format!("the archive is larger than {}, the limit `max_upload_bytes`", Size::new(max_bytes));
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Archive { folder, path })
}

/// Checks the plugin and stores the upload.
async fn check(
    app: &AppState,
    archive: Archive,
    folder_of_plugin: Option<TreePath>,
) -> Result<api::UploadResponse, ApiError> {
    let host = app.host.clone();
    let folder_to_check = folder_of_plugin.clone();
    let uploaded = tokio::task::spawn_blocking(move || {
        let uploaded = host.upload(&archive.path, folder_to_check.as_ref());
        drop(archive.folder);
        uploaded
    });
    match uploaded.await {
        Err(_) => Err(ApiError::from(host_run::Error::Panicked)),
        // Checked now, so that problems are reported before the installation.
        Ok(Ok(uploaded)) => {
            let source = inside(Source::Upload(uploaded.id.clone()), folder_of_plugin.as_ref().map(TreePath::as_str))?;
            let validated = app.host.validate(source).await?;
            let judged = judged(String::new(), &validated);
            let validation = api::Validation {
                valid: judged.valid,
                errors: judged.errors,
                problems: judged.problems,
                fix: judged.fix,
                warnings: judged.warnings,
            };
            Ok(api::UploadResponse {
                upload_id: judged.valid.then_some(uploaded.id),
                validation,
                metadata: judged.metadata,
            })
        }
        // An invalid plugin is reported in a 200 response; an unsafe archive is an error.
        Ok(Err(UploadError::Invalid { error, warnings })) => {
            let mut refused = ApiError::from(&error);
            let fix = refused.fix.take();
            let problems = problems(refused, "plugin.yaml");
            let errors = messages(&problems);
            let validation = api::Validation { valid: false, errors, problems, fix, warnings };
            Ok(api::UploadResponse { validation, ..Default::default() })
        }
        Ok(Err(UploadError::Refused(error))) => Err(ApiError::from(&error)),
    }
}

/// Waits for the next part of a form, with a timeout.
async fn in_time<T>(part: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    match tokio::time::timeout(READ_TIMEOUT, part).await {
        Ok(part) => part.map_err(broken),
        Err(_) => {
            let detail = format!("no data of the form arrived for {}", Span::new(READ_TIMEOUT));
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "upload_timed_out", detail))
        }
    }
}

fn broken(error: MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", "the form is too large");
    }
    ApiError::new(StatusCode::BAD_REQUEST, "upload_form", format!("failed to read the form: {}", error.body_text()))
}
