//! Runs an operation as a job and answers with its result.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use host_run::{Job, Operation};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use crate::operation::request::Asking;
use crate::state::Front;
use crate::wire::outcome::{of_operation, operation_result};
use crate::wire::problem::Refused;
use crate::wire::view;

type Answer = Result<Response, Refused>;

/// Runs an operation as a job: answers at its end, or at once when the client would rather watch.
pub(crate) async fn run(front: &Front, asking: Asking, operation: Operation) -> Answer {
    let job = front.host.submit(operation, asking.asker).await.map_err(|error| of_operation(&error))?;
    asking.touched.job(&job);
    let answered = answer(&job, asking.respond_async).await;
    asking.touched.job(&job);
    answered
}

/// Answers at the end of a job, or at once when the client would rather watch.
pub(crate) async fn answer(job: &Job, respond_async: bool) -> Answer {
    if respond_async {
        let mut response = (StatusCode::ACCEPTED, Json(view::job(&job.view()))).into_response();
        let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id()));
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    match job.wait().await {
        Ok(receipt) => Ok(Json(operation_result(&receipt, &job.view())).into_response()),
        Err(error) => Err(of_operation(&error)),
    }
}

pub(crate) fn unknown(id: &str) -> Refused {
    of_operation(&host_run::Error::UnknownPlugin { id: id.chars().filter(|c| !c.is_control()).take(60).collect() })
}
