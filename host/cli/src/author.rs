//! Runs the commands for plugin authors with the configuration of a host on this machine.

use host_author::AuthorConfig;
use host_author::args::AuthorCommand;
use host_client::{Archives, Failure, Screen};

use crate::config::{self, Configs, Environment, Flags, Settings};
use crate::logs;

/// Runs a command for plugin authors.
///
/// # Errors
/// The settings are invalid, or the command failed.
pub(crate) async fn run(command: AuthorCommand, environment: &Environment) -> Result<(), Failure> {
    let configure = |cache_dir: Option<&str>| {
        let settings = read(environment, cache_dir)?;
        Ok(config(&settings, environment))
    };
    match command {
        AuthorCommand::New(args) => host_author::new(&args, environment.data_folder().as_deref()),
        AuthorCommand::Sdk(args) => host_author::sdk(&args, environment.data_folder().as_deref()),
        AuthorCommand::Dev(args) => {
            let screen = Screen::new();
            let settings = read(environment, args.cache.cache_dir.as_deref())?;
            let filter = settings.chosen_log_filter().unwrap_or(host_author::LOG_FILTER);
            logs::start(filter, settings.logs_json(), &screen)?;
            host_author::dev(args, config(&settings, environment), &screen).await
        }
        AuthorCommand::Check(args) => {
            let config = configure(args.cache.cache_dir.as_deref());
            host_author::check(args, config).await
        }
        AuthorCommand::Pack(args) => host_author::pack(args, configure(None)?).await,
        AuthorCommand::Explain(args) => host_author::explain(args, configure(None)?).await,
        AuthorCommand::OpenLibrary(args) => host_author::open_library(args).await,
        AuthorCommand::TryLibrary(args) => host_author::try_library(args).await,
    }
}

/// Runs a client command with the work on archives that it leaves to the program.
pub(crate) async fn with_archives(
    environment: &Environment,
    command: impl AsyncFnOnce(&Archives<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let config = || read(environment, None).map(|settings| config(&settings, environment));
    command(&Archives {
        pack: &|folder, path| {
            let config = config();
            Box::pin(async move { host_author::pack_for_upload(folder, path, config?).await })
        },
        write_bundle: &|bundle, output| {
            let config = config();
            Box::pin(async move { host_author::write_bundle(bundle, output, config?).await })
        },
        read_bundle: &|path| {
            let config = config();
            Box::pin(async move { host_author::read_bundle(path, config?).await })
        },
    })
    .await
}

fn read(environment: &Environment, cache_dir: Option<&str>) -> Result<Settings, Failure> {
    config::read(&Flags::default().with("cache_dir", cache_dir), environment, None)
}

fn config(settings: &Settings, environment: &Environment) -> AuthorConfig {
    let Configs { mut store, build, run, serve, .. } = Configs::new(settings, environment);
    store.cache_dir = settings.cache_dir_of_author(environment);
    let data_folder = environment.data_folder();
    let library_environment = environment.for_libraries();
    AuthorConfig { store, build, run, serve, data_folder, library_environment }
}
