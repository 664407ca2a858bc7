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
    let (made, problems) = manifest::read_listing(text, Index::MAX_BYTES, root).map_err(|problem| told(&problem))?;
    finish(made, problems)
}

/// Reads the index from JSON.
///
/// # Errors
/// As [`read`].
pub fn read_json(text: &[u8]) -> Result<Index, String> {
    if text.len() > Index::MAX_BYTES {
        return Err(format!("it is larger than {}", Size::of_usize(Index::MAX_BYTES)));
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
    let Some(Read { name, entries }) = made else { return Err(told(&problems)) };
    // Problems outside of entries concern all of them.
    let (of_entries, of_file): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| place(problem).is_some());
    if !of_file.is_empty() {
        return Err(told(&of_file));
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

fn told(problems: &[Problem]) -> String {
    let first: Vec<_> = problems.iter().take(3).map(|problem| problem.in_file("the index")).collect();
    first.join("; ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn shown(read: Result<Index, String>) -> String {
        let index = match read {
            Ok(index) => index,
            Err(reason) => return format!("refused: {reason}\n"),
        };
        let mut shown = format!("index `{}`\n", index.name);
        for entry in &index.plugins {
            let versions: Vec<_> =
                entry.versions.iter().map(|version| format!("{} {}", version.version, version.tag)).collect();
            let latest = entry.latest().map(|latest| latest.version.to_string()).unwrap_or_default();
            shown += &format!("{} of {}: {}; latest {latest}\n", entry.id, entry.repository, versions.join(", "));
        }
        for (place, reason) in &index.refused {
            shown += &format!("  {place}: {reason}\n");
        }
        shown
    }

    #[test]
    fn valid_entries_are_listed_and_invalid_ones_are_skipped_with_a_reason() {
        let text = r#"
version: 1
name: Acme
plugins:
  - id: hello
    repository: https://github.com/acme/hello
    tags: [demo]
    unknown: {a: 1}
    versions:
      - {version: 1.0.0, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
      - {version: 2.0.0-rc.1, tag: next}
      - {version: 1.2.0, tag: "release/1.2", commit: "0123456789012345678901234567890123456789"}
      - {version: 1.3.0, yanked: true}
  - id: hello
    repository: https://github.com/evil/hello
    versions: [{version: 9.0.0}]
  - id: evil
    repository: "file:///etc"
    versions: [{version: 1.0.0}]
  - {id: no, repository: "https://github.com/a/b", versions: [{version: 1.0.0}]}
  - id: old
    repository: https://github.com/acme/old
    stars: many
    versions: [{version: 1, commit: abc}, {version: "1.0", tag: "../x"}]
  - id: twice
    repository: https://github.com/acme/twice
    versions: [{version: 1.0.0}, {version: 1.0.0}]
  - 7
"#;
        expect![[r#"
            index `Acme`
            hello of https://github.com/acme/hello: 2.0.0-rc.1 next, 1.3.0 v1.3.0, 1.2.0 release/1.2, 1.0.0 v1.0.0; latest 1.2.0
              plugins[2].repository: scheme `file` is not supported; did you mean `/etc`?, found `file:///etc`
              plugins[3].id: must have 3 to 50 characters, found `no`
              plugins[4].stars: must be a whole number from 0 to 18446744073709551615, found `many`
              plugins[4].versions[0].version: must be a version with three numbers; write 1.0.0, found `1`
              plugins[4].versions[1].version: must be a version with three numbers; write 1.0.0, found `1.0`
              plugins[5].versions: must not list a version twice
              plugins[6]: must be a mapping, found `7`
              plugins[1].id: `hello` is already listed
        "#]].assert_eq(&shown(read(text.as_bytes())));
    }

    #[test]
    fn a_file_that_is_not_an_index_is_refused() {
        let mut all = String::new();
        for text in [
            "",
            "[]",
            "version: 2\nplugins: []",
            "version: 1",
            "version: 1\nplugins: {}",
            "version: 1\nplugins: &a [*a]",
            "version: 1\nname: [x]\nplugins: []",
        ] {
            all += &shown(read(text.as_bytes()));
        }
        all += &shown(read(&vec![b' '; Index::MAX_BYTES + 1]));
        all += &shown(read_json(br#"{"version": 1, "plugins": "#));
        all += &shown(read_json(&vec![b' '; Index::MAX_BYTES + 1]));
        all += &shown(read_json(&b"[".repeat(100_000)));
        expect![[r#"
            refused: the index: is empty
            refused: the index: must be a mapping of keys and values
            refused: the index:1: `version` is not supported by this host, which supports version 1, found `2`
            refused: the index: `plugins` is required; the index: `plugins` must be a list
            refused: the index:2: `plugins` must be a list
            refused: the index:2: has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes, found `plugins: &a [*a]`
            refused: the index:2: `name` must be text, not a list
            refused: the index: is larger than 1 MiB, the limit for this file
            refused: it is not valid JSON: EOF while parsing a value at line 1 column 26
            refused: it is larger than 1 MiB
            refused: it is not valid JSON: recursion limit exceeded at line 1 column 128
        "#]].assert_eq(&all);
    }

    #[test]
    fn json_is_read_with_the_same_rules_as_yaml() {
        let text = br#"{"version": 1, "plugins": [
            {"id": "hello", "repository": "https://github.com/acme/hello", "versions": [{"version": "1.0.0"}]},
            {"id": "he\u0000llo"}]}"#;
        expect![[r#"
            index ``
            hello of https://github.com/acme/hello: 1.0.0 v1.0.0; latest 1.0.0
              plugins[1].id: must not contain invisible characters; character 3 is U+0000, a control character; remove it, found `he\u{0}llo`
              plugins[1].repository: is required
              plugins[1].versions: is required
        "#]]
        .assert_eq(&shown(read_json(text)));
    }
}
