//! The resolved settings and their origins.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use host_core::PluginId;
use host_fetch::UrlPrefix;
use serde_json::Value;

use super::configurations::{self, Configurations};
use super::git::{self, GitSections};
use super::table::Setting;
use super::timing::applies_immediately;
use super::value::SettingValue;

/// All settings, resolved.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) settings: Vec<ResolvedSetting>,
    /// The sections for plugins in the file.
    pub(super) configurations: Configurations,
    /// The sections for private repositories in the file.
    pub(super) git: GitSections,
    pub(super) file: PathBuf,
    /// Warnings about ignored environment variables.
    pub(super) warnings: Vec<String>,
}

/// One setting, resolved.
#[derive(Clone)]
pub(crate) struct ResolvedSetting {
    pub(super) setting: &'static Setting,
    /// The effective value.
    pub(crate) value: SettingValue,
    /// The origin of the value.
    pub(crate) origin: Origin,
}

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag on the command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A change over the API while the host ran.
    Changed,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// The default of the setting.
    Default,
}

impl Settings {
    /// Returns the warnings about ignored environment variables.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Iterates over all settings, in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ResolvedSetting> {
        self.settings.iter()
    }

    /// Iterates over the sections of the file, for repositories and plugins: key, values with secrets masked, and
    /// origin.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (String, Value, Origin)> {
        let origin = |line| Origin::File(self.file.clone(), line);
        let git =
            self.git.iter().map(move |(prefix, section)| (git_key(prefix), section.shown(), origin(section.line)));
        let plugins = self.configurations.iter().map(move |(plugin, section)| {
            (format!("{}.{plugin}", configurations::KEY), section.shown(), origin(section.line))
        });
        git.chain(plugins)
    }

    /// Returns the settings that a running host uses after a change: the settings that apply immediately have the new
    /// value.
    pub(crate) fn with_immediate_changes(&self, new: &Settings) -> Settings {
        let mut used = Settings { git: new.git.clone(), ..self.clone() };
        let at_once = |key: &str| self.applies_immediately_here(new, key);
        for (used, new) in used.settings.iter_mut().zip(new.iter()) {
            if at_once(new.key()) {
                *used = new.clone();
            }
        }
        used
    }

    /// Returns the keys with a different value in `new`.
    pub(crate) fn differences(&self, new: &Settings) -> Vec<String> {
        let differ = self.settings.iter().zip(&new.settings).filter(|(own, new)| own.value != new.value);
        let prefixes = self.git.keys().chain(new.git.keys()).collect::<BTreeSet<_>>();
        let git = prefixes.into_iter().filter(|prefix| self.git.get(prefix) != new.git.get(prefix)).map(git_key);
        differ.map(|(own, _)| own.key().to_owned()).chain(git).collect()
    }

    /// Returns the keys of the plugin sections with different values in `new`.
    pub(crate) fn differences_of_plugins(&self, new: &Settings) -> Vec<String> {
        let plugins = self.configurations.keys().chain(new.configurations.keys()).collect::<BTreeSet<_>>();
        let values = |settings: &Settings, plugin: &PluginId| Some(settings.configurations.get(plugin)?.values.clone());
        let differ = plugins.into_iter().filter(|&plugin| values(self, plugin) != values(new, plugin));
        differ.map(|plugin| format!("{}.{plugin}", configurations::KEY)).collect()
    }

    /// Returns whether a new value of this key applies immediately to a host that was started with these settings.
    fn applies_immediately_here(&self, new: &Settings, key: &str) -> bool {
        match key {
            // A certificate can be replaced while the host runs; TLS can only be switched on or off at the start.
            "tls_cert" | "tls_key" => self.tls().is_some() && new.tls().is_some(),
            key => applies_immediately(key),
        }
    }

    pub(super) fn get(&self, key: &str) -> &ResolvedSetting {
        self.settings
            .iter()
            .find(|resolved| resolved.setting.key == key)
            .expect("a test asks for every key that is used")
    }
}

fn git_key(prefix: &UrlPrefix) -> String {
    format!("{}.\"{prefix}\"", git::KEY)
}

// === impl ResolvedSetting ===

impl ResolvedSetting {
    /// The key in `host.toml`.
    pub(crate) fn key(&self) -> &'static str {
        self.setting.key
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag --{name}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Changed => f.write_str("changed while a host ran"),
            Origin::File(path, line) => write!(f, "file {}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}
