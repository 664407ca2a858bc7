//! The points of a program under test.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{Signal, getpid, kill_process};

static FILE: OnceLock<PathBuf> = OnceLock::new();
/// How often the point was passed that the file names, and what the file said then.
static PASSED: Mutex<(String, u32)> = Mutex::new((String::new(), 0));

pub(crate) fn watch(file: PathBuf) {
    // A second file would be a mistake of the test; the first stays.
    let _ = FILE.set(file);
}

pub(crate) fn pass(name: &str) {
    let Some(text) = FILE.get().and_then(|file| std::fs::read_to_string(file).ok()) else { return };
    if is_meant(&text, name, &mut PASSED.lock().unwrap_or_else(PoisonError::into_inner)) {
        // The signal is there before the call returns.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Counts a pass; says whether it is the one that the text means. A new text begins anew.
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
    fn the_count_of_a_point_begins_with_what_the_file_says() {
        let mut passed = Default::default();
        let mut pass = |text: &str, name: &str| is_meant(text, name, &mut passed);
        assert!(!pass("", "a.b") && !pass("a.b", "a.b") && !pass("a.b=stop:1", "a.b"));
        assert!(pass("a.b=kill:1", "a.b"));
        assert!(!pass("a.b=kill:2", "a.b") && !pass("a.b=kill:2", "a.c") && pass("a.b=kill:2", "a.b"));
        assert!(!pass("a.b=kill:2", "a.b"), "it was passed before");
        // What stands behind the first word only tells two texts apart.
        assert!(pass("a.b=kill:1 once more", "a.b"));
    }

    #[test]
    fn without_a_file_nothing_ends() {
        pass("a.b");
        let folder = tempfile::tempdir().unwrap();
        watch(folder.path().join("none"));
        pass("a.b");
    }
}
