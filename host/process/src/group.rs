//! The process group of a program and its descendants.

use std::io;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::guard::{Guard, id_of};

/// The process group of a child process. Dropping it kills the group.
pub(crate) struct Group {
    /// The group's id: the id of the guard, or of the child without a guard. The system cannot reuse it before `reap`,
    /// which comes after the last kill.
    id: Pid,
    child: Child,
    guard: Option<Guard>,
    /// Ends when the child is a zombie. Runs on a blocking thread, because the runtime's own wait also collects the
    /// child and thereby releases its id before the rest of the group is killed.
    zombie: JoinHandle<io::Result<()>>,
    is_reaped: bool,
}

impl Group {
    /// Creates a group from a child that was started in the guard's group, or as the leader of its own group, with
    /// `kill_on_drop(true)`.
    pub(crate) fn new(child: Child, guard: Option<Guard>) -> io::Result<Group> {
        let program = id_of(&child)?;
        let id = guard.as_ref().map_or(program, Guard::id);
        Ok(Group { id, child, guard, zombie: spawn_blocking(move || until_zombie(program)), is_reaped: false })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns when the child has ended. The child stays a zombie, so its id stays reserved. Must not be called again
    /// after it has returned.
    pub(crate) async fn child_ended(&mut self) -> io::Result<()> {
        (&mut self.zombie).await.map_err(io::Error::other)?
    }

    /// Kills all processes of the group.
    pub(crate) fn kill(&self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Kills the group and collects the child's status.
    pub(crate) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        // Afterwards the system may reuse the id. If the future is dropped while it waits, the drop of the child
        // collects it.
        self.is_reaped = true;
        let status = self.child.wait().await;
        if let Some(guard) = &mut self.guard {
            guard.reap().await;
        }
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until_zombie(child: Pid) -> io::Result<()> {
    loop {
        match waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            // The group was dropped, and the runtime has already collected the child.
            Ok(_) | Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
