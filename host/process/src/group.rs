//! A started program with everything it starts itself, as one thing that is killed as one.

use std::io;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::task::{JoinHandle, spawn_blocking};

/// A process group whose leader is a child of this process. Dropping it kills the group.
pub(crate) struct Group {
    /// Also the group's id. It cannot come to name another group before `reap`, which is after the last kill.
    leader: Pid,
    child: Child,
    /// Returns when the leader is a zombie. A blocking thread, because the runtime's own way to wait for a child
    /// also collects it, and with that gives its id free before the rest of the group is killed.
    zombie: JoinHandle<io::Result<()>>,
    is_reaped: bool,
}

impl Group {
    /// Takes over a child that was started with `process_group(0)` and `kill_on_drop(true)`.
    pub(crate) fn new(child: Child) -> io::Result<Group> {
        let leader = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| io::Error::other("the process was already waited for"))?;
        Ok(Group { leader, child, zombie: spawn_blocking(move || until_zombie(leader)), is_reaped: false })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns when the leader has ended. It stays a zombie, so that the group's id stays taken. Not to be called
    /// again after it returned.
    pub(crate) async fn leader_ended(&mut self) -> io::Result<()> {
        (&mut self.zombie).await.map_err(io::Error::other)?
    }

    /// Kills every process of the group that still runs.
    pub(crate) fn kill(&self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
    }

    /// Kills the group and collects the leader's status.
    pub(crate) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        // From here on the id may come to belong to a stranger. Should the future be dropped while it waits, the
        // child's own drop collects it.
        self.is_reaped = true;
        self.child.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until_zombie(leader: Pid) -> io::Result<()> {
    loop {
        match waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            // The group was dropped, and the runtime has already collected the leader.
            Ok(_) | Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
