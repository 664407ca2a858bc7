//! The end of a job, and its record.

use super::*;

fn job(timeout: Option<std::time::Duration>) -> Job {
    Job::new(JobParts {
        id: "job_1".to_owned(),
        operation: "load",
        subject: "/srv/hello".to_owned(),
        plugin: None,
        initiator: Initiator { timeout, reason: Some("why not".to_owned()), ..Initiator::new("operator") },
        attempt: 1,
        retry_of: None,
        created_unix_ms: 5,
        request: "{}".to_owned(),
    })
}

#[tokio::test]
async fn a_stored_job_equals_the_live_job() {
    let job = job(None);
    assert_eq!((job.state(), &*job.view().step), (JobState::Queued, "queue"));
    job.enter("fetch");
    job.line("fetching");
    job.set_plugin(&"hello".parse().unwrap());
    job.enter("build");
    let view = job.view();
    assert_eq!((view.state, &*view.step, view.n_lines), (JobState::Running, "build", 1));
    assert_eq!((view.steps.len(), &*view.steps[0].step), (1, "fetch"));
    assert_eq!(JobView::remembered(job.record(None)), view);

    let ended = job.ended(Err(Error::Panicked));
    let record = job.record(Some(&ended));
    assert_eq!((job.state(), record.state), (JobState::Running, JobState::Failed), "nobody is told before");
    job.end(ended);
    assert_eq!(job.wait().await.unwrap_err().code(), "run_panicked");
    let view = job.view();
    assert_eq!(JobView::remembered(record.clone()), view);
    assert_eq!(JobView::remembered(job.record(None)), view);
    assert_eq!(view.result.unwrap().unwrap_err().code, "run_panicked");
    assert_eq!(record.request.as_deref(), Some("{}"), "for a retry");
}

#[tokio::test]
async fn an_interrupted_job_has_not_ended() {
    let job = job(None);
    job.enter("fetch");
    job.interrupt();
    assert_eq!(job.wait().await.unwrap_err().code(), "run_shutting_down");
    assert_eq!((job.view().result, job.record(None).state), (None, JobState::Running));
    assert!(job.new_lines(0).await.is_empty());
}

#[tokio::test]
async fn a_job_ends_at_its_time_limit() {
    let limited = job(Some(std::time::Duration::from_secs(2)));
    limited.time_out();
    assert_eq!(limited.cancelled().await.state(), JobState::TimedOut);
    assert_eq!(limited.check_not_cancelled().unwrap_err().code(), "job_timed_out");
    let unlimited = job(None);
    unlimited.time_out();
    assert!(unlimited.check_not_cancelled().is_ok());
}
