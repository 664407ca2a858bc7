//! `enable`, `disable`, `unload` and `configure`.

use std::io::Read as _;
use std::path::Path;

use host_api::{Asked, Configuration};
use host_core::PluginId;
use http::Method;
use serde_json::{Map, Value};

use super::route;
use crate::client::{Ask, Client};
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;
use crate::words::{Configure, Unload};

/// A host takes no longer configuration.
const MAX_BYTES: u64 = 1 << 20;

/// Lets an installed plugin serve.
pub(super) async fn enable(client: &Client, id: &PluginId, as_json: bool, screen: &Screen) -> Result<(), Failure> {
    change(client, Ask::post(route(id, "/enable")), id, as_json, screen).await
}

/// Stops serving.
pub(super) async fn disable(client: &Client, id: &PluginId, as_json: bool, screen: &Screen) -> Result<(), Failure> {
    change(client, Ask::post(route(id, "/disable")), id, as_json, screen).await
}

/// Removes a plugin.
pub(super) async fn unload(client: &Client, words: Unload, as_json: bool, screen: &Screen) -> Result<(), Failure> {
    let id = &words.plugin.id;
    let query = if words.keep_data { "?keep_data=true" } else { "" };
    change(client, Ask::new(Method::DELETE, route(id, query)), id, as_json, screen).await
}

/// Shows a plugin's configuration, or changes what the operator set.
pub(super) async fn configure(
    client: &Client,
    words: Configure,
    as_json: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let id = &words.plugin.id;
    let replacement = words.file.as_deref().map(read).transpose()?;
    let reply = client.ask(Ask::get(route(id, "/config"))).await?;
    if replacement.is_none() && words.set.is_empty() && words.unset.is_empty() {
        if as_json {
            output::raw(&reply.body);
            return Ok(());
        }
        let shown: Configuration = reply.read()?;
        let text = serde_json::to_string_pretty(&shown.configuration).unwrap_or_default();
        text.lines().for_each(|line| output::line(&output::text::printable(line)));
        return Ok(());
    }
    let mut settings = match replacement {
        Some(settings) => settings,
        None => reply.read::<Configuration>()?.set,
    };
    settings.extend(words.set);
    for key in &words.unset {
        if settings.remove(key).is_none() {
            let failure = Failure::usage(format!("`{key}` is not set for `{id}`"));
            return Err(failure.fix(format!("`plugin-host configure {id} --json` shows what is set")));
        }
    }
    change(client, Ask::new(Method::PUT, route(id, "/config")).json(&settings), id, as_json, screen).await
}

fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().take(MAX_BYTES + 1).read_to_string(&mut text),
        _ => std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text)),
    };
    if text.len() as u64 > MAX_BYTES {
        let failure = Failure::usage(format!("the settings `{}` have more than {MAX_BYTES} bytes", path.display()));
        return Err(failure.fix("name a file with one small JSON object"));
    }
    let what = || Failure::usage(format!("failed to read the settings `{}`", path.display()));
    read.map_err(|error| what().because(error.to_string()).fix("name a file that can be read"))?;
    serde_json::from_str(&text).map_err(|error| {
        what().because(error.to_string()).fix("write one JSON object, such as {\"greeting\": \"Hello\"}")
    })
}

/// Asks for a change that is made at once.
async fn change(client: &Client, ask: Ask, id: &PluginId, as_json: bool, screen: &Screen) -> Result<(), Failure> {
    // It waits for its turn when another operation works on the plugin.
    let spinner = screen.spinner(&format!("waiting for `{id}`"), false);
    let reply = client.ask(ask).await?;
    drop(spinner);
    if as_json {
        output::raw(&reply.body);
        return Ok(());
    }
    let asked: Asked = reply.read()?;
    output::line(&output::text::printable(&asked.message));
    for warning in &asked.warnings {
        output::error_line(&format!("warning: {}", output::text::printable(warning)));
    }
    Ok(())
}
