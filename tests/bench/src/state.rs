//! The time and space of the state database: revisions, jobs and events that this program writes, and operations of a
//! host.

mod operations;
mod records;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use host_core::event::Event;
use host_state::State;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Result;
use crate::stats::{median, percentile, range};
pub use operations::run as operations;
use records::{RARE, change, plugin};
pub(crate) use records::{event, job, log};

/// Revisions that are there before, in turn.
const SIZES: [u64; 3] = [0, 10_000, 100_000];
/// Plugins that the revisions are of.
const PLUGINS: u64 = 200;
/// What the host remembers.
pub(crate) const JOBS_KEPT: u64 = 1_000;
pub(crate) const EVENTS_KEPT: u64 = 10_000;
/// How often what only reads is done.
const READS: usize = 20;

/// Times of operations, in microseconds.
pub(crate) struct Times {
    each: Vec<f64>,
    per_second: f64,
}

/// Writes so often what is to be measured, into databases of their own below `work`.
pub fn run(work: &str, writes: &str) -> Result<()> {
    let (work, writes): (&Path, usize) = (work.as_ref(), writes.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("### records, written to the state database directly\n");
    println!("{writes} of each. A commit waits until the disk has it; those that wait at the same time share one.\n");
    println!("| operation | revisions before | at once | operations/s | ms, median | p99 | worst |");
    println!("|---|---|---|---|---|---|---|");
    sync(work, writes)?.print("4 KiB written to a file and synced, without a database", None, 1);
    let mut reads = vec![];
    for size in SIZES {
        let folder = tempfile::tempdir_in(work)?;
        fill(&runtime, folder.path(), size)?;
        reads.push(read(&runtime, folder.path())?);
        let state = runtime.block_on(State::open(folder.path()))?;
        for at_once in [1, 8, 32] {
            let times = write(
                &runtime,
                at_once,
                writes,
                |state: &State, number| {
                    let (state, change) = (state.clone(), change(&plugin(number % PLUGINS), number));
                    async move { state.commit(vec![change]).await.map(drop) }
                },
                &state,
            )?;
            times.print("revision committed", Some(size), at_once);
        }
        if size == 0 {
            others(&runtime, &state, writes)?;
        }
        runtime.block_on(state.close());
        eprintln!("{size} revisions: done");
    }
    print_reads(&reads);
    Ok(())
}

/// Jobs and events, into a state that has as many of them as it keeps.
fn others(runtime: &Runtime, state: &State, writes: usize) -> Result<()> {
    let put = |state: &State, number| {
        let state = state.clone();
        // One that has ended, so that an older one goes for it.
        async move { state.put_job(job(number), Some(log(number, 20)), JOBS_KEPT).await }
    };
    drop(write(runtime, 32, JOBS_KEPT as usize, put, state)?);
    for at_once in [1, 8, 32] {
        let later = move |state: &State, number| put(state, number + 1_000_000 * at_once as u64);
        write(runtime, at_once, writes, later, state)?.print("job put, with a log of 20 lines", Some(0), at_once);
    }
    let mut newest = 0;
    for batch in [EVENTS_KEPT, 1, 128] {
        let mut times = vec![];
        let began = Instant::now();
        for _ in 0..if batch == EVENTS_KEPT { 1 } else { writes } {
            let events: Vec<Arc<Event>> = (newest + 1..=newest + batch).map(|seq| Arc::new(event(seq))).collect();
            newest += batch;
            let started = Instant::now();
            runtime.block_on(state.append_events(&events, EVENTS_KEPT))?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        if batch < EVENTS_KEPT {
            let name = if batch == 1 { "event appended" } else { "128 events appended together" };
            let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
            Times { each: times, per_second }.print(name, Some(0), 1);
        }
    }
    Ok(())
}

/// Asks for `n` writes, so many at once, each at the end of the one before.
fn write<F>(
    runtime: &Runtime,
    at_once: usize,
    n: usize,
    one: impl Fn(&State, u64) -> F + Send + Copy + 'static,
    state: &State,
) -> Result<Times>
where
    F: Future<Output = std::result::Result<(), host_state::Error>> + Send,
{
    let began = Instant::now();
    let each = runtime.block_on(async {
        let mut lanes = JoinSet::new();
        for lane in 0..at_once {
            let state = state.clone();
            lanes.spawn(async move {
                let mut times = vec![];
                for number in (lane..n).step_by(at_once) {
                    let started = Instant::now();
                    one(&state, number as u64).await?;
                    times.push(started.elapsed().as_secs_f64() * 1e6);
                }
                Ok::<_, host_state::Error>(times)
            });
        }
        let mut each = vec![];
        while let Some(times) = lanes.join_next().await {
            each.extend(times??);
        }
        Ok::<_, Box<dyn std::error::Error>>(each)
    })?;
    Ok(Times { per_second: each.len() as f64 / began.elapsed().as_secs_f64(), each })
}

/// What the disk does with the least that a commit can be.
fn sync(work: &Path, n: usize) -> Result<Times> {
    let (file, began, mut each) = (tempfile::tempfile_in(work)?, Instant::now(), vec![]);
    (&file).write_all(&[0; 4096])?;
    for number in 0..n {
        let started = Instant::now();
        // The same place again, as the log of a database after it was taken over.
        file.write_all_at(&[number as u8; 4096], 0)?;
        File::sync_data(&file)?;
        each.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Times { per_second: n as f64 / began.elapsed().as_secs_f64(), each })
}

/// A database of so many revisions; the first are of a plugin that has no others.
fn fill(runtime: &Runtime, folder: &Path, size: u64) -> Result<()> {
    runtime.block_on(async {
        let state = State::open(folder).await?;
        let numbers: Vec<u64> = (0..size).collect();
        for part in numbers.chunks(500) {
            let id = |number: u64| if number < 3 { RARE.to_owned() } else { plugin(number % PLUGINS) };
            state.commit(part.iter().map(|number| change(&id(*number), *number)).collect()).await?;
        }
        state.close().await;
        Ok(())
    })
}

/// Times of what reads, each of some.
struct Reads {
    revisions: usize,
    bytes: u64,
    open: Times,
    newest: Times,
    page: Times,
    page_of_rare: Times,
}

fn read(runtime: &Runtime, folder: &Path) -> Result<Reads> {
    let open = times(READS, || {
        runtime.block_on(async {
            State::open(folder).await?.close().await;
            Ok(())
        })
    })?;
    let state = runtime.block_on(State::open(folder))?;
    let newest = times(READS, || Ok(runtime.block_on(state.newest()).map(drop)?))?;
    let id = |text: &str| text.parse().expect("an id");
    let page = |of: Option<&str>| {
        let id = of.map(id);
        times(READS, || Ok(runtime.block_on(state.revisions(id.as_ref(), None, 100)).map(drop)?))
    };
    let (page, page_of_rare) = (page(None)?, page(Some(RARE))?);
    let revisions = runtime.block_on(state.revisions(None, None, 1))?;
    let revisions = revisions.first().map_or(0, |revision| revision.number as usize);
    runtime.block_on(state.close());
    let bytes = std::fs::metadata(folder.join(host_state::FILE_NAME))?.len();
    Ok(Reads { revisions, bytes, open, newest, page, page_of_rare })
}

fn times(n: usize, mut one: impl FnMut() -> Result<()>) -> Result<Times> {
    let (began, mut each) = (Instant::now(), vec![]);
    for _ in 0..n {
        let started = Instant::now();
        one()?;
        each.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Times { per_second: n as f64 / began.elapsed().as_secs_f64(), each })
}

fn print_reads(reads: &[Reads]) {
    println!("\n### records, read\n\nMs, median (range) of {READS}; {PLUGINS} plugins.\n");
    println!(
        "| revisions | state.db, kB | opened and closed | what is asked for now | the newest 100 of all | those of a plugin \
         that has 3, the oldest |"
    );
    println!("|---|---|---|---|---|---|");
    for Reads { revisions, bytes, open, newest, page, page_of_rare } in reads {
        let cells = [open, newest, page, page_of_rare].map(Times::spread).join(" | ");
        println!("| {revisions} | {} | {cells} |", bytes / 1024);
    }
}

impl Times {
    pub(crate) fn print(&self, what: &str, before: Option<u64>, at_once: usize) {
        let before = before.map_or("–".to_owned(), |before| before.to_string());
        let [median, p99, worst] = [median(&self.each), percentile(&self.each, 0.99), range(&self.each).1];
        let [median, p99, worst] = [median, p99, worst].map(|micros| micros / 1e3);
        println!("| {what} | {before} | {at_once} | {:.0} | {median:.2} | {p99:.2} | {worst:.1} |", self.per_second);
    }

    fn spread(&self) -> String {
        let (least, most) = range(&self.each);
        format!("{:.2} ({:.2}-{:.2})", median(&self.each) / 1e3, least / 1e3, most / 1e3)
    }
}
