//! The time from asking for a plugin to its first answer, with a warm build cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Result;
use crate::http::Connection;
use crate::stats::{median, range};

const ENDPOINT: &str = "/api/plugin-endpoints/hello/hello";

/// Measured times in milliseconds: until the first answer, and of the steps as the host reports them.
#[derive(Default)]
struct Times {
    all: Vec<f64>,
    steps: BTreeMap<String, Vec<f64>>,
    /// The steps in their order.
    order: Vec<String>,
}

/// Loads changed copies of `source`, made in `work`, each of them twice.
pub fn run(address: &str, token: &str, source: &str, work: &str, rounds: &str) -> Result<()> {
    let rounds: usize = rounds.parse()?;
    let mut host = Connection::open(address, Some(fs::read_to_string(token)?.trim()))?;
    let (mut new, mut same) = (Times::default(), Times::default());
    // Round 0 warms up.
    for round in 0..=rounds {
        let copy = Path::new(work).join(format!("hello-{round}"));
        copy_folder(Path::new(source), &copy)?;
        let library = copy.join("src/lib.rs");
        let code = fs::read_to_string(&library)?;
        #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
        fs::write(&library, format!("{code}\n// Copy {round} of process {}.\n", std::process::id()))?;
        for (times, cached) in [(&mut new, false), (&mut same, true)] {
            let (all, answer) = load(&mut host, &copy)?;
            if answer["cached"] != json!(cached) {
                return Err(format!("round {round}: expected cached={cached}, the host says {answer}").into());
            }
            if round > 0 {
                times.add(all, &answer);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    print(&new, &same, rounds);
    Ok(())
}

/// Unloads the plugin, then loads the folder; returns the milliseconds from asking to the first 200 of the endpoint.
fn load(host: &mut Connection, folder: &Path) -> Result<(f64, Value)> {
    host.send("DELETE", "/api/plugins/hello", "")?;
    if host.get(ENDPOINT)?.status == 200 {
        return Err("the endpoint answers although its plugin is unloaded".into());
    }
    let body = json!({ "source": folder }).to_string();
    let started = Instant::now();
    let answer = host.send("POST", "/api/plugins/load", &body)?.json()?;
    while host.get(ENDPOINT)?.status != 200 {}
    Ok((started.elapsed().as_secs_f64() * 1e3, answer))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        // A target folder of somebody's is not part of the plugin.
        if !entry.file_type()?.is_dir() {
            fs::copy(entry.path(), copy)?;
        } else if entry.file_name() != "target" {
            copy_folder(&entry.path(), &copy)?;
        }
    }
    Ok(())
}

impl Times {
    fn add(&mut self, all: f64, answer: &Value) {
        self.all.push(all);
        for step in answer["steps"].as_array().into_iter().flatten() {
            let (Some(name), Some(time)) = (step["step"].as_str(), step["duration_ms"].as_f64()) else { continue };
            if !self.steps.contains_key(name) {
                self.order.push(name.to_owned());
            }
            self.steps.entry(name.to_owned()).or_default().push(time);
        }
    }
}

fn print(new: &Times, same: &Times, rounds: usize) {
    println!("{rounds} rounds; the first that warms up is not counted.\n");
    println!("| from POST /api/plugins/load to the first 200 of its endpoint | ms, median (range) |");
    println!("|---|---|");
    for (name, times) in [("a source never seen", new), ("the same source again", same)] {
        let (least, most) = range(&times.all);
        println!("| {name} | {:.1} ({least:.1}-{most:.1}) |", median(&times.all));
    }
    println!("\n| step, as the host reports it | never seen: ms, median | again: ms, median |");
    println!("|---|---|---|");
    for step in &new.order {
        let of =
            |times: &Times| times.steps.get(step).map_or("–".to_owned(), |times| format!("{:.2}", median(times)));
        println!("| {step} | {} | {} |", of(new), of(same));
    }
}
