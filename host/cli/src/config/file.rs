//! `host.toml`: checks every key and reports all problems together.

use std::collections::BTreeMap;
use std::path::Path;

use host_core::spelling::suggestion;
use host_fetch::Mirror;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::configurations::{self, Configurations};
use super::git::{self, GitSections};
use super::hints;
use super::setting_type::{self, SettingType};
use super::table::{SETTINGS, Setting, find};
use super::value::{SettingValue, shown_setting};

/// The values of a file by key, each with its line.
pub(crate) type FileValues = BTreeMap<&'static str, (SettingValue, usize)>;

/// The content of a file.
#[derive(Default)]
pub(crate) struct InFile {
    /// The settings of the host.
    pub(crate) values: FileValues,
    /// The sections for plugins.
    pub(crate) configurations: Configurations,
    /// The sections for private repositories.
    pub(crate) git: GitSections,
    /// All problems.
    pub(crate) refusals: Vec<String>,
}

/// Reads the text of the file at `path`. Relative paths in the text start at the file's folder.
pub(crate) fn read(path: &Path, text: &str) -> InFile {
    let line_ends: Vec<_> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let line_at = |offset: usize| line_ends.partition_point(|end| *end < offset) + 1;
    let place = |offset: usize| format!("{}:{}", path.display(), line_at(offset));
    let InFile { mut values, mut configurations, mut git, mut refusals } = InFile::default();
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            refusals.push(format!(
                "{}: {}{}",
                place(offset),
                error.message(),
                hints::of_syntax(text, offset, error.message())
            ));
            return InFile { values, configurations, git, refusals };
        }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && *folder != Path::new("."));
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, found) in entries {
        if key.get_ref() == configurations::KEY {
            let mut refuse = |offset, why: String| refusals.push(format!("{}: {why}", place(offset)));
            configurations = configurations::read(found, line_at, &mut refuse);
            continue;
        }
        if key.get_ref() == git::KEY {
            let mut refuse = |offset, why: String| refusals.push(format!("{}: {why}", place(offset)));
            git = git::read(found, folder.unwrap_or(Path::new("")), line_at, &mut refuse);
            continue;
        }
        let line = line_at(key.span().start);
        let place = place(key.span().start);
        let Some(setting) = find(key.get_ref()) else {
            let why =
                hints::of_section(key.get_ref(), found.get_ref()).unwrap_or_else(|| unknown("key", key.get_ref()));
            refusals.push(format!("{place}: {why}"));
            continue;
        };
        match take(setting, found) {
            Ok(value) => {
                let value = match folder {
                    Some(folder) => setting.setting_type.based_on(folder, value),
                    None => value,
                };
                values.insert(setting.key, (value, line));
            }
            Err(shown) => {
                let allowed = setting.setting_type.allowed();
                let hint = hints::of_value(setting, found.get_ref());
                refusals.push(format!("{place}: `{}` is {shown}, expected {allowed}{hint}", setting.key));
            }
        }
    }
    InFile { values, configurations, git, refusals }
}

/// Reads a value of the file, or describes the invalid value.
fn take(setting: &Setting, found: &Spanned<DeValue<'_>>) -> Result<SettingValue, String> {
    let setting_type = setting.setting_type;
    let invalid = || show(found.get_ref());
    match found.get_ref() {
        DeValue::String(text) if setting_type.is_text() => setting_type.read(text).ok_or_else(invalid),
        DeValue::Integer(number) if setting_type.is_number() => {
            let digits = number.as_str().replace('_', "");
            setting_type.read(&digits).filter(|_| number.radix() == 10).ok_or_else(invalid)
        }
        DeValue::Boolean(switch) if setting_type == SettingType::Switch => Ok(SettingValue::Switch(*switch)),
        DeValue::Array(array) if setting_type == SettingType::Mirrors => {
            array.iter().map(|entry| mirror(entry.get_ref())).collect::<Result<_, _>>().map(SettingValue::Mirrors)
        }
        DeValue::Array(array) if setting_type.is_list() => {
            let texts: Option<Vec<_>> = array.iter().map(|entry| entry.get_ref().as_str()).collect();
            texts.and_then(|texts| setting_type.read_list(&texts)).ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

fn mirror(entry: &DeValue<'_>) -> Result<Mirror, String> {
    let invalid = || show(entry);
    let DeValue::Table(table) = entry else { return Err(invalid()) };
    let text = |key: &str| {
        table.iter().find(|(name, _)| name.get_ref() == key).and_then(|(_, value)| value.get_ref().as_str())
    };
    match (text("prefix"), text("base")) {
        (Some(prefix), Some(base)) if table.len() == 2 => setting_type::mirror(prefix, base).ok_or_else(invalid),
        _ => Err(invalid()),
    }
}

/// Describes a value of the file, shortened.
fn show(value: &DeValue<'_>) -> String {
    let quoted = |text: &str| format!("`{}`", host_core::shown(&shown_setting(text), 80));
    match value {
        DeValue::String(text) => format!("the string {}", quoted(text)),
        DeValue::Integer(number) => quoted(&number.to_string()),
        DeValue::Float(number) => quoted(&number.to_string()),
        DeValue::Boolean(switch) => quoted(&switch.to_string()),
        DeValue::Datetime(time) => quoted(&time.to_string()),
        DeValue::Array(array) => {
            let shown: Vec<_> = array.iter().take(5).map(|entry| show(entry.get_ref())).collect();
            format!("a list of {}", if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") })
        }
        DeValue::Table(table) => {
            let shown =
                table.iter().take(5).map(|(key, value)| format!("{} = {}", key.get_ref(), show(value.get_ref())));
            format!("a table with {}", shown.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Describes a key that is not a setting. `noun` is `key` or `setting`.
pub(super) fn unknown(noun: &str, key: &str) -> String {
    let shown = host_core::shown(key, 80);
    let section = key.split('.').next().unwrap_or(key);
    if section == configurations::KEY {
        return format!(
            "`{shown}` is not a setting: `[{section}.<plugin-id>]` is a section of host.toml; \
             `plugin-host configure ID` changes the configuration of a plugin"
        );
    }
    if section == git::KEY {
        return format!("`{shown}` is not a setting: `[{section}.\"<host>\"]` is a section of host.toml");
    }
    let of_variable = |setting: &&Setting| setting.variables().any(|name| name.eq_ignore_ascii_case(key));
    if let Some(setting) = SETTINGS.iter().find(of_variable) {
        return format!("unknown {noun} `{shown}`; did you mean `{}`?", setting.key);
    }
    let keys = SETTINGS.iter().map(|setting| setting.key).chain([configurations::KEY, git::KEY]);
    match suggestion(key, &keys.collect::<Vec<_>>()) {
        Some(known) => format!("unknown {noun} `{shown}`; did you mean `{known}`?"),
        None => format!("unknown {noun} `{shown}`; `plugin-host config show` lists all keys"),
    }
}
