//! The last log lines of a plugin or a job.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counts up from 0 within one log.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// Which generation wrote it; `None` for the host's own lines.
    pub generation: Option<u64>,
    /// The text, without control characters.
    pub message: String,
}

/// The levels, from the worst.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The least level of the lines that somebody wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinLevel(usize);

/// A text is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `error`, `warn`, `info`, `debug` or `trace`")]
pub struct MinLevelError;

impl MinLevel {
    /// The levels, from the worst.
    pub const WORDS: [&str; 5] = LEVELS;
    /// All lines.
    pub const ALL: MinLevel = MinLevel(LEVELS.len() - 1);

    /// Whether a line is at least as bad.
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

/// A ring of lines. Old lines go when there are too many.
#[derive(Debug)]
pub(crate) struct LogLines {
    capacity: usize,
    /// The number of the next line, for those who wait for it.
    next: watch::Sender<u64>,
    /// Cancelled when there will be no more lines.
    ended: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    lines: VecDeque<LogLine>,
}

impl LogLines {
    pub(crate) fn new(capacity: usize) -> LogLines {
        LogLines { capacity, next: watch::Sender::new(0), ended: CancellationToken::new(), state: Mutex::default() }
    }

    pub(crate) fn push(&self, level: &'static str, generation: Option<u64>, message: &str) {
        let message = host_store::without_folders(message);
        let message = message.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = state.next;
        state.next += 1;
        if state.lines.len() == self.capacity {
            state.lines.pop_front();
        }
        state.lines.push_back(LogLine { number, at_unix_ms: now_unix_ms(), level, generation, message });
        // Under the lock, so that the number never goes back.
        self.next.send_replace(number + 1);
    }

    /// Takes over the lines of an earlier log of the same; to be called before the first line of this one.
    pub(crate) fn go_on_from<'a>(&self, first: u64, lines: impl Iterator<Item = &'a str>) {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next = first;
        lines.for_each(|line| self.push("info", None, line));
    }

    /// How many lines were written so far.
    pub(crate) fn n_lines(&self) -> u64 {
        *self.next.borrow()
    }

    /// The newest lines that have together at most `max_bytes`, each with a line feed; and the number of the first.
    pub(crate) fn tail(&self, max_bytes: usize) -> (u64, String) {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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

    /// Waits until there is a line numbered `from`. Cancel safe.
    pub(crate) async fn reached(&self, from: u64) {
        // The sender lives in `self`, so this only ends with the line.
        let _ = self.next.subscribe().wait_for(|next| *next > from).await;
    }

    /// There will be no more lines.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until there will be no more lines. Cancel safe.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The lines numbered `from` and later that are still there.
    pub(crate) fn since(&self, from: u64) -> Vec<LogLine> {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.lines.iter().filter(|line| line.number >= from).cloned().collect()
    }
}

pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_stay_and_numbers_go_on() {
        let log = LogLines::new(2);
        for text in ["a", "b", "c\n\u{1b}[31m"] {
            log.push("info", None, text);
        }
        let lines = log.since(0);
        assert_eq!(
            lines.iter().map(|line| (line.number, line.message.as_str())).collect::<Vec<_>>(),
            [(1, "b"), (2, "c  [31m")]
        );
        assert_eq!(log.since(2).len(), 1);
    }

    #[test]
    fn a_level_takes_what_is_at_least_as_bad() {
        let log = LogLines::new(9);
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
    fn the_end_of_a_log_is_whole_lines_and_a_log_goes_on_from_it() {
        let log = LogLines::new(3);
        for text in ["one", "two", "three", "four"] {
            log.push("info", None, text);
        }
        assert_eq!(log.tail(100), (1, "two\nthree\nfour\n".to_owned()));
        assert_eq!(log.tail(11), (2, "three\nfour\n".to_owned()));
        assert_eq!(log.tail(10), (3, "four\n".to_owned()));
        assert_eq!(log.tail(4), (4, String::new()));
        let next = LogLines::new(3);
        let (first, text) = log.tail(11);
        next.go_on_from(first, text.lines());
        next.push("info", None, "five");
        assert_eq!((next.n_lines(), next.tail(100)), (5, (2, "three\nfour\nfive\n".to_owned())));
    }
}
