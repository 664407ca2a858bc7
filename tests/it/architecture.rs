//! What ARCHITECTURE.md says of the crates is true of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::plugins::{files, repository};

/// The only places that may hold `unsafe` code.
const UNSAFE: &[&str] = &["plugin-sdk/", "host/load/src/", "host/fetch/src/git/transport.rs"];

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Rows as `| crate | duty | may import |` of the first table whose head names these columns.
fn arrows_of_the_document() -> Arrows {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|line| !(line.starts_with("| crate ") && line.contains("| may import |")));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, imports] = cells.as_slice() else { panic!("not three columns: {row}") };
        let name = name.split('`').find(|part| !part.is_empty()).unwrap().trim().to_owned();
        let words = imports.split([',', ' ', '`']).filter(|word| !matches!(*word, "" | "–" | "-"));
        (name, words.map(whole_name).collect())
    })
    .collect()
}

/// The table says `core` for `host-core` and `abi` for `plugin-sdk-abi`.
fn whole_name(word: &str) -> String {
    match word {
        "abi" | "macros" => format!("plugin-sdk-{word}"),
        word if word.starts_with("plugin-sdk") || word.starts_with("host-") => word.to_owned(),
        word => format!("host-{word}"),
    }
}

fn arrows_of_the_workspace() -> Arrows {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(repository());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let ours = dependencies.filter(|dependency| dependency["path"].is_string() && dependency["kind"].is_null());
        let ours = ours.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
        (package["name"].as_str().unwrap().to_owned(), ours.collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn crates_import_only_the_crates_in_the_table_of_the_architecture() {
    assert_eq!(arrows_of_the_workspace(), arrows_of_the_document());
}

#[test]
fn unsafe_code_occurs_only_in_the_listed_places() {
    let mut found = Vec::new();
    for folder in ["host", "plugin-sdk", "examples", "plugins"] {
        let folder = repository().join(folder);
        for (path, bytes) in if folder.is_dir() { crate::plugins::files(&folder) } else { Vec::new() } {
            let path = format!("{}/{path}", folder.file_name().unwrap().to_str().unwrap());
            // Tests hold the sources of plugins as text.
            let is_allowed = path.contains("/tests/") || UNSAFE.iter().any(|place| path.starts_with(place));
            if Path::new(&path).extension().is_some_and(|extension| extension == "rs") && !is_allowed {
                let text = String::from_utf8(bytes).unwrap();
                let lines = text.lines().enumerate().filter(|(_, line)| has_unsafe(line));
                found.extend(lines.map(|(number, line)| format!("{path}:{}: {}", number + 1, line.trim())));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "#[unsafe("]
        .iter()
        .any(|word| code.contains(word))
}

/// The folders of a crate as layers: each folder, from the lowest to the highest, and the folders it may import.
struct Layers {
    crate_name: &'static str,
    folders: &'static [(&'static str, &'static [&'static str])],
}

const FOLDERS: &[Layers] = &[
    Layers {
        crate_name: "run",
        folders: &[
            ("model", &[]),
            ("metrics", &[]),
            ("events", &["metrics"]),
            ("jobs", &["model"]),
            ("plugins", &["model"]),
            ("state", &["events", "jobs", "metrics", "model", "plugins"]),
            ("upkeep", &["jobs", "model", "plugins", "state"]),
            ("operation", &["jobs", "model", "plugins", "state", "upkeep"]),
            ("planning", &["model", "operation", "state"]),
            ("host", &["events", "jobs", "metrics", "model", "operation", "plugins", "state", "upkeep"]),
        ],
    },
    Layers {
        crate_name: "serve",
        folders: &[
            ("wire", &[]),
            ("access", &["wire"]),
            ("connection", &["access", "wire"]),
            ("state", &["access", "connection", "wire"]),
            ("operation", &["access", "state", "wire"]),
            ("guard", &["access", "connection", "operation", "state", "wire"]),
            ("plugin", &["access", "connection", "state", "wire"]),
            ("legacy", &["operation", "state", "wire"]),
            ("api", &["access", "guard", "legacy", "operation", "state", "wire"]),
            ("server", &["access", "api", "connection", "guard", "plugin", "state", "wire"]),
        ],
    },
];

#[test]
fn folders_import_only_folders_below_them() {
    for Layers { crate_name, folders } in FOLDERS {
        let mut lower = BTreeSet::new();
        for (folder, imports) in *folders {
            for import in *imports {
                assert!(
                    lower.contains(import),
                    "{crate_name}: `{folder}` may import `{import}`, which is not below it"
                );
            }
            lower.insert(*folder);
        }
        let source = repository().join("host").join(crate_name).join("src");
        let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (path, bytes) in files(&source) {
            let Some(path) = path.strip_suffix(".rs").filter(|path| *path != "lib") else { continue };
            let folder = path.split('/').next().unwrap();
            let Some((folder, imports)) = folders.iter().find(|(name, _)| *name == folder) else {
                panic!("host/{crate_name}/src/{path}.rs is in no folder of the table")
            };
            for import in imports_of(&String::from_utf8(bytes).unwrap()).into_iter().filter(|import| import != folder) {
                let is_allowed = imports.contains(&import.as_str());
                assert!(is_allowed, "host/{crate_name}/src/{path}.rs: `{folder}` may not import `{import}`");
                seen.entry(*folder).or_default().insert(import);
            }
        }
        for (folder, imports) in *folders {
            let used: Vec<_> = seen.remove(folder).unwrap_or_default().into_iter().collect();
            assert_eq!(used, *imports, "{crate_name}: the imports of `{folder}`, sorted");
        }
    }
}

/// The folders with the modules of each crate.
fn source_folders() -> Vec<PathBuf> {
    let crates = std::fs::read_dir(repository().join("host")).unwrap().map(|entry| entry.unwrap().path().join("src"));
    let sdk = ["plugin-sdk/src", "plugin-sdk/abi/src", "plugin-sdk/macros/src"].map(|path| repository().join(path));
    crates.filter(|folder| folder.is_dir()).chain(sdk).collect()
}

#[test]
fn modules_of_a_crate_form_no_circle() {
    for folder in source_folders() {
        let mut imports: Arrows = Arrows::new();
        for (path, bytes) in files(&folder) {
            let Some(path) = path.strip_suffix(".rs") else { continue };
            let is_test = path.split('/').any(|part| part == "tests");
            if matches!(path, "lib" | "main") || is_test {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            // The tests of a module may use what it is used by.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            imports.entry(path.split('/').next().unwrap().to_owned()).or_default().extend(imports_of(code));
        }
        assert!(!imports.is_empty(), "{} has no modules", folder.display());
        // Modules that import no other module that is left are taken away, until nothing or a circle is left.
        loop {
            let is_left = |name: &String, own: &String| name != own && imports.contains_key(name);
            let lowest = imports.iter().find(|(own, names)| !names.iter().any(|name| is_left(name, own)));
            let Some(lowest) = lowest.map(|(own, _)| own.clone()) else { break };
            imports.remove(&lowest);
        }
        let left: Vec<_> = imports.keys().cloned().collect();
        assert!(
            left.is_empty(),
            "{}: these modules form a circle, or import one: {}",
            folder.display(),
            left.join(", ")
        );
    }
}

/// The first segment of each path that begins with `crate::`, except in comments.
fn imports_of(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut imports = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        if let Some(group) = path.strip_prefix('{') {
            // `crate::{a::X, b::{Y, Z}}`: names at the first level of the group.
            let mut depth = 1;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' => {}
                    c if depth == 1 => name.push(c),
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    imports.insert(first_segment(name.trim()));
                    name.clear();
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            imports.insert(first_segment(path));
        }
    }
    imports.remove("");
    imports
}

fn first_segment(path: &str) -> String {
    path.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
}

#[test]
fn imports_are_found_in_groups_and_paths() {
    let found = |text| imports_of(text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(found("use crate::a::B;\nlet x = crate::c::d(crate::e);"), "a c e");
    assert_eq!(found("use crate::{a::{B, C}, d, E};"), "a d");
    assert_eq!(found("//! See [`crate::a`].\n    /// crate::b"), "");
}
