//! Follows a long operation to its end.

use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use host_api::Job;
use http_body_util::BodyExt as _;
use tokio::time::{MissedTickBehavior, interval};

use super::{Ask, Client, Reply, problem};
use crate::failure::Failure;
use crate::life::signals::{Signals, Which};
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

/// Where the lines of a job go.
enum Shown<'a> {
    Spinner(&'a mut Spinner),
    Lines(&'a mut dyn FnMut(&str)),
}

impl Client {
    /// Asks for an operation and shows how it goes on, until it has ended.
    ///
    /// # Errors
    /// The host refused, the operation failed, or the host went away.
    pub(crate) async fn watch(&self, ask: Ask, what: &str, screen: &Screen, verbose: bool) -> Result<Watched, Failure> {
        self.watch_begun(ask, what, screen, verbose, &OnceCell::new()).await
    }

    /// The same, until somebody interrupts this program; the job goes on then.
    ///
    /// # Errors
    /// As [`Client::watch`]; when it is interrupted, with how to go on watching the job, and how to end it.
    pub(crate) async fn watch_or_leave(
        &self,
        ask: Ask,
        what: &str,
        screen: &Screen,
        verbose: bool,
    ) -> Result<Watched, Failure> {
        let (mut signals, begun) = (Signals::new()?, OnceCell::new());
        tokio::select! {
            watched = self.watch_begun(ask, what, screen, verbose, &begun) => watched,
            signal = signals.next() => Err(left(signal, begun.get())),
        }
    }

    /// Hands on the lines of a job, those that it has written and those to come, until it has ended.
    ///
    /// # Errors
    /// As [`Client::watch`].
    pub(crate) async fn follow_job(&self, id: &str, on_line: &mut dyn FnMut(&str)) -> Result<Watched, Failure> {
        let place = format!("/api/jobs/{id}");
        self.follow(&place, Shown::Lines(on_line)).await?;
        self.ended(place).await
    }

    /// Watches a job; `begun` is set to its id once that is known.
    async fn watch_begun(
        &self,
        ask: Ask,
        what: &str,
        screen: &Screen,
        verbose: bool,
        begun: &OnceCell<String>,
    ) -> Result<Watched, Failure> {
        let mut spinner = screen.spinner(what, verbose);
        let reply = self.ask(ask.respond_async()).await?;
        let job: Job = reply.read()?;
        let place = reply.location.filter(|place| place.starts_with('/')).unwrap_or(format!("/api/jobs/{}", job.id));
        let _ = begun.set(job.id);
        self.follow(&place, Shown::Spinner(&mut spinner)).await?;
        drop(spinner);
        self.ended(place).await.map_err(|failure| match verbose {
            // It has been shown already.
            true => Failure { compiler: None, ..failure },
            false => failure,
        })
    }

    /// How a job has ended.
    async fn ended(&self, place: String) -> Result<Watched, Failure> {
        let reply = self.ask(Ask::get(place)).await?;
        let job: Job = reply.read()?;
        match (&job.problem, &job.result) {
            (Some(problem), _) => {
                let mut failure = problem::failure(problem);
                failure.answer = Some(part(&reply, "problem")?);
                Err(failure)
            }
            (None, Some(_)) => Ok(Watched { job, result: part(&reply, "result")? }),
            (None, None) => Err(Failure::unreachable(format!("the host stopped telling of job `{}`", job.id))
                .fix(format!("`plugin-host job {} --follow` goes on, when the host does", job.id))),
        }
    }

    /// Shows the log of a job until it ends.
    async fn follow(&self, place: &str, mut shown: Shown<'_>) -> Result<(), Failure> {
        let mut log = self.send(Ask::get(format!("{place}/log?follow=true"))).await?.into_body();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut line = vec![];
        loop {
            tokio::select! {
                frame = log.frame() => match frame {
                    Some(Ok(frame)) => show(frame, &mut line, &mut shown),
                    // When it breaks off, asking for the job tells whether the host is still there.
                    Some(Err(_)) | None => break,
                },
                _ = look.tick(), if shown.has_steps() => {
                    let job: Job = self.ask(Ask::get(place)).await?.read()?;
                    shown.step(&job.step);
                }
            }
        }
        Ok(())
    }
}

// === impl Shown ===

impl Shown<'_> {
    /// Whether anybody sees the step.
    fn has_steps(&self) -> bool {
        matches!(self, Shown::Spinner(spinner) if spinner.is_drawn())
    }

    fn step(&mut self, step: &str) {
        if let Shown::Spinner(spinner) = self {
            spinner.step(step);
        }
    }

    fn said(&mut self, line: &str) {
        match self {
            Shown::Spinner(spinner) => spinner.said(line),
            Shown::Lines(on_line) => on_line(line),
        }
    }
}

/// What to do about a job that nobody watches any more.
fn left(signal: Which, job: Option<&String>) -> Failure {
    match job {
        Some(id) => Failure::failed(format!("{signal}: job `{id}` goes on in the host"))
            .fix(format!("`plugin-host job {id} --follow` watches it, `plugin-host job cancel {id}` ends it")),
        None => Failure::failed(format!("{signal}: the host has not answered yet"))
            .fix("`plugin-host jobs` shows whether it has begun"),
    }
}

/// A part of an answer: what the host would have answered had it been asked to wait.
fn part(reply: &Reply, name: &str) -> Result<Bytes, Failure> {
    let answer: serde_json::Value = reply.read()?;
    Ok(answer[name].to_string().into())
}

fn show(frame: hyper::body::Frame<Bytes>, line: &mut Vec<u8>, shown: &mut Shown<'_>) {
    let Ok(bytes) = frame.into_data() else { return };
    for &byte in &bytes {
        if byte == b'\n' || line.len() >= MAX_LINE_BYTES {
            shown.said(&String::from_utf8_lossy(line));
            line.clear();
        }
        if byte != b'\n' {
            line.push(byte);
        }
    }
}
