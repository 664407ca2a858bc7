//! How long requests take while handlers of a plugin block their threads.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Result;
use crate::host::{Ending, Host, Program};
use crate::stats::{median, percentile, range};

/// The calls that block.
const BLOCKING_CALLS: usize = 64;
/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(5);
/// The requests that are timed.
const REQUESTS: [&str; 4] = ["/health/live", "/metrics", "/api/plugins", "/api/plugin-endpoints/plugin-000/hello"];
/// What the handlers do, and the endpoint for it.
const CASES: [(&str, Option<&str>); 3] =
    [("nothing", None), ("64 `fn` handlers block", Some("wait")), ("64 `async fn` handlers block", Some("held"))];

/// Starts a host with two plugins and times requests for so long in each case.
///
/// `plugin` and `blocks` are folders, each with its library.
pub fn run(program: &str, work: &str, plugin: [&str; 2], blocks: [&str; 2], seconds: &str) -> Result<()> {
    let time = Duration::from_secs(seconds.parse()?);
    let program = Program { path: program.to_owned(), work: work.into() };
    let ids = ["plugin-000".to_owned(), "blocks".to_owned()];
    for (id, [folder, library]) in ids.iter().zip([plugin, blocks]) {
        program.copies(folder.as_ref(), library.as_ref(), std::slice::from_ref(id), |_| String::new())?;
    }
    println!(
        "One connection sends one request after the other, with {} ms after every four, {seconds} s in each case.\n",
        PAUSE.as_millis()
    );
    println!("| meanwhile | request | requests | p50 ms | p99 ms | worst ms |\n|---|---|---|---|---|---|");
    for (number, (meanwhile, endpoint)) in CASES.into_iter().enumerate() {
        let host = program.start(&format!("blocking-{number}"))?;
        program.load(&host, &ids)?;
        let blocked = endpoint.map(|endpoint| block(&host, endpoint)).transpose()?;
        let times = timed(&host, time)?;
        for (path, times) in REQUESTS.iter().zip(&times) {
            let (p50, p99, worst) = (median(times), percentile(times, 0.99), range(times).1);
            println!("| {meanwhile} | `{path}` | {} | {p50:.2} | {p99:.2} | {worst:.2} |", times.len());
        }
        if blocked.is_some() {
            host.connect()?.send("POST", "/api/plugin-endpoints/blocks/open", "")?;
        }
        host.end(Ending::Orderly)?;
    }
    Ok(())
}

/// Sends the blocking calls, and waits until all their handlers block.
fn block(host: &Host, endpoint: &str) -> Result<Vec<TcpStream>> {
    let mut calls = vec![];
    for _ in 0..BLOCKING_CALLS {
        let mut call = TcpStream::connect(host.address())?;
        write!(call, "GET /api/plugin-endpoints/blocks/{endpoint} HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        calls.push(call);
    }
    let until = Instant::now() + Duration::from_secs(60);
    let mut connection = host.connect()?;
    loop {
        let answer = connection.get("/api/plugin-endpoints/blocks/waiting")?;
        let n_blocking = String::from_utf8_lossy(&answer.body).parse::<usize>()?;
        if n_blocking == BLOCKING_CALLS {
            return Ok(calls);
        }
        if Instant::now() > until {
            return Err(format!("only {n_blocking} handlers block").into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// The milliseconds that each request took.
fn timed(host: &Host, time: Duration) -> Result<[Vec<f64>; 4]> {
    let mut times: [Vec<f64>; 4] = Default::default();
    let mut connection = host.connect()?;
    let until = Instant::now() + time;
    while Instant::now() < until {
        for (path, times) in REQUESTS.iter().zip(&mut times) {
            let sent = Instant::now();
            let answer = connection.get(path)?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
            if answer.status != 200 {
                return Err(format!("{path} answered {}", answer.status).into());
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(times)
}
