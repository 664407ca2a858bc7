//! `kill -9` while operations are under way, and the start after it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{Set, Start};
use crate::Result;
use crate::host::{Ending, Host, Program};
use crate::stats::{median, percentile, range};

/// Operations that are under way, each on a plugin of its own.
const CALLERS: usize = 2;

/// Kills hosts with three plugins and with fifty so often each.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, kills: &str) -> Result<()> {
    let kills: usize = kills.parse()?;
    let program = Program { path: program.to_owned(), work: work.into() };
    let mut rows = vec![];
    for plugins in [3, 50] {
        let set = Set { name: format!("kills-{plugins}"), ..Set::of(plugins, 0, false) };
        set.install(&program, Path::new(plugin), Path::new(library))?;
        let (mut host, _) = set.start(&program, Ending::Orderly)?;
        let (mut starts, mut answered) = (vec![], 0);
        for kill in 0..kills {
            // Within a restart, at another moment each time.
            answered += kill_in_the_middle(host, &set, Duration::from_micros(2_000 + 3_700 * kill as u64))?;
            let (next, start) = set.start(&program, Ending::Killed)?;
            host = next;
            starts.push(start);
        }
        host.end(Ending::Orderly)?;
        eprintln!("{plugins} plugins: done");
        rows.push((plugins, starts, answered));
    }
    print(&rows, kills);
    Ok(())
}

/// Kills a host while plugins are restarted; returns how many restarts were answered before.
fn kill_in_the_middle(host: Host, set: &Set, after: Duration) -> Result<u64> {
    let (ends, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for id in set.ids.iter().take(CALLERS) {
            let (host, ends, answered) = (&host, &ends, &answered);
            scope.spawn(move || {
                let Ok(mut connection) = host.connect() else { return };
                // An error is the end of the host.
                let path = format!("/api/plugins/{id}/restart");
                while !ends.load(Ordering::SeqCst) && connection.send("POST", &path, "").is_ok() {
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        std::thread::sleep(after);
        let killed = host.signal(Ending::Killed);
        ends.store(true, Ordering::SeqCst);
        killed
    })?;
    host.end(Ending::Killed)?;
    Ok(answered.load(Ordering::SeqCst))
}

fn print(rows: &[(usize, Vec<Start>, u64)], kills: usize) {
    println!(
        "{kills} kills with each number of plugins, while {CALLERS} of them are restarted as fast as it goes, 2 to {} ms after \
         the first was asked for. After each start all plugins served.\n",
        2 + (3_700 * kills.saturating_sub(1)) / 1_000
    );
    println!(
        "| plugins | ms until all serve: median, p90, worst | wanted | restarts that were answered before the kills | cores that \
         others kept busy |"
    );
    println!("|---|---|---|---|---|");
    for (plugins, starts, answered) in rows {
        let all: Vec<f64> = starts.iter().map(|start| start.all).collect();
        let others: Vec<f64> = starts.iter().map(|start| start.others).collect();
        println!(
            "| {plugins} | {:.0}, {:.0}, {:.0} | {} | {answered} | {:.2} |",
            median(&all),
            percentile(&all, 0.9),
            range(&all).1,
            2000 + 50 * plugins,
            median(&others),
        );
    }
}
