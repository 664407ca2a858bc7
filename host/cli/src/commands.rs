//! The client commands.

mod change;
mod events;
mod generations;
mod graph;
mod jobs;
mod load;
mod plan;
mod prove;
mod show;
mod show_config;

use crate::client::Client;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use crate::words::{self, Word};

pub(crate) use show_config::show_config;

/// Does what a word says.
///
/// # Errors
/// Why it was not done.
pub(crate) async fn run(word: Word, environment: &Environment) -> Result<(), Failure> {
    let (client, as_json) = match client_of(&word) {
        Some(words) => (Client::new(words, environment)?, words.json),
        None => return Ok(()),
    };
    let screen = Screen::new();
    let done = match word {
        Word::List(_) => show::list(&client, as_json).await,
        Word::Show(words) => show::show(&client, &words.id, as_json).await,
        Word::Logs(words) => show::logs(&client, &words.id, as_json).await,
        Word::Graph(words) => graph::graph(&client, words).await,
        Word::Events(words) => events::events(&client, words).await,
        Word::Plan(words) => plan::plan(&client, words, &screen).await,
        Word::Apply(words) => plan::apply(&client, words, &screen).await,
        Word::Export(words) => plan::export(&client, words).await,
        Word::Load(words) => load::load(&client, words, &screen).await,
        Word::Reload(words) if words.prove => prove::prove(&client, words, &screen).await,
        Word::Reload(words) => load::reload(&client, words, &screen).await,
        Word::Enable(words) => change::enable(&client, &words.id, as_json, &screen).await,
        Word::Disable(words) => change::disable(&client, &words.id, as_json, &screen).await,
        Word::Unload(words) => change::unload(&client, words, as_json, &screen).await,
        Word::Configure(words) => change::configure(&client, words, as_json, &screen).await,
        Word::Jobs(words) => jobs::list(&client, words).await,
        Word::Job(words) => jobs::job(&client, *words, &screen).await,
        // `main` does these.
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
        Word::Show(words) | Word::Enable(words) | Word::Disable(words) | Word::Logs(words) => Some(&words.client),
        Word::Unload(words) => Some(&words.plugin.client),
        Word::Configure(words) => Some(&words.plugin.client),
        Word::Graph(words) => Some(&words.client),
        Word::Events(words) => Some(&words.client),
        Word::Plan(words) => Some(&words.client),
        Word::Apply(words) => Some(&words.client),
        Word::Export(words) => Some(&words.client),
        Word::Load(words) => Some(&words.client),
        Word::Reload(words) => Some(&words.client),
        Word::Jobs(words) => Some(&words.client),
        Word::Job(words) => Some(words.client()),
        _ => None,
    }
}

/// The route of a plugin. Its id needs no escapes.
fn route(id: &host_core::PluginId, rest: &str) -> String {
    format!("/api/plugins/{id}{rest}")
}
