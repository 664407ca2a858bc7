//! Reloads under full load: does a request fail, or get an answer of a generation that it must not see?

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::stats::{median, percentile, range};
use crate::wrk::{self, Run};
use crate::{Result, process};

const PATH: &str = "/api/plugin-endpoints/measured/generation";
const CONNECTIONS: u32 = 32;
const CHECKERS: usize = 4;

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

#[derive(Clone, Copy)]
struct Memory {
    rss: f64,
    anonymous: f64,
    shared: f64,
    mapped: usize,
}

/// One stretch of load.
struct Stretch {
    name: &'static str,
    run: Run,
    checked: Checked,
    reloads: Vec<f64>,
    before: Memory,
    after: Memory,
    /// Busy cores besides host, wrk and checkers.
    others: f64,
}

/// Three stretches: without reloads, with one each `every_ms`, without again.
pub fn run(address: &str, token: &str, pid: &str, seconds: &str, every_ms: &str) -> Result<()> {
    let (pid, seconds): (u32, u32) = (pid.parse()?, seconds.parse()?);
    let every = Duration::from_millis(every_ms.parse()?);
    let token = fs::read_to_string(token)?.trim().to_owned();
    let url = format!("http://{address}{PATH}");
    wrk::run(&url, None, CONNECTIONS, 3)?;
    let mut stretches = vec![];
    for (name, reloads, seconds) in [
        ("without, before", None, seconds / 2),
        ("with reloads", Some(every), seconds),
        ("without, after", None, seconds / 2),
    ] {
        stretches.push(stretch(name, reloads, seconds, address, &token, pid, &url)?);
        eprintln!("{name}: done");
    }
    print(&stretches, &mapped_by_metrics(address, &token)?);
    let bad = |stretch: &Stretch| stretch.run.failed + stretch.checked.failed + stretch.checked.wrong;
    match stretches.iter().map(bad).sum() {
        0 => Ok(()),
        bad => Err(format!("{bad} requests failed or were answered by a wrong generation").into()),
    }
}

fn stretch(
    name: &'static str,
    every: Option<Duration>,
    seconds: u32,
    address: &str,
    token: &str,
    pid: u32,
    url: &str,
) -> Result<Stretch> {
    let serving = generation(&mut Connection::open(address, None)?)?;
    let shared =
        Shared { ends: AtomicBool::new(false), served: AtomicU64::new(serving), possible: AtomicU64::new(serving) };
    let before = memory(pid)?;
    let (all_before, ours_before) = (process::of_machine()?, ours(pid)?);
    let (run, reloads, checked) = std::thread::scope(|scope| {
        let checkers: Vec<_> = (0..CHECKERS).map(|_| scope.spawn(|| check(address, &shared))).collect();
        let shared = &shared;
        let reloader = every.map(|every| {
            // The error as text, which may cross threads.
            scope.spawn(move || reload(address, token, every, shared).map_err(|error| error.to_string()))
        });
        let run = wrk::run(url, None, CONNECTIONS, seconds);
        shared.ends.store(true, Ordering::SeqCst);
        let reloads = reloader.map_or(Ok(vec![]), |thread| thread.join().expect("the reloader does not panic"));
        let checked = checkers.into_iter().map(|thread| thread.join().expect("a checker does not panic"));
        (run, reloads, checked.fold(Checked::default(), Checked::with))
    });
    let others = (process::of_machine()? - all_before) - (ours(pid)? - ours_before);
    let others = others / f64::from(seconds);
    let after = memory(pid)?;
    Ok(Stretch { name, run: run?, checked, reloads: reloads?, before, after, others })
}

/// Seconds that the host, this process and wrk kept cores busy.
fn ours(pid: u32) -> Result<f64> {
    Ok(process::of(pid)?.total() + process::of_self()?.total() + process::of_ended_children()?.total())
}

/// Reloads until the end; returns how long each took, in milliseconds.
fn reload(address: &str, token: &str, every: Duration, shared: &Shared) -> Result<Vec<f64>> {
    let mut host = Connection::open(address, Some(token))?;
    let mut times = vec![];
    while !shared.ends.load(Ordering::SeqCst) {
        let started = Instant::now();
        shared.possible.fetch_add(1, Ordering::SeqCst);
        let answer = host.send("POST", "/api/plugins/measured/reload", "")?.json()?;
        let generation = answer["generation"].as_u64().ok_or("a reload without a generation")?;
        if generation != shared.possible.load(Ordering::SeqCst) {
            return Err(format!("a reload made generation {generation}, not the next one").into());
        }
        shared.served.store(generation, Ordering::SeqCst);
        times.push(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(every.saturating_sub(started.elapsed()));
    }
    Ok(times)
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

fn memory(pid: u32) -> Result<Memory> {
    let status = format!("{pid}/status");
    Ok(Memory {
        rss: process::kilobytes(&status, "VmRSS")?,
        anonymous: process::kilobytes(&status, "RssAnon")?,
        shared: process::kilobytes("meminfo", "Shmem")?,
        mapped: process::mapped_plugins(pid)?,
    })
}

fn mapped_by_metrics(address: &str, token: &str) -> Result<String> {
    let answer = Connection::open(address, Some(token))?.get("/metrics")?;
    let text = String::from_utf8_lossy(&answer.body);
    let line = text.lines().find_map(|line| line.strip_prefix("plugin_host_generations_mapped "));
    Ok(line.ok_or("/metrics has no plugin_host_generations_mapped")?.to_owned())
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

fn print(stretches: &[Stretch], mapped: &str) {
    println!("`wrk -t2 -c{CONNECTIONS}` and {CHECKERS} checking connections at the same time.\n");
    println!(
        "| | reloads | wrk: requests | requests/s | p50 µs | p99 µs | max ms | failed | checked answers | failed | \
         wrong generation | cores that others kept busy |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for Stretch { name, run, checked, reloads, others, .. } in stretches {
        println!(
            "| {name} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {} | {} | {} | {} | {others:.2} |",
            reloads.len(),
            run.requests,
            run.rate,
            run.p50,
            run.p99,
            run.max / 1e3,
            run.failed,
            checked.requests,
            checked.failed,
            checked.wrong,
        );
    }
    for Stretch { name, checked, .. } in stretches {
        if let Some(problem) = &checked.first_problem {
            println!("\nFirst problem of `{name}`: {problem}.");
        }
    }
    println!(
        "\n| | RSS before, MB | after | its anonymous part before, MB | after | libraries mapped before | after |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Stretch { name, before, after, .. } in stretches {
        let megabytes = |kilobytes: f64| kilobytes / 1024.0;
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} |",
            megabytes(before.rss),
            megabytes(after.rss),
            megabytes(before.anonymous),
            megabytes(after.anonymous),
            before.mapped,
            after.mapped,
        );
    }
    println!("\n`plugin_host_generations_mapped` at the end: {mapped}.");
    for Stretch { reloads, before, after, .. } in stretches.iter().filter(|stretch| !stretch.reloads.is_empty()) {
        let each = |before: f64, after: f64| (after - before) / reloads.len() as f64;
        let (least, most) = range(reloads);
        println!("\n| of one reload | |");
        println!("|---|---|");
        println!(
            "| time until its answer, ms | {:.1} (range {least:.1}-{most:.1}, p99 {:.1}) |",
            median(reloads),
            percentile(reloads, 0.99)
        );
        println!("| RSS it leaves, kB | {:.0} |", each(before.rss, after.rss));
        println!("| of it anonymous memory, kB | {:.0} |", each(before.anonymous, after.anonymous));
        println!(
            "| shared memory of the machine it leaves (copies of the library), kB | {:.0} |",
            each(before.shared, after.shared)
        );
    }
}
