//! Parses an [`Index`]; the problems of an entry affect only that entry.

use std::collections::BTreeSet;

use semver::Version;

use super::{Index, IndexEntry, IndexVersion};
use crate::manifest::{self, Problem, Reader};
use crate::{GitUrl, PluginId, Revision, Size};

const MAX_VERSIONS: usize = 100;
const MAX_TAGS: usize = 20;
const MAX_TAG_CHARS: usize = 40;
/// The maximum number of reported problems; the rest is counted.
const MAX_REPORTED: usize = 100;

/// Reads an index.yaml.
///
/// # Errors
/// The reason why the whole file is not an index, in one line.
pub fn read(text: &[u8]) -> Result<Index, String> {
    let (made, problems) =
        manifest::read_listing(text, Index::MAX_BYTES, root).map_err(|problem| in_one_line(&problem))?;
    finish(made, problems)
}

/// Reads the index from JSON.
///
/// # Errors
/// As [`read`].
pub fn read_json(text: &[u8]) -> Result<Index, String> {
    if text.len() > Index::MAX_BYTES {
        return Err(format!("it is larger than {}", Size::from_usize(Index::MAX_BYTES)));
    }
    let value = serde_json::from_slice(text).map_err(|error| format!("it is not valid JSON: {error}"))?;
    let (made, problems) = manifest::read_listing_value(&value, root);
    finish(made, problems)
}

/// The entries with their positions, including entries with problems.
struct Read {
    name: String,
    entries: Vec<(usize, IndexEntry)>,
}

/// Returns `None` only if a problem was recorded.
fn root(root: &Reader<'_>) -> Option<Read> {
    if !root.is_mapping() {
        root.problem("must be a mapping of keys and values");
        return None;
    }
    let version = root.field("version").required();
    let number = version.number::<u64>(1..=u64::MAX)?;
    if number != 1 {
        version.problem("is not supported by this host, which supports version 1");
        return None;
    }
    let plugins = root.field("plugins").required();
    if !plugins.is_list() {
        plugins.bare().problem("must be a list");
        return None;
    }
    let items = plugins.items();
    let read = |(at, item): (usize, &Reader<'_>)| Some((at, entry(&item.required())?));
    let entries = items.iter().enumerate().filter_map(read).collect();
    Some(Read { name: root.field("name").text().unwrap_or_default().to_owned(), entries })
}

fn entry(reader: &Reader<'_>) -> Option<IndexEntry> {
    if !reader.is_mapping() {
        reader.problem("must be a mapping");
        return None;
    }
    let text = |name: &str| reader.field(name).prose().unwrap_or_default().to_owned();
    let line = |name: &str| reader.field(name).text().unwrap_or_default().to_owned();
    let id = reader.field("id").required().parsed(manifest::plugin_id);
    let repository = reader.field("repository").required().parsed(GitUrl::from_repository_address);
    let versions = versions(&reader.field("versions").required());
    let (id, repository): (PluginId, GitUrl) = (id?, repository?);
    Some(IndexEntry {
        id,
        repository,
        name: line("name"),
        description: text("description"),
        author: line("author"),
        last_updated: line("last_updated"),
        tags: tags(&reader.field("tags")),
        stars: reader.field("stars").number(0..=u64::MAX).unwrap_or_default(),
        verified: reader.field("verified").flag().unwrap_or_default(),
        official: reader.field("official").flag().unwrap_or_default(),
        versions,
    })
}

fn versions(reader: &Reader<'_>) -> Vec<IndexVersion> {
    let items = reader.items_within(1..=MAX_VERSIONS);
    let mut versions: Vec<_> = items.iter().filter_map(|item| version(&item.required())).collect();
    versions.sort_by(|a, b| b.version.cmp(&a.version));
    if versions.windows(2).any(|pair| pair[0].version == pair[1].version) {
        reader.bare().problem("must not list a version twice");
    }
    versions
}

fn version(reader: &Reader<'_>) -> Option<IndexVersion> {
    if !reader.is_mapping() {
        reader.problem("must be a mapping with at least a `version`");
        return None;
    }
    let version: Version = manifest::version_number(&reader.field("version").required(), false)?;
    let tag = reader.field("tag");
    let revision = |text: &str| match text.parse::<Revision>() {
        Ok(named @ Revision::Named(_)) => Ok(named),
        _ => Err("must be a branch or tag"),
    };
    let tag = if tag.is_given() { tag.parsed(revision) } else { format!("v{version}").parse().ok() };
    let commit = reader.field("commit").parsed(|text| {
        if text.len() == 40 && text.bytes().all(is_hex) {
            Ok(text.to_owned())
        } else {
            Err("must be a full commit id: 40 hex digits in lower case")
        }
    });
    let digest = reader.field("digest").parsed(manifest::digest);
    let yanked = reader.field("yanked").flag().unwrap_or_default();
    Some(IndexVersion { version, tag: tag?, commit, digest, yanked })
}

fn tags(reader: &Reader<'_>) -> Vec<String> {
    let tag = |text: &str| {
        if (1..=MAX_TAG_CHARS).contains(&text.chars().count()) {
            Ok(text.to_owned())
        } else {
            Err(format!("must have 1 to {MAX_TAG_CHARS} characters"))
        }
    };
    let tags = reader.parsed_items(tag);
    if tags.len() > MAX_TAGS {
        reader.bare().problem(format!("must have at most {MAX_TAGS} entries"));
    }
    tags
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Skips entries with problems and entries with a repeated id.
fn finish(made: Option<Read>, problems: Vec<Problem>) -> Result<Index, String> {
    let Some(Read { name, entries }) = made else { return Err(in_one_line(&problems)) };
    // Problems outside of entries concern all of them.
    let (of_entries, of_file): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| place(problem).is_some());
    if !of_file.is_empty() {
        return Err(in_one_line(&of_file));
    }
    let bad: BTreeSet<usize> = of_entries.iter().filter_map(place).collect();
    let mut refused: Vec<_> =
        of_entries.iter().map(|problem| (problem.field.clone(), problem.without_field())).collect();
    let (mut seen, mut plugins) = (BTreeSet::new(), vec![]);
    for (at, entry) in entries {
        if bad.contains(&at) {
            continue;
        }
        if seen.insert(entry.id.clone()) {
            plugins.push(entry)
        } else {
            refused.push((format!("plugins[{at}].id"), format!("`{}` is already listed", entry.id)))
        }
    }
    if refused.len() > MAX_REPORTED {
        let n_more = refused.len() - MAX_REPORTED;
        refused.truncate(MAX_REPORTED);
        refused.push(("plugins".to_owned(), format!("{n_more} more problems")));
    }
    Ok(Index { name, plugins, refused })
}

/// The position of the entry that has a problem.
fn place(problem: &Problem) -> Option<usize> {
    problem.field.strip_prefix("plugins[")?.split(']').next()?.parse().ok()
}

fn in_one_line(problems: &[Problem]) -> String {
    let first: Vec<_> = problems.iter().take(3).map(|problem| problem.in_file("the index")).collect();
    first.join("; ")
}

#[cfg(test)]
mod tests;
