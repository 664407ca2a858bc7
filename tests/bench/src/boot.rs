//! Starting a host that has plugins already: how long until it listens, until the first serves, until all do; and what
//! each plugin takes.

mod kills;
mod print;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

use crate::host::{Counts, Ending, Host, Program};
use crate::{Result, process};
pub use kills::run as kills;

/// Plugins that need one another in a row, in the set that has some.
const CHAIN: usize = 20;
/// How often it is asked what serves.
const EVERY: Duration = Duration::from_millis(2);

/// The data folders of one host: so many plugins.
struct Set {
    name: String,
    ids: Vec<String>,
    /// The first of these need the next, each one.
    chain: usize,
    /// Whether what lies on disk is not in memory when the host starts.
    cold: bool,
}

/// One start. Times in milliseconds since the program was started.
struct Start {
    after: Ending,
    listening: f64,
    first: f64,
    all: f64,
    /// CPU seconds of the host until then.
    busy: f64,
    /// Busy cores besides the host and this process.
    others: f64,
    counts: Counts,
}

/// Starts hosts with none, a quarter, half and all of so many plugins, and with all where some need one another; so
/// often after each kind of end.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, plugins: &str, starts: &str) -> Result<()> {
    let (plugins, starts): (usize, usize) = (plugins.parse()?, starts.parse()?);
    if plugins < CHAIN {
        return Err(format!("at least {CHAIN} plugins are needed").into());
    }
    let program = Program { path: program.to_owned(), work: work.into() };
    let library = Path::new(library);
    let sets = [
        Set::of(0, 0, false),
        Set::of(plugins / 4, 0, false),
        Set::of(plugins / 2, 0, false),
        Set::of(plugins, 0, false),
        Set::of(plugins, CHAIN, false),
        Set::of(plugins, 0, true),
    ];
    for set in sets.iter().filter(|set| !set.cold) {
        set.install(&program, Path::new(plugin), library)?;
        eprintln!("{} plugins are installed", set.ids.len());
    }
    let mut all: Vec<Vec<Start>> = sets.iter().map(|_| vec![]).collect();
    for round in 0..starts {
        for (set, measured) in sets.iter().zip(&mut all) {
            for (after, next) in [(Ending::Orderly, Ending::Killed), (Ending::Killed, Ending::Orderly)] {
                let (host, start) = set.start(&program, after)?;
                measured.push(start);
                host.end(next)?;
            }
        }
        eprintln!("round {} of {starts}", round + 1);
    }
    print::tables(&sets, &all, fs::metadata(library)?.len());
    Ok(())
}

impl Set {
    fn of(plugins: usize, chain: usize, cold: bool) -> Set {
        let chained = (0..chain).map(|number| format!("chain-{number:03}"));
        let ids = chained.chain((chain..plugins).map(|number| format!("plugin-{number:03}"))).collect();
        // The same folders, whether they are in memory or not.
        Set { name: format!("host-{plugins}-{chain}"), ids, chain, cold }
    }

    /// Takes in the plugins, on a host that ends in order.
    fn install(&self, program: &Program, plugin: &Path, library: &Path) -> Result<()> {
        program.copies(plugin, library, &self.ids, |number| {
            if number + 1 < self.chain { format!("dependencies: [{}]\n", self.ids[number + 1]) } else { String::new() }
        })?;
        let host = program.start(&self.name)?;
        // What others need comes first.
        program.load(&host, &self.ids.iter().rev().cloned().collect::<Vec<_>>())?;
        host.end(Ending::Orderly)
    }

    /// The plugin that can be expected to serve first: the plan begins with the first id that waits for no other.
    fn first(&self) -> Option<&String> {
        self.ids.get(self.chain.saturating_sub(1))
    }

    /// Starts the host and waits until all serve.
    fn start(&self, program: &Program, after: Ending) -> Result<(Host, Start)> {
        if self.cold {
            forget(&program.work.join(&self.name))?;
        }
        let (began, machine, own) = (Instant::now(), process::of_machine()?, process::of_self()?.total());
        let host = program.start(&self.name)?;
        let (mut connection, mut first) = (host.connect()?, None);
        let now = || host.started.elapsed().as_secs_f64() * 1e3;
        let path = self.first().map(|id| format!("/api/plugin-endpoints/{id}/hello"));
        let all = loop {
            if first.is_none()
                && let Some(path) = &path
                && connection.get(path)?.status == 200
            {
                first = Some(now());
            }
            if connection.get("/health/ready")?.status == 200 {
                break now();
            }
            std::thread::sleep(EVERY);
        };
        let busy = process::of(host.pid())?.total();
        let others = process::of_machine()? - machine - busy - (process::of_self()?.total() - own);
        let others = others / began.elapsed().as_secs_f64();
        all_serve(&host, &self.ids)?;
        let counts = host.settled()?;
        let first = first.unwrap_or(all);
        let start = Start { after, listening: host.listening, first, all, busy, others, counts };
        Ok((host, start))
    }
}

/// A start that brings back something else is worth nothing.
fn all_serve(host: &Host, ids: &[String]) -> Result<()> {
    let list = host.connect()?.get("/api/plugins")?.json()?;
    let missing = ids.iter().find(|id| list["plugins"][id.as_str()]["phase"] != "running");
    match missing {
        None if list["count"] == ids.len() => Ok(()),
        None => Err(format!("{} plugins are there, not {}", list["count"], ids.len()).into()),
        Some(id) => Err(format!("`{id}` does not serve: {}", list["plugins"][id.as_str()]).into()),
    }
}

/// Has the kernel forget what it has of a folder's files in memory.
fn forget(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => forget(&entry.path())?,
            kind if kind.is_file() => fadvise(File::open(entry.path())?, 0, None, Advice::DontNeed)?,
            _ => {}
        }
    }
    Ok(())
}
