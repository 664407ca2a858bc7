//! The settings of the host: flags take precedence over the environment, then `host.toml`, then defaults. Each value
//! keeps its origin.

mod configs;
mod configurations;
mod environment;
mod file;
mod flags;
mod getters;
mod git;
mod hints;
mod live;
mod setting_type;
mod settings;
mod table;
mod timing;
mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use configs::Configs;
pub(crate) use environment::Environment;
use file::InFile;
pub(crate) use flags::Flags;
pub(crate) use live::{LiveSettings, ReloadReport, Running};
use serde_json::{Map, Value};
pub(crate) use settings::{Origin, ResolvedSetting, Settings};
use table::SETTINGS;
pub(crate) use value::is_bare_name;
use value::shown_setting;

use host_client::Failure;

/// The configuration file that is read without `--config`.
const DEFAULT_FILE: &str = "host.toml";

/// The maximum size of the configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The number of problems that are listed.
const MAX_REFUSALS: usize = 50;

/// The message of a failure that lists the invalid settings in its details.
pub(crate) const REFUSED: &str = "the configuration is invalid";

/// The inputs of a configuration, before they are resolved.
pub(crate) struct Inputs {
    flags: Flags,
    environment: Environment,
    /// The file given with `--config`.
    named: Option<PathBuf>,
    path: PathBuf,
    /// The text of the file, if it exists.
    text: Option<String>,
}

/// Reads the configuration file and resolves all settings, without the changes made over the API.
///
/// # Errors
/// All invalid values in flags, environment and file, together.
pub(crate) fn read(flags: &Flags, environment: &Environment, config: Option<&Path>) -> Result<Settings, Failure> {
    Inputs::read(flags, environment, config)?.resolve(&Map::new())
}

/// Resolves all settings without a configuration file.
///
/// # Errors
/// All invalid values in flags and environment, together.
pub(crate) fn read_without_file(flags: &Flags, environment: &Environment) -> Result<Settings, Failure> {
    let flags = flags.clone();
    let environment = environment.clone();
    let path = DEFAULT_FILE.into();
    Inputs { flags, environment, named: None, path, text: None }.resolve(&Map::new())
}

/// Reads the configuration file and resolves all settings with the changes made over the API, as `serve` uses them.
///
/// # Errors
/// All invalid values in flags, environment, file and changes, together; or the changes cannot be read.
pub(crate) fn read_with_changes(
    flags: &Flags,
    environment: &Environment,
    config: Option<&Path>,
) -> Result<(Inputs, Map<String, Value>, Settings), Failure> {
    let given = Inputs::read(flags, environment, config)?;
    let settings = given.resolve(&Map::new())?;
    let changed = host_store::changed_settings(&settings.plugin_dir());
    let changed = changed.map_err(|error| Failure::from_error("failed to read the changed settings", &error))?;
    let settings = given.resolve(&changed)?;
    Ok((given, changed, settings))
}

impl Inputs {
    fn read(flags: &Flags, environment: &Environment, config: Option<&Path>) -> Result<Inputs, Failure> {
        let path = config.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match host_file::read_text(path, MAX_FILE_BYTES) {
            Ok(text) => Some(text),
            Err(error) if error.is_not_found() && config.is_none() => None,
            Err(error) => {
                let failure = Failure::usage(format!("failed to read the configuration `{}`", path.display()));
                return Err(failure
                    .because(error.to_string())
                    .fix("name a file that exists and can be read with --config"));
            }
        };
        let named = config.map(Path::to_owned);
        let path = path.to_owned();
        Ok(Inputs { flags: flags.clone(), environment: environment.clone(), named, path, text })
    }

    /// Reads the configuration file again.
    fn again(&self) -> Result<Inputs, Failure> {
        Inputs::read(&self.flags, &self.environment, self.named.as_deref())
    }

    /// Resolves all settings with these changes.
    fn resolve(&self, changes: &Map<String, Value>) -> Result<Settings, Failure> {
        let file = self.text.as_deref().map(|text| (&*self.path, text));
        resolve_with(&self.flags, &self.environment, file, changes).map_err(|refusals| {
            Failure { details: refusals, ..Failure::usage(REFUSED) }
                .fix("correct the listed settings; `plugin-host serve --help` describes each setting")
        })
    }
}

/// Returns the description of a setting.
pub(crate) fn about(key: &str) -> &'static str {
    table::find(key).expect("a test reads every key that is described").about
}

/// Resolves the settings of a file with this text.
#[cfg(test)]
pub(crate) fn read_text(path: &Path, text: &str) -> Result<Settings, Vec<String>> {
    resolve(&Flags::default(), &Environment::default(), Some((path, text)))
}

/// Resolves all settings, without changes.
#[cfg(test)]
fn resolve(flags: &Flags, environment: &Environment, file: Option<(&Path, &str)>) -> Result<Settings, Vec<String>> {
    resolve_with(flags, environment, file, &Map::new())
}

/// Resolves all settings.
fn resolve_with(
    flags: &Flags,
    environment: &Environment,
    file: Option<(&Path, &str)>,
    changes: &Map<String, Value>,
) -> Result<Settings, Vec<String>> {
    let (path, in_file) = match file {
        Some((path, text)) => (path, file::read(path, text)),
        None => (Path::new(DEFAULT_FILE), InFile::default()),
    };
    let InFile { values: mut in_file, configurations, git, refusals: in_file_refused } = in_file;
    let mut settings = Vec::with_capacity(SETTINGS.len());
    let mut refusals = vec![];
    let misspelled = |(name, meant): &(String, &str)| {
        format!("environment: `{}` has no effect; did you mean `{meant}`?", host_core::shown(name, 80))
    };
    let mut warnings: Vec<_> = environment.misspelled.iter().map(misspelled).collect();
    for setting in SETTINGS {
        let refused = |place: String, found: &str| {
            let found = host_core::shown(&shown_setting(found), 80);
            format!("{place} is `{found}`, expected {}", setting.setting_type.allowed())
        };
        let mut found = vec![];
        if let Some(texts) = flags.get(setting.key) {
            match flags::value(setting.setting_type, texts) {
                Some(value) => found.push((value, Origin::Flag(setting.flag))),
                None => refusals.push(refused(format!("flag `--{}`", setting.flag), &texts.join(" "))),
            }
        }
        for (name, text) in setting.variables().filter_map(|name| Some((name, environment.get(name)?))) {
            let refusal = || refused(format!("environment: `{name}`"), text);
            match setting.setting_type.read(text) {
                Some(value) => found.push((value, Origin::Environment(name))),
                None if is_of_another_program(name, text) => {
                    warnings.push(format!("{}; ignored, because other programs set this variable, too", refusal()));
                }
                None => refusals.push(refusal()),
            }
        }
        if let Some(changed) = changes.get(setting.key) {
            match setting.setting_type.read_json(changed) {
                Some(value) => found.push((value, Origin::Changed)),
                None => refusals.push(refused(format!("settings.json: `{}`", setting.key), &changed.to_string())),
            }
        }
        if let Some((value, line)) = in_file.remove(setting.key) {
            found.push((value, Origin::File(path.to_owned(), line)));
        }
        let (value, origin) = found.into_iter().next().unwrap_or_else(|| {
            let value = setting.setting_type.read(setting.default).expect("a test reads every default of the table");
            (value, Origin::Default)
        });
        settings.push(ResolvedSetting { setting, value, origin });
    }
    refusals.extend(environment.unreadable.iter().map(|name| format!("environment: `{name}` is not UTF-8")));
    refusals.extend(in_file_refused);
    let settings = Settings { settings, configurations, git, file: path.to_owned(), warnings };
    for (one, other) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert")] {
        if settings.file(one).is_some() && settings.file(other).is_none() {
            refusals.push(format!("`{one}` is set and `{other}` is not; TLS needs both"));
        }
    }
    let n_more = refusals.len().saturating_sub(MAX_REFUSALS);
    refusals.truncate(MAX_REFUSALS);
    refusals.extend((n_more > 0).then(|| format!("{n_more} more problems")));
    if refusals.is_empty() { Ok(settings) } else { Err(refusals) }
}

/// Returns whether an invalid value was set for another program: `HOST` is the build target in conda environments, and
/// Kubernetes sets `PLUGIN_HOST_PORT` to a URL if there is a service `plugin-host`.
fn is_of_another_program(variable: &str, value: &str) -> bool {
    match variable {
        "HOST" => true,
        "PLUGIN_HOST_PORT" => value.contains("://"),
        _ => false,
    }
}
