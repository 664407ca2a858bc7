//! Many open streams of server-sent events: the memory that they take, and what an event costs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Result, process};

const PATH: &str = "/api/plugin-endpoints/measured/ticks";
/// The first number of streams that memory is read at.
const FEW: usize = 100;
/// Names of the servers, in the order in which they are given.
const NAMES: [&str; 2] = ["host", "axum"];
/// Much longer than a first event takes, or a server needs to see that a caller is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is open to one server.
struct Streams {
    address: String,
    open: JoinSet<()>,
    /// Says of each stream that its first event has come, and why one has ended.
    first: mpsc::UnboundedReceiver<std::result::Result<(), String>>,
    first_sender: mpsc::UnboundedSender<std::result::Result<(), String>>,
    events: Arc<AtomicU64>,
}

/// Memory at one moment, in kB.
struct Memory {
    rss: f64,
    anonymous: f64,
}

struct Measured {
    /// In the order of the rows.
    memory: Vec<Memory>,
    /// Events that came, and seconds that they came in, with all streams open.
    events: u64,
    seconds: f64,
    /// CPU seconds of the server meanwhile.
    busy: f64,
    /// Milliseconds until the server had let go of all streams.
    closing: f64,
}

/// Opens so many streams to each server and listens so many seconds. A server is `port:pid`.
pub fn run(streams: &str, seconds: &str, servers: &[&str]) -> Result<()> {
    let (streams, seconds): (usize, u64) = (streams.parse()?, seconds.parse()?);
    if streams <= FEW {
        return Err(format!("more than {FEW} streams are needed").into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut all = vec![];
    for (name, server) in NAMES.iter().zip(servers) {
        let (port, pid) = server.split_once(':').ok_or("a server is port:pid")?;
        let address = format!("127.0.0.1:{port}");
        all.push(runtime.block_on(measure(address, pid.parse()?, streams, Duration::from_secs(seconds)))?);
        eprintln!("{name}: done");
    }
    print(&all, streams);
    Ok(())
}

async fn measure(address: String, pid: u32, wanted: usize, length: Duration) -> Result<Measured> {
    let (first_sender, first) = mpsc::unbounded_channel();
    let mut streams = Streams { address, open: JoinSet::new(), first, first_sender, events: Arc::default() };
    let idle = descriptors(pid)?;
    // One stream that comes and goes: the code that it needs is in memory then.
    streams.open_to(1).await?;
    streams.close(pid, idle).await?;

    let mut memory = vec![Memory::of(pid)?];
    streams.open_to(FEW).await?;
    memory.push(Memory::of(pid)?);
    streams.open_to(wanted).await?;
    let (started, busy, events) = (Instant::now(), process::of(pid)?, streams.events.load(Ordering::Relaxed));
    sleep(length).await;
    let events = streams.events.load(Ordering::Relaxed) - events;
    let (seconds, busy) = (started.elapsed().as_secs_f64(), process::of(pid)?.since(busy).total());
    if let Ok(ended) = streams.first.try_recv() {
        ended?;
    }
    memory.push(Memory::of(pid)?);
    let closing = streams.close(pid, idle).await?;
    memory.push(Memory::of(pid)?);
    streams.open_to(wanted).await?;
    memory.push(Memory::of(pid)?);
    streams.close(pid, idle).await?;
    memory.push(Memory::of(pid)?);
    Ok(Measured { memory, events, seconds, busy, closing })
}

impl Streams {
    /// Opens streams until there are so many, and waits for the first event of each.
    async fn open_to(&mut self, wanted: usize) -> Result<()> {
        let new = wanted - self.open.len();
        for _ in 0..new {
            let stream = TcpStream::connect(&self.address).await?;
            let (events, first) = (self.events.clone(), self.first_sender.clone());
            self.open.spawn(async move {
                let ended = listen(stream, &events, &first).await.err();
                let ended = ended.map_or("it ended".to_owned(), |error| error.to_string());
                // Nobody hears it when this program ends.
                let _ = first.send(Err(format!("a stream did not stay open: {ended}")));
            });
        }
        for _ in 0..new {
            timeout(PATIENCE, self.first.recv()).await?.ok_or("the streams are gone")??;
        }
        Ok(())
    }

    /// Closes all, and waits until the server has no more descriptors than when it was `idle`. Returns how long that
    /// took, in milliseconds.
    async fn close(&mut self, pid: u32, idle: usize) -> Result<f64> {
        let started = Instant::now();
        self.open.shutdown().await;
        while descriptors(pid)? > idle {
            if started.elapsed() > PATIENCE {
                return Err(format!("the server keeps {} descriptors more", descriptors(pid)? - idle).into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }
}

/// Asks for a stream and counts its events until it ends.
async fn listen(
    mut stream: TcpStream,
    events: &AtomicU64,
    first: &mpsc::UnboundedSender<std::result::Result<(), String>>,
) -> std::io::Result<()> {
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut stream = BufReader::with_capacity(1024, stream);
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line.starts_with("HTTP/1.1 ") && !line.contains(" 200 ") {
            return Err(std::io::Error::other(line));
        }
        // Between the lines of events stand those of the chunked encoding.
        let Some(data) = line.strip_prefix("data: ") else { continue };
        number += 1;
        if data.trim_end() != number.to_string() {
            return Err(std::io::Error::other(format!("event {number} says {data}")));
        }
        events.fetch_add(1, Ordering::Relaxed);
        if number == 1 {
            // As above.
            let _ = first.send(Ok(()));
        }
    }
}

impl Memory {
    fn of(pid: u32) -> Result<Memory> {
        let status = format!("{pid}/status");
        Ok(Memory { rss: process::kilobytes(&status, "VmRSS")?, anonymous: process::kilobytes(&status, "RssAnon")? })
    }
}

fn descriptors(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

fn print(all: &[Measured], streams: usize) {
    let rows = [
        "before".to_owned(),
        format!("{FEW} streams"),
        format!("{streams} streams"),
        "closed".to_owned(),
        format!("{streams} streams again"),
        "closed again".to_owned(),
    ];
    println!("An event a second on each stream; memory is read when each has got one.\n");
    println!("| RSS, MB (of it anonymous) | {} |", NAMES.join(" | "));
    println!("|---|---|---|");
    for (index, row) in rows.iter().enumerate() {
        let cells = all.iter().map(|of| {
            let Memory { rss, anonymous } = &of.memory[index];
            format!("{:.1} ({:.1})", rss / 1024.0, anonymous / 1024.0)
        });
        println!("| {row} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    let row = |name: &str, value: &dyn Fn(&Measured) -> String| {
        println!("| {name} | {} |", all.iter().map(value).collect::<Vec<_>>().join(" | "));
    };
    println!("\n| of one stream | {} |", NAMES.join(" | "));
    println!("|---|---|---|");
    let each =
        |of: &Measured, from: usize, n: usize| format!("{:.1}", (of.memory[2].rss - of.memory[from].rss) / n as f64);
    row("kB, from none to all", &|of| each(of, 0, streams));
    row(&format!("kB, from {FEW} to all"), &|of| each(of, 1, streams - FEW));
    row("events a second", &|of| format!("{:.3}", of.events as f64 / of.seconds / streams as f64));
    row("CPU time of the server for an event, µs", &|of| format!("{:.1}", of.busy * 1e6 / of.events as f64));
    row("ms until the server had let go of all that were closed", &|of| format!("{:.0}", of.closing));
}
