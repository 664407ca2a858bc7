//! Remedies for mistakes in `host.toml`, to complete the messages about them.

use toml::de::DeValue;

use super::setting_type::SettingType;
use super::table::{Setting, find};

/// Returns the remedy for a syntax error in the line at `offset`; empty if none is known.
pub(super) fn of_syntax(text: &str, offset: usize, message: &str) -> String {
    let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let note = host_core::look_alike_note(line);
    if !note.is_empty() {
        return note;
    }
    // The parser asks for quotes in `cache_enabled = yes` and `drain_timeout_seconds = 30s`, which are not texts.
    let setting = line.split_once('=').filter(|_| message.contains("quoted")).and_then(|(key, _)| find(key.trim()));
    setting.map_or_else(String::new, |setting| format!("; `{}` is {}", setting.key, setting.setting_type.allowed()))
}

/// Returns the message about a section that contains settings of the host; `None` if it contains none.
pub(super) fn of_section(name: &str, found: &DeValue<'_>) -> Option<String> {
    let DeValue::Table(table) = found else { return None };
    let mut keys: Vec<_> = table.iter().filter(|(key, _)| find(key.get_ref()).is_some()).collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let (first, _) = keys.first()?;
    let name = host_core::shown(name, 80);
    Some(format!(
        "unknown section `[{name}]`; settings are not in a section: write `{}` above the first section",
        first.get_ref()
    ))
}

/// Returns the remedy for a value of the wrong type; empty if none is known.
pub(super) fn of_value(setting: &Setting, found: &DeValue<'_>) -> String {
    let DeValue::String(text) = found else { return String::new() };
    let setting_type = setting.setting_type;
    let shown = host_core::shown(text, 80);
    if setting_type.is_list() && setting_type != SettingType::Mirrors && setting_type.read_list(&[text]).is_some() {
        return format!("; write a list: `{} = [\"{shown}\"]`", setting.key);
    }
    if setting_type.is_number() || setting_type == SettingType::Switch {
        return match setting_type.read(text) {
            // Variables accept `yes` for a switch; TOML does not.
            Some(value) => format!("; write `{} = {value}`", setting.key),
            None if setting.key.ends_with("_seconds") => "; write the number of seconds, without a unit".to_owned(),
            None => String::new(),
        };
    }
    String::new()
}
