//! Reloads under full load, as fast as they go: does a request fail, or get an answer of a generation that it must not
//! see, and is anything left?

mod defects;
mod print;
mod watch;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::http::Connection;
use crate::wrk::{self, Run};
use crate::{Result, process};
pub use defects::run as defects;
use watch::{Seen, Watch};

const PATH: &str = "/api/plugin-endpoints/measured/generation";
const CONNECTIONS: u32 = 32;
const CHECKERS: usize = 4;
/// Reloads before anything is counted, so that the host has the threads and connections that it needs.
const WARM_UP: u64 = 20;

/// What the checkers and the reloader share.
struct Shared {
    ends: AtomicBool,
    /// The generation of the newest reload that has been answered.
    served: AtomicU64,
    /// The newest generation that may serve: one more while a reload is under way.
    possible: AtomicU64,
}

#[derive(Default)]
struct Checked {
    requests: u64,
    failed: u64,
    wrong: u64,
    first_problem: Option<String>,
}

/// One stretch of load.
struct Stretch {
    name: &'static str,
    run: Run,
    checked: Checked,
    seen: Option<Seen>,
    /// Busy cores besides host, wrk and checkers.
    others: f64,
}

/// What is measured, and where.
struct Scene<'a> {
    address: &'a str,
    token: &'a str,
    pid: u32,
    url: String,
}

/// Three stretches: without reloads for so many seconds, with so many reloads, without again.
pub fn run(address: &str, token: &str, pid: &str, seconds: &str, reloads: &str) -> Result<()> {
    let (pid, seconds, reloads): (u32, u32, u64) = (pid.parse()?, seconds.parse()?, reloads.parse()?);
    let token = fs::read_to_string(token)?.trim().to_owned();
    let scene = Scene { address, token: &token, pid, url: format!("http://{address}{PATH}") };
    scene.warm_up()?;
    let stretches = [
        scene.stretch("without, before", |_| Ok(wrk::run(&scene.url, None, CONNECTIONS, seconds)?))?,
        scene.with_reloads(reloads)?,
        scene.stretch("without, after", |_| Ok(wrk::run(&scene.url, None, CONNECTIONS, seconds)?))?,
    ];
    print::tables(&stretches);
    println!("\n{}", of_host(address, &token)?);
    let bad = |stretch: &Stretch| stretch.run.failed + stretch.checked.failed + stretch.checked.wrong;
    match stretches.iter().map(bad).sum() {
        0 if stretches.iter().filter_map(|stretch| stretch.seen.as_ref()).all(|seen| seen.after.mapped == 1) => Ok(()),
        0 => Err("another library of the plugin is mapped besides the one that serves".into()),
        bad => Err(format!("{bad} requests failed or were answered by a wrong generation").into()),
    }
}

impl Scene<'_> {
    fn warm_up(&self) -> Result<()> {
        let mut watch = Watch::new(self.address, self.token, "measured", self.pid, WARM_UP)?;
        let (_, reloaded) = wrk::run_during(&self.url, CONNECTIONS, || -> Result<()> {
            while watch.done() < WARM_UP {
                watch.reload()?;
            }
            Ok(())
        })?;
        reloaded
    }

    fn with_reloads(&self, reloads: u64) -> Result<Stretch> {
        let mut watch = Watch::new(self.address, self.token, "measured", self.pid, reloads)?;
        let load = |shared: &Shared| -> Result<Run> {
            let (run, reloaded) = wrk::run_during(&self.url, CONNECTIONS, || reload(&mut watch, reloads, shared))?;
            reloaded?;
            Ok(run)
        };
        let mut stretch = self.stretch("with reloads", load)?;
        stretch.seen = Some(watch.end()?);
        Ok(stretch)
    }

    fn stretch(&self, name: &'static str, load: impl FnOnce(&Shared) -> Result<Run>) -> Result<Stretch> {
        let serving = generation(&mut Connection::open(self.address, None)?)?;
        let shared =
            Shared { ends: AtomicBool::new(false), served: AtomicU64::new(serving), possible: AtomicU64::new(serving) };
        let started = std::time::Instant::now();
        let (all_before, ours_before) = (process::of_machine()?, ours(self.pid)?);
        let (run, checked) = std::thread::scope(|scope| {
            let checkers: Vec<_> = (0..CHECKERS).map(|_| scope.spawn(|| check(self.address, &shared))).collect();
            let run = load(&shared);
            shared.ends.store(true, Ordering::SeqCst);
            let checked = checkers.into_iter().map(|thread| thread.join().expect("a checker does not panic"));
            (run, checked.fold(Checked::default(), Checked::with))
        });
        let others = (process::of_machine()? - all_before) - (ours(self.pid)? - ours_before);
        let others = others / started.elapsed().as_secs_f64();
        eprintln!("{name}: done");
        Ok(Stretch { name, run: run?, checked, seen: None, others })
    }
}

/// Seconds that the host, this process and wrk kept cores busy.
fn ours(pid: u32) -> Result<f64> {
    Ok(process::of(pid)?.total() + process::of_self()?.total() + process::of_ended_children()?.total())
}

/// Reloads so often, and says to the checkers which generations may answer.
fn reload(watch: &mut Watch, reloads: u64, shared: &Shared) -> Result<()> {
    while watch.done() < reloads {
        let possible = shared.possible.fetch_add(1, Ordering::SeqCst) + 1;
        let generation = watch.reload()?;
        if generation != possible {
            return Err(format!("a reload made generation {generation}, not the next one, {possible}").into());
        }
        shared.served.store(generation, Ordering::SeqCst);
        if generation.is_multiple_of(1000) {
            eprintln!("{} of {reloads} reloads", watch.done());
        }
    }
    Ok(())
}

/// Asks on one connection until the end, and compares each answer with what was true before and after.
fn check(address: &str, shared: &Shared) -> Checked {
    let mut checked = Checked::default();
    let mut connection = None;
    while !shared.ends.load(Ordering::SeqCst) {
        checked.requests += 1;
        let least = shared.served.load(Ordering::SeqCst);
        let answered = match &mut connection {
            Some(connection) => generation(connection),
            None => Connection::open(address, None).map_err(Into::into).and_then(|mut opened| {
                let answered = generation(&mut opened);
                connection = Some(opened);
                answered
            }),
        };
        let most = shared.possible.load(Ordering::SeqCst);
        match answered {
            Ok(generation) if (least..=most).contains(&generation) => {}
            Ok(generation) => {
                checked.wrong += 1;
                let problem = format!("generation {generation} answered, not one of {least} to {most}");
                checked.first_problem.get_or_insert(problem);
            }
            Err(error) => {
                checked.failed += 1;
                checked.first_problem.get_or_insert(error.to_string());
                // The next request opens another.
                connection = None;
            }
        }
    }
    checked
}

fn generation(connection: &mut Connection) -> Result<u64> {
    let answer = connection.get(PATH)?;
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        200 => Ok(text.parse()?),
        status => Err(format!("status {status}: {text}").into()),
    }
}

/// What the host itself counts of all its plugins, as a sentence.
fn of_host(address: &str, token: &str) -> Result<String> {
    let mut host = Connection::open(address, Some(token))?;
    let answer = host.get("/metrics")?;
    let text = String::from_utf8_lossy(&answer.body);
    let metric = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("plugin_host_{name} ")));
        line.ok_or_else(|| format!("/metrics has no plugin_host_{name}"))
    };
    Ok(format!(
        "At the end the host says: {} libraries mapped for {} plugins, {} kept, {} unmapped since it started.",
        metric("generations_mapped")?,
        host.get("/api/plugins")?.json()?["count"],
        metric("generations_kept")?,
        metric("generations_unmapped_total")?,
    ))
}

impl Checked {
    fn with(self, other: Checked) -> Checked {
        Checked {
            requests: self.requests + other.requests,
            failed: self.failed + other.failed,
            wrong: self.wrong + other.wrong,
            first_problem: self.first_problem.or(other.first_problem),
        }
    }
}
