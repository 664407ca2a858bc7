//! Leaves a value on each thread that it runs on; its destructor writes the thread's number into a file.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

/// Writes a line into the file when it is dropped.
struct Mark(PathBuf);

thread_local! {
    static MARK: RefCell<Option<Mark>> = const { RefCell::new(None) };
}

#[plugin]
impl Plugin {
    #[post("/touch", blocking = false)]
    fn touch(&self, file: String) -> String {
        let is_new = MARK.with_borrow_mut(|mark| {
            let is_new = mark.is_none();
            mark.get_or_insert_with(|| Mark(PathBuf::from(file)));
            is_new
        });
        format!("{} {}", thread(), if is_new { "first" } else { "again" })
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(&self.0) {
            let _ = file.write_all(format!("{}\n", thread()).as_bytes());
        }
    }
}

/// The number that the system gives this thread.
fn thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

export!(Plugin);
