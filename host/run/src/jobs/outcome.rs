//! The outcome of a job as JSON, and the state that follows from it.

use host_core::job::JobState;
use serde::{Deserialize, Serialize};

use crate::model::{Error, Failed, FailureKind, JobError, Receipt};

/// The outcome of a job, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done(Receipt),
    Failed(Failed),
}

/// The state of a job with this result.
pub(crate) fn state_of<E: std::borrow::Borrow<Error>>(result: &Result<Receipt, E>) -> JobState {
    match result.as_ref().map_err(std::borrow::Borrow::borrow) {
        Ok(_) => JobState::Done,
        Err(error) => error.job_error().map_or(JobState::Failed, JobError::state),
    }
}

/// Writes a result as JSON.
pub(crate) fn write(result: Result<Receipt, Failed>) -> String {
    let outcome = match result {
        Ok(receipt) => Outcome::Done(receipt),
        Err(failed) => Outcome::Failed(failed),
    };
    serde_json::to_string(&outcome).expect("texts, numbers and lists of them serialize")
}

/// Reads a result that [`write()`] wrote, perhaps in an earlier version of the host.
pub(crate) fn read(text: Option<&str>) -> Result<Receipt, Failed> {
    let read = serde_json::from_str(text.unwrap_or_default());
    match read {
        Ok(Outcome::Done(receipt)) => Ok(receipt),
        Ok(Outcome::Failed(failed)) => Err(failed),
        Err(error) => Err(Failed {
            kind: FailureKind::Broken,
            code: "job_outcome_unreadable".to_owned(),
            message: format!("the stored result of the job cannot be read: {error}"),
            fix: None,
            problems: vec![],
            parts: vec![],
            first_load: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::model::StepReport;

    fn check(result: &Result<Receipt, Error>, expected: Expect) {
        let reported = result.as_ref().cloned().map_err(Failed::from_error);
        let text = write(reported.clone());
        expected.assert_eq(&format!("{} {text}", state_of(result)));
        assert_eq!(read(Some(&text)), reported);
    }

    #[test]
    fn a_stored_result_equals_the_reported_one() {
        let receipt = Receipt {
            id: Some("hello".parse().unwrap()),
            version: "1.0.0".to_owned(),
            source: "/srv/hello".to_owned(),
            commit: None,
            reference: None,
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
    fn an_unreadable_result_is_a_failure() {
        for text in [None, Some(""), Some("{}"), Some(r#"{"done":{}}"#)] {
            assert_eq!(read(text).unwrap_err().code, "job_outcome_unreadable", "{text:?}");
        }
    }
}
