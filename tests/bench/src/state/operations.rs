//! Operations on plugins, asked of a host over HTTP back to back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::Times;
use crate::Result;
use crate::host::{Ending, Host, Program};
use crate::http::Connection;
use crate::stats::median;

/// The most that are asked for at once, each for a plugin of its own.
const PLUGINS: usize = 32;

type Body = fn(usize) -> String;

/// What is asked, in turn.
struct Asked {
    name: &'static str,
    /// Method, path below the plugin, and body of the number that it is given.
    requests: [(&'static str, &'static str, Body); 2],
}

const ASKED: [Asked; 3] = [
    Asked { name: "disable and enable, in turn", requests: [("POST", "disable", none), ("POST", "enable", none)] },
    Asked { name: "configure", requests: [("PUT", "config", greeting), ("PUT", "config", greeting)] },
    Asked { name: "restart", requests: [("POST", "restart", none), ("POST", "restart", none)] },
];

fn none(_: usize) -> String {
    String::new()
}

fn greeting(number: usize) -> String {
    json!({ "greeting": format!("Hello for the {number}th time") }).to_string()
}

/// Milliseconds of each step, by name, in the order in which they came.
#[derive(Default)]
struct Steps {
    times: BTreeMap<String, Vec<f64>>,
    order: Vec<String>,
}

/// Asks for `n` of each, one at a time and as many at once as there are plugins.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, n: &str) -> Result<()> {
    let n: usize = n.parse()?;
    let program = Program { path: program.to_owned(), work: work.into() };
    let ids: Vec<String> = (0..PLUGINS).map(|number| format!("plugin-{number:03}")).collect();
    program.copies(Path::new(plugin), Path::new(library), &ids, |_| String::new())?;
    let host = program.start("operations")?;
    program.load(&host, &ids)?;
    println!("\n### operations, asked of a host over HTTP\n");
    println!(
        "{n} of each; those at once are for as many plugins. Each is a job, and its answer comes when it has ended.\n"
    );
    println!("| operation | revisions before | at once | operations/s | ms, median | p99 | worst |");
    println!("|---|---|---|---|---|---|---|");
    let mut all_steps = vec![];
    for asked in &ASKED {
        for at_once in [1, 8, 32] {
            let before = host.connect()?.get(&format!("/api/plugins/{}/config", ids[0]))?.json()?["revision"].as_u64();
            let (times, steps) = ask(&host, asked, &ids[..at_once], n)?;
            times.print(asked.name, before, at_once);
            if at_once == 1 {
                all_steps.push((asked.name, steps));
            }
        }
        eprintln!("{}: done", asked.name);
    }
    host.end(Ending::Orderly)?;
    println!("\n| one at a time | step: ms, median |");
    println!("|---|---|");
    for (name, steps) in &all_steps {
        let cells = steps.order.iter().map(|step| format!("{step} {:.2}", median(&steps.times[step])));
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

fn ask(host: &Host, asked: &Asked, ids: &[String], n: usize) -> Result<(Times, Steps)> {
    let lane = |id: &str| -> std::result::Result<_, String> {
        let said = |error: std::io::Error| format!("{} of `{id}`: {error}", asked.name);
        let mut connection = host.connect().map_err(said)?;
        let (mut times, mut steps) = (vec![], Steps::default());
        for number in 0..n / ids.len() {
            let started = Instant::now();
            let answer = one(&mut connection, id, asked, number).map_err(said)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            steps.add(&answer);
        }
        Ok((times, steps))
    };
    let began = Instant::now();
    let lanes: Vec<_> = std::thread::scope(|scope| {
        let lane = &lane;
        let threads: Vec<_> = ids.iter().map(|id| scope.spawn(move || lane(id))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a caller does not panic")).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let (mut each, mut steps) = (vec![], Steps::default());
    for lane in lanes {
        let (times, of_lane) = lane?;
        each.extend(times);
        steps = of_lane;
    }
    Ok((Times { per_second: each.len() as f64 / seconds, each }, steps))
}

fn one(connection: &mut Connection, id: &str, asked: &Asked, number: usize) -> std::io::Result<Value> {
    let (method, path, body) = asked.requests[number % 2];
    connection.send(method, &format!("/api/plugins/{id}/{path}"), &body(number))?.json()
}

impl Steps {
    fn add(&mut self, answer: &Value) {
        for step in answer["steps"].as_array().into_iter().flatten() {
            let (Some(name), Some(time)) = (step["step"].as_str(), step["duration_ms"].as_f64()) else { continue };
            if !self.times.contains_key(name) {
                self.order.push(name.to_owned());
            }
            self.times.entry(name.to_owned()).or_default().push(time);
        }
    }
}
