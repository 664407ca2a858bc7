//! Reloads of plugins that leave something behind, while several callers have them do it.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::watch::{Seen, Watch};
use super::{of_host, print};
use crate::Result;
use crate::http::Connection;

const CALLERS: usize = 4;

/// What has a plugin leave something behind.
struct Trigger {
    plugin: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    /// What there is only so much of in a process: each caller calls once a reload, while that is under way.
    is_scarce: bool,
}

const TRIGGERS: [Trigger; 8] = [
    Trigger::new("thread-local", "POST", "touch", "/dev/null"),
    Trigger::new("own-subscriber", "GET", "spans", ""),
    Trigger { is_scarce: true, ..Trigger::new("many-keys", "POST", "keys/5", "") },
    Trigger::new("c-key", "POST", "touch", ""),
    Trigger::new("stop-panics", "GET", "hello", ""),
    Trigger::new("own-runtime", "POST", "ends", ""),
    Trigger::new("large-body", "GET", "body", ""),
    Trigger::new("measured-memory", "GET", "generation", ""),
];

/// What one plugin did.
pub(super) struct Row {
    pub(super) plugin: &'static str,
    pub(super) seen: Seen,
    pub(super) calls: Calls,
}

#[derive(Default)]
pub(super) struct Calls {
    pub(super) answers: u64,
    pub(super) failed: u64,
    pub(super) first_problem: Option<String>,
}

/// Loads, reloads and removes one plugin after the other; each is its folder, which is named as it is.
pub fn run(address: &str, token: &str, pid: &str, reloads: &str, folders: &[&str]) -> Result<()> {
    let (pid, reloads): (u32, u64) = (pid.parse()?, reloads.parse()?);
    let token = std::fs::read_to_string(token)?.trim().to_owned();
    let mut rows = vec![];
    for folder in folders {
        let name = Path::new(folder).file_name().unwrap_or_default();
        let trigger = TRIGGERS.iter().find(|trigger| trigger.plugin == name);
        let trigger = trigger.ok_or_else(|| format!("it is not known how `{folder}` leaves something behind"))?;
        // More than there are keys.
        let reloads = if trigger.plugin.ends_with("-key") || trigger.is_scarce { reloads * 6 / 5 } else { reloads };
        let load = json!({ "source": folder }).to_string();
        Connection::open(address, Some(&token))?.send("POST", "/api/plugins/load", &load)?.json()?;
        // The allocator of the C library takes what it needs for each of its arenas, once.
        drop(measure(trigger, address, &token, pid, reloads)?);
        let (watch, calls) = measure(trigger, address, &token, pid, reloads)?;
        rows.push(Row { plugin: trigger.plugin, seen: watch.end()?, calls });
        // Another connection: the host closes those that nothing was sent on for long.
        let path = format!("/api/plugins/{}", trigger.plugin);
        Connection::open(address, Some(&token))?.send("DELETE", &path, "")?.json()?;
        eprintln!("{}: done", trigger.plugin);
    }
    println!("{CALLERS} callers at the same time. As many reloads of each plugin went before, and are not counted.\n");
    print::rows(&rows);
    println!("\n{}", of_host(address, &token)?);
    let bad = |row: &&Row| row.calls.failed > 0 || row.seen.after.mapped != 1;
    match rows.iter().find(bad) {
        None => Ok(()),
        Some(row) => {
            Err(format!("requests to `{}` failed, or more than one of its libraries is mapped", row.plugin).into())
        }
    }
}

fn measure(trigger: &'static Trigger, address: &str, token: &str, pid: u32, reloads: u64) -> Result<(Watch, Calls)> {
    let mut watch = Watch::new(address, token, trigger.plugin, pid, reloads)?;
    let (ends, rounds) = (AtomicBool::new(false), Barrier::new(CALLERS + 1));
    let (reloaded, calls) = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| trigger.call(address, reloads, &ends, &rounds))).collect();
        let mut reloaded = Ok(());
        for _ in 0..reloads {
            if trigger.is_scarce {
                rounds.wait();
            }
            // The callers count on as many rounds as there were to be.
            if reloaded.is_ok() {
                reloaded = watch.reload().map(drop);
            }
        }
        ends.store(true, Ordering::SeqCst);
        let calls = callers.into_iter().map(|thread| thread.join().expect("a caller does not panic"));
        (reloaded, calls.fold(Calls::default(), Calls::with))
    });
    if let Err(error) = reloaded {
        return Err(format!("`{}` was reloaded {} times: {error}", trigger.plugin, watch.done()).into());
    }
    Ok((watch, calls))
}

impl Trigger {
    const fn new(plugin: &'static str, method: &'static str, path: &'static str, body: &'static str) -> Trigger {
        Trigger { plugin, method, path, body, is_scarce: false }
    }

    /// Calls on one connection until the end, or once a round.
    fn call(&self, address: &str, rounds: u64, ends: &AtomicBool, round: &Barrier) -> Calls {
        let mut calls = Calls::default();
        let mut connection = None;
        if self.is_scarce {
            for _ in 0..rounds {
                round.wait();
                self.once(address, &mut connection, &mut calls);
            }
        } else {
            while !ends.load(Ordering::SeqCst) {
                self.once(address, &mut connection, &mut calls);
            }
        }
        calls
    }

    fn once(&self, address: &str, connection: &mut Option<Connection>, calls: &mut Calls) {
        let path = format!("/api/plugin-endpoints/{}/{}", self.plugin, self.path);
        let opened = connection.take().map_or_else(|| Connection::open(address, None), Ok);
        let answered = opened.and_then(|mut opened| {
            let answer = opened.send(self.method, &path, self.body)?;
            // One that failed is not used again.
            *connection = Some(opened);
            Ok(answer)
        });
        calls.answers += 1;
        let problem = match answered {
            Ok(answer) if (200..300).contains(&answer.status) => return,
            Ok(answer) => format!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
            Err(error) => error.to_string(),
        };
        calls.failed += 1;
        calls.first_problem.get_or_insert(problem);
    }
}

impl Calls {
    fn with(self, other: Calls) -> Calls {
        Calls {
            answers: self.answers + other.answers,
            failed: self.failed + other.failed,
            first_problem: self.first_problem.or(other.first_problem),
        }
    }
}
