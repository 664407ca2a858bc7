//! A started program with everything it starts itself, as one thing that is killed as one.

use std::io;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::guard::{Guard, id_of};

/// A process group with a child of this process in it. Dropping it kills the group.
pub(crate) struct Group {
    /// The group's id: that of the guard, or of the child where there is none. It cannot come to name another group before
    /// `reap`, which is after the last kill.
    id: Pid,
    child: Child,
    guard: Option<Guard>,
    /// Returns when the child is a zombie. A blocking thread, because the runtime's own way to wait for a child
    /// also collects it, and with that gives its id free before the rest of the group is killed.
    zombie: JoinHandle<io::Result<()>>,
    is_reaped: bool,
}

impl Group {
    /// Takes over a child that was started in the guard's group, or as the leader of its own, with `kill_on_drop(true)`.
    pub(crate) fn new(child: Child, guard: Option<Guard>) -> io::Result<Group> {
        let program = id_of(&child)?;
        let id = guard.as_ref().map_or(program, Guard::id);
        Ok(Group { id, child, guard, zombie: spawn_blocking(move || until_zombie(program)), is_reaped: false })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns when the child has ended. It stays a zombie, so that its id stays taken. Not to be called again after it
    /// returned.
    pub(crate) async fn child_ended(&mut self) -> io::Result<()> {
        (&mut self.zombie).await.map_err(io::Error::other)?
    }

    /// Kills every process of the group that still runs.
    pub(crate) fn kill(&self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Kills the group and collects the child's status.
    pub(crate) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        // From here on the id may come to belong to a stranger. Should the future be dropped while it waits, the
        // child's own drop collects it.
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
