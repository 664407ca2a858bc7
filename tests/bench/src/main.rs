//! Measures and prints tables; `run` beside `Cargo.toml` starts what is measured and calls this.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints tables")]

mod auth;
mod blocking;
mod boot;
mod build;
mod call;
mod cold;
mod dev;
mod dispatch;
#[path = "../plugin/src/guest.rs"]
mod guest;
mod host;
mod http;
mod instructions;
mod journal;
mod load;
mod manage;
mod process;
mod reload;
mod slow;
mod sse;
mod state;
mod stats;
mod wrk;

use std::process::ExitCode;

/// What a part of this program ends with.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [what @ ("dispatch" | "extract"), rotations, seconds, servers @ ..] if servers.len() == 4 => {
            dispatch::run(what, rotations, seconds, servers)
        }
        ["call", plugins @ ..] if plugins.len() == 6 => call::run([0, 2, 4].map(|at| (plugins[at], plugins[at + 1]))),
        ["instructions", servers @ ..] => instructions::run(servers),
        ["load", address, token, source, work, rounds] => load::run(address, token, source, work, rounds),
        ["cold", pairs] => cold::run(pairs),
        ["dev", address, library, log, edits] => dev::run(address, library, log, edits),
        ["sse", streams, seconds, servers @ ..] => sse::run(streams, seconds, servers),
        ["timed", file, command @ ..] => build::timed(file, command),
        ["build", variants @ ..] => build::print(variants),
        ["reload", address, token, pid, seconds, reloads] => reload::run(address, token, pid, seconds, reloads),
        ["defects", address, token, pid, reloads, folders @ ..] => {
            reload::defects(address, token, pid, reloads, folders)
        }
        ["boot", program, work, plugin, library, plugins, starts] => {
            boot::run(program, work, plugin, library, plugins, starts)
        }
        ["auth", program, work, plugin, library, rotations, seconds] => {
            auth::run(program, work, plugin, library, rotations, seconds)
        }
        ["manage", program, work, plugin, library, plugins, seconds] => {
            manage::run(program, work, plugin, library, plugins, seconds)
        }
        ["slow", program, work, plugin, library, files, clients, seconds] => {
            slow::run(program, work, plugin, library, files, clients, seconds)
        }
        ["blocking", program, work, plugin, library, blocks, blocks_library, seconds] => {
            blocking::run(program, work, [plugin, library], [blocks, blocks_library], seconds)
        }
        ["kills", program, work, plugin, library, kills] => boot::kills(program, work, plugin, library, kills),
        ["state", work, writes] => state::run(work, writes),
        ["operations", program, work, plugin, library, n] => state::operations(program, work, plugin, library, n),
        ["journal", program, work, plugin, library, events, jobs] => {
            journal::run(program, work, plugin, library, events, jobs)
        }
        _ => Err("this program is called by tests/bench/run".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
