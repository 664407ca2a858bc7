//! A process that outlives the host by a moment: what the host has started ends with it, also when the host is killed.

use std::io;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::{Child, Command};

/// Waits for the end of its input, of which only the host holds the other end, and kills the group that it leads.
const SCRIPT: &str = "read end; kill -9 0";
const SHELL: &str = "/bin/sh";

/// The leader of a group. When the guard is dropped, or this process ends in whatever way, all of the group is killed.
///
/// A process of its own, because the system can send a signal at the end of a parent only to the child itself, not to what
/// that has started. The group's id stays taken until [`Guard::reap`].
pub(crate) struct Guard {
    id: Pid,
    /// Holds the one end of the pipe.
    child: Child,
}

impl Guard {
    /// Makes a new group. `None` where there is no shell: what runs then goes on when this process is killed.
    pub(crate) fn start() -> io::Result<Option<Guard>> {
        #[expect(clippy::disallowed_methods, reason = "this is the room that starts programs")]
        let child = Command::new(SHELL)
            .args(["-c", SCRIPT])
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        match child {
            Ok(child) => Ok(Some(Guard { id: id_of(&child)?, child })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::debug!("there is no `{SHELL}`, so what is started outlives a host that is killed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The id of the group.
    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// Collects the guard, which was killed with its group. From here on the id may come to belong to a stranger.
    pub(crate) async fn reap(&mut self) {
        // `wait` closes the pipe first, so this ends even if the guard was not killed.
        let _ = self.child.wait().await;
    }
}

/// The id of a child that was not waited for yet.
pub(crate) fn id_of(child: &Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    id.ok_or_else(|| io::Error::other("the process was already waited for"))
}
