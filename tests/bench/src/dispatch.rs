//! Requests a second and latency of the host and of the same handler compiled into axum, side by side.

use crate::Result;
use crate::http::Connection;
use crate::process::{self, Busy};
use crate::stats::{median, range};
use crate::wrk::{self, Run};

const CONNECTIONS: u32 = 32;
/// A rotation in which others kept more cores busy than this, in any of its windows, is measured again.
const QUIET: f64 = 0.1;
/// How often, before what there is must do: at most this many rotations for each that is wanted.
const PATIENCE: usize = 4;

/// What is asked of each server.
struct Request {
    path: &'static str,
    /// The body of a POST; none is sent with a GET.
    json: Option<&'static str>,
    /// What each of them answers.
    answer: &'static str,
}

const HELLO: Request =
    Request { path: "/api/plugin-endpoints/hello/hello", json: None, answer: r#"{"message":"Hello from plugin!"}"# };
const EXTRACT: Request = Request {
    path: "/api/plugin-endpoints/measured/hello/Zoe",
    json: Some(r#"{"title":"Doctor","visits":7}"#),
    answer: r#"{"message":"Hello, Doctor Zoe!","visits":8}"#,
};

/// Names of the servers, in the order in which they are given: the two in the middle are the same program, so that
/// their ratio shows the noise.
const NAMES: [&str; 4] = ["host", "axum, same headers", "axum, same headers, again", "axum, fewer headers"];

struct Server {
    address: String,
    pid: u32,
}

struct Window {
    run: Run,
    /// Of the server, for each request, in microseconds.
    user: f64,
    system: f64,
    /// Busy cores besides server and wrk.
    others: f64,
}

/// One window for each server.
type Rotation = Vec<Window>;

/// Measures the servers in turn, in one order and then in the other, `rotations` times. A server is `port:pid`; `what`
/// is the request, `dispatch` or `extract`.
pub fn run(what: &str, rotations: &str, seconds: &str, servers: &[&str]) -> Result<()> {
    let (wanted, seconds): (usize, u32) = (rotations.parse()?, seconds.parse()?);
    let request = if what == "extract" { EXTRACT } else { HELLO };
    let servers = servers.iter().map(|text| server(text)).collect::<Result<Vec<_>>>()?;
    for server in &servers {
        check(server, &request)?;
        window(server, &request, 2)?;
    }
    let (mut quiet, mut disturbed): (Vec<Rotation>, Vec<Rotation>) = (vec![], vec![]);
    while quiet.len() < wanted && quiet.len() + disturbed.len() < wanted * PATIENCE {
        let rotation = rotation(&servers, &request, seconds, quiet.len() % 2 == 1)?;
        // Which windows count depends on what others did, never on what was measured.
        let is_quiet = rotation.iter().all(|window| window.others < QUIET);
        if is_quiet { &mut quiet } else { &mut disturbed }.push(rotation);
        eprintln!("{} of {wanted} rotations, {} disturbed", quiet.len(), disturbed.len());
    }
    if quiet.len() < wanted {
        println!("The machine was not quiet: the windows below include those that others disturbed.\n");
        quiet.append(&mut disturbed);
    }
    print(&quiet, disturbed.len(), seconds);
    Ok(())
}

fn rotation(servers: &[Server], request: &Request, seconds: u32, backwards: bool) -> Result<Rotation> {
    if !backwards {
        return servers.iter().map(|server| window(server, request, seconds)).collect();
    }
    let mut rotation =
        servers.iter().rev().map(|server| window(server, request, seconds)).collect::<Result<Rotation>>()?;
    rotation.reverse();
    Ok(rotation)
}

fn server(text: &str) -> Result<Server> {
    let (port, pid) = text.split_once(':').ok_or("a server is port:pid")?;
    Ok(Server { address: format!("127.0.0.1:{port}"), pid: pid.parse()? })
}

/// A fast wrong answer is worth nothing.
fn check(server: &Server, request: &Request) -> Result<()> {
    let method = if request.json.is_some() { "POST" } else { "GET" };
    let mut connection = Connection::open(&server.address, None)?;
    let answer = connection.send(method, request.path, request.json.unwrap_or_default())?;
    match String::from_utf8_lossy(&answer.body) {
        text if answer.status == 200 && text == request.answer => Ok(()),
        text => Err(format!("{} answered {} {text}", server.address, answer.status).into()),
    }
}

fn window(server: &Server, request: &Request, seconds: u32) -> Result<Window> {
    let url = format!("http://{}{}", server.address, request.path);
    let before = (process::of(server.pid)?, process::of_ended_children()?, process::of_machine()?);
    let run = wrk::run(&url, request.json, CONNECTIONS, seconds)?;
    let after = (process::of(server.pid)?, process::of_ended_children()?, process::of_machine()?);
    let used: Busy = after.0.since(before.0);
    let ours = used.total() + after.1.since(before.1).total();
    if run.failed > 0 {
        return Err(format!("{} requests to {url} failed", run.failed).into());
    }
    let each = |seconds: f64| seconds * 1e6 / run.requests;
    let (user, system) = (each(used.user), each(used.system));
    let others = (after.2 - before.2 - ours) / f64::from(seconds);
    Ok(Window { user, system, others, run })
}

fn print(rotations: &[Rotation], disturbed: usize, seconds: u32) {
    let of = |index: usize, value: fn(&Window) -> f64| {
        rotations.iter().map(|rotation| value(&rotation[index])).collect::<Vec<_>>()
    };
    let all_others: Vec<f64> = rotations.iter().flatten().map(|window| window.others).collect();
    println!(
        "`wrk -t2 -c{CONNECTIONS}`, {} windows of {seconds} s for each server, in turn, and {disturbed} more that were \
         not counted because others on the machine kept more than {QUIET} cores busy; in those that count, others kept \
         {:.2} cores busy (median; {:.2} at most).\n",
        rotations.len(),
        median(&all_others),
        range(&all_others).1,
    );
    println!("| server | requests/s | p50 µs | p99 µs | its user µs/request | its system µs/request |");
    println!("|---|---|---|---|---|---|");
    for (index, name) in NAMES.iter().enumerate() {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} |",
            median(&of(index, |window| window.run.rate)),
            median(&of(index, |window| window.run.p50)),
            median(&of(index, |window| window.run.p99)),
            median(&of(index, |window| window.user)),
            median(&of(index, |window| window.system)),
        );
    }
    println!("\n| ratio in pairs, median (range) | requests/s | p99 | its CPU time/request |");
    println!("|---|---|---|---|");
    for (a, b) in [(0, 1), (0, 3), (2, 1)] {
        let ratio = |value: fn(&Window) -> f64| {
            let ratios: Vec<f64> = of(a, value).iter().zip(of(b, value)).map(|(a, b)| a / b).collect();
            let (least, most) = range(&ratios);
            format!("{:.3} ({least:.3}-{most:.3})", median(&ratios))
        };
        println!(
            "| {} ÷ {} | {} | {} | {} |",
            NAMES[a],
            NAMES[b],
            ratio(|window| window.run.rate),
            ratio(|window| window.run.p99),
            ratio(|window| window.user + window.system),
        );
    }
}
