//! Requests a second and latency of the host and of the same handler compiled into axum, side by side.

use crate::Result;
use crate::process::{self, Busy};
use crate::stats::{median, range};
use crate::wrk::{self, Run};

const CONNECTIONS: u32 = 32;
const PATH: &str = "/api/plugin-endpoints/hello/hello";

/// Names of the servers, in the order in which they are given: the two in the middle are the same program, so that
/// their ratio shows the noise.
const NAMES: [&str; 4] = ["host", "axum, same headers", "axum, same headers, again", "axum, fewer headers"];

struct Server {
    url: String,
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

/// Measures the servers in turn, in one order and then in the other, `rotations` times. A server is `port:pid`.
pub fn run(rotations: &str, seconds: &str, servers: &[&str]) -> Result<()> {
    let (rotations, seconds): (usize, u32) = (rotations.parse()?, seconds.parse()?);
    let servers = servers.iter().map(|text| server(text)).collect::<Result<Vec<_>>>()?;
    for server in &servers {
        wrk::run(&server.url, CONNECTIONS, 2)?;
    }
    let mut windows: Vec<Vec<Window>> = servers.iter().map(|_| vec![]).collect();
    for rotation in 0..rotations {
        let mut order: Vec<usize> = (0..servers.len()).collect();
        if rotation % 2 == 1 {
            order.reverse();
        }
        for index in order {
            windows[index].push(window(&servers[index], seconds)?);
        }
        eprintln!("rotation {} of {rotations}", rotation + 1);
    }
    print(&windows, seconds);
    Ok(())
}

fn server(text: &str) -> Result<Server> {
    let (port, pid) = text.split_once(':').ok_or("a server is port:pid")?;
    Ok(Server { url: format!("http://127.0.0.1:{port}{PATH}"), pid: pid.parse()? })
}

fn window(server: &Server, seconds: u32) -> Result<Window> {
    let before = (process::of(server.pid)?, process::of_ended_children()?, process::of_machine()?);
    let run = wrk::run(&server.url, CONNECTIONS, seconds)?;
    let after = (process::of(server.pid)?, process::of_ended_children()?, process::of_machine()?);
    let used: Busy = after.0.since(before.0);
    let ours = used.total() + after.1.since(before.1).total();
    if run.failed > 0 {
        return Err(format!("{} requests to {} failed", run.failed, server.url).into());
    }
    let each = |seconds: f64| seconds * 1e6 / run.requests;
    let (user, system) = (each(used.user), each(used.system));
    let others = (after.2 - before.2 - ours) / f64::from(seconds);
    Ok(Window { user, system, others, run })
}

fn print(windows: &[Vec<Window>], seconds: u32) {
    let of = |index: usize, value: fn(&Window) -> f64| windows[index].iter().map(value).collect::<Vec<_>>();
    let all_others: Vec<f64> = windows.iter().flatten().map(|window| window.others).collect();
    println!(
        "`wrk -t2 -c{CONNECTIONS}`, {} windows of {seconds} s for each server, in turn; others on the machine kept {:.2} \
         cores busy (median; {:.2} at most).\n",
        windows[0].len(),
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
