//! A guard process that kills the host's child processes when the host ends, even by SIGKILL.

use std::io;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::{Child, Command};

/// Waits until its standard input is closed (only the host holds the other end) and kills its process group.
const SCRIPT: &str = "read end; kill -9 0";
const SHELL: &str = "/bin/sh";

/// The leader of a process group. The group is killed when the guard is dropped or this process ends in any way.
///
/// A separate process, because the parent-death signal of the system only reaches the child itself, not its
/// descendants. The group's id stays reserved until [`Guard::reap`].
pub(crate) struct Guard {
    id: Pid,
    /// The guard process; holds the write end of its standard input.
    child: Child,
}

impl Guard {
    /// Starts a guard in a new process group. `None` without a shell: then programs outlive a killed host.
    pub(crate) fn start() -> io::Result<Option<Guard>> {
        #[expect(clippy::disallowed_methods, reason = "only this crate starts programs")]
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
                tracing::debug!("`{SHELL}` does not exist, so child processes outlive a killed host");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the id of the group.
    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// Waits for the guard, which was killed with its group. Afterwards the system may reuse the id.
    pub(crate) async fn reap(&mut self) {
        // `wait` closes the pipe first, so it returns even if the guard was not killed.
        let _ = self.child.wait().await;
    }
}

/// Returns the id of a child process that was not collected yet.
pub(crate) fn id_of(child: &Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    id.ok_or_else(|| io::Error::other("the process was already waited for"))
}
