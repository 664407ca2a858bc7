//! The dependencies of a Cargo.toml, and its paths.

use toml::{Table, Value};

use super::at;

const TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

/// All dependencies of a Cargo.toml: table, key and value of each.
pub(super) fn dependencies(root: &Table) -> Vec<(String, &str, &Value)> {
    let mut tables: Vec<(String, Option<&Value>)> = Vec::new();
    tables.extend(TABLES.map(|name| (name.to_owned(), root.get(name))));
    tables.push(("workspace.dependencies".to_owned(), at(root, "workspace", "dependencies")));
    tables.push(("replace".to_owned(), root.get("replace")));
    for (target, table) in entries(root.get("target")) {
        tables.extend(TABLES.map(|name| (format!("target.{target}.{name}"), table.get(name))));
    }
    for (registry, table) in entries(root.get("patch")) {
        tables.push((format!("patch.{registry}"), Some(table)));
    }
    let named = |(name, table)| entries(table).map(move |(key, value)| (String::clone(&name), key.as_str(), value));
    tables.into_iter().flat_map(named).collect()
}

fn entries(table: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    table.and_then(Value::as_table).into_iter().flatten()
}

/// Every path in a Cargo.toml that cargo follows: its key and value.
pub(super) fn paths_of(root: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (table, name, dependency) in dependencies(root) {
        if let Some(path) = dependency.get("path").and_then(Value::as_str) {
            found.push((format!("{table}.{name}.path"), path.to_owned()));
        }
    }
    for (table, key) in [("package", "workspace"), ("package", "build"), ("lib", "path")] {
        if let Some(path) = at(root, table, key).and_then(Value::as_str) {
            found.push((format!("{table}.{key}"), path.to_owned()));
        }
    }
    found
}
