//! What is remembered stays bounded: the size of the database and the memory of a host while events and jobs come as
//! fast as they can, and what is kept of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host_core::event::Event;
use host_state::{JobFilter, State};

use crate::Result;
use crate::host::{Counts, Ending, Host, Program};
use crate::state::{EVENTS_KEPT, JOBS_KEPT, event, job, log};
use crate::stats::slope;

/// Rows of a table.
const ROWS: u64 = 10;
/// Callers of the host, each for a plugin of its own.
const CALLERS: usize = 8;
/// As many events as a host writes at once.
const BATCH: u64 = 128;
/// The lines of the longest log that is kept, about.
const LONG_LOG: u64 = 3_800;

/// Has a host do so many jobs, and writes so many events and jobs to a state directly.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, events: &str, jobs: &str) -> Result<()> {
    let (events, jobs): (u64, u64) = (events.parse()?, jobs.parse()?);
    of_host(&Program { path: program.to_owned(), work: work.into() }, plugin.as_ref(), library.as_ref(), jobs)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(of_events(work.as_ref(), events))?;
    println!("\n### jobs, written to the state database directly\n");
    runtime.block_on(of_jobs(work.as_ref(), jobs, 20))?;
    runtime.block_on(of_jobs(work.as_ref(), jobs / 10, LONG_LOG))
}

// === a host ===

/// One look at a host.
struct Look {
    seconds: f64,
    jobs: usize,
    /// The number of the newest event, and how many are kept.
    newest: u64,
    kept: u64,
    size: Size,
    counts: Counts,
}

fn of_host(program: &Program, plugin: &Path, library: &Path, jobs: u64) -> Result<()> {
    let ids: Vec<String> = (0..CALLERS).map(|number| format!("plugin-{number:03}")).collect();
    program.copies(plugin, library, &ids, |_| String::new())?;
    let host = program.start("journal")?;
    program.load(&host, &ids)?;
    let folder = program.work.join("journal/plugins");
    let (done, began, wanted) = (AtomicUsize::new(0), Instant::now(), usize::try_from(jobs)?);
    let looks = std::thread::scope(|scope| {
        let callers: Vec<_> = ids.iter().map(|id| scope.spawn(|| restart(&host, id, &done, wanted))).collect();
        let mut looks = vec![Look::at(&host, &folder, began, &done)?];
        while !callers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            if done.load(Ordering::Relaxed) >= looks.len() * wanted / usize::try_from(ROWS)? {
                looks.push(Look::at(&host, &folder, began, &done)?);
                eprintln!("{} of {wanted} jobs", done.load(Ordering::Relaxed));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for caller in callers {
            caller.join().expect("a caller does not panic").map_err(|error| format!("a restart failed: {error}"))?;
        }
        Ok::<_, Box<dyn std::error::Error>>(looks)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let dropped = dropped(&host)?;
    let (kept, with_log) = jobs_kept(&host)?;
    host.settled()?;
    let at_rest = Look::at(&host, &folder, began, &done)?;
    host.end(Ending::Orderly)?;
    let size = Size::new(&folder)?;

    println!("### jobs and events of a host\n");
    println!(
        "{wanted} jobs in {seconds:.0} s: restarts of {CALLERS} plugins, as fast as they go. The journal keeps {EVENTS_KEPT} events, \
         the jobs are {JOBS_KEPT}.\n"
    );
    println!(
        "| s | jobs so far | events so far | events kept | state.db, kB | its log, kB | RSS, MB | of it anonymous | threads | open \
         files |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for look in looks.iter().chain([&at_rest]) {
        let Look { seconds, jobs, newest, kept, size, counts } = look;
        println!(
            "| {seconds:.0} | {jobs} | {newest} | {kept} | {} | {} | {:.1} | {:.1} | {} | {} |",
            size.database / 1024,
            size.log / 1024,
            counts.rss / 1024.0,
            counts.anonymous / 1024.0,
            counts.threads,
            counts.files,
        );
    }
    println!("\nThe last row is of the host at rest. After its end state.db has {} kB.\n", size.database / 1024);
    let last = looks.len() / 2;
    let over = |value: fn(&Look) -> f64| {
        let points: Vec<_> = looks[last..].iter().map(|look| (look.jobs as f64, value(look))).collect();
        slope(&points).map_or("–".to_owned(), |slope| format!("{slope:.3}"))
    };
    println!("| | |");
    println!("|---|---|");
    println!("| events a second | {:.0} |", looks.last().map_or(0.0, |look| look.newest as f64 / look.seconds));
    println!("| events that were lost because they came too fast | {dropped} |");
    println!("| jobs remembered at the end, of them with a log that can be read | {kept}, {with_log} |");
    println!("| state.db, kB a job over the last half | {} |", over(|look| look.size.database as f64 / 1024.0));
    println!("| RSS, kB a job over the last half | {} |", over(|look| look.counts.rss));
    println!("| its anonymous part, kB a job over the last half | {} |", over(|look| look.counts.anonymous));
    Ok(())
}

/// Restarts one plugin until all callers together have done so often.
fn restart(host: &Host, id: &str, done: &AtomicUsize, wanted: usize) -> std::io::Result<()> {
    let mut connection = host.connect()?;
    while done.fetch_add(1, Ordering::Relaxed) < wanted {
        connection.send("POST", &format!("/api/plugins/{id}/restart"), "")?.json()?;
    }
    done.fetch_sub(1, Ordering::Relaxed);
    Ok(())
}

impl Look {
    fn at(host: &Host, folder: &Path, began: Instant, done: &AtomicUsize) -> Result<Look> {
        let path = "/api/events?limit=1";
        // Without the header it would be a stream.
        let page = host.connect()?.send_with("GET", path, "", "accept: application/json\r\n")?.json()?;
        let (newest, oldest) = (page["next"].as_u64().unwrap_or(0), page["oldest"].as_u64().unwrap_or(1));
        Ok(Look {
            seconds: began.elapsed().as_secs_f64(),
            jobs: done.load(Ordering::Relaxed),
            newest,
            kept: (newest + 1).saturating_sub(oldest),
            size: Size::new(folder)?,
            counts: Counts::of(host.pid())?,
        })
    }
}

/// Events that a host says it has lost.
fn dropped(host: &Host) -> Result<f64> {
    let text = host.connect()?.get("/metrics")?;
    let text = String::from_utf8_lossy(&text.body).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("plugin_host_events_dropped_total "));
    Ok(line.and_then(|value| value.trim().parse().ok()).ok_or("the host has no metric of lost events")?)
}

/// How many jobs a host remembers, and of how many the log can be read.
fn jobs_kept(host: &Host) -> Result<(usize, usize)> {
    let mut connection = host.connect()?;
    let (mut kept, mut with_log, mut cursor) = (0, 0, String::new());
    loop {
        let page = connection.get(&format!("/api/jobs?limit=200{cursor}"))?.json()?;
        for job in page["jobs"].as_array().into_iter().flatten() {
            kept += 1;
            let path = format!("/api/jobs/{}/log", job["id"].as_str().unwrap_or_default());
            with_log += usize::from(connection.get(&path)?.status == 200);
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((kept, with_log)),
        }
    }
}

// === the state database alone ===

async fn of_events(work: &Path, n: u64) -> Result<()> {
    let folder = tempfile::tempdir_in(work)?;
    let (state, began) = (State::open(folder.path()).await?, Instant::now());
    println!("\n### events, written to the state database directly\n");
    println!("{n} in batches of {BATCH}, as a host writes them; {EVENTS_KEPT} are kept.\n");
    println!("| events so far | s | events kept | state.db, kB | its log, kB | RSS of this program, MB |");
    println!("|---|---|---|---|---|---|");
    let (mut newest, mut row) = (0, 1);
    while newest < n {
        let last = (newest + BATCH).min(n);
        let events: Vec<Arc<Event>> = (newest + 1..=last).map(|seq| Arc::new(event(seq))).collect();
        state.append_events(&events, EVENTS_KEPT).await?;
        newest = last;
        if newest >= row * n / ROWS {
            row += 1;
            let oldest = state.newest_events(&Default::default(), 1).await?.oldest.unwrap_or(newest);
            let (size, counts) = (Size::new(folder.path())?, Counts::of(std::process::id())?);
            let (seconds, kept, rss) = (began.elapsed().as_secs_f64(), newest + 1 - oldest, counts.rss / 1024.0);
            println!(
                "| {newest} | {seconds:.1} | {kept} | {} | {} | {rss:.1} |",
                size.database / 1024,
                size.log / 1024
            );
        }
    }
    state.close().await;
    Ok(())
}

async fn of_jobs(work: &Path, n: u64, lines: u64) -> Result<()> {
    let folder = tempfile::tempdir_in(work)?;
    let (state, began) = (State::open(folder.path()).await?, Instant::now());
    let bytes = log(0, lines).text.len();
    println!("{n} jobs that have ended, each with a log of {:.1} kB; {JOBS_KEPT} are kept.\n", bytes as f64 / 1024.0);
    println!("| jobs so far | s | jobs kept | state.db, kB | its log, kB | RSS of this program, MB |");
    println!("|---|---|---|---|---|---|");
    for number in 1..=n {
        state.put_job(job(number), Some(log(number, lines)), JOBS_KEPT).await?;
        if number.is_multiple_of((n / ROWS).max(1)) {
            let kept = state.jobs(&JobFilter::default(), usize::try_from(n)?, None).await?.jobs.len();
            let (size, counts) = (Size::new(folder.path())?, Counts::of(std::process::id())?);
            let (seconds, rss) = (began.elapsed().as_secs_f64(), counts.rss / 1024.0);
            println!(
                "| {number} | {seconds:.1} | {kept} | {} | {} | {rss:.1} |",
                size.database / 1024,
                size.log / 1024
            );
        }
    }
    println!();
    state.close().await;
    Ok(())
}

/// Bytes of a database and of its log.
struct Size {
    database: u64,
    log: u64,
}

impl Size {
    fn new(folder: &Path) -> std::io::Result<Size> {
        let path = folder.join(host_state::FILE_NAME);
        let log = fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
        Ok(Size { database: fs::metadata(path)?.len(), log })
    }
}
