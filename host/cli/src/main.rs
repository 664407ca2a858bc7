//! The `plugin-host` program: command line, configuration, the host process, client commands and author commands.

mod args;
mod author;
mod client;
mod commands;
mod config;
mod failure;
mod life;
mod logs;
mod output;
mod rescan;
mod screen;
mod spans;
mod trial;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser as _;

use args::{Cli, Command};
use config::Environment;
use failure::Failure;

fn main() -> ! {
    let cli = Cli::parse();
    let code = match run(cli.command) {
        Ok(()) => 0,
        Err(failure) => {
            if failure.exit != failure::Exit::Changes {
                output::error_line(&failure.to_string());
            }
            failure.exit as u8
        }
    };
    // A closed pipe does not change the exit code.
    let _ = std::io::stdout().flush();
    host_load::end_process(code)
}

/// Returns a unique name for a thread of the runtime.
fn worker_name() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    format!("worker-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn run(command: Command) -> Result<(), Failure> {
    let environment = Environment::read();
    if let Command::Config(args::ConfigCommand::Show(args)) = &command {
        return commands::show_config(args, &environment);
    }
    match &command {
        Command::Completions(args) => {
            args::completions(args);
            return Ok(());
        }
        Command::Man(args) => return args::man(args),
        _ => {}
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Thread-local data that unloaded plugins left on a worker is freed before the worker sleeps.
    builder.enable_all().thread_name_fn(worker_name).on_thread_park(host_load::safe_point);
    let runtime = builder.build();
    let runtime = runtime.map_err(|error| Failure::of("failed to start the runtime", &error))?;
    let ended = runtime.block_on(async {
        match command {
            Command::Serve(args) => life::serve(*args, &environment).await,
            Command::Ping(args) => commands::ping(&args, &environment).await,
            Command::Rescan(args) => rescan::rescan(args, &environment).await,
            Command::New(args) => author::new(&args, &environment),
            Command::Sdk(args) => author::sdk(&args, &environment),
            Command::Dev(args) => author::dev(args, &environment).await,
            Command::Check(args) => author::check(args, &environment).await,
            Command::Pack(args) => author::pack(args, &environment).await,
            Command::Explain(args) => author::explain(args, &environment).await,
            Command::OpenLibrary(args) => author::open_library(args).await,
            Command::TryLibrary(args) => trial::try_library(args).await,
            command => commands::run(command, &environment).await,
        }
    });
    // A thread that waits for a plugin or the network must not keep a finished program alive.
    runtime.shutdown_background();
    ended
}
