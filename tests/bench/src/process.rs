//! What the kernel counts of processes and of the machine.

use std::fs;
use std::io;

/// Ticks of a core that `/proc` counts in a second: `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Seconds that cores were busy.
#[derive(Clone, Copy, Default)]
pub struct Busy {
    /// In user space.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

impl Busy {
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    pub fn since(self, before: Busy) -> Busy {
        Busy { user: self.user - before.user, system: self.system - before.system }
    }
}

/// What a process has used.
pub fn of(pid: u32) -> io::Result<Busy> {
    let fields = stat(&pid.to_string())?;
    Ok(Busy { user: fields[11] / TICKS, system: fields[12] / TICKS })
}

/// What this process's ended children have used.
pub fn of_ended_children() -> io::Result<Busy> {
    let fields = stat("self")?;
    Ok(Busy { user: fields[13] / TICKS, system: fields[14] / TICKS })
}

/// The numbers after the process's name, from its state on.
fn stat(pid: &str) -> io::Result<Vec<f64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = text.rfind(')').map_or("", |at| &text[at + 1..]);
    // The state is a letter and counts as 0.
    Ok(after.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
}

/// What this process has used.
pub fn of_self() -> io::Result<Busy> {
    of(std::process::id())
}

/// Seconds that all cores of the machine together were busy, the hypervisor's share included.
pub fn of_machine() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let fields: Vec<f64> =
        text.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, (idle, iowait), irq, softirq, steal
    Ok([0, 1, 2, 5, 6, 7].iter().filter_map(|&index| fields.get(index)).sum::<f64>() / TICKS)
}

/// A value in kB of `/proc/<file>`.
pub fn kilobytes(file: &str, key: &str) -> io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let value = line.and_then(|line| line.split_whitespace().next()).and_then(|value| value.parse().ok());
    value.ok_or_else(|| io::Error::other(format!("/proc/{file} has no {key}")))
}

/// How many libraries of a plugin a process has mapped: each is a sealed copy in memory of its own.
pub fn mapped_libraries(pid: u32, plugin: &str) -> io::Result<usize> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let name = format!("memfd:plugin:{plugin}#");
    let inodes = text.lines().filter(|line| line.contains(&name)).filter_map(|line| line.split(' ').nth(4));
    Ok(inodes.collect::<std::collections::HashSet<_>>().len())
}

/// How many files and sockets a process has open.
pub fn open_files(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// How many threads a process has.
pub fn threads(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.count())
}
