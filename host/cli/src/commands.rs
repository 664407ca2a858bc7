//! The client commands.

mod access;
mod audit;
mod catalog;
mod change;
mod events;
mod generations;
mod graph;
mod history;
mod jobs;
mod load;
mod logs;
mod ping;
mod plan;
mod prove;
mod show;
mod show_config;
mod updates;

use crate::args::{self, Command, ConfigCommand};
use crate::client::Client;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use serde_json::Value;

pub(crate) use ping::ping;
pub(crate) use show_config::show_config;

/// Runs a client command.
///
/// # Errors
/// The host refused the request, the operation failed, or the host cannot be reached.
pub(crate) async fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    let (client, as_json) = match client_of(&command) {
        Some(args) => (Client::new(args, environment)?, args.json),
        None => return Ok(()),
    };
    let screen = Screen::new();
    let done = match command {
        Command::List(_) => show::list(&client, as_json).await,
        Command::Show(args) => show::show(&client, &args.id, as_json).await,
        Command::Logs(args) => logs::logs(&client, &args).await,
        Command::Graph(args) => graph::graph(&client, args).await,
        Command::Events(args) => events::events(&client, args).await,
        Command::Plan(args) => plan::plan(&client, args, &screen).await,
        Command::Apply(args) => plan::apply(&client, args, &screen).await,
        Command::Export(args) => plan::export(&client, args).await,
        Command::Available(args) => catalog::available(&client, &args).await,
        Command::Validate(args) => catalog::validate(&client, &args).await,
        Command::Cache(word) => catalog::cache(&client, &word).await,
        Command::Config(ConfigCommand::Set(args)) => catalog::set(&client, &args.key, args.value(), as_json).await,
        Command::Config(ConfigCommand::Unset(args)) => catalog::set(&client, &args.key, Value::Null, as_json).await,
        Command::Load(args) => load::load(&client, args, &screen).await,
        Command::Reload(args) if args.prove => prove::prove(&client, args, &screen).await,
        Command::Reload(args) => load::reload(&client, args, &screen).await,
        Command::Enable(args) => change::plain(&client, &args, "/enable", &screen).await,
        Command::Start(args) => change::plain(&client, &args, "/start", &screen).await,
        Command::Stop(args) => change::plain(&client, &args, "/stop", &screen).await,
        Command::Restart(args) => change::plain(&client, &args, "/restart", &screen).await,
        Command::Disable(args) => change::disable(&client, &args, &screen).await,
        Command::Unload(args) => change::unload(&client, &args, &screen).await,
        Command::Configure(args) => change::configure(&client, args, &screen).await,
        Command::Rollback(args) => history::rollback(&client, &args, &screen).await,
        Command::Revisions(args) => history::revisions(&client, &args).await,
        Command::Diff(args) => history::diff(&client, &args).await,
        Command::Restore(args) => history::restore(&client, &args, &screen).await,
        Command::Updates(args) => updates::updates(&client, &args).await,
        Command::Update(args) => updates::update(&client, &args, &screen).await,
        Command::UpdatePolicy(args) => updates::set_policy(&client, &args, &screen).await,
        Command::Pin(args) => updates::pin(&client, &args, &screen).await,
        Command::Unpin(args) => updates::unpin(&client, &args, &screen).await,
        Command::Block(args) => updates::block(&client, &args, &screen).await,
        Command::Unblock(args) => updates::unblock(&client, &args, &screen).await,
        Command::Jobs(args) => jobs::list(&client, args).await,
        Command::Job(args) => jobs::job(&client, *args, &screen).await,
        Command::Token(args) => access::token(&client, args).await,
        Command::User(args) => access::user(&client, args).await,
        Command::Audit(args) => audit::audit(&client, *args).await,
        // The other commands are run by `main`.
        _ => Ok(()),
    };
    if let Err(Failure { answer: Some(answer), .. }) = &done
        && as_json
    {
        output::raw(answer);
    }
    done
}

fn client_of(command: &Command) -> Option<&args::HostArgs> {
    match command {
        Command::List(args) => Some(args),
        Command::Show(args) => Some(&args.client),
        Command::Logs(args) => Some(&args.client),
        Command::Enable(args) | Command::Start(args) | Command::Stop(args) | Command::Restart(args) => {
            Some(&args.plugin.client)
        }
        Command::Pin(args) | Command::Unpin(args) => Some(&args.plugin.client),
        Command::Disable(args) => Some(&args.change.plugin.client),
        Command::Unload(args) => Some(&args.change.plugin.client),
        Command::Configure(args) => Some(&args.change.plugin.client),
        Command::Rollback(args) => Some(&args.change.plugin.client),
        Command::Restore(args) => Some(&args.change.plugin.client),
        Command::Update(args) => Some(&args.change.plugin.client),
        Command::UpdatePolicy(args) => Some(&args.change.plugin.client),
        Command::Block(args) | Command::Unblock(args) => Some(&args.change.plugin.client),
        Command::Diff(args) => Some(&args.plugin.client),
        Command::Revisions(args) => Some(&args.client),
        Command::Updates(args) => Some(&args.client),
        Command::Graph(args) => Some(&args.client),
        Command::Events(args) => Some(&args.client),
        Command::Plan(args) => Some(&args.client),
        Command::Apply(args) => Some(&args.client),
        Command::Export(args) => Some(&args.client),
        Command::Available(args) => Some(&args.client),
        Command::Validate(args) => Some(&args.client),
        Command::Cache(word) => Some(word.client()),
        Command::Config(ConfigCommand::Set(args)) => Some(&args.client),
        Command::Config(ConfigCommand::Unset(args)) => Some(&args.client),
        Command::Load(args) => Some(&args.client),
        Command::Reload(args) => Some(&args.client),
        Command::Jobs(args) => Some(&args.client),
        Command::Job(args) => Some(args.client()),
        Command::Token(args) => Some(args.client()),
        Command::User(args) => Some(args.client()),
        Command::Audit(args) => Some(args.client()),
        _ => None,
    }
}

/// Returns the path of a plugin. A plugin id needs no escaping.
fn route(id: &host_core::PluginId, rest: &str) -> String {
    format!("/api/plugins/{id}{rest}")
}
