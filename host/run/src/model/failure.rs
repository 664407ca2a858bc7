//! A failure, as it is reported at once and stored for later.

use host_core::configuration::Violation;
use serde::{Deserialize, Serialize};

use crate::model::{Error, OperationPart};

/// Whose fault a failure is, and what may help. A surface that has statuses gives each kind one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// What was asked makes no sense.
    Malformed,
    /// It is not allowed.
    Forbidden,
    /// PresentState is no such thing.
    NotFound,
    /// It does not go together with what is there, or with what else was asked.
    Conflict,
    /// What was asked is meant for something that has changed since.
    Stale,
    /// It is too large.
    TooLarge,
    /// It breaks a rule.
    Refused,
    /// The host, or the machine it runs on, failed.
    Broken,
    /// The disk has no room.
    Full,
    /// Not now; later it may go.
    Busy,
    /// It took too long.
    TimedOut,
}

impl FailureKind {
    /// The kind of a failure of fetching, building or storing, which name what happened by a word.
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

/// Why an operation did not do what was asked: all that whoever asked is told, at once or later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// A word for clients, metrics and tests.
    pub code: String,
    /// What failed and why, in one line.
    pub message: String,
    /// What to do.
    #[serde(default)]
    pub fix: Option<String>,
    /// Each thing that is wrong, where there are several.
    #[serde(default)]
    pub problems: Vec<FieldProblem>,
    /// What became of each of several things that were asked for at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// Where: a field of plugin.yaml or of the request; `cargo` for what the compiler wrote.
    pub field: String,
    /// What.
    pub message: String,
}

impl FieldProblem {
    /// The same with its place in front, and without what to do about it.
    pub(crate) fn without_hint(&self) -> FieldProblem {
        let message = self.message.split("; hint: ").next().unwrap_or_default();
        FieldProblem { field: self.field.clone(), message: format!("`{}`: {message}", self.field) }
    }
}

impl Failed {
    /// What is told of an error.
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
