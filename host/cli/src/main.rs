//! The `plugin-host` program: command line, configuration, the host process, client commands and author commands.

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
mod words;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser as _;

use config::Environment;
use failure::Failure;
use words::{Word, Words};

fn main() -> ! {
    let words = Words::parse();
    let code = match run(words.word) {
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

fn run(word: Word) -> Result<(), Failure> {
    let environment = Environment::read();
    if let Word::Config(words::ConfigWord::Show(words)) = &word {
        return commands::show_config(words, &environment);
    }
    match &word {
        Word::Completions(words) => {
            words::completions(words);
            return Ok(());
        }
        Word::Man(words) => return words::man(words),
        _ => {}
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Thread-local data that unloaded plugins left on a worker is freed before the worker sleeps.
    builder.enable_all().thread_name_fn(worker_name).on_thread_park(host_load::safe_point);
    let runtime = builder.build();
    let runtime = runtime.map_err(|error| Failure::of("failed to start the runtime", &error))?;
    let ended = runtime.block_on(async {
        match word {
            Word::Serve(words) => life::serve(*words, &environment).await,
            Word::Ping(words) => commands::ping(&words, &environment).await,
            Word::Rescan(words) => rescan::rescan(words, &environment).await,
            Word::New(words) => author::new(&words, &environment),
            Word::Sdk(words) => author::sdk(&words, &environment),
            Word::Dev(words) => author::dev(words, &environment).await,
            Word::Check(words) => author::check(words, &environment).await,
            Word::Pack(words) => author::pack(words, &environment).await,
            Word::Explain(words) => author::explain(words, &environment).await,
            Word::OpenLibrary(words) => author::open_library(words).await,
            Word::TryLibrary(words) => trial::try_library(words).await,
            word => commands::run(word, &environment).await,
        }
    });
    // A thread that waits for a plugin or the network must not keep a finished program alive.
    runtime.shutdown_background();
    ended
}
