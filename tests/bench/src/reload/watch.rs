//! Reloads one plugin, and watches what becomes of its generations and of the host's process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Connection;
use crate::stats::slope;
use crate::{Result, process};

/// The host shows the last 20 generations that have ended; asking this often misses none.
const LOOK_EVERY: u64 = 8;
/// How many samples of the memory are taken.
const SAMPLES: u64 = 100;
/// How long what is left may take to go: threads that wait for work end after ten seconds.
const SETTLE: Duration = Duration::from_secs(15);

/// One plugin of a host.
pub(super) struct Watch {
    host: Connection,
    plugin: String,
    pid: u32,
    /// How many reloads there will be.
    wanted: u64,
    /// Milliseconds until the answer of each reload.
    pub(super) answered: Vec<f64>,
    /// By generation: milliseconds from the swap until it was unmapped.
    unmapped: BTreeMap<u64, f64>,
    /// By generation that counts its heap: bytes that it left behind.
    left: BTreeMap<u64, f64>,
    samples: Vec<Sample>,
    began: Counts,
    /// The generation that the first reload replaces.
    first: u64,
    reloading: Duration,
}

/// Memory after so many reloads, in kB.
struct Sample {
    reloads: f64,
    rss: f64,
    anonymous: f64,
}

/// What a process has.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    /// Resident memory in kB.
    pub(super) rss: f64,
    /// The part of it that is no file's.
    pub(super) anonymous: f64,
    pub(super) files: usize,
    pub(super) threads: usize,
    /// Libraries of the plugin.
    pub(super) mapped: usize,
}

/// What was seen.
pub(super) struct Seen {
    pub(super) answered: Vec<f64>,
    pub(super) per_second: f64,
    pub(super) before: Counts,
    pub(super) after: Counts,
    /// kB a reload over the last half; `None` when there were too few.
    pub(super) rss_slope: Option<f64>,
    pub(super) anonymous_slope: Option<f64>,
    /// Milliseconds from the swap until it was unmapped, of each generation that was.
    pub(super) unmapped: Vec<f64>,
    pub(super) left: Vec<f64>,
}

impl Watch {
    /// Of a host whose callers are not there yet.
    pub(super) fn new(address: &str, token: &str, plugin: &str, pid: u32, wanted: u64) -> Result<Watch> {
        let mut host = Connection::open(address, Some(token))?;
        let serving = host.get(&format!("/api/plugins/{plugin}"))?.json()?["generation"].as_u64();
        let first = serving.ok_or("a plugin that does not serve")?;
        let began = settled(&mut host, pid, plugin, |counts, last| {
            (counts.files, counts.threads) == (last.files, last.threads)
        })?;
        Ok(Watch {
            host,
            plugin: plugin.to_owned(),
            pid,
            wanted,
            answered: vec![],
            unmapped: BTreeMap::new(),
            left: BTreeMap::new(),
            samples: vec![],
            began,
            first,
            reloading: Duration::ZERO,
        })
    }

    /// How many reloads have been answered.
    pub(super) fn done(&self) -> u64 {
        self.answered.len() as u64
    }

    /// Reloads the plugin, which gives the number of its new generation.
    pub(super) fn reload(&mut self) -> Result<u64> {
        let started = Instant::now();
        let path = format!("/api/plugins/{}/reload", self.plugin);
        let answer = self.host.send("POST", &path, "")?.json()?;
        let generation = answer["generation"].as_u64().ok_or("a reload without a generation")?;
        self.answered.push(started.elapsed().as_secs_f64() * 1e3);
        self.reloading += started.elapsed();
        if self.done().is_multiple_of(LOOK_EVERY) {
            self.look()?;
        }
        if self.done().is_multiple_of((self.wanted / SAMPLES).max(1)) {
            let counts = counts(self.pid, &self.plugin)?;
            let reloads = self.done() as f64;
            self.samples.push(Sample { reloads, rss: counts.rss, anonymous: counts.anonymous });
        }
        Ok(generation)
    }

    /// Notes the generations that have ended; gives how many have not.
    fn look(&mut self) -> Result<usize> {
        let plugin = self.host.get(&format!("/api/plugins/{}", self.plugin))?.json()?;
        let generations = plugin["generations"].as_array().ok_or("a plugin without generations")?;
        for generation in generations {
            let number = generation["number"].as_u64().ok_or("a generation without a number")?;
            let note = |key: &str, into: &mut BTreeMap<u64, f64>| {
                if let Some(value) = generation[key].as_f64().filter(|_| number >= self.first) {
                    into.insert(number, value);
                }
            };
            note("unmapped_after_ms", &mut self.unmapped);
            note("left_bytes", &mut self.left);
        }
        let is_left = |generation: &&Value| generation["phase"] != "unmapped";
        Ok(generations.iter().filter(is_left).count())
    }

    /// Waits until nothing is left but what serves, as long as that may take. The callers must have gone.
    pub(super) fn end(mut self) -> Result<Seen> {
        let before = self.began;
        let until = Instant::now() + SETTLE;
        while self.look()? > 1 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let after = settled(&mut self.host, self.pid, &self.plugin, |counts, _| {
            counts.mapped <= 1 && counts.files <= before.files && counts.threads <= before.threads
        })?;
        let last_half = self.samples.iter().filter(|sample| sample.reloads > self.wanted as f64 / 2.0);
        let points = |value: fn(&Sample) -> f64| -> Vec<_> {
            last_half.clone().map(|sample| (sample.reloads, value(sample))).collect()
        };
        Ok(Seen {
            per_second: self.answered.len() as f64 / self.reloading.as_secs_f64(),
            before,
            after,
            rss_slope: slope(&points(|sample| sample.rss)),
            anonymous_slope: slope(&points(|sample| sample.anonymous)),
            answered: self.answered,
            unmapped: self.unmapped.into_values().collect(),
            left: self.left.into_values().collect(),
        })
    }
}

/// What a process has as soon as `is_settled` of it and of what it had a moment before, or at last.
fn settled(
    host: &mut Connection,
    pid: u32,
    plugin: &str,
    is_settled: impl Fn(&Counts, &Counts) -> bool,
) -> Result<Counts> {
    let until = Instant::now() + SETTLE;
    let mut last = counts(pid, plugin)?;
    loop {
        std::thread::sleep(Duration::from_millis(200));
        // The host closes connections that nothing is sent on for long.
        host.get("/health")?.json()?;
        let now = counts(pid, plugin)?;
        if is_settled(&now, &last) || Instant::now() > until {
            return Ok(now);
        }
        last = now;
    }
}

fn counts(pid: u32, plugin: &str) -> Result<Counts> {
    let status = format!("{pid}/status");
    Ok(Counts {
        rss: process::kilobytes(&status, "VmRSS")?,
        anonymous: process::kilobytes(&status, "RssAnon")?,
        files: process::open_files(pid)?,
        threads: process::threads(pid)?,
        mapped: process::mapped_libraries(pid, plugin)?,
    })
}
