//! The fail points of a program under test.

use std::path::PathBuf;
use std::sync::OnceLock;

use parking_lot::Mutex;
use rustix::process::{Signal, getpid, kill_process};

static FILE: OnceLock<PathBuf> = OnceLock::new();
/// The content of the file, and the number of times that its point was passed since the file was written.
static PASSED: Mutex<(String, u32)> = Mutex::new((String::new(), 0));

pub(crate) fn watch(file: PathBuf) {
    // A second file would be a mistake of the test, so the first one is kept.
    let _ = FILE.set(file);
}

pub(crate) fn pass(name: &str) {
    let Some(text) = FILE.get().and_then(|file| std::fs::read_to_string(file).ok()) else { return };
    if is_meant(&text, name, &mut PASSED.lock()) {
        // The signal is delivered before the call returns.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Counts a pass and returns whether to end the process here. New content of the file restarts the count.
fn is_meant(text: &str, name: &str, passed: &mut (String, u32)) -> bool {
    let words = text.split_whitespace().next().and_then(|word| word.split_once("=kill:"));
    let Some((point, count)) = words else { return false };
    if point != name {
        return false;
    }
    if passed.0 != text {
        *passed = (text.to_owned(), 0);
    }
    passed.1 += 1;
    count.parse() == Ok(passed.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_counted_from_the_time_the_file_changes() {
        let mut passed = Default::default();
        let mut pass = |text: &str, name: &str| is_meant(text, name, &mut passed);
        assert!(!pass("", "a.b") && !pass("a.b", "a.b") && !pass("a.b=stop:1", "a.b"));
        assert!(pass("a.b=kill:1", "a.b"));
        assert!(!pass("a.b=kill:2", "a.b") && !pass("a.b=kill:2", "a.c") && pass("a.b=kill:2", "a.b"));
        assert!(!pass("a.b=kill:2", "a.b"), "it was passed before");
        // Text after the first word only makes the content different.
        assert!(pass("a.b=kill:1 once more", "a.b"));
    }

    #[test]
    fn without_a_file_no_point_ends_the_process() {
        pass("a.b");
        let folder = tempfile::tempdir().unwrap();
        watch(folder.path().join("none"));
        pass("a.b");
    }
}
