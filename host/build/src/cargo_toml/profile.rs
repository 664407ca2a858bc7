//! The settings of a profile that make cargo compile the SDK again.

use host_core::manifest::Profile;
use toml::{Table, Value};

use super::at;

/// The settings that cargo compiles dependencies with, and their values in the profiles `release` and `dev`. The host
/// sets `panic` and `incremental` itself.
const SETTINGS: [(&str, &[&str], &[&str]); 9] = [
    ("opt-level", &["3"], &["0"]),
    ("debug", &["0", "false", "none"], &["2", "true", "full"]),
    ("strip", &["none", "false"], &["none", "false"]),
    ("lto", &["false"], &["false"]),
    ("codegen-units", &["16"], &["256"]),
    ("debug-assertions", &["false"], &["true"]),
    ("overflow-checks", &["false"], &["true"]),
    ("rpath", &["false"], &["false"]),
    ("split-debuginfo", &["off"], &["off"]),
];

/// The settings of `[profile.release]` and `[profile.dev]` that differ from cargo's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profiles {
    release: Vec<&'static str>,
    dev: Vec<&'static str>,
}

impl Profiles {
    /// Reads the Cargo.toml at the root of the workspace, whose profiles cargo uses.
    pub(super) fn read(root: &Table) -> Profiles {
        Profiles { release: changed(root, Profile::Release), dev: changed(root, Profile::Dev) }
    }

    /// The reason why cargo does not reuse the SDK of other plugins, which is compiled with the defaults of the profile
    /// `usual`.
    pub(crate) fn note(&self, profile: Profile, usual: Profile) -> Option<String> {
        let name = profile.as_str();
        let changed = match profile {
            Profile::Release => &self.release,
            Profile::Dev => &self.dev,
        };
        let reason = if profile != usual {
            format!("`build.profile` in plugin.yaml is `{name}`")
        } else if !changed.is_empty() {
            let changed = host_core::shown_list(changed.iter().copied(), changed.len());
            format!("`[profile.{name}]` in Cargo.toml sets {changed}")
        } else {
            return None;
        };
        Some(format!(
            "note: {reason}, so cargo does not reuse the SDK that is compiled for other plugins, and compiles it with \
             these settings, which takes longer the first time"
        ))
    }
}

fn changed(root: &Table, profile: Profile) -> Vec<&'static str> {
    let Some(table) = at(root, "profile", profile.as_str()).and_then(Value::as_table) else { return vec![] };
    let is_changed = |(key, release, dev): &(&'static str, &[&str], &[&str])| {
        let defaults = if profile == Profile::Release { release } else { dev };
        let value = table.get(*key).map(text_of);
        value.filter(|value| !defaults.contains(&value.as_str())).map(|_| *key)
    };
    let mut changed: Vec<_> = SETTINGS.iter().filter_map(is_changed).collect();
    if table.contains_key("build-override") {
        changed.push("build-override");
    }
    if at(table, "package", "*").is_some() {
        changed.push("package.\"*\"");
    }
    changed
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        _ => String::new(),
    }
}
