//! The log of a running job as a response body: text, or server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_call::LogLine;
use host_run::{ActiveGauge, Job, JobState};
use http_body::Frame;

/// Longest silence of a stream of events. cargo may be silent for minutes.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Age at which a stream of events ends and the reader reconnects.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The format of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Events,
}

impl LogFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            LogFormat::Text => "text/plain; charset=utf-8",
            LogFormat::Events => "text/event-stream",
        }
    }

    /// Formats a line, which contains no line breaks.
    pub(crate) fn line(self, line: &LogLine) -> String {
        match self {
            LogFormat::Text => format!("{}\n", line.message),
            LogFormat::Events => format!("id: {}\ndata: {}\n\n", line.number, line.message),
        }
    }

    /// The end of the log of a job in this state. It has no id, so that a reconnecting client receives it again.
    pub(crate) fn end(self, state: JobState) -> String {
        match self {
            LogFormat::Events if state.is_ended() => {
                let end = host_api::JobEnd { state: state.as_str().to_owned() };
                format!("event: end\ndata: {}\n\n", serde_json::to_string(&end).unwrap_or_default())
            }
            _ => String::new(),
        }
    }

    /// Formats a sign of life.
    fn heartbeat(self) -> &'static str {
        match self {
            LogFormat::Text => "",
            LogFormat::Events => ":\n\n",
        }
    }
}

type Wait = Pin<Box<dyn Future<Output = Option<Vec<LogLine>>> + Send>>;

/// A body that sends each new line until the job has ended and all its lines are sent.
pub(crate) struct FollowedLog {
    job: Arc<Job>,
    from: u64,
    format: LogFormat,
    ready: VecDeque<Bytes>,
    wait: Option<Wait>,
    has_ended: bool,
    /// Counts the open stream in the metrics.
    _there: ActiveGauge,
    ends: Option<Instant>,
}

impl FollowedLog {
    /// Follows the lines of `job` from the number `from` on.
    pub(crate) fn new(job: Arc<Job>, from: u64, format: LogFormat, there: ActiveGauge) -> FollowedLog {
        // Readers of text do not reconnect.
        let ends = (format == LogFormat::Events).then(|| Instant::now() + MAX_AGE);
        FollowedLog { job, from, format, ready: VecDeque::new(), wait: None, has_ended: false, _there: there, ends }
    }

    fn take(&mut self, lines: Option<Vec<LogLine>>) {
        let Some(lines) = lines else {
            self.push(self.format.heartbeat().to_owned());
            return;
        };
        match lines.last() {
            Some(last) => self.from = last.number + 1,
            None => {
                self.has_ended = true;
                self.push(self.format.end(self.job.state()));
            }
        }
        let format = self.format;
        self.ready.extend(lines.iter().map(|line| Bytes::from(format.line(line))));
    }

    fn push(&mut self, text: String) {
        if !text.is_empty() {
            self.ready.push_back(Bytes::from(text));
        }
    }
}

impl http_body::Body for FollowedLog {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.has_ended || self.ends.is_some_and(|ends| Instant::now() >= ends) {
                return Poll::Ready(None);
            }
            let job = self.job.clone();
            let from = self.from;
            let wait = self.wait.get_or_insert_with(|| {
                Box::pin(async move { tokio::time::timeout(HEARTBEAT, job.new_lines(from)).await.ok() })
            });
            let lines = std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
            self.take(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_log_is_formatted_as_lines_or_events() {
        let line = |number, message: &str| LogLine {
            number,
            at_unix_ms: 0,
            level: "info",
            generation: None,
            message: message.to_owned(),
        };
        let write = |format: LogFormat, state| {
            let lines = [line(4, "Compiling: hello"), line(5, "")].map(|line| format.line(&line));
            lines.concat() + &format.end(state)
        };
        expect![[r#"
            Compiling: hello

        "#]]
        .assert_eq(&write(LogFormat::Text, JobState::Done));
        expect![[r#"
            id: 4
            data: Compiling: hello

            id: 5
            data: 

            event: end
            data: {"state":"timed_out"}

        "#]]
        .assert_eq(&write(LogFormat::Events, JobState::TimedOut));
        assert!(!write(LogFormat::Events, JobState::Running).contains("event: end"));
    }
}
