//! The audit log: list and verification.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use host_api as api;
use host_core::plan::Step;
use host_run::{AuditEntry, AuditFilter, AuditHead, Operation};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::audit_context::write_refusals;
use crate::guard::inputs::KnownInputs;
use crate::state::AppState;
use crate::wire::input::QueryParams;
use crate::wire::problem::ApiError;
use crate::wire::security_headers::no_store;

/// Default and maximum page size.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// The page and filters of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Lists the entries after this sequence number, oldest first; the newest entries when absent.
    after: Option<u64>,
    /// Maximum number of entries; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Lists only requests of this caller.
    actor: Option<String>,
    /// Lists only this action, for example `plugin_load`.
    action: Option<String>,
    /// Lists only actions on this object, for example a plugin id, which includes the stored keys of the plugin.
    object: Option<String>,
}

pub(crate) async fn list(
    State(app): State<AppState>,
    Extension(inputs): Extension<KnownInputs>,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Response, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` must be from 1 to {MAX_LIMIT}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    }
    write_refusals(&app.host, &app.access, true).await;
    let AuditQuery { after, actor, action, object, .. } = query;
    let is_full = |entries: &[AuditEntry]| entries.len() == limit as usize && after.is_some();
    let filter = AuditFilter { after, actor, action, object };
    let entries = app.host.audit(&filter, limit).await?;
    if let Some(action) = filter.action.as_deref().filter(|_| entries.is_empty()) {
        check_action(action, &inputs)?;
    }
    let next = entries.last().filter(|_| is_full(&entries)).map(|last| last.seq);
    let entries = entries.into_iter().map(entry).collect();
    Ok(no_store(Json(api::AuditPage { entries, next }).into_response()))
}

/// Refuses an action that no entry of this version of the host can have.
fn check_action(action: &str, inputs: &KnownInputs) -> Result<(), ApiError> {
    let of_jobs = Operation::NAMES.map(|name| format!("job_{name}"));
    let of_host = Step::NAMES.map(|name| format!("host_{name}"));
    let own = of_jobs.iter().chain(&of_host).map(String::as_str);
    let known: Vec<&str> = inputs.actions().map(|action| -> &str { action }).chain(own).collect();
    if known.contains(&action) { Ok(()) } else { Err(ApiError::unknown_value("action", action, &known)) }
}

/// The head of an earlier verification.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditVerifyQuery {
    /// The head of an earlier verification as `SEQ:HASH`, which the log must contain.
    head: Option<String>,
}

pub(crate) async fn verify(
    State(app): State<AppState>,
    QueryParams(AuditVerifyQuery { head }): QueryParams<AuditVerifyQuery>,
) -> Result<Response, ApiError> {
    let recorded = head.as_deref().map(parse_head).transpose()?;
    write_refusals(&app.host, &app.access, true).await;
    let report = app.host.verify_audit(recorded.as_ref()).await?;
    let answer = api::AuditReport {
        valid: report.is_whole(),
        entries: report.entries,
        first: report.first,
        head: api::AuditHead { seq: report.head.seq, hash: report.head.hash },
        broken: report.broken.map(|broken| api::AuditBroken { seq: broken.seq, reason: broken.reason }),
        noted: report.head_check.map(|check| check.as_str().to_owned()),
    };
    Ok(no_store(Json(answer).into_response()))
}

fn parse_head(text: &str) -> Result<AuditHead, ApiError> {
    let read = text.split_once(':').and_then(|(seq, hash)| {
        let is_hash = hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit());
        let seq = seq.parse().ok().filter(|seq| *seq > 0 && is_hash)?;
        Some(AuditHead { seq, hash: hash.to_ascii_lowercase() })
    });
    read.ok_or_else(|| {
        let detail = "invalid query: `head` is not a sequence number and hash";
        ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail)
            .fix("pass SEQ:HASH, from the `head` of an earlier response")
    })
}

fn entry(AuditEntry { seq, entry, previous, hash }: AuditEntry) -> api::AuditEntry {
    api::AuditEntry {
        seq,
        at_unix_ms: entry.at_unix_ms,
        actor: entry.actor,
        token_id: entry.token,
        address: entry.address,
        action: entry.action,
        object: entry.object,
        digest: entry.digest,
        outcome: entry.outcome.to_string(),
        status: entry.status,
        code: entry.code,
        job: entry.job,
        request_id: entry.request,
        of: entry.of,
        times: entry.times,
        previous,
        hash,
    }
}
