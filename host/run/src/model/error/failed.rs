//! The failure that is reported for an error.

use host_core::configuration::Violation;

use crate::model::{Error, Failed, FieldProblem};

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
            first_load: None,
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
        Error::BuildOfSource { source, notes } => {
            let note = |note: &String| FieldProblem { field: "source".to_owned(), message: note.clone() };
            of_build(source).into_iter().chain(notes.iter().map(note)).collect()
        }
        Error::Build(build) => of_build(build),
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

/// The output of the compiler, and the violations of a schema.
fn of_build(build: &host_build::Error) -> Vec<FieldProblem> {
    let output = build.compiler_output().map(str::to_owned);
    let output = output.into_iter().map(|message| FieldProblem {
        field: "cargo".to_owned(),
        message: host_store::without_folders(&message).into_owned(),
    });
    let problems = build.schema_problems().iter();
    let field = |problem: &Violation| FieldProblem { field: problem.pointer.clone(), message: problem.message.clone() };
    output.chain(problems.map(field)).collect()
}
