//! Follows a long operation to its end.

use std::time::Duration;

use bytes::Bytes;
use host_api::Job;
use http_body_util::BodyExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::{Ask, Client, Reply, problem};
use crate::failure::Failure;
use crate::screen::{Screen, Spinner};

/// How often the step of a job is asked for.
const LOOK: Duration = Duration::from_millis(300);
/// Longer lines are shown in pieces.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A job that has done what was asked.
pub(crate) struct Watched {
    /// The job at its end.
    pub(crate) job: Job,
    /// What it did, as the host says it.
    pub(crate) result: Bytes,
}

impl Client {
    /// Asks for an operation and shows how it goes on, until it has ended.
    ///
    /// # Errors
    /// The host refused, the operation failed, or the host went away.
    pub(crate) async fn watch(&self, ask: Ask, what: &str, screen: &Screen, verbose: bool) -> Result<Watched, Failure> {
        let mut spinner = screen.spinner(what, verbose);
        let reply = self.ask(ask.respond_async()).await?;
        let job: Job = reply.read()?;
        let place = reply.location.filter(|place| place.starts_with('/')).unwrap_or(format!("/api/jobs/{}", job.id));
        self.follow(&place, &mut spinner).await?;
        drop(spinner);
        let reply = self.ask(Ask::get(place)).await?;
        let job: Job = reply.read()?;
        match job.problem {
            Some(problem) => {
                let mut failure = problem::failure(&problem);
                failure.answer = Some(part(&reply, "problem")?);
                if verbose {
                    // It has been shown already.
                    failure.compiler = None;
                }
                Err(failure)
            }
            None => Ok(Watched { job, result: part(&reply, "result")? }),
        }
    }

    /// Shows the log of a job until it ends.
    async fn follow(&self, place: &str, spinner: &mut Spinner) -> Result<(), Failure> {
        let mut log = self.send(Ask::get(format!("{place}/log?follow=true"))).await?.into_body();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut line = vec![];
        loop {
            tokio::select! {
                frame = log.frame() => match frame {
                    Some(Ok(frame)) => show(frame, &mut line, spinner),
                    // When it breaks off, asking for the job tells whether the host is still there.
                    Some(Err(_)) | None => break,
                },
                _ = look.tick(), if spinner.is_drawn() => {
                    let job: Job = self.ask(Ask::get(place)).await?.read()?;
                    spinner.step(&job.step);
                }
            }
        }
        Ok(())
    }
}

/// A part of an answer: what the host would have answered had it been asked to wait.
fn part(reply: &Reply, name: &str) -> Result<Bytes, Failure> {
    let answer: serde_json::Value = reply.read()?;
    Ok(answer[name].to_string().into())
}

fn show(frame: hyper::body::Frame<Bytes>, line: &mut Vec<u8>, spinner: &mut Spinner) {
    let Ok(bytes) = frame.into_data() else { return };
    for &byte in &bytes {
        if byte == b'\n' || line.len() >= MAX_LINE_BYTES {
            spinner.said(&String::from_utf8_lossy(line));
            line.clear();
        }
        if byte != b'\n' {
            line.push(byte);
        }
    }
}
