//! `enable`, `disable`, `start`, `stop`, `restart`, `unload` and `configure`.

use std::io::IsTerminal as _;
use std::path::Path;

use host_api::{Configuration, Plugin, StoredData};
use host_core::PluginId;
use http::Method;
use serde_json::{Map, Value};

use super::show::stored_text;
use super::{load, route};
use crate::args::{ChangeArgs, Configure, Disable, KeyValue, Unload};
use crate::client::{ApiRequest, Client, FollowedJob};
use crate::failure::Failure;
use crate::input;
use crate::output::text::printable;
use crate::output::{self, Table};
use crate::screen::Screen;

/// Maximum size of a configuration, as in the host.
const MAX_BYTES: u64 = 1 << 20;

/// Requests a change without parameters: `/enable`, `/start`, `/stop`, `/restart`.
pub(super) async fn plain(client: &Client, args: &ChangeArgs, verb: &str, screen: &Screen) -> Result<(), Failure> {
    let ask = ApiRequest::post(args.options.path(&route(&args.plugin.id, verb), &[]));
    change(client, ask, args, screen).await
}

/// Disables a plugin.
pub(super) async fn disable(client: &Client, args: &Disable, screen: &Screen) -> Result<(), Failure> {
    let Disable { change: args, cascade } = args;
    let path = args.options.path(&route(&args.plugin.id, "/disable"), &[("cascade", *cascade)]);
    change(client, ApiRequest::post(path), args, screen).await
}

/// Unloads a plugin.
pub(super) async fn unload(client: &Client, args: &Unload, screen: &Screen) -> Result<(), Failure> {
    let Unload { change: args, keep_data, cascade, yes } = args;
    let id = &args.plugin.id;
    if !(*keep_data || *yes) && can_ask() && !confirmed(&question(client, id).await?)? {
        return Err(Failure::failed("nothing was changed").fix("--keep-data keeps the data for a later installation"));
    }
    let switches = [("keep_data", *keep_data), ("cascade", *cascade)];
    let path = args.options.path(&route(&args.plugin.id, ""), &switches);
    change(client, ApiRequest::new(Method::DELETE, path), args, screen).await
}

/// Returns whether there is somebody to ask. A script that unloads has decided already.
fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The question before a plugin is unloaded, with what is deleted.
async fn question(client: &Client, id: &PluginId) -> Result<String, Failure> {
    let plugin: Plugin = client.request(ApiRequest::get(route(id, ""))).await?.read()?;
    Ok(match plugin.stored_data {
        StoredData { keys: 0, .. } => format!("unload `{id}` and delete its configuration? It has stored no data."),
        stored => format!("unload `{id}` and delete its configuration and its stored data ({})?", stored_text(&stored)),
    })
}

/// Asks on the terminal.
fn confirmed(question: &str) -> Result<bool, Failure> {
    output::error_line(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::from_error("failed to read the answer", &error).fix("give --yes"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Shows a plugin's configuration, or changes the values set by the operator.
pub(super) async fn configure(client: &Client, args: Configure, screen: &Screen) -> Result<(), Failure> {
    let id = &args.change.plugin.id;
    let as_json = args.change.plugin.client.format.is_data();
    let replacement = args.file.as_deref().map(read).transpose()?;
    let reply = client.request(ApiRequest::get(route(id, "/config"))).await?;
    if replacement.is_none() && args.set.is_empty() && args.unset.is_empty() {
        if as_json {
            output::data(&reply.body);
            return Ok(());
        }
        let shown: Configuration = reply.read()?;
        let text = serde_json::to_string_pretty(&shown.configuration).unwrap_or_default();
        text.lines().for_each(|line| output::line(&printable(line)));
        return Ok(());
    }
    let mut settings = match replacement {
        Some(settings) => settings,
        None => reply.read::<Configuration>()?.set,
    };
    let set: Vec<_> = args.set.iter().map(|one| one.path().clone()).collect();
    KeyValue::refuse_repeated(&args.set).map_err(Failure::usage)?;
    args.set.into_iter().try_for_each(|one| one.set(&mut settings)).map_err(Failure::usage)?;
    if let Some(key) = args.unset.iter().find(|key| set.contains(key)) {
        return Err(Failure::usage(format!("`{key}` is both set and unset")).fix("leave one of both out"));
    }
    for key in &args.unset {
        if !key.remove(&mut settings) {
            let failure = Failure::usage(format!("`{key}` is not set for `{id}`"));
            return Err(failure.fix(format!("`plugin-host configure {id} --json` shows the keys that are set")));
        }
    }
    let path = args.change.options.path(&route(id, "/config"), &[]);
    change(client, ApiRequest::new(Method::PUT, path).json(&settings), &args.change, screen).await
}

fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let what = || Failure::usage(format!("failed to read the configuration `{}`", input::shown(path)));
    let text = input::read(path, MAX_BYTES).map_err(|error| {
        what().because(error.to_string()).fix("set --file to a file with one JSON object, or to `-` for standard input")
    })?;
    serde_json::from_str(&text).map_err(|error| {
        what().because(error.to_string()).fix("write one JSON object, such as {\"greeting\": \"Hello\"}")
    })
}

/// Requests a change, follows the job to its end and prints the result.
pub(super) async fn change(
    client: &Client,
    ask: ApiRequest,
    args: &ChangeArgs,
    screen: &Screen,
) -> Result<(), Failure> {
    let id = &args.plugin.id;
    // The job is queued while another operation on the plugin runs.
    let watched = client.watch_or_leave(ask, &format!("waiting for `{id}`"), screen, false).await?;
    print_result(watched, args.plugin.client.format.is_data())
}

/// Prints the result of a change.
pub(super) fn print_result(watched: FollowedJob, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::data(&watched.result);
        return Ok(());
    }
    let Some(asked) = watched.job.result else {
        return Err(Failure::failed(format!("job `{}` ended without a result", watched.job.id)));
    };
    output::line(&printable(&asked.message));
    let mut facts = Table::new();
    load::course(&asked, &mut facts);
    if let Some(reason) = &asked.reason {
        facts.row(["reason", reason]);
    }
    facts.row(["revision", &asked.revision.to_string()]);
    output::table(&facts);
    for warning in &asked.warnings {
        output::error_line(&format!("warning: {}", printable(warning)));
    }
    Ok(())
}
