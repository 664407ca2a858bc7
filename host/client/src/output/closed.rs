//! Detects that nobody reads standard output any more.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::oneshot;

/// Waits until the reader of standard output has closed the pipe, for commands that wait for something to print:
/// without it, `events --follow | head -1` would end with the next event. Files and terminals are never closed.
pub(crate) async fn reader_is_gone() {
    let (tell, told) = oneshot::channel();
    // The thread ends with the process.
    std::thread::spawn(move || {
        let stdout = io::stdout();
        // Without a requested event, only errors and the end of the reader are reported.
        while poll(&mut [PollFd::new(&stdout, PollFlags::empty())], None) == Err(Errno::INTR) {}
        let _ = tell.send(());
    });
    let _ = told.await;
}
