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

use crate::client::Client;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use crate::words::{self, ConfigWord, Word};
use serde_json::Value;

pub(crate) use ping::ping;
pub(crate) use show_config::show_config;

/// Runs a client command.
///
/// # Errors
/// The host refused the request, the operation failed, or the host cannot be reached.
pub(crate) async fn run(word: Word, environment: &Environment) -> Result<(), Failure> {
    let (client, as_json) = match client_of(&word) {
        Some(words) => (Client::new(words, environment)?, words.json),
        None => return Ok(()),
    };
    let screen = Screen::new();
    let done = match word {
        Word::List(_) => show::list(&client, as_json).await,
        Word::Show(words) => show::show(&client, &words.id, as_json).await,
        Word::Logs(words) => logs::logs(&client, &words).await,
        Word::Graph(words) => graph::graph(&client, words).await,
        Word::Events(words) => events::events(&client, words).await,
        Word::Plan(words) => plan::plan(&client, words, &screen).await,
        Word::Apply(words) => plan::apply(&client, words, &screen).await,
        Word::Export(words) => plan::export(&client, words).await,
        Word::Available(words) => catalog::available(&client, &words).await,
        Word::Validate(words) => catalog::validate(&client, &words).await,
        Word::Cache(word) => catalog::cache(&client, &word).await,
        Word::Config(ConfigWord::Set(words)) => catalog::set(&client, &words.key, words.value(), as_json).await,
        Word::Config(ConfigWord::Unset(words)) => catalog::set(&client, &words.key, Value::Null, as_json).await,
        Word::Load(words) => load::load(&client, words, &screen).await,
        Word::Reload(words) if words.prove => prove::prove(&client, words, &screen).await,
        Word::Reload(words) => load::reload(&client, words, &screen).await,
        Word::Enable(words) => change::plain(&client, &words, "/enable", &screen).await,
        Word::Start(words) => change::plain(&client, &words, "/start", &screen).await,
        Word::Stop(words) => change::plain(&client, &words, "/stop", &screen).await,
        Word::Restart(words) => change::plain(&client, &words, "/restart", &screen).await,
        Word::Disable(words) => change::disable(&client, &words, &screen).await,
        Word::Unload(words) => change::unload(&client, &words, &screen).await,
        Word::Configure(words) => change::configure(&client, words, &screen).await,
        Word::Rollback(words) => history::rollback(&client, &words, &screen).await,
        Word::Revisions(words) => history::revisions(&client, &words).await,
        Word::Diff(words) => history::diff(&client, &words).await,
        Word::Restore(words) => history::restore(&client, &words, &screen).await,
        Word::Updates(words) => updates::updates(&client, &words).await,
        Word::Update(words) => updates::update(&client, &words, &screen).await,
        Word::UpdatePolicy(words) => updates::set_policy(&client, &words, &screen).await,
        Word::Pin(words) => updates::pin(&client, &words, &screen).await,
        Word::Unpin(words) => updates::unpin(&client, &words, &screen).await,
        Word::Block(words) => updates::block(&client, &words, &screen).await,
        Word::Unblock(words) => updates::unblock(&client, &words, &screen).await,
        Word::Jobs(words) => jobs::list(&client, words).await,
        Word::Job(words) => jobs::job(&client, *words, &screen).await,
        Word::Token(words) => access::token(&client, words).await,
        Word::User(words) => access::user(&client, words).await,
        Word::Audit(words) => audit::audit(&client, *words).await,
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

fn client_of(word: &Word) -> Option<&words::Client> {
    match word {
        Word::List(words) => Some(words),
        Word::Show(words) => Some(&words.client),
        Word::Logs(words) => Some(&words.client),
        Word::Enable(words) | Word::Start(words) | Word::Stop(words) | Word::Restart(words) => {
            Some(&words.plugin.client)
        }
        Word::Pin(words) | Word::Unpin(words) => Some(&words.plugin.client),
        Word::Disable(words) => Some(&words.change.plugin.client),
        Word::Unload(words) => Some(&words.change.plugin.client),
        Word::Configure(words) => Some(&words.change.plugin.client),
        Word::Rollback(words) => Some(&words.change.plugin.client),
        Word::Restore(words) => Some(&words.change.plugin.client),
        Word::Update(words) => Some(&words.change.plugin.client),
        Word::UpdatePolicy(words) => Some(&words.change.plugin.client),
        Word::Block(words) | Word::Unblock(words) => Some(&words.change.plugin.client),
        Word::Diff(words) => Some(&words.plugin.client),
        Word::Revisions(words) => Some(&words.client),
        Word::Updates(words) => Some(&words.client),
        Word::Graph(words) => Some(&words.client),
        Word::Events(words) => Some(&words.client),
        Word::Plan(words) => Some(&words.client),
        Word::Apply(words) => Some(&words.client),
        Word::Export(words) => Some(&words.client),
        Word::Available(words) => Some(&words.client),
        Word::Validate(words) => Some(&words.client),
        Word::Cache(word) => Some(word.client()),
        Word::Config(ConfigWord::Set(words)) => Some(&words.client),
        Word::Config(ConfigWord::Unset(words)) => Some(&words.client),
        Word::Load(words) => Some(&words.client),
        Word::Reload(words) => Some(&words.client),
        Word::Jobs(words) => Some(&words.client),
        Word::Job(words) => Some(words.client()),
        Word::Token(words) => Some(words.client()),
        Word::User(words) => Some(words.client()),
        Word::Audit(words) => Some(words.client()),
        _ => None,
    }
}

/// Returns the path of a plugin. A plugin id needs no escaping.
fn route(id: &host_core::PluginId, rest: &str) -> String {
    format!("/api/plugins/{id}{rest}")
}
