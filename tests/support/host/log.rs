//! The lines that a host writes.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::PATIENCE;

/// What a host writes, line by line.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<VecDeque<String>>,
    /// How many pipes have not ended.
    n_open: AtomicUsize,
    changed: Notify,
}

impl Log {
    pub(super) fn follow(&self, pipe: impl Read + Send + 'static) {
        let log = self.0.clone();
        log.n_open.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                log.lines.lock().unwrap().push_back(line);
                log.changed.notify_waiters();
            }
            log.n_open.fetch_sub(1, Ordering::SeqCst);
            log.changed.notify_waiters();
        });
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap().iter().cloned().collect()
    }

    pub(super) fn text(&self) -> String {
        self.lines().join("\n")
    }

    pub(super) async fn wait_for(&self, text: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let more = self.0.changed.notified();
                tokio::pin!(more);
                // Registered before the lines are read, so that none is missed in between.
                more.as_mut().enable();
                let has_ended = self.0.n_open.load(Ordering::SeqCst) == 0;
                let line = self.lines().into_iter().find(|line| line.contains(text));
                if line.is_some() || has_ended {
                    return line;
                }
                more.await;
            }
        });
        let found = found.await.unwrap_or_default();
        found.unwrap_or_else(|| panic!("the host never wrote `{text}`:\n{}", self.text()))
    }
}
