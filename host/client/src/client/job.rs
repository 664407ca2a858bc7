//! Follows a job to its end.

use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use host_api::Job;
use http_body_util::BodyExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::{ApiRequest, ApiResponse, Client, problem};
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Spinner};
use crate::signals::{Signals, Which};

/// Interval at which the step of a job is requested.
const LOOK: Duration = Duration::from_millis(300);
/// The maximum length of a line; longer lines are shown in parts.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A job that succeeded.
pub(crate) struct FollowedJob {
    /// The job after its end.
    pub(crate) job: Job,
    /// The result as JSON, as received.
    pub(crate) result: Bytes,
}

/// Where the log lines of a job are shown.
enum Shown<'a> {
    Spinner(&'a mut Spinner),
    Lines(&'a mut dyn FnMut(&str)),
}

impl Client {
    /// Requests an operation and shows its progress until the job ends.
    ///
    /// # Errors
    /// The host refused the request, the job failed, or the connection was lost.
    pub(crate) async fn watch(
        &self,
        ask: ApiRequest,
        what: &str,
        screen: &Screen,
        verbose: bool,
    ) -> Result<FollowedJob, Failure> {
        self.watch_begun(ask, what, screen, verbose, &OnceCell::new()).await
    }

    /// Like [`Client::watch`], but a signal ends only this program; the job continues.
    ///
    /// # Errors
    /// As [`Client::watch`]. After a signal, the failure names the commands to follow and to cancel the job.
    pub(crate) async fn watch_or_leave(
        &self,
        ask: ApiRequest,
        what: &str,
        screen: &Screen,
        verbose: bool,
    ) -> Result<FollowedJob, Failure> {
        let mut signals = Signals::new()?;
        let begun = OnceCell::new();
        tokio::select! {
            watched = self.watch_begun(ask, what, screen, verbose, &begun) => watched,
            signal = signals.next() => Err(left(signal, begun.get())),
        }
    }

    /// Passes all log lines of a job to `on_line` until the job ends.
    ///
    /// # Errors
    /// As [`Client::watch`].
    pub(crate) async fn follow_job(&self, id: &str, on_line: &mut dyn FnMut(&str)) -> Result<FollowedJob, Failure> {
        let place = format!("/api/jobs/{id}");
        let followed = self.follow(&place, Shown::Lines(on_line)).await;
        followed.map_err(|failure| lost(id, failure))?;
        self.ended(place).await.map_err(|failure| lost(id, failure))
    }

    /// Watches a job; `begun` receives its id once it is known.
    async fn watch_begun(
        &self,
        ask: ApiRequest,
        what: &str,
        screen: &Screen,
        verbose: bool,
        begun: &OnceCell<String>,
    ) -> Result<FollowedJob, Failure> {
        let mut spinner = screen.spinner(what, verbose);
        let reply = self.request(ask.respond_async()).await?;
        let job: Job = reply.read()?;
        let place = reply.location.filter(|place| place.starts_with('/')).unwrap_or(format!("/api/jobs/{}", job.id));
        let id = begun.get_or_init(|| job.id);
        let followed = self.follow(&place, Shown::Spinner(&mut spinner)).await;
        drop(spinner);
        followed.map_err(|failure| lost(id, failure))?;
        self.ended(place).await.map_err(|failure| {
            let failure = lost(id, failure);
            // With `verbose` the compiler output was already shown.
            if verbose { Failure { compiler: None, ..failure } } else { failure }
        })
    }

    /// Returns the result of an ended job.
    async fn ended(&self, place: String) -> Result<FollowedJob, Failure> {
        let reply = self.request(ApiRequest::get(place)).await?;
        let job: Job = reply.read()?;
        match (&job.problem, &job.result) {
            (Some(problem), _) => {
                let mut failure = problem::failure(problem);
                failure.response = Some(part(&reply, "problem")?);
                Err(failure)
            }
            (None, Some(_)) => Ok(FollowedJob { job, result: part(&reply, "result")? }),
            (None, None) => Err(Failure::unreachable(format!("job `{}` has no result", job.id))),
        }
    }

    /// Shows the log of a job until it ends.
    async fn follow(&self, place: &str, mut shown: Shown<'_>) -> Result<(), Failure> {
        let mut log = self.send(ApiRequest::get(format!("{place}/log?follow=true"))).await?.into_body();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut line = vec![];
        loop {
            tokio::select! {
                frame = log.frame() => match frame {
                    Some(Ok(frame)) => show(frame, &mut line, &mut shown),
                    // If the connection broke, the next request shows whether the host is still reachable.
                    Some(Err(_)) | None => break,
                },
                _ = look.tick(), if shown.has_steps() => {
                    let job: Job = self.request(ApiRequest::get(place)).await?.read()?;
                    shown.step(&job.step);
                }
            }
        }
        Ok(())
    }
}

// === impl Shown ===

impl Shown<'_> {
    /// Returns whether steps are shown.
    fn has_steps(&self) -> bool {
        matches!(self, Shown::Spinner(spinner) if spinner.is_drawn())
    }

    fn step(&mut self, step: &str) {
        if let Shown::Spinner(spinner) = self {
            spinner.step(step);
        }
    }

    fn line(&mut self, line: &str) {
        match self {
            Shown::Spinner(spinner) => spinner.line(line),
            Shown::Lines(on_line) => on_line(line),
        }
    }
}

/// Creates the failure after a signal: how to follow and how to cancel the job.
fn left(signal: Which, job: Option<&String>) -> Failure {
    match job {
        Some(id) => Failure::failed(format!("{signal}: job `{id}` continues on the host")).fix(format!(
            "run `plugin-host job {id} --follow` to follow it, or `plugin-host job cancel {id}` to cancel it"
        )),
        None => Failure::failed(format!("{signal}: the host has not responded yet"))
            .fix("run `plugin-host jobs` to see whether the job was created"),
    }
}

/// Adds the job to the failure of a lost connection. A job survives the end of its host.
fn lost(job: &str, failure: Failure) -> Failure {
    if failure.exit != Exit::Unreachable {
        return failure;
    }
    Failure::unreachable(format!("lost the connection to the host during job `{job}`, which continues on the host"))
        .because(failure.message)
        .fix(format!("run `plugin-host job {job} --follow` when the host is reachable again"))
}

/// Returns a field of a response as JSON: what the host would have returned for a synchronous request.
fn part(reply: &ApiResponse, name: &str) -> Result<Bytes, Failure> {
    let response: serde_json::Value = reply.read()?;
    Ok(response[name].to_string().into())
}

fn show(frame: hyper::body::Frame<Bytes>, line: &mut Vec<u8>, shown: &mut Shown<'_>) {
    let Ok(bytes) = frame.into_data() else { return };
    for &byte in &bytes {
        if byte == b'\n' || line.len() >= MAX_LINE_BYTES {
            shown.line(&String::from_utf8_lossy(line));
            line.clear();
        }
        if byte != b'\n' {
            line.push(byte);
        }
    }
}
