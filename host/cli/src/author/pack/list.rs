//! Puts the list of checksums into a plugin.yaml, without touching another line of it.

use std::fmt::Write as _;

use host_core::manifest::{Checksums, Manifest, Mode};
use host_store::TreeFile;

use super::is_manifest;
use crate::failure::Failure;

const KEY: &str = "checksums";

/// The text with the digest of every file but itself; `None` when it would be too long. `manifest` is what the text
/// says, without checksums.
///
/// # Errors
/// The text is written in a way in which the list can't be replaced.
pub(super) fn with_checksums(
    text: &[u8],
    manifest: &Manifest,
    files: &[&TreeFile],
    mode: Mode,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut wanted = Checksums { complete: true, ..Checksums::default() };
    let mut list = format!("{KEY}:\n  complete: true\n");
    for file in files.iter().filter(|file| !is_manifest(&file.path)) {
        if file.path.as_str() == "complete" {
            let failure = Failure::failed("the plugin can't be packed: a file at its root is called `complete`");
            return Err(failure.because("in the list of checksums that word says that it is whole").fix("rename it"));
        }
        // A JSON text is a YAML text too.
        let path = serde_json::Value::from(file.path.as_str());
        let _ = writeln!(list, "  {path}: \"{}\"", file.digest);
        wanted.files.insert(file.path.clone(), file.digest);
    }
    let text = replaced(text, &list);
    if text.len() > Manifest::MAX_BYTES {
        return Ok(None);
    }
    match Manifest::check(&text, mode) {
        Ok(checked) if checked.manifest.checksums == wanted => same(&checked.manifest, manifest)
            .then_some(Some(text))
            .ok_or_else(|| refusal("its other keys would change")),
        Ok(_) => Err(refusal("the list would not be read as it is")),
        // More entries than a list may have is the one rule that the list itself can break.
        Err(_) if wanted.files.len() > 200 => Ok(None),
        Err(problems) => Err(refusal(&problems.first().map(ToString::to_string).unwrap_or_default())),
    }
}

/// The text with no list, for a plugin of too many files.
pub(super) fn without_checksums(text: &[u8], manifest: &Manifest, mode: Mode) -> Result<Vec<u8>, Failure> {
    let text = replaced(text, "");
    match Manifest::check(&text, mode) {
        Ok(checked) if same(&checked.manifest, manifest) && checked.manifest.checksums == Checksums::default() => {
            Ok(text)
        }
        _ => Err(refusal("its own list can't be taken out")),
    }
}

fn same(found: &Manifest, manifest: &Manifest) -> bool {
    Manifest { checksums: Checksums::default(), ..found.clone() } == *manifest
}

fn refusal(reason: &str) -> Failure {
    Failure::failed("plugin.yaml can't take the list of checksums")
        .because(reason)
        .fix("write plugin.yaml as plain lines of `key: value`, without braces around all of it")
}

/// The text with `list` in place of its own, or at its end.
fn replaced(text: &[u8], list: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let (mut kept, mut tail, mut is_in_list) = (String::new(), String::new(), false);
    for line in text.split_inclusive('\n') {
        let is_key = |key: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        if is_key(KEY) || is_key(&format!("\"{KEY}\"")) || is_key(&format!("'{KEY}'")) {
            is_in_list = true;
            continue;
        }
        // What belongs to a key is indented; the brace that ends a list may not be.
        is_in_list &= line.starts_with([' ', '\t', '\r', '\n', '}']);
        if is_in_list {
            continue;
        }
        // The end of the document stays at the end.
        if line.trim_end() == "..." || !tail.is_empty() {
            tail.push_str(line);
        } else {
            kept.push_str(line);
        }
    }
    if !kept.ends_with('\n') {
        kept.push('\n');
    }
    (kept + list + &tail).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_takes_the_place_of_the_one_before() {
        for (text, expected) in [
            ("id: a\nname: b\n", "id: a\nname: b\nLIST\n"),
            ("id: a", "id: a\nLIST\n"),
            ("checksums:\n  complete: true\n  x: y\n\nid: a\n", "id: a\nLIST\n"),
            ("id: a\nchecksums: {\"a\": \"b\",\n  c: d\n}\n# about b\nb: c\n", "id: a\n# about b\nb: c\nLIST\n"),
            ("id: a\n\"checksums\" :\n  x: y\nb: c\n", "id: a\nb: c\nLIST\n"),
            ("id: a\nchecksums_of: 1\n  checksums: 2\n", "id: a\nchecksums_of: 1\n  checksums: 2\nLIST\n"),
            ("---\nid: a\n...\n", "---\nid: a\nLIST\n...\n"),
        ] {
            assert_eq!(String::from_utf8(replaced(text.as_bytes(), "LIST\n")).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_plugin_yaml_that_would_change_its_meaning_is_refused() {
        let text = "{id: abc, name: x, version: 1.0.0, endpoints: [{path: /, method: GET, handler: x}]}\n";
        let manifest = Manifest::check(text.as_bytes(), Mode::Normal).unwrap().manifest;
        let refused = with_checksums(text.as_bytes(), &manifest, &[], Mode::Normal).unwrap_err();
        assert!(refused.to_string().contains("without braces"), "{refused}");
    }
}
