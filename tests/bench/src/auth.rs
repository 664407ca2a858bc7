//! What it costs to be known: the same handler for anybody, and for those with a token.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::host::{Ending, Program};
use crate::http::Connection;
use crate::process;
use crate::stats::{median, range};
use crate::wrk::{self, Run};

const CONNECTIONS: u32 = 32;
/// A rotation in which others kept more cores busy than this, in any of its windows, is measured again.
const QUIET: f64 = 0.1;
/// At most this many rotations for each that is wanted.
const PATIENCE: usize = 4;

/// What is asked in turn: name, plugin, and which header is sent. The first two are the same, so that their ratio shows
/// the noise; the next shows what more bytes of a request cost: that header is as long, and left out before a plugin is
/// called, too.
const CASES: [(&str, &str, Option<&str>); 5] = [
    ("without `auth`", "plugin-open", None),
    ("without `auth`, again", "plugin-open", None),
    ("without `auth`, another header is sent", "plugin-open", Some("proxy-authorization")),
    ("without `auth`, a token is sent", "plugin-open", Some("authorization")),
    ("`auth.required`", "plugin-guarded", Some("authorization")),
];
/// What others are compared with, beside the first.
const ANOTHER_HEADER: usize = 2;

struct Window {
    run: Run,
    /// CPU time of the host for each request, in microseconds.
    busy: f64,
    /// Busy cores besides the host and wrk.
    others: f64,
}

/// Starts a host with both plugins and measures the cases in turn, in one order and then in the other, `rotations`
/// times.
pub fn run(program: &str, work: &str, plugin: &str, library: &str, rotations: &str, seconds: &str) -> Result<()> {
    let (wanted, seconds): (usize, u32) = (rotations.parse()?, seconds.parse()?);
    let program = Program { path: program.to_owned(), work: work.into() };
    let ids = ["plugin-open", "plugin-guarded"].map(str::to_owned);
    program.copies(Path::new(plugin), Path::new(library), &ids, |_| String::new())?;
    let yaml = program.work.join("copies/plugin-guarded/plugin.yaml");
    let (text, line) = (fs::read_to_string(&yaml)?, "    handler: hello\n");
    if !text.contains(line) {
        return Err("plugin.yaml of the example names its handler in another way".into());
    }
    #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
    fs::write(&yaml, text.replace(line, &format!("{line}    auth: {{required: true}}\n")))?;
    let host = program.start("auth")?;
    program.load(&host, &ids)?;
    // A fast refusal is worth nothing.
    if Connection::open(host.address(), None)?.get(&path("plugin-guarded"))?.status != 401 {
        return Err("the guarded endpoint answers anybody".into());
    }
    let window = |case: usize| window(&host, case, seconds);
    (0..CASES.len()).try_for_each(|case| window(case).map(drop))?;
    let (mut quiet, mut disturbed): (Vec<Vec<Window>>, Vec<Vec<Window>>) = (vec![], vec![]);
    while quiet.len() < wanted && quiet.len() + disturbed.len() < wanted * PATIENCE {
        let backwards = quiet.len() % 2 == 1;
        let order = (0..CASES.len()).map(|n| if backwards { CASES.len() - 1 - n } else { n });
        let mut rotation = order.map(window).collect::<Result<Vec<_>>>()?;
        if backwards {
            rotation.reverse();
        }
        let is_quiet = rotation.iter().all(|window| window.others < QUIET);
        if is_quiet { &mut quiet } else { &mut disturbed }.push(rotation);
        eprintln!("{} of {wanted} rotations, {} disturbed", quiet.len(), disturbed.len());
    }
    if quiet.len() < wanted {
        println!("The machine was not quiet: the windows below include those that others disturbed.\n");
        quiet.append(&mut disturbed);
    }
    print(&quiet, disturbed.len(), seconds);
    host.end(Ending::Orderly)
}

fn path(id: &str) -> String {
    format!("/api/plugin-endpoints/{id}/hello")
}

fn window(host: &crate::host::Host, case: usize, seconds: u32) -> Result<Window> {
    let (_, id, name) = CASES[case];
    let url = format!("http://{}{}", host.address(), path(id));
    let header = name.map(|name| format!("{name}: Bearer {}", host.token()));
    let before = (process::of(host.pid())?, process::of_ended_children()?, process::of_machine()?);
    let run = wrk::run_with_header(&url, header.as_deref(), CONNECTIONS, seconds)?;
    let after = (process::of(host.pid())?, process::of_ended_children()?, process::of_machine()?);
    if run.failed > 0 {
        return Err(format!("{} requests to {url} failed", run.failed).into());
    }
    let used = after.0.since(before.0).total();
    let others = after.2 - before.2 - used - after.1.since(before.1).total();
    Ok(Window { busy: used * 1e6 / run.requests, others: others / f64::from(seconds), run })
}

fn print(rotations: &[Vec<Window>], disturbed: usize, seconds: u32) {
    let of = |case: usize, value: fn(&Window) -> f64| {
        rotations.iter().map(|rotation| value(&rotation[case])).collect::<Vec<_>>()
    };
    println!(
        "`wrk -t2 -c{CONNECTIONS}`, {} windows of {seconds} s for each case, in turn, and {disturbed} more that were not \
         counted because others on the machine kept more than {QUIET} cores busy.\n",
        rotations.len(),
    );
    println!("| case | requests/s | p50 µs | p99 µs | CPU of the host, µs/request |\n|---|---|---|---|---|");
    for (case, (name, ..)) in CASES.iter().enumerate() {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.2} |",
            median(&of(case, |window| window.run.rate)),
            median(&of(case, |window| window.run.p50)),
            median(&of(case, |window| window.run.p99)),
            median(&of(case, |window| window.busy)),
        );
    }
    println!("\n| ratio in pairs, median (range) | requests/s | p99 | CPU/request |\n|---|---|---|---|");
    let pairs = (1..CASES.len()).map(|case| (case, 0)).chain([(CASES.len() - 1, ANOTHER_HEADER)]);
    for (case, base) in pairs {
        let ratio = |value: fn(&Window) -> f64| {
            let ratios: Vec<f64> = of(case, value).iter().zip(of(base, value)).map(|(a, b)| a / b).collect();
            let (least, most) = range(&ratios);
            format!("{:.3} ({least:.3}-{most:.3})", median(&ratios))
        };
        let ratios = [ratio(|window| window.run.rate), ratio(|window| window.run.p99), ratio(|window| window.busy)];
        println!("| {} ÷ {} | {} |", CASES[case].0, CASES[base].0, ratios.join(" | "));
    }
}
