//! `show`.

use host_api::{Configuration, Plugin, PluginItem, StoredData};
use serde_json::Value;

use super::load::at_reference;
use super::updates::{is_from_repository, newer_text, policy_text};
use super::{generations, route};
use crate::args::Show;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::paint::labels;
use crate::output::text::{bytes, digest, duration, moment, printable, utc};
use crate::output::{self, Table, width};

/// Removes the capitalized fields, which the host adds for older clients of the API and which repeat other fields.
pub(super) fn without_older_fields(plugin: &mut Value) {
    if let Some(fields) = plugin.as_object_mut() {
        fields.retain(|name, _| !name.starts_with(|c: char| c.is_ascii_uppercase()));
    }
}

/// Formats the installed version and an available update.
fn version(plugin: &PluginItem) -> String {
    let newer = plugin.update_available.iter().map(|update| format!(", update: {}", newer_text(update)));
    [plugin.metadata.version.clone()].into_iter().chain(newer).collect()
}

/// Shows the details of a plugin.
pub(super) async fn show(client: &Client, args: &Show, as_json: bool) -> Result<(), Failure> {
    let id = &args.plugin.id;
    let reply = client.request(ApiRequest::get(route(id, ""))).await?;
    if as_json {
        let mut plugin: Value = reply.read()?;
        without_older_fields(&mut plugin);
        plugin["id"] = id.as_str().into();
        output::data(plugin.to_string().as_bytes());
        return Ok(());
    }
    let mut plugin: Plugin = reply.read()?;
    let n_gone = if args.all { 0 } else { remove_unmapped(&mut plugin.item) };
    // A plugin that is being installed has no configuration yet.
    let configuration: Configuration = match plugin.item.goal {
        Some(_) => client.request(ApiRequest::get(route(id, "/config"))).await?.read()?,
        None => Configuration::default(),
    };
    output::painted(&sheet(&plugin, &configuration, client.url()));
    if n_gone > 0 {
        let generations = if n_gone == 1 { "generation has" } else { "generations have" };
        output::error_line(&format!("{n_gone} {generations} left memory; --all lists them"));
    }
    Ok(())
}

/// Removes the generations that have left memory and returns their number.
fn remove_unmapped(item: &mut PluginItem) -> usize {
    let n_before = item.generations.len();
    item.generations.retain(|generation| generation.phase != "unmapped");
    n_before - item.generations.len()
}

/// One row per key of the configuration, with the layer that its value comes from.
fn settings(configuration: &Configuration) -> Table {
    let mut table = Table::with_head(["KEY", "VALUE", "FROM", "DEFAULT"]).flexible(&["DEFAULT", "VALUE"]);
    let Configuration { configuration, defaults, host_file, set, .. } = configuration;
    for (key, value) in configuration {
        let layers = [("set", set), ("host.toml", host_file), ("default", defaults)];
        let from: Vec<_> = layers.iter().filter(|(_, layer)| layer.contains_key(key)).map(|(name, _)| *name).collect();
        // The layers of an object are merged; any other value comes from the highest layer.
        let from = if value.is_object() { from.join(", ") } else { from.first().copied().unwrap_or("-").to_owned() };
        let default = defaults.get(key).map_or_else(|| "-".to_owned(), ToString::to_string);
        table.row([key, &value.to_string(), &from, &default]);
    }
    table
}

/// Formats the number of keys that a plugin has stored, and their bytes.
pub(super) fn stored_text(StoredData { keys, bytes: n_bytes }: &StoredData) -> String {
    let keys = if *keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") };
    format!("{keys}, {}", bytes(*n_bytes))
}

fn sheet(plugin: &Plugin, configuration: &Configuration, url: &str) -> String {
    let Plugin { plugin: parts, stored_data, item } = plugin;
    let metadata = &parts.metadata;
    let status = &parts.status;
    let mut facts = Table::new();
    facts.row(["id", &metadata.id]);
    if !metadata.name.is_empty() {
        facts.row(["name", &metadata.name]);
    }
    facts.row(["version", &version(item)]);
    let tags = metadata.tags.join(", ");
    let optional = [
        ("description", &metadata.description),
        ("author", &metadata.author),
        ("license", &metadata.license),
        ("homepage", &metadata.homepage),
        ("repository", &metadata.repository),
        ("documentation", &metadata.documentation),
        ("issues", &metadata.issues),
        ("category", &metadata.category),
        ("tags", &tags),
    ];
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
        facts.row([name, value]);
    }
    facts.row(["source", &item.source]);
    if let Some(commit) = &item.commit {
        facts.row(["commit", &at_reference(commit, item.reference.as_deref())]);
    }
    if !item.file_path.is_empty() {
        facts.row(["artifact", &digest(&item.file_path)]);
    }
    if let Some(loaded_at) = item.loaded_at {
        facts.row(["loaded", &format!("{} UTC", utc(loaded_at))]);
    }
    facts.row(["goal", item.goal.as_deref().unwrap_or("-")]);
    facts.row(["phase", &item.phase]);
    if let Some(reason) = &item.quarantine {
        facts.row(["quarantine", &format!("{reason}; `enable`, `start` or `restart` lifts it")]);
    }
    facts.row(["health", &status.health]);
    if item.failures_in_a_row > 0 {
        facts.row(["failures", &format!("{} in a row", item.failures_in_a_row)]);
    }
    facts.row(["generation", &generation(item.generation)]);
    facts.row(["uptime", &uptime(item)]);
    facts.row(["requests", &format!("{}, {} failed", status.request_count, status.error_count)]);
    if item.long_polls > 0 {
        facts.row(["long polls", &format!("{}; the log names the handlers that block", item.long_polls)]);
    }
    if *stored_data != StoredData::default() {
        facts.row(["stored data", &stored_text(stored_data)]);
    }
    facts.row(["revision", &item.revision.to_string()]);
    if let Some(policy) = item.update.as_ref().filter(|_| is_from_repository(&item.source)) {
        facts.row(["updates", &policy_text(policy)]);
    }
    if let Some(policy) = item.update.as_ref().filter(|policy| !policy.blocked.is_empty()) {
        facts.row(["blocked", &policy.blocked.join(", ")]);
    }
    let mut sections = vec![facts.painted(None)];

    if !parts.routes.is_empty() {
        let mut endpoints = Table::with_head(["METHOD", "URL", "DESCRIPTION"]).flexible(&["DESCRIPTION"]);
        for (route, endpoint) in parts.routes.iter().zip(&metadata.endpoints) {
            endpoints.row([&route.method, &format!("{url}{}", route.path), &endpoint.description]);
        }
        sections.push(endpoints.painted(width()));
    }
    if !item.generations.is_empty() {
        sections.push(generations::table(&item.generations).painted(width()));
        sections.extend(generations::held(&item.generations));
    }
    if !item.kept.is_empty() {
        let mut earlier =
            Table::with_head(["ROLLBACK VERSION", "LOADED (UTC)", "COMMIT", "SOURCE"]).flexible(&["SOURCE"]);
        for version in &item.kept {
            let commit = version.commit.as_deref().map_or_else(|| "-".to_owned(), digest);
            earlier.row([&version.version, &moment(version.loaded_at), &commit, &version.source]);
        }
        sections.push(earlier.painted(width()));
    }
    if !configuration.configuration.is_empty() {
        sections.push(settings(configuration).painted(width()));
    }
    let warnings = item.warnings.iter().map(|warning| format!("warning: {}", printable(warning)));
    let error = item.last_error.iter().map(|error| {
        format!("last error: {} ({}, {} UTC)", printable(&error.message), error.code, utc(error.at_unix_ms))
    });
    let crash = item
        .last_crash
        .iter()
        .map(|crash| format!("last crash: {} ({} UTC)", printable(&crash.message), utc(crash.at_unix_ms)));
    let remarks: Vec<_> = warnings.chain(error).chain(crash).collect();
    if !remarks.is_empty() {
        sections.push(labels(&remarks.join("\n")).into_owned());
    }
    sections.join("\n\n")
}

pub(super) fn generation(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

pub(super) fn uptime(item: &PluginItem) -> String {
    if item.generation.is_some() { duration(item.status.uptime * 1e3) } else { "-".to_owned() }
}

#[cfg(test)]
pub(super) mod tests;
