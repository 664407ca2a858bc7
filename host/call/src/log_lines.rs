//! The newest log lines of a plugin or a job.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::str::FromStr;

use host_services::now_unix_ms;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The number; counts up from 0 within a log.
    pub number: u64,
    /// The time of the line, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// The level: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// The generation that wrote the line; `None` for lines of the host.
    pub generation: Option<u64>,
    /// The text: one line, with escapes for characters that a reader cannot see.
    pub message: String,
}

/// The levels, the most severe first.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The lowest level that a reader wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinLevel(usize);

/// The text is not the name of a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `error`, `warn`, `info`, `debug` or `trace`")]
pub struct MinLevelError;

impl MinLevel {
    /// The names of the levels, the most severe first.
    pub const WORDS: [&str; 5] = LEVELS;
    /// Every level.
    pub const ALL: MinLevel = MinLevel(LEVELS.len() - 1);

    /// Returns whether a line is at least as severe.
    pub fn takes(self, line: &LogLine) -> bool {
        LEVELS[..=self.0].contains(&line.level)
    }
}

impl FromStr for MinLevel {
    type Err = MinLevelError;

    fn from_str(text: &str) -> Result<MinLevel, MinLevelError> {
        LEVELS.iter().position(|level| *level == text).map(MinLevel).ok_or(MinLevelError)
    }
}

/// A ring buffer of lines: the oldest line is removed when the capacity is reached.
#[derive(Debug)]
pub struct LogLines {
    capacity: usize,
    redact: fn(&str) -> Cow<'_, str>,
    /// The number of the next line, for readers that wait for it.
    next: watch::Sender<u64>,
    /// Cancelled when the log gets no more lines.
    ended: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    lines: VecDeque<LogLine>,
}

impl LogLines {
    /// A log of at most `capacity` lines. `redact` replaces parts of each message that readers must not see.
    pub fn new(capacity: usize, redact: fn(&str) -> Cow<'_, str>) -> LogLines {
        LogLines {
            capacity,
            redact,
            next: watch::Sender::new(0),
            ended: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    /// Adds a line. Characters of others that a reader cannot see become escapes.
    pub fn push(&self, level: &'static str, generation: Option<u64>, message: &str) {
        let message = (self.redact)(message);
        let message = host_core::visible_line(&message).into_owned();
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        if state.lines.len() == self.capacity {
            state.lines.pop_front();
        }
        state.lines.push_back(LogLine { number, at_unix_ms: now_unix_ms(), level, generation, message });
        // Sent under the lock, so that the number never decreases.
        self.next.send_replace(number + 1);
    }

    /// Continues an earlier log with its last lines, numbered from `first`. Call it before the first line is added.
    pub fn continue_from<'a>(&self, first: u64, lines: impl Iterator<Item = &'a str>) {
        self.state.lock().next = first;
        lines.for_each(|line| self.push("info", None, line));
    }

    /// The number of lines written so far.
    pub fn n_lines(&self) -> u64 {
        *self.next.borrow()
    }

    /// The newest lines with together at most `max_bytes`, each with a line feed, and the number of the first one.
    pub fn tail(&self, max_bytes: usize) -> (u64, String) {
        let state = self.state.lock();
        let mut n_bytes = 0;
        let fits = |line: &&LogLine| {
            n_bytes += line.message.len() + 1;
            n_bytes <= max_bytes
        };
        let n_lines = state.lines.iter().rev().take_while(fits).count();
        let lines = state.lines.iter().skip(state.lines.len() - n_lines);
        let text = lines.flat_map(|line| [line.message.as_str(), "\n"]).collect();
        (state.next - n_lines as u64, text)
    }

    /// Waits for the line numbered `from`. Cancel safe.
    pub async fn reached(&self, from: u64) {
        // The sender is owned by `self`, so the wait only ends with the line.
        let _ = self.next.subscribe().wait_for(|next| *next > from).await;
    }

    /// Ends the log: no line is added from now on.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Waits for the end of the log. Cancel safe.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The stored lines numbered `from` and higher.
    pub fn since(&self, from: u64) -> Vec<LogLine> {
        let state = self.state.lock();
        state.lines.iter().filter(|line| line.number >= from).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_numbers_increase() {
        let log = LogLines::new(2, |text| Cow::Borrowed(text));
        for text in ["a", "b", "c\n\u{1b}[31m"] {
            log.push("info", None, text);
        }
        let lines = log.since(0);
        assert_eq!(
            lines.iter().map(|line| (line.number, line.message.as_str())).collect::<Vec<_>>(),
            [(1, "b"), (2, "c\\n\\u{1b}[31m")]
        );
        assert_eq!(log.since(2).len(), 1);
    }

    #[test]
    fn a_minimum_level_accepts_lines_that_are_at_least_as_severe() {
        let log = LogLines::new(9, |text| Cow::Borrowed(text));
        for level in LEVELS {
            log.push(level, None, "x");
        }
        for (n, level) in LEVELS.into_iter().enumerate() {
            let level: MinLevel = level.parse().unwrap();
            assert_eq!(log.since(0).iter().filter(|line| level.takes(line)).count(), n + 1);
        }
        assert!("warning".parse::<MinLevel>().is_err());
    }

    #[test]
    fn the_tail_of_a_log_has_whole_lines_and_a_log_continues_from_it() {
        let log = LogLines::new(3, |text| Cow::Borrowed(text));
        for text in ["one", "two", "three", "four"] {
            log.push("info", None, text);
        }
        assert_eq!(log.tail(100), (1, "two\nthree\nfour\n".to_owned()));
        assert_eq!(log.tail(11), (2, "three\nfour\n".to_owned()));
        assert_eq!(log.tail(10), (3, "four\n".to_owned()));
        assert_eq!(log.tail(4), (4, String::new()));
        let next = LogLines::new(3, |text| Cow::Borrowed(text));
        let (first, text) = log.tail(11);
        next.continue_from(first, text.lines());
        next.push("info", None, "five");
        assert_eq!((next.n_lines(), next.tail(100)), (5, (2, "three\nfour\nfive\n".to_owned())));
    }
}
