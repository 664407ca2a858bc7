//! Parses a [`PluginSet`], or reports all problems of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use semver::Version;
use serde_json::{Map, Value};

use super::{PluginEntry, PluginSet, PluginSetProblem};
use crate::manifest::{self, Reader};
use crate::tag::TagPattern;
use crate::update::{UpdateInterval, UpdateLevel, UpdatePolicy, blocked_versions};
use crate::{Goal, PluginId, Revision, Size, Source, TreePath};

/// Reads a plugins.yaml.
///
/// # Errors
/// Every problem of the file, ordered by line; never empty. While the text is not the accepted subset of YAML, only
/// problems of the text are reported.
pub fn read(text: &[u8]) -> Result<PluginSet, Vec<PluginSetProblem>> {
    let read = manifest::read_plugins(text, PluginSet::MAX_BYTES, root);
    read.map_err(|problems| problems.into_iter().map(PluginSetProblem::from).collect())
}

/// Reads the file from JSON.
///
/// # Errors
/// As [`read`], without lines.
pub fn read_json(text: &[u8]) -> Result<PluginSet, Vec<PluginSetProblem>> {
    let of_text = |rule: String| {
        let problem = manifest::Problem { line: 0, field: String::new(), rule, found: String::new() };
        vec![PluginSetProblem::from(problem)]
    };
    if text.len() > PluginSet::MAX_BYTES {
        return Err(of_text(format!(
            "is larger than {}, the limit for this file",
            Size::from_usize(PluginSet::MAX_BYTES)
        )));
    }
    let value = serde_json::from_slice(text).map_err(|error| of_text(format!("is not valid JSON: {error}")))?;
    let read = manifest::read_plugins_value(&value, root);
    read.map_err(|problems| problems.into_iter().map(PluginSetProblem::from).collect())
}

/// Returns `None` only if a problem was recorded.
fn root(root: &Reader<'_>) -> Option<PluginSet> {
    if !root.is_mapping() {
        root.problem("must be a mapping with `version: 1` and the list `plugins`");
        return None;
    }
    root.keys(&["version", "prune", "plugins"]);
    let number = file_version(&root.field("version"));
    let prune = root.field("prune").flag().unwrap_or(false);
    let plugins = root.field("plugins").required();
    let items = plugins.items();
    let entries: Vec<_> = items.iter().map(|item| entry(&item.required())).collect();
    refuse_twice(&items);
    number?;
    Some(PluginSet { prune, plugins: entries.into_iter().collect::<Option<_>>()?, remarks: vec![] })
}

/// The version of the format; only 1 exists.
fn file_version(version: &Reader<'_>) -> Option<u64> {
    if !version.is_given() {
        version.problem("is required; add `version: 1` as the first line");
        return None;
    }
    if let Some(Value::Number(number)) = version.json()
        && number.as_u64() != Some(1)
    {
        version.problem("is not supported by this host, which supports version 1");
        return None;
    }
    version.number(1..=1)
}

fn entry(reader: &Reader<'_>) -> Option<PluginEntry> {
    if !reader.is_given() {
        return None;
    }
    if !reader.is_mapping() {
        reader.problem("must be a mapping with at least a `source`");
        return None;
    }
    reader.keys(&[
        "source",
        "version",
        "path",
        "tag_pattern",
        "id",
        "commit",
        "artifact",
        "goal",
        "configuration",
        "update",
        "blocked",
    ]);
    let id_field = reader.field("id");
    let id: Option<PluginId> = id_field.parsed(manifest::plugin_id);
    let mut source = source(&reader.field("source").required());
    let is_git = source.as_ref().is_none_or(Source::is_git);
    revision(&reader.field("version"), source.as_mut());
    tag_pattern(&reader.field("tag_pattern"), source.as_mut());
    folder(&reader.field("path"), source.as_mut());
    let commit_field = reader.field("commit");
    let commit = commit_field.parsed(commit);
    if commit_field.is_given() && !is_git {
        commit_field.bare().problem("requires a git address as `source`");
    }
    let artifact_field = reader.field("artifact");
    let artifact = artifact_field.parsed(manifest::digest);
    for lock in [&commit_field, &artifact_field] {
        if lock.is_given() && !id_field.is_given() {
            lock.bare().problem("requires the `id` of the plugin that it locks");
        }
    }
    let goal = reader.field("goal").parsed(goal).unwrap_or(Goal::Running);
    let configuration = configuration(&reader.field("configuration"));
    let update = update(&reader.field("update"));
    let blocked = blocked(&reader.field("blocked"));
    Some(PluginEntry { source: source?, id, commit, artifact, goal, configuration, update, blocked, left_out: vec![] })
}

/// An upload is written as `upload:<id>` and exists only on its host.
fn source(reader: &Reader<'_>) -> Option<Source> {
    let text = reader.text()?;
    let read = match text.strip_prefix("upload:") {
        Some(id) => {
            let is_id = (1..=64).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            is_id.then(|| Source::Upload(id.to_owned())).ok_or_else(|| "it is not a valid upload id".to_owned())
        }
        None => text.parse().map_err(|error: crate::SourceError| error.to_string()),
    };
    // The text itself is not repeated: an address may carry a password.
    read.map_err(|error| reader.bare().problem(format!("must be a source: {error}"))).ok()
}

/// Applies `version` as the revision of a git address.
fn revision(reader: &Reader<'_>, source: Option<&mut Source>) {
    let Some(named) = reader.parsed(|text| text.parse::<Revision>().map_err(|_| "must be a branch, tag or commit"))
    else {
        return;
    };
    let before = source.as_ref().and_then(|source| source.as_git()).map(|(_, revision)| revision.clone());
    if let Some(revision) = before.filter(|revision| *revision != Revision::Latest && *revision != named) {
        reader.problem(format!("contradicts `{revision}` in `source`; keep only one of them"));
    }
    match source {
        Some(source) if source.is_git() => *source = source.at(named).unwrap_or_else(|| source.clone()),
        Some(_) => reader.bare().problem("requires a git address as `source`"),
        None => {}
    }
}

/// Applies `path`, the folder of the plugin.
fn folder(reader: &Reader<'_>, source: Option<&mut Source>) {
    let Some(path) = reader.parsed(|text| TreePath::of_folder(text).map_err(|error| error.rule)) else { return };
    let Some(source) = source else { return };
    if source.path().is_some_and(|there| *there != path) {
        reader.problem("contradicts the path in `source`; keep one of them");
    }
    match source.clone().inside(path) {
        Ok(inside) => *source = inside,
        Err(_) => reader.bare().problem("is a folder of a repository, folder or archive, which `source` is not"),
    }
}

/// Applies `tag_pattern` to a git address.
fn tag_pattern(reader: &Reader<'_>, source: Option<&mut Source>) {
    let rule = "must be a tag with `{version}` once in place of the version, such as `hello-v{version}`";
    let Some(pattern) = reader.parsed(|text| text.parse::<TagPattern>().map_err(|_| rule)) else { return };
    match source {
        Some(source) if source.is_git() => {
            if source.tag_rule().pattern.is_some_and(|tags| *tags != pattern) {
                reader.problem("contradicts the pattern in `source`; keep one of them");
            }
            *source = source.with_tags(Some(pattern)).unwrap_or_else(|| source.clone());
        }
        Some(_) => reader.bare().problem("requires a git address as `source`"),
        None => {}
    }
}

fn commit(text: &str) -> Result<String, &'static str> {
    let is_commit = text.len() == 40 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if is_commit { Ok(text.to_owned()) } else { Err("must be a full commit id: 40 hex digits in lower case") }
}

fn goal(text: &str) -> Result<Goal, &'static str> {
    let goals = [Goal::Running, Goal::Stopped, Goal::Disabled, Goal::Installed];
    let found = goals.into_iter().find(|goal| goal.as_str() == text);
    found.ok_or("must be `running`, `stopped`, `disabled` or `installed`")
}

/// A mapping, or a text with one JSON object for values that plain YAML cannot represent.
fn configuration(reader: &Reader<'_>) -> Option<Map<String, Value>> {
    if !reader.is_given() {
        return None;
    }
    let Some(text) = reader.as_text() else { return reader.json_object() };
    match serde_json::from_str(text) {
        Ok(configuration) => Some(configuration),
        Err(error) => {
            reader.bare().problem(format!("must be a mapping, or a text with one JSON object: {error}"));
            None
        }
    }
}

fn update(reader: &Reader<'_>) -> Option<UpdatePolicy> {
    if !reader.is_given() {
        return None;
    }
    reader.keys(&["policy", "automatic", "interval_seconds"]);
    if !reader.is_mapping() {
        return None;
    }
    let hintless = |error: crate::update::UpdateError| error.to_string().replace("; hint: ", "; ");
    let policy = reader.field("policy").required().parsed(|text| text.parse::<UpdateLevel>().map_err(hintless));
    let automatic = reader.field("automatic");
    let is_automatic = automatic.flag().unwrap_or(false);
    let range = UpdateInterval::MIN.as_secs()..=UpdateInterval::MAX.as_secs();
    let seconds = reader.field("interval_seconds").number::<u64>(range);
    let interval = match seconds {
        Some(seconds) => UpdateInterval::new(Duration::from_secs(seconds)).unwrap_or_default(),
        None => UpdateInterval::default(),
    };
    UpdatePolicy::new(policy?, is_automatic, interval).map_err(|error| automatic.bare().problem(hintless(error))).ok()
}

fn blocked(reader: &Reader<'_>) -> Option<BTreeSet<Version>> {
    if !reader.is_given() {
        return None;
    }
    let version = |text: &str| match blocked_versions([text]) {
        Ok(versions) => Ok(versions),
        Err(_) => Err(match manifest::with_three_numbers(text) {
            Some(meant) => format!("must be a version with three numbers; write {meant}"),
            None => "must be a version with three numbers, such as 1.2.0".to_owned(),
        }),
    };
    Some(reader.parsed_items(version).into_iter().flatten().collect())
}

/// Refuses a plugin that is listed twice.
fn refuse_twice(items: &[Reader<'_>]) {
    let mut seen = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let id = item.field("id");
        let Some(text) = id.as_text() else { continue };
        match seen.get(text) {
            Some(first) => id.problem(format!("is already listed as `plugins[{first}]`")),
            None => drop(seen.insert(text, index)),
        }
    }
}
