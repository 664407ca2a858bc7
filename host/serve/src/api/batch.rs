//! Batches: several operations in one job.

use axum::extract::State;
use axum::response::Response;
use host_api as api;
use host_api::{BatchMode, BatchOperation, FieldError};
use host_core::Revision;
use host_run::{LoadOptions, Operation, SettingsChange, Trust};
use http::StatusCode;
use serde_json::Value;

use crate::operation::request::OperationRequest;
use crate::operation::run::run;
use crate::operation::source::SourceRequest;
use crate::state::AppState;
use crate::wire::input::RequiredJson;
use crate::wire::problem::ApiError;

/// Maximum number of operations in a batch.
const MAX_OPERATIONS: usize = 100;

pub(crate) async fn batch(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::BatchRequest>,
) -> Result<Response, ApiError> {
    let operations = operations(&asked.operations)?;
    run(&app, request, Operation::Batch { operations, atomic: asked.mode == BatchMode::Atomic }).await
}

/// Parses the operations of a batch.
///
/// # Errors
/// The problems of all operations.
pub(crate) fn operations(asked: &[Value]) -> Result<Vec<Operation>, ApiError> {
    let mut operations = vec![];
    let mut errors = vec![];
    // One more than allowed is read: the length is checked later, and each further operation would only add a
    // message.
    for (index, value) in asked.iter().enumerate().take(MAX_OPERATIONS + 1) {
        let read = serde_json::from_value(value.clone()).map_err(|error| error.to_string()).and_then(operation);
        match read {
            Ok(operation) => operations.push(operation),
            Err(message) => {
                let pointer = format!("operations[{index}]");
                errors.push(FieldError { message: format!("`{pointer}`: {message}"), pointer });
            }
        }
    }
    if errors.is_empty() {
        return Ok(operations);
    }
    let list = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>();
    let detail = format!("invalid batch: {}", list.join("; "));
    Err(ApiError { errors, ..ApiError::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail) })
}

fn operation(asked: BatchOperation) -> Result<Operation, String> {
    Ok(match asked {
        BatchOperation::Load { source, version, path, tag_pattern, config, start, replace } => {
            let (version, tag_pattern) = (version.as_deref(), tag_pattern.as_deref());
            let named = SourceRequest { source: &source, version, path: path.as_deref(), tag_pattern };
            let source = named.read().map_err(|refused| refused.detail)?;
            let start = start.unwrap_or(true);
            let options = LoadOptions { configuration: config, start, replace, ..LoadOptions::default() };
            Operation::Load { source, trust: Trust::Http, options }
        }
        BatchOperation::Reload { id } => Operation::Reload { id },
        BatchOperation::Enable { id } => Operation::Enable { id },
        BatchOperation::Disable { id, cascade } => Operation::Disable { id, cascade },
        BatchOperation::Start { id } => Operation::Start { id },
        BatchOperation::Stop { id } => Operation::Stop { id },
        BatchOperation::Restart { id } => Operation::Restart { id },
        BatchOperation::Unload { id, keep_data, cascade } => Operation::Unload { id, keep_data, cascade },
        BatchOperation::Configure { id, config, patch, revision } => {
            let change = match (config, patch) {
                (Some(config), None) => SettingsChange::Replace(config),
                (None, Some(patch)) => SettingsChange::Merge(patch),
                _ => return Err("exactly one of `config` and `patch` is required".to_owned()),
            };
            Operation::Configure { id, change, expected: revision }
        }
        BatchOperation::Rollback { id, to } => Operation::Rollback { id, to, because: None },
        BatchOperation::Update { id, to } => {
            let to = to.map(|to| to.parse::<Revision>().map_err(|error| error.to_string())).transpose()?;
            Operation::Update { id, to, automatic: false }
        }
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_is_read_with_its_fields() {
        let asked = json!([
            {"operation": "load", "source": "https://github.com/acme/hello", "version": "v1", "config": {"a": 1}, "start": false, "replace": true},
            {"operation": "load", "source": "/srv/a"},
            {"operation": "reload", "id": "abc"},
            {"operation": "enable", "id": "abc"},
            {"operation": "disable", "id": "abc", "cascade": true},
            {"operation": "start", "id": "abc"},
            {"operation": "stop", "id": "abc"},
            {"operation": "restart", "id": "abc"},
            {"operation": "unload", "id": "abc", "keep_data": true},
            {"operation": "configure", "id": "abc", "config": {"a": 1}, "revision": 7},
            {"operation": "configure", "id": "abc", "patch": {"a": null}},
            {"operation": "rollback", "id": "abc", "to": "1.0.0"},
            {"operation": "update", "id": "abc"},
            {"operation": "update", "id": "abc", "to": "v2"}
        ]);
        let read = operations(asked.as_array().unwrap()).unwrap();
        let shown: String = read.iter().map(|operation| format!("{operation:?}\n")).collect();
        expect![[r#"
            Load { source: Git { url: GitUrl { authority: "github.com", path: "acme/hello", has_suffix: false }, revision: Named("v1"), tags: None }, trust: Http, options: LoadOptions { configuration: Some({"a": Number(1)}), start: false, replace: true, if_changed: false, update: None, commit: None, tree: None } }
            Load { source: Folder("/srv/a"), trust: Http, options: LoadOptions { configuration: None, start: true, replace: false, if_changed: false, update: None, commit: None, tree: None } }
            Reload { id: "abc" }
            Enable { id: "abc" }
            Disable { id: "abc", cascade: true }
            Start { id: "abc" }
            Stop { id: "abc" }
            Restart { id: "abc" }
            Unload { id: "abc", keep_data: true, cascade: false }
            Configure { id: "abc", change: Replace({"a": Number(1)}), expected: Some(7) }
            Configure { id: "abc", change: Merge({"a": Null}), expected: None }
            Rollback { id: "abc", to: Some("1.0.0"), because: None }
            Update { id: "abc", to: None, automatic: false }
            Update { id: "abc", to: Some(Named("v2")), automatic: false }
        "#]].assert_eq(&shown);
    }

    #[test]
    fn all_problems_of_a_batch_are_reported_at_once() {
        let asked = json!([
            {"operation": "explode", "id": "abc"},
            {"operation": "reload"},
            {"operation": "reload", "id": "abc", "force": true},
            {"operation": "load", "source": "http://github.com/a/b"},
            {"operation": "load", "source": "/srv/a", "version": "v1"},
            {"operation": "configure", "id": "abc"},
            {"operation": "configure", "id": "abc", "config": {}, "patch": {}},
            {"operation": "update", "id": "abc", "to": "-x"},
            7
        ]);
        let refused = operations(asked.as_array().unwrap()).unwrap_err();
        let shown: String = refused.errors.iter().map(|error| format!("{}\n", error.message)).collect();
        expect![[r#"
            `operations[0]`: unknown variant `explode`, expected one of `load`, `reload`, `enable`, `disable`, `start`, `stop`, `restart`, `unload`, `configure`, `rollback`, `update`
            `operations[1]`: missing field `id`
            `operations[2]`: unknown field `force`, expected `id`
            `operations[3]`: invalid source: scheme `http` is not supported; did you mean `https://github.com/a/b`?
            `operations[4]`: `version` is only supported for git URLs: it selects a version, tag, branch or commit
            `operations[5]`: exactly one of `config` and `patch` is required
            `operations[6]`: exactly one of `config` and `patch` is required
            `operations[7]`: `-x` is not a branch, tag or commit; leave it out for the newest release
            `operations[8]`: invalid type: integer `7`, expected internally tagged enum BatchOperation
        "#]].assert_eq(&shown);
        assert_eq!((refused.status.as_u16(), &*refused.code), (400, "body_does_not_fit"));
    }
}
