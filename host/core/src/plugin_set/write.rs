//! Writes a [`PluginSet`] as a text that [`read`](super::read) accepts.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{PluginEntry, PluginSet, read};
use crate::text::is_hidden;
use crate::{Revision, Source};

/// Configurations that are nested more deeply than plain YAML allows are written as JSON.
const MAX_DEPTH: usize = 8;

/// Writes the keys in a fixed order, so that equal files have equal texts. [`read`](super::read) returns the same file
/// without its comments.
///
/// Sources with control characters, or that are not UTF-8, cannot be written; see [`PluginSet::can_write`].
pub fn write(file: &PluginSet) -> String {
    let mut text = String::new();
    for remark in &file.remarks {
        comment(&mut text, 0, remark);
    }
    // Writing to a string does not fail.
    let _ = write!(text, "version: 1\nprune: {}\nplugins:", file.prune);
    match file.plugins.as_slice() {
        [] => text.push_str(" []\n"),
        plugins => {
            text.push('\n');
            plugins.iter().for_each(|entry| text.push_str(&item(entry)));
        }
    }
    text
}

impl PluginSet {
    /// Returns whether [`write()`] can write this source so that it is read back unchanged.
    pub fn can_write(source: &Source) -> bool {
        let text = source_text(source);
        !text.contains(is_hidden)
            && read_back(&PluginEntry::new(source.clone())).is_some_and(|entry| entry.source == *source)
    }
}

fn item(entry: &PluginEntry) -> String {
    let mut lines = String::new();
    let mut line = |key: &str, value: &str| lines.extend(["    ", key, ": ", value, "\n"]);
    if let Some(id) = &entry.id {
        line("id", &scalar(id.as_str()));
    }
    line("source", &scalar(&source_text(&entry.source)));
    if let Some((_, Revision::Named(named))) = entry.source.as_git() {
        line("version", &scalar(named));
    }
    if let Some(path) = entry.source.path() {
        line("path", &scalar(path.as_str()));
    }
    if let Some(tags) = entry.source.tag_rule().pattern {
        line("tag_pattern", &quoted(&tags.to_string()));
    }
    if let Some(commit) = &entry.commit {
        line("commit", &quoted(commit));
    }
    if let Some(artifact) = &entry.artifact {
        line("artifact", &artifact.to_string());
    }
    line("goal", entry.goal.as_str());
    if let Some(configuration) = &entry.configuration {
        configure(&mut lines, configuration, &entry.left_out);
    }
    if let Some(update) = &entry.update {
        let (policy, automatic) = (update.level(), update.automatic());
        let seconds = update.interval().duration().as_secs();
        let update = format!("{{policy: {policy}, automatic: {automatic}, interval_seconds: {seconds}}}");
        let _ = writeln!(lines, "    update: {update}");
    }
    if let Some(blocked) = &entry.blocked {
        let versions: Vec<_> = blocked.iter().map(|version| quoted(&version.to_string())).collect();
        let _ = writeln!(lines, "    blocked: [{}]", versions.join(", "));
    }
    lines.replacen("   ", "  -", 1)
}

/// A git address without its revision, which is written on its own line.
fn source_text(source: &Source) -> String {
    match source.place() {
        Source::Git { url, .. } => url.to_string(),
        source => source.to_string(),
    }
}

// === configuration ===

fn configure(lines: &mut String, configuration: &Map<String, Value>, left_out: &[String]) {
    for pointer in left_out {
        comment(lines, 4, &format!("`{pointer}` is a secret and is not included; where it is set, it keeps its value"));
    }
    let plain = Some(configuration).filter(|configuration| is_plain(configuration)).and_then(as_yaml);
    match plain {
        Some(yaml) => lines.push_str(&yaml),
        None => {
            let json = Value::Object(configuration.clone()).to_string();
            let _ = writeln!(lines, "    configuration: {}", quoted(&ascii(&json)));
        }
    }
}

/// The configuration as a mapping, if it is read back unchanged.
fn as_yaml(configuration: &Map<String, Value>) -> Option<String> {
    let mut yaml = "    configuration:".to_owned();
    mapping(&mut yaml, configuration, 6);
    let entry = format!("version: 1\nplugins:\n  - source: x\n{yaml}");
    let file = read(entry.as_bytes()).ok()?;
    (file.plugins.first()?.configuration.as_ref() == Some(configuration)).then_some(yaml)
}

/// Writes the value of a key that precedes it on the line.
fn mapping(yaml: &mut String, map: &Map<String, Value>, indent: usize) {
    if map.is_empty() {
        yaml.push_str(" {}\n");
        return;
    }
    yaml.push('\n');
    for (key, value) in map {
        let _ = write!(yaml, "{:indent$}{}:", "", scalar(key));
        match value {
            Value::Object(map) => mapping(yaml, map, indent + 2),
            value => yaml.extend([" ", &flow(value), "\n"]),
        }
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Returns whether a configuration is worth trying as plain YAML, which bounds the cost of the attempt.
fn is_plain(configuration: &Map<String, Value>) -> bool {
    fn fits(value: &Value, depth: usize) -> bool {
        match value {
            Value::Object(map) => depth > 0 && map.iter().all(|(key, value)| is_key(key) && fits(value, depth - 1)),
            Value::Array(list) => depth > 0 && list.iter().all(|value| fits(value, depth - 1)),
            _ => true,
        }
    }
    fn is_key(key: &str) -> bool {
        (1..=200).contains(&key.len()) && !key.contains(|c| matches!(c, '"' | '\\') || is_hidden(c))
    }
    configuration.iter().all(|(key, value)| is_key(key) && fits(value, MAX_DEPTH))
}

// === scalars ===

/// Writes a text without quotes if it cannot be misread.
fn scalar(text: &str) -> String {
    const OTHERS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-' | b'+' | b':'))
        && !text.ends_with(':')
        && !OTHERS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Formats a text in double quotes. YAML accepts all escapes of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// JSON with escapes for all that is not ASCII.
fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c.is_ascii() && c != '\u{7f}' => ascii.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
    }
    ascii
}

/// Writes a comment; characters that could end the line are replaced by spaces.
fn comment(text: &mut String, indent: usize, remark: &str) {
    let remark: String = remark.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let _ = writeln!(text, "{:indent$}# {remark}", "");
}

fn read_back(entry: &PluginEntry) -> Option<PluginEntry> {
    let file = PluginSet { plugins: vec![entry.clone()], ..PluginSet::default() };
    read(write(&file).as_bytes()).ok()?.plugins.pop()
}
