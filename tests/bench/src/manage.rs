//! How long looks at a host take that has many plugins: while nothing else is asked, and while a plugin is called.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::host::{Ending, Host, Program};
use crate::stats::{median, percentile};
use crate::wrk;

/// Connections that call a plugin meanwhile.
const CONNECTIONS: u32 = 32;

/// What is looked at. `plugin-000` is there.
const LOOKS: [&str; 7] = [
    "/api/plugins",
    "/api/plugins/plugin-000",
    "/api/plugins/plugin-000/status",
    "/api/plugins/health/summary",
    "/api/jobs",
    "/metrics",
    "/health/live",
];

/// The milliseconds that each look took, and the bytes of its answer.
struct Looked {
    times: Vec<Vec<f64>>,
    bytes: Vec<usize>,
}

/// Starts a host with so many plugins and looks at it for so long, on one connection, first alone and then beside
/// calls.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, plugins: &str, seconds: &str) -> Result<()> {
    let (plugins, seconds): (usize, u64) = (plugins.parse()?, seconds.parse()?);
    let program = Program { path: program.to_owned(), work: work.into() };
    let ids: Vec<_> = (0..plugins).map(|number| format!("plugin-{number:03}")).collect();
    program.copies(Path::new(plugin), Path::new(library), &ids, |_| String::new())?;
    let host = program.start("manage")?;
    program.load(&host, &ids)?;
    let count = host.connect()?.get("/api/plugins")?.json()?["count"].clone();
    if count != plugins {
        return Err(format!("{count} plugins are there, not {plugins}").into());
    }
    let time = Duration::from_secs(seconds);
    look(&host, Duration::from_secs(1))?;
    let alone = look(&host, time)?;
    let url = format!("http://{}/api/plugin-endpoints/plugin-000/hello", host.address());
    let (before, ()) = wrk::run_during(&url, CONNECTIONS, || std::thread::sleep(time))?;
    let (during, beside) = wrk::run_during(&url, CONNECTIONS, || look(&host, time).map_err(|error| error.to_string()))?;
    let beside = beside?;
    println!(
        "{plugins} plugins; one connection asks for one after the other, {seconds} s alone and {seconds} s beside \
         `wrk -t2 -c{CONNECTIONS}` that calls a plugin: {:.0} calls/s, and {:.0} calls/s without looks; {} calls failed.\n",
        during.rate, before.rate, during.failed
    );
    println!(
        "| look | bytes | looks | p50 ms | p99 ms | looks beside calls | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|"
    );
    for (n, path) in LOOKS.iter().enumerate() {
        let cells = |looked: &Looked| {
            let times = &looked.times[n];
            format!("{} | {:.2} | {:.2}", times.len(), median(times), percentile(times, 0.99))
        };
        println!("| `{path}` | {} | {} | {} |", alone.bytes[n], cells(&alone), cells(&beside));
    }
    host.end(Ending::Orderly)
}

fn look(host: &Host, time: Duration) -> Result<Looked> {
    let mut connection = host.connect()?;
    let mut looked = Looked { times: vec![vec![]; LOOKS.len()], bytes: vec![0; LOOKS.len()] };
    let until = Instant::now() + time;
    while Instant::now() < until || looked.times[0].is_empty() {
        for (n, path) in LOOKS.iter().enumerate() {
            let asked = Instant::now();
            let answer = connection.get(path)?;
            looked.times[n].push(asked.elapsed().as_secs_f64() * 1e3);
            if answer.status != 200 {
                return Err(format!("{path} answered {}", answer.status).into());
            }
            looked.bytes[n] = answer.body.len();
        }
    }
    Ok(looked)
}
