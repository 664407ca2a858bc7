//! How long a sign of life takes while slow clients hold as many connections as they get.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Result;
use crate::host::{Ending, Host, Program};
use crate::http::Connection;
use crate::stats::{median, percentile, range};

/// What a slow client sends before it falls silent.
const BEGINNINGS: [&str; 4] = [
    "",
    "GET /hea",
    "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
    "POST /api/plugin-endpoints/plugin-000/hello HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{",
];
/// Between two probes.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two slow clients.
const NEXT: Duration = Duration::from_millis(5);

/// The milliseconds that each probe took, on a connection of its own.
struct Probed {
    times: Vec<f64>,
    failed: usize,
    /// The most connections that slow clients held at once.
    slow: usize,
}

/// Starts a host that may have so many files open, and asks it for so long whether it is alive: alone, and while so
/// many slow clients are there, of which each that is turned away comes again.
pub fn run(
    program: &str,
    work: &str,
    plugin: &str,
    library: &str,
    files: &str,
    clients: &str,
    seconds: &str,
) -> Result<()> {
    let (files, clients, seconds): (u32, usize, u64) = (files.parse()?, clients.parse()?, seconds.parse()?);
    let program = Program { path: program.to_owned(), work: work.into() };
    let ids = ["plugin-000".to_owned()];
    program.copies(plugin.as_ref(), library.as_ref(), &ids, |_| String::new())?;
    let host = program.start_with("slow", Some(files))?;
    program.load(&host, &ids)?;
    let time = Duration::from_secs(seconds);
    let alone = probe(&host, 0, time)?;
    let beside = probe(&host, clients, time)?;
    println!(
        "The host may have {files} files open; a probe is `/health/live` on a connection of its own, every {} ms, {seconds} s long. \
         Slow clients send nothing, a part of a head, or a part of a body, and a new one comes every {} ms.\n",
        PAUSE.as_millis(),
        NEXT.as_millis()
    );
    println!("| slow clients | probes | failed | ms, median | p99 | worst |\n|---|---|---|---|---|---|");
    for probed in [alone, beside] {
        let times = &probed.times;
        let (p50, p99, worst) = (median(times), percentile(times, 0.99), range(times).1);
        println!("| {} | {} | {} | {p50:.2} | {p99:.2} | {worst:.2} |", probed.slow, times.len(), probed.failed);
    }
    host.end(Ending::Orderly)
}

fn probe(host: &Host, clients: usize, time: Duration) -> Result<Probed> {
    let (address, enough) = (host.address(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| crowd(address, clients, &enough));
        let mut probed = Probed { times: vec![], failed: 0, slow: 0 };
        // Until the crowd is there.
        std::thread::sleep(NEXT * u32::try_from(clients).unwrap_or(u32::MAX));
        let until = Instant::now() + time;
        while Instant::now() < until {
            let asked = Instant::now();
            let answer = Connection::open(address, None).and_then(|mut connection| connection.get("/health/live"));
            probed.times.push(asked.elapsed().as_secs_f64() * 1e3);
            probed.failed += usize::from(!answer.is_ok_and(|answer| answer.status == 200));
            std::thread::sleep(PAUSE);
        }
        enough.store(true, Ordering::Relaxed);
        probed.slow = slow.join().map_err(|_| "the slow clients failed")?;
        Ok(probed)
    })
}

/// Keeps the last `clients` slow connections open, and says how many there were at most.
fn crowd(address: &str, clients: usize, enough: &AtomicBool) -> usize {
    let (mut open, mut most) = (VecDeque::new(), 0);
    for beginning in BEGINNINGS.iter().cycle() {
        if enough.load(Ordering::Relaxed) || clients == 0 {
            break;
        }
        if let Ok(mut stream) = TcpStream::connect(address)
            && stream.write_all(beginning.as_bytes()).is_ok()
        {
            open.push_back(stream);
        }
        if open.len() > clients {
            open.pop_front();
        }
        most = most.max(open.len());
        std::thread::sleep(NEXT);
    }
    most
}
