//! Operations, looked at while they run and afterwards.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use host_api as api;
use host_run::{Job, LogLine};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use serde::Deserialize;

use crate::caller::Operator;
use crate::input::{Id, Parameters};
use crate::problem::Refused;
use crate::routes::Front;
use crate::view;

pub(crate) async fn list(_: Operator, State(front): State<Front>) -> Json<api::JobList> {
    Json(api::JobList { jobs: front.host.jobs().iter().map(|job| view::job(&job.view())).collect() })
}

pub(crate) async fn get(_: Operator, State(front): State<Front>, Id(id): Id) -> Result<Json<api::Job>, Refused> {
    let job = front.host.job(&id).ok_or_else(unknown)?;
    Ok(Json(view::job(&job.view())))
}

/// `?follow=true`: go on until the job ends. `?from=N`: lines numbered N and later.
#[derive(Deserialize)]
pub(crate) struct LogQuery {
    #[serde(default)]
    follow: bool,
    #[serde(default)]
    from: u64,
}

/// The log as text, one line each.
pub(crate) async fn log(
    _: Operator,
    State(front): State<Front>,
    Id(id): Id,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Response, Refused> {
    let job = front.host.job(&id).ok_or_else(unknown)?;
    let body = match query.follow {
        true => Body::new(Following { job, from: query.from, ready: VecDeque::new(), wait: None }),
        false => Body::from(job.lines(query.from).iter().map(text).collect::<String>()),
    };
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

fn text(line: &LogLine) -> String {
    format!("{}\n", line.message)
}

fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "job_unknown", "no such job is remembered")
}

type Wait = Pin<Box<dyn Future<Output = Vec<LogLine>> + Send>>;

/// A body that goes on with each new line, until the job has ended and all its lines are out.
struct Following {
    job: Arc<Job>,
    from: u64,
    ready: VecDeque<Bytes>,
    wait: Option<Wait>,
}

impl http_body::Body for Following {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let (job, from) = (self.job.clone(), self.from);
            let wait = self.wait.get_or_insert_with(|| Box::pin(async move { job.new_lines(from).await }));
            let lines = std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
            let Some(last) = lines.last() else { return Poll::Ready(None) };
            self.from = last.number + 1;
            self.ready.extend(lines.iter().map(|line| Bytes::from(text(line))));
        }
    }
}
