//! Code that reads the folder of the plugin at run time, where it does not exist.

use host_core::{TreePath, shown_list};
use host_store::Tree;

const NAME: &str = "\"CARGO_MANIFEST_DIR\"";
/// The maximum size of a source file that is searched, larger than any handwritten file.
const MAX_FILE_BYTES: u64 = 1 << 20;
const MAX_PLACES: usize = 5;
const MAX_PER_FILE: usize = 20;
/// The number of bytes before the name that are examined.
const NEAR_BYTES: usize = 300;
/// Parts of paths with code that is not in the library.
const NOT_BUILT: [&str; 5] = ["tests", "benches", "examples", "build.rs", "tests.rs"];

/// Returns a warning that names the uses of `CARGO_MANIFEST_DIR` in the library of a plugin that is built from source.
/// Only the usual ways to write such a use are found.
pub(crate) fn warnings(tree: &Tree) -> Vec<String> {
    if !tree.files().iter().any(|file| file.path.as_str() == "Cargo.toml") {
        return vec![];
    }
    let is_built = |path: &TreePath| {
        path.as_str().ends_with(".rs") && !path.as_str().split('/').any(|part| NOT_BUILT.contains(&part))
    };
    let mut places = vec![];
    for file in tree.files().iter().filter(|file| is_built(&file.path) && file.bytes <= MAX_FILE_BYTES) {
        // An unreadable file is reported by the build.
        let Ok(text) = tree.read(&file.path, MAX_FILE_BYTES) else { continue };
        places.extend(lines(&String::from_utf8_lossy(&text)).into_iter().map(|line| format!("{}:{line}", file.path)));
    }
    if places.is_empty() {
        return vec![];
    }
    vec![format!(
        "`CARGO_MANIFEST_DIR` is used in {}, and names a folder that does not exist where the plugin runs; \
         hint: include the files with `include_str!` or `include_bytes!`, see docs/authoring.md",
        shown_list(places, MAX_PLACES)
    )]
}

/// Returns the numbers of the lines that read the variable, except to include a file. Comments and unit tests do not
/// count.
fn lines(text: &str) -> Vec<usize> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_found = |at: usize| {
        let start = (at.saturating_sub(NEAR_BYTES)..at).find(|start| code.is_char_boundary(*start)).unwrap_or(at);
        let near = &code[start..at];
        let line = near.rsplit('\n').next().unwrap_or_default();
        let before: String = near.chars().filter(|c| !c.is_whitespace()).collect();
        let is_read = ["env!(", "env::var(", "env::var_os("].iter().any(|read| before.ends_with(read));
        let include = before.strip_suffix("!(concat!(env!(").is_some_and(|before| {
            ["include", "include_str", "include_bytes"].iter().any(|include| before.ends_with(include))
        });
        is_read && !include && !line.trim_start().starts_with("//")
    };
    let found = code.match_indices(NAME).filter(|(at, _)| is_found(*at)).take(MAX_PER_FILE);
    found.map(|(at, _)| code[..at].matches('\n').count() + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_at_run_time_are_found_and_other_uses_are_not() {
        for (text, expected) in [
            ("fn f() {\n    let p = env!(\"CARGO_MANIFEST_DIR\");\n}", &[2][..]),
            ("let p = Path::new(env!(\n    \"CARGO_MANIFEST_DIR\"\n)).join(\"a\");", &[2]),
            ("let p = concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/a\");", &[1]),
            ("std::env::var(\"CARGO_MANIFEST_DIR\")", &[1]),
            ("STR(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/a\"))", &[]),
            ("BYTES(concat!(\n  env!(\"CARGO_MANIFEST_DIR\"),\n  \"/a\"))", &[]),
            ("include_dir!(\"$CARGO_MANIFEST_DIR/assets\")", &[]),
            ("// env!(\"CARGO_MANIFEST_DIR\")", &[]),
            ("/// `env!(\"CARGO_MANIFEST_DIR\")`", &[]),
            ("\"CARGO_MANIFEST_DIR\"", &[]),
            ("x();\n#[cfg(test)]\nmod tests { env!(\"CARGO_MANIFEST_DIR\") }", &[]),
        ] {
            let text = text.replace("STR(", "include_str! (").replace("BYTES(", "include_bytes! (");
            assert_eq!(lines(&text), expected, "{text}");
        }
    }
}
