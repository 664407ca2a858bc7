//! Jobs and events.

use host_api as api;
use host_core::Role::{Operator, Viewer};
use host_run::JobState;

use super::{DELETE, GET, POST};
use crate::api::{events, jobs};
use crate::guard::table::RouteTable;

pub(super) fn add(t: &mut RouteTable) {
    t.role(Viewer, "event_list", GET, "/api/events", events::get)
        .summary("Streams server-sent events; with `Accept: application/json`, returns a page of the event journal.")
        .query::<events::EventQuery>()
        .header("Last-Event-ID", "The `id` of the last received event; the stream continues after it.")
        .text_response(200, "text/event-stream")
        .response::<api::EventPage>(200)
        .errors(&[429]);
    t.role(Viewer, "job_list", GET, "/api/jobs", jobs::list)
        .summary("Lists running and ended jobs, newest first.")
        .query::<jobs::JobListQuery>()
        .allowed_values("state", &JobState::ALL.map(JobState::as_str))
        .response::<api::JobList>(200);
    t.any_token("job_get", GET, "/api/jobs/{id}", jobs::get).summary("Returns a job.").response::<api::Job>(200);
    t.any_token("job_log", GET, "/api/jobs/{id}/log", jobs::log)
        .summary("Build log of a job, as text or server-sent events.")
        .query::<jobs::JobLogQuery>()
        .header("Last-Event-ID", "The `id` of the last received line; the stream continues after it.")
        .text_response(200, "text/plain")
        .text_response(200, "text/event-stream");
    t.any_token("job_cancel", DELETE, "/api/jobs/{id}", jobs::cancel)
        .summary("Cancels a job. The generation that served before the job keeps serving.")
        .response::<api::Job>(200)
        .errors(&[409]);
    t.any_token("job_cancel_post", POST, "/api/jobs/{id}/cancel", jobs::cancel)
        .summary("Cancels a job, for clients that cannot send DELETE.")
        .response::<api::Job>(200)
        .errors(&[409]);
    t.role(Operator, "job_retry", POST, "/api/jobs/{id}/retry", jobs::retry)
        .summary("Retries a failed or cancelled job.")
        .runs_job();
}
