//! The last log lines of a plugin or a job.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

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

/// A ring of lines. Old lines go when there are too many.
#[derive(Debug)]
pub(crate) struct LogLines {
    capacity: usize,
    /// The number of the next line, for those who wait for it.
    next: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    lines: VecDeque<LogLine>,
}

impl LogLines {
    pub(crate) fn new(capacity: usize) -> LogLines {
        LogLines { capacity, next: watch::Sender::new(0), state: Mutex::default() }
    }

    pub(crate) fn push(&self, level: &'static str, generation: Option<u64>, message: &str) {
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

    /// Waits until there is a line numbered `from`. Cancel safe.
    pub(crate) async fn reached(&self, from: u64) {
        // The sender lives in `self`, so this only ends with the line.
        let _ = self.next.subscribe().wait_for(|next| *next > from).await;
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
}
