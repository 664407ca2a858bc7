//! A failure of an operation, as it is reported to clients and stored with its job.

use host_core::configuration::Violation;
use serde::{Deserialize, Serialize};

use crate::model::{Error, OperationPart};

/// The kind of a failure. A surface maps each kind to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request is malformed.
    Malformed,
    /// The request is not allowed.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The request conflicts with the present state or with another request.
    Conflict,
    /// The request was made for a state that has changed since.
    Stale,
    /// The request is too large.
    TooLarge,
    /// The request breaks a rule.
    Refused,
    /// The host, or the machine that it runs on, failed.
    Broken,
    /// The disk is full.
    Full,
    /// The host is busy; a later request may succeed.
    Busy,
    /// The request timed out.
    TimedOut,
}

impl FailureKind {
    /// The kind of an error code of fetch, build or store.
    pub(crate) fn from_code(code: &str) -> FailureKind {
        match code {
            "store_io" | "store_random" | "fetch_io" | "build_io" | "build_no_toolchain" | "build_process" => {
                FailureKind::Broken
            }
            "build_queue_full" | "build_queue_timeout" | "build_stopping" => FailureKind::Busy,
            "fetch_outside_roots" => FailureKind::Forbidden,
            _ => FailureKind::Refused,
        }
    }
}

/// A failure of an operation, as it is reported to clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The kind.
    pub kind: FailureKind,
    /// The stable error code.
    pub code: String,
    /// The error and its causes, in one line.
    pub message: String,
    /// The remedy.
    #[serde(default)]
    pub fix: Option<String>,
    /// Each single problem, if there are several.
    #[serde(default)]
    pub problems: Vec<FieldProblem>,
    /// The result of each part, for an operation of several parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
}

/// One of several problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The location: a field of plugin.yaml or of the request, or `cargo` for compiler output.
    pub field: String,
    /// The description.
    pub message: String,
}

impl FieldProblem {
    /// The problem with its location in front, and without the remedy.
    pub(crate) fn without_hint(&self) -> FieldProblem {
        let message = self.message.split("; hint: ").next().unwrap_or_default();
        FieldProblem { field: self.field.clone(), message: format!("`{}`: {message}", self.field) }
    }
}

impl Failed {
    /// The failure for an error.
    pub fn from_error(error: &Error) -> Failed {
        Failed {
            kind: error.kind(),
            code: error.code().to_owned(),
            message: error.chain(),
            fix: error.fix(),
            problems: problems(error),
            parts: match error {
                Error::Together { parts, .. } => parts.clone(),
                _ => vec![],
            },
        }
    }
}

fn problems(error: &Error) -> Vec<FieldProblem> {
    match error {
        Error::Manifest { problems } => problems
            .iter()
            .map(|problem| FieldProblem { field: problem.field.clone(), message: problem.to_string() })
            .collect(),
        Error::ConfigurationInvalid { violations } => {
            let field = |violation: &Violation| FieldProblem {
                field: violation.pointer.clone(),
                message: violation.message.clone(),
            };
            violations.iter().map(field).collect()
        }
        Error::Dependencies(refusal) => {
            let field = |problem: &host_core::graph::GraphProblem| FieldProblem {
                field: problem.code().to_owned(),
                message: problem.message(),
            };
            refusal.problems().iter().map(field).collect()
        }
        Error::Build(build) => {
            let output = build.compiler_output().map(str::to_owned);
            let output = output.into_iter().map(|message| FieldProblem {
                field: "cargo".to_owned(),
                message: host_store::without_folders(&message).into_owned(),
            });
            let problems = build.schema_problems().iter();
            let field =
                |problem: &Violation| FieldProblem { field: problem.pointer.clone(), message: problem.message.clone() };
            output.chain(problems.map(field)).collect()
        }
        Error::FileRefused { problems } => {
            let field = |problem: &host_core::plugin_set::PluginSetProblem| FieldProblem {
                field: problem.field().to_owned(),
                message: problem.to_string(),
            };
            problems.iter().map(field).collect()
        }
        Error::PlanRefused { problems } | Error::BatchRefused { problems } => {
            problems.iter().map(FieldProblem::without_hint).collect()
        }
        Error::Together { cause, .. } => self::problems(cause),
        _ => vec![],
    }
}
