//! Inserts the list of checksums into a plugin.yaml without changing its other lines.

use std::fmt::Write as _;

use host_core::manifest::{Checksums, Manifest, Mode};
use host_store::TreeFile;

use super::is_manifest;
use host_client::Failure;

const KEY: &str = "checksums";

/// Returns the text with the digests of all other files; `None` if the text would be too long. `manifest` is the parsed
/// text, without checksums.
///
/// # Errors
/// The list cannot be replaced because of the form of the text.
pub(super) fn with_checksums(
    text: &[u8],
    manifest: &Manifest,
    files: &[&TreeFile],
    mode: Mode,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut wanted = Checksums { complete: true, ..Checksums::default() };
    let mut list = format!("{KEY}:\n  complete: true\n");
    for file in files.iter().filter(|file| !is_manifest(file.path.as_str())) {
        if file.path.as_str() == "complete" {
            let failure = Failure::failed("failed to pack the plugin: a file in its root folder is named `complete`");
            return Err(failure
                .because("`complete` is a reserved key in the list of checksums")
                .fix("rename the file"));
        }
        // A JSON string is a valid YAML string.
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
            .ok_or_else(|| refusal("its other keys would change their values")),
        Ok(_) => Err(refusal("the list would be parsed differently")),
        // Too many entries is the only rule that the list itself can violate.
        Err(_) if wanted.files.len() > 200 => Ok(None),
        Err(problems) => Err(refusal(&problems.first().map(ToString::to_string).unwrap_or_default())),
    }
}

/// Returns the text without a list, for a plugin with too many files.
pub(super) fn without_checksums(text: &[u8], manifest: &Manifest, mode: Mode) -> Result<Vec<u8>, Failure> {
    let text = replaced(text, "");
    match Manifest::check(&text, mode) {
        Ok(checked) if same(&checked.manifest, manifest) && checked.manifest.checksums == Checksums::default() => {
            Ok(text)
        }
        _ => Err(refusal("its existing list of checksums cannot be removed")),
    }
}

fn same(found: &Manifest, manifest: &Manifest) -> bool {
    Manifest { checksums: Checksums::default(), ..found.clone() } == *manifest
}

fn refusal(reason: &str) -> Failure {
    Failure::failed("failed to insert the list of checksums into plugin.yaml")
        .because(reason)
        .fix("write plugin.yaml as plain lines of `key: value`, without braces around all of it")
}

/// Returns the text with `list` in place of the existing list, or at its end.
fn replaced(text: &[u8], list: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut kept = String::new();
    let mut tail = String::new();
    let mut is_in_list = false;
    for line in text.split_inclusive('\n') {
        let is_key = |key: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        if is_key(KEY) || is_key(&format!("\"{KEY}\"")) || is_key(&format!("'{KEY}'")) {
            is_in_list = true;
            continue;
        }
        // The lines of a key are indented, except for a closing brace.
        is_in_list &= line.starts_with([' ', '\t', '\r', '\n', '}']);
        if is_in_list {
            continue;
        }
        // The end marker of the document stays at the end.
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
    fn the_new_list_replaces_the_existing_list() {
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
    fn a_plugin_yaml_with_outer_braces_is_refused() {
        let text = "{id: abc, name: x, version: 1.0.0, endpoints: [{path: /, method: GET, handler: x}]}\n";
        let manifest = Manifest::check(text.as_bytes(), Mode::Normal).unwrap().manifest;
        let refused = with_checksums(text.as_bytes(), &manifest, &[], Mode::Normal).unwrap_err();
        assert!(refused.to_string().contains("without braces"), "{refused}");
    }
}
