//! The `plugin-host` program: command line, configuration, the host process, client commands and author commands.

mod args;
mod author;
mod client;
mod config;
mod init;
mod life;
mod logs;
mod rescan;
mod show_config;
mod spans;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host_client::args::ClientCommand;
use host_client::{Exit, Failure, output};

use args::{Cli, Command, ConfigCommand};
use config::Environment;

fn main() -> ! {
    let environment = Environment::read();
    let ended = match Cli::read(&environment) {
        Ok(cli) => {
            let is_host = matches!(cli.command, Command::Serve(_));
            // A host does its work without its output, too.
            run(cli.command, &environment).and_then(|()| if is_host { Ok(()) } else { written(output::finish()) })
        }
        Err(refusal) => {
            refusal.print();
            match written(output::finish()) {
                Ok(()) => host_load::end_process(refusal.code),
                Err(failure) => Err(failure),
            }
        }
    };
    let code = ended.map_or_else(
        |failure| {
            if failure.exit != Exit::Changes {
                output::error_line(&failure.to_string());
            }
            failure.exit as u8
        },
        |()| 0,
    );
    host_load::end_process(code)
}

fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::from_error("failed to write the output", &error))
        }
        _ => Ok(()),
    }
}

/// Returns a unique name for a thread of the runtime.
fn worker_name() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    format!("worker-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    match &command {
        Command::Config(ConfigCommand::Show(args)) => return show_config::show_config(args, environment),
        Command::Completions(args) => {
            return args::completions(args, environment);
        }
        Command::Man(args) => return args::man(args),
        Command::Init(args) => return init::init(args),
        _ => {}
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Thread-local data that unloaded plugins left on a worker is freed before the worker sleeps.
    builder.enable_all().thread_name_fn(worker_name).on_thread_park(host_load::safe_point);
    // A thread that has handed its worker over to another one never parks: its end frees such data. See `host_call`'s
    // polls.
    builder.thread_keep_alive(Duration::from_millis(100));
    let runtime = builder.build();
    let runtime = runtime.map_err(|error| Failure::from_error("failed to start the runtime", &error))?;
    let ended = runtime.block_on(async {
        match command {
            Command::Serve(args) => life::serve(*args, environment).await,
            Command::Client(command @ ClientCommand::Complete(_)) => {
                // Without a host there is nothing to complete, which is not an error at the prompt.
                let Ok(config) = client::config(command.host(), environment) else { return Ok(()) };
                let _ = author::with_archives(environment, async |archives| {
                    host_client::run(command, &config, archives).await
                })
                .await;
                Ok(())
            }
            Command::Client(command) => {
                let config = client::config(command.host(), environment)?;
                author::with_archives(environment, async |archives| host_client::run(command, &config, archives).await)
                    .await
            }
            Command::Config(ConfigCommand::Change(command)) => {
                let config = client::config(command.host(), environment)?;
                host_client::change_setting(command, &config).await
            }
            Command::Rescan(args) => rescan::rescan(args, environment).await,
            Command::Author(command) => author::run(command, environment).await,
            // Handled above.
            Command::Config(ConfigCommand::Show(_)) | Command::Completions(_) | Command::Man(_) | Command::Init(_) => {
                Ok(())
            }
        }
    });
    // A thread that waits for a plugin or the network must not keep a finished program alive.
    runtime.shutdown_background();
    ended
}
