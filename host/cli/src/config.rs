//! What the operator chose: flags over environment over `host.toml` over defaults, each value with its origin.

mod configurations;
mod environment;
mod file;
mod flags;
mod rooms;
mod table;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use configurations::Configurations;
pub(crate) use environment::Environment;
use file::InFile;
pub(crate) use flags::Flags;
pub(crate) use rooms::Rooms;
use table::{SETTINGS, Setting};
use value::Value;

use crate::failure::Failure;

/// The file that is read when `--config` names none.
const DEFAULT_FILE: &str = "host.toml";

/// All settings, resolved.
pub(crate) struct Settings {
    settings: Vec<Resolved>,
    /// What the file sets for plugins.
    configurations: Configurations,
    file: PathBuf,
}

/// One setting, resolved.
pub(crate) struct Resolved {
    setting: &'static Setting,
    /// What counts.
    pub(crate) value: Value,
    /// Where it was given.
    pub(crate) origin: Origin,
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In a variable.
    Environment(&'static str),
    /// In a file, at a line.
    File(PathBuf, usize),
    /// Nowhere.
    Default,
}

/// Reads the file, if there is one, and resolves all settings.
///
/// # Errors
/// All that is wrong in flags, environment and file, at once.
pub(crate) fn read(flags: &Flags, environment: &Environment, config: Option<&Path>) -> Result<Settings, Failure> {
    let path = config.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && config.is_none() => None,
        Err(error) => {
            let failure = Failure::usage(format!("failed to read the configuration `{}`", path.display()));
            return Err(failure
                .because(error.to_string())
                .fix("name a file that exists and can be read with --config"));
        }
    };
    resolve(flags, environment, text.as_deref().map(|text| (path, text))).map_err(|refusals| {
        Failure { details: refusals, ..Failure::usage("the configuration is refused") }
            .fix("correct each line above; `plugin-host serve --help` tells what each setting takes")
    })
}

/// Resolves all settings.
fn resolve(flags: &Flags, environment: &Environment, file: Option<(&Path, &str)>) -> Result<Settings, Vec<String>> {
    let (path, in_file) = match file {
        Some((path, text)) => (path, file::read(path, text)),
        None => (Path::new(DEFAULT_FILE), InFile::default()),
    };
    let InFile { values: mut in_file, configurations, refusals: in_file_refused } = in_file;
    let (mut settings, mut refusals) = (Vec::with_capacity(SETTINGS.len()), vec![]);
    for setting in SETTINGS {
        let refused = |place: String, found: &str| {
            let found: String = found.chars().take(80).collect();
            format!("{place} is `{}`, allowed is {}", found.escape_debug(), setting.kind.allowed())
        };
        let mut found = vec![];
        if let Some(texts) = flags.get(setting.key) {
            match flags::value(setting.kind, texts) {
                Some(value) => found.push((value, Origin::Flag(setting.flag))),
                None => refusals.push(refused(format!("flag `--{}`", setting.flag), &texts.join(" "))),
            }
        }
        if let Some((name, text)) = setting.variable.and_then(|name| Some((name, environment.get(name)?))) {
            match setting.kind.read(text) {
                Some(value) => found.push((value, Origin::Environment(name))),
                None => refusals.push(refused(format!("environment: `{name}`"), text)),
            }
        }
        if let Some((value, line)) = in_file.remove(setting.key) {
            found.push((value, Origin::File(path.to_owned(), line)));
        }
        let (value, origin) = found.into_iter().next().unwrap_or_else(|| {
            let value = setting.kind.read(setting.default).expect("a test reads every default of the table");
            (value, Origin::Default)
        });
        settings.push(Resolved { setting, value, origin });
    }
    refusals.extend(environment.unreadable.iter().map(|name| format!("environment: `{name}` is not UTF-8")));
    refusals.extend(in_file_refused);
    match refusals.is_empty() {
        true => Ok(Settings { settings, configurations, file: path.to_owned() }),
        false => Err(refusals),
    }
}

// === impl Settings ===

impl Settings {
    /// All of them, in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Resolved> {
        self.settings.iter()
    }

    /// What the file sets for plugins: the key of each section, its values as they may be shown, and where it stands.
    pub(crate) fn configurations(&self) -> impl Iterator<Item = (String, serde_json::Value, Origin)> {
        self.configurations.iter().map(|(plugin, section)| {
            let key = format!("{}.{plugin}", configurations::KEY);
            (key, section.shown(), Origin::File(self.file.clone(), section.line))
        })
    }

    fn get(&self, key: &str) -> &Resolved {
        self.settings
            .iter()
            .find(|resolved| resolved.setting.key == key)
            .expect("a test asks for every key that is used")
    }

    fn text(&self, key: &str) -> &str {
        match &self.get(key).value {
            Value::Text(text) => text,
            _ => "",
        }
    }

    fn number(&self, key: &str) -> u64 {
        match self.get(key).value {
            Value::Number(number) => number,
            _ => 0,
        }
    }

    fn switch(&self, key: &str) -> bool {
        self.get(key).value == Value::Switch(true)
    }

    fn list(&self, key: &str) -> &[String] {
        match &self.get(key).value {
            Value::List(parts) => parts,
            _ => &[],
        }
    }
}

// === impl Resolved ===

impl Resolved {
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
            Origin::File(path, line) => write!(f, "file {}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}
