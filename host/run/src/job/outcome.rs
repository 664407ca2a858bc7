//! How a job ended, as it is told at once and remembered for later.

use host_core::configuration::Violation;
use host_core::job::JobState;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::job::JobError;
use crate::kind::Kind;
use crate::operation::{Part, Receipt};

/// Why an operation did not do what was asked: all that whoever asked is told, at once or later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Whose fault it is.
    pub kind: Kind,
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
    pub parts: Vec<Part>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// Where: a field of plugin.yaml or of the request; `cargo` for what the compiler wrote.
    pub field: String,
    /// What.
    pub message: String,
}

/// The same with what was done instead, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done(Receipt),
    Failed(Failed),
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
    pub fn of(error: &Error) -> Failed {
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
            let field = |problem: &host_core::graph::Problem| FieldProblem {
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
            let field = |problem: &host_core::lock_file::Problem| FieldProblem {
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

/// The state of a job that ended with this result.
pub(crate) fn state_of<E: std::borrow::Borrow<Error>>(result: &Result<Receipt, E>) -> JobState {
    match result.as_ref().map_err(std::borrow::Borrow::borrow) {
        Ok(_) => JobState::Done,
        Err(error) => error.job_error().map_or(JobState::Failed, JobError::state),
    }
}

/// A result as a text.
pub(super) fn write(result: Result<Receipt, Failed>) -> String {
    let outcome = match result {
        Ok(receipt) => Outcome::Done(receipt),
        Err(failed) => Outcome::Failed(failed),
    };
    serde_json::to_string(&outcome).expect("texts, numbers and lists of them serialize")
}

/// The result of a text that [`write`] made, perhaps in an earlier version of the host.
pub(super) fn read(text: Option<&str>) -> Result<Receipt, Failed> {
    let read = serde_json::from_str(text.unwrap_or_default());
    match read {
        Ok(Outcome::Done(receipt)) => Ok(receipt),
        Ok(Outcome::Failed(failed)) => Err(failed),
        Err(error) => Err(Failed {
            kind: Kind::Broken,
            code: "job_outcome_unreadable".to_owned(),
            message: format!("the stored result of the job cannot be read: {error}"),
            fix: None,
            problems: vec![],
            parts: vec![],
        }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::operation::StepReport;

    fn check(result: &Result<Receipt, Error>, expected: Expect) {
        let told = result.as_ref().cloned().map_err(Failed::of);
        let text = write(told.clone());
        expected.assert_eq(&format!("{} {text}", state_of(result)));
        assert_eq!(read(Some(&text)), told);
    }

    #[test]
    fn a_result_is_read_as_it_was_told() {
        let receipt = Receipt {
            id: Some("hello".parse().unwrap()),
            version: "1.0.0".to_owned(),
            source: "/srv/hello".to_owned(),
            revision: 3,
            served: vec![],
            reason: None,
            parts: vec![],
            generation_before: None,
            generation: Some(1),
            cached: Some(true),
            warnings: vec!["slow".to_owned()],
            states: vec!["enabled".into(), "running".into()],
            steps: vec![StepReport { step: "fetch".into(), duration_ms: 1.5 }],
        };
        check(
            &Ok(receipt),
            expect![[
                r#"done {"done":{"id":"hello","version":"1.0.0","source":"/srv/hello","revision":3,"generation_before":null,"generation":1,"served":[],"cached":true,"warnings":["slow"],"states":["enabled","running"],"reason":null,"parts":[],"steps":[{"step":"fetch","duration_ms":1.5}]}}"#
            ]],
        );
        check(
            &Err(Error::UnknownPlugin { id: "x".to_owned() }),
            expect![[
                r#"failed {"failed":{"kind":"not_found","code":"run_unknown_plugin","message":"no plugin `x` is installed","fix":"run `plugin-host list` to see the installed plugins","problems":[]}}"#
            ]],
        );
        check(
            &Err(JobError::Superseded { by: "job_2".to_owned() }.into()),
            expect![[
                r#"superseded {"failed":{"kind":"conflict","code":"job_superseded","message":"superseded by job `job_2`","fix":"follow that job instead","problems":[]}}"#
            ]],
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_failure_that_says_so() {
        for text in [None, Some(""), Some("{}"), Some(r#"{"done":{}}"#)] {
            assert_eq!(read(text).unwrap_err().code, "job_outcome_unreadable", "{text:?}");
        }
    }
}
