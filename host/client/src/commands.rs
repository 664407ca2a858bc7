//! The client commands.

mod access;
mod audit;
mod catalog;
mod change;
mod complete;
mod events;
mod generations;
mod graph;
mod history;
mod jobs;
mod list;
mod load;
mod logs;
mod ping;
mod plan;
mod prove;
mod settings;
mod show;
mod updates;

use crate::args::{ClientCommand, HostArgs, SettingCommand};
use crate::client::Client;
use crate::config::{Archives, ClientConfig};
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use serde_json::Value;

/// Runs a client command. `archives` packs folders that the host does not read itself, and writes and reads bundles.
///
/// # Errors
/// The host refused the request, the operation failed, or the host cannot be reached.
pub async fn run(command: ClientCommand, config: &ClientConfig, archives: &Archives<'_>) -> Result<(), Failure> {
    if let ClientCommand::Ping(args) = &command {
        args.client.format.select();
        return ping::ping(args, config).await;
    }
    let (client, as_json) = {
        let args = command.host();
        args.format.select();
        (Client::new(args, config)?, args.format.is_data())
    };
    let screen = Screen::new();
    let done = match command {
        ClientCommand::List(_) => list::list(&client, as_json).await,
        ClientCommand::Show(args) => show::show(&client, &args, as_json).await,
        ClientCommand::Logs(args) => logs::logs(&client, &args).await,
        ClientCommand::Graph(args) => graph::graph(&client, args).await,
        ClientCommand::Events(args) => events::events(&client, args).await,
        ClientCommand::Plan(args) => plan::plan(&client, args, archives, &screen).await,
        ClientCommand::Apply(args) => plan::apply(&client, args, archives, &screen).await,
        ClientCommand::Export(args) => plan::export(&client, args, archives, &screen).await,
        ClientCommand::Available(args) => catalog::available(&client, &args).await,
        ClientCommand::Validate(args) => catalog::validate(&client, &args).await,
        ClientCommand::Cache(command) => catalog::cache(&client, &command).await,
        ClientCommand::Load(args) => load::load(&client, args, archives.pack, &screen).await,
        ClientCommand::Reload(args) if args.prove => prove::prove(&client, args, &screen).await,
        ClientCommand::Reload(args) => load::reload(&client, args, &screen).await,
        ClientCommand::Enable(args) => change::plain(&client, &args, "/enable", &screen).await,
        ClientCommand::Start(args) => change::plain(&client, &args, "/start", &screen).await,
        ClientCommand::Stop(args) => change::plain(&client, &args, "/stop", &screen).await,
        ClientCommand::Restart(args) => change::plain(&client, &args, "/restart", &screen).await,
        ClientCommand::Disable(args) => change::disable(&client, &args, &screen).await,
        ClientCommand::Unload(args) => change::unload(&client, &args, &screen).await,
        ClientCommand::Configure(args) => change::configure(&client, args, &screen).await,
        ClientCommand::Rollback(args) => history::rollback(&client, &args, &screen).await,
        ClientCommand::Revisions(args) => history::revisions(&client, &args).await,
        ClientCommand::Diff(args) => history::diff(&client, &args).await,
        ClientCommand::Restore(args) => history::restore(&client, &args, &screen).await,
        ClientCommand::Updates(args) => updates::updates(&client, &args).await,
        ClientCommand::Update(args) => updates::update(&client, &args, &screen).await,
        ClientCommand::UpdatePolicy(args) => updates::set_policy(&client, &args, &screen).await,
        ClientCommand::Pin(args) => updates::pin(&client, &args, &screen).await,
        ClientCommand::Unpin(args) => updates::unpin(&client, &args, &screen).await,
        ClientCommand::Block(args) => updates::block(&client, &args, &screen).await,
        ClientCommand::Unblock(args) => updates::unblock(&client, &args, &screen).await,
        ClientCommand::Jobs(args) => jobs::list(&client, args).await,
        ClientCommand::Job(args) => jobs::job(&client, *args, &screen).await,
        ClientCommand::Token(args) => access::token(&client, args).await,
        ClientCommand::User(args) => access::user(&client, args).await,
        ClientCommand::Audit(args) => audit::audit(&client, *args).await,
        ClientCommand::Complete(args) => complete::complete(&client, &args).await,
        // Handled above.
        ClientCommand::Ping(_) => Ok(()),
    };
    with_response(done, as_json)
}

/// Shows or changes settings of a running host.
///
/// # Errors
/// The host refused the change or cannot be reached.
pub async fn change_setting(command: SettingCommand, config: &ClientConfig) -> Result<(), Failure> {
    command.host().format.select();
    let client = Client::new(command.host(), config)?;
    let as_json = command.host().format.is_data();
    let done = match command {
        SettingCommand::Running(args) => settings::running(&client, &args).await,
        SettingCommand::Set(args) => settings::set(&client, &args.key, args.value(), as_json).await,
        SettingCommand::Unset(args) => settings::set(&client, &args.key, Value::Null, as_json).await,
    };
    with_response(done, as_json)
}

/// Prints the host's response of a failure, if JSON output is requested.
fn with_response(done: Result<(), Failure>, as_json: bool) -> Result<(), Failure> {
    if let Err(Failure { response: Some(response), .. }) = &done
        && as_json
    {
        output::data(response);
    }
    done
}

impl ClientCommand {
    /// Returns the options that select the host.
    pub fn host(&self) -> &HostArgs {
        match self {
            ClientCommand::List(args) => args,
            ClientCommand::Show(args) => &args.plugin.client,
            ClientCommand::Logs(args) => &args.client,
            ClientCommand::Enable(args)
            | ClientCommand::Start(args)
            | ClientCommand::Stop(args)
            | ClientCommand::Restart(args) => &args.plugin.client,
            ClientCommand::Pin(args) | ClientCommand::Unpin(args) => &args.plugin.client,
            ClientCommand::Disable(args) => &args.change.plugin.client,
            ClientCommand::Unload(args) => &args.change.plugin.client,
            ClientCommand::Configure(args) => &args.change.plugin.client,
            ClientCommand::Rollback(args) => &args.change.plugin.client,
            ClientCommand::Restore(args) => &args.change.plugin.client,
            ClientCommand::Update(args) => &args.change.plugin.client,
            ClientCommand::UpdatePolicy(args) => &args.change.plugin.client,
            ClientCommand::Block(args) | ClientCommand::Unblock(args) => &args.change.plugin.client,
            ClientCommand::Diff(args) => &args.plugin.client,
            ClientCommand::Revisions(args) => &args.client,
            ClientCommand::Updates(args) => &args.client,
            ClientCommand::Graph(args) => &args.client,
            ClientCommand::Events(args) => &args.client,
            ClientCommand::Plan(args) => &args.client,
            ClientCommand::Apply(args) => &args.client,
            ClientCommand::Export(args) => &args.client,
            ClientCommand::Available(args) => &args.client,
            ClientCommand::Validate(args) => &args.client,
            ClientCommand::Cache(command) => command.client(),
            ClientCommand::Load(args) => &args.client,
            ClientCommand::Reload(args) => &args.client,
            ClientCommand::Jobs(args) => &args.client,
            ClientCommand::Job(args) => args.client(),
            ClientCommand::Token(args) => args.client(),
            ClientCommand::User(args) => args.client(),
            ClientCommand::Audit(args) => args.client(),
            ClientCommand::Ping(args) => &args.client,
            ClientCommand::Complete(args) => &args.client,
        }
    }
}

/// Returns the path of a plugin. A plugin id needs no escaping.
fn route(id: &host_core::PluginId, rest: &str) -> String {
    format!("/api/plugins/{id}{rest}")
}
