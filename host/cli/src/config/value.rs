//! The parsed values of settings.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use host_core::manifest::{AllowedHost, Mode};
use host_core::{PluginId, Source};
use host_fetch::Mirror;
use host_run::SecretSource;
use host_serve::Network;
use serde_json::Value as Json;

/// The parsed value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SettingValue {
    /// A filter or URL.
    Text(String),
    /// A path or program; empty for a file that is not set.
    Path(PathBuf),
    /// A number.
    Number(u64),
    /// True or false.
    Switch(bool),
    /// How strictly plugin.yaml is checked.
    Mode(Mode),
    /// The format of the log.
    LogFormat(LogFormat),
    /// An IP address.
    Address(IpAddr),
    /// Several paths.
    Paths(Vec<PathBuf>),
    /// Several origins, repository patterns or host names.
    Texts(Vec<String>),
    /// Several plugin sources.
    Sources(Vec<Parsed<Source>>),
    /// Several hosts to fetch from.
    Hosts(Vec<Parsed<AllowedHost>>),
    /// Several networks.
    Networks(Vec<Parsed<Network>>),
    /// Several plugin secrets.
    Secrets(Vec<Parsed<Secret>>),
    /// Several mirrors.
    Mirrors(Vec<Mirror>),
}

/// A parsed value with its text, which is displayed and stored unchanged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed<T> {
    pub(super) text: String,
    pub(crate) value: T,
}

/// A secret of a plugin and its source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Secret {
    pub(crate) plugin: PluginId,
    pub(crate) name: String,
    pub(crate) source: SecretSource,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// The values of `security_mode`.
pub(super) const MODES: [(&str, Mode); 3] =
    [("strict", Mode::Strict), ("normal", Mode::Normal), ("permissive", Mode::Permissive)];
/// The values of `log_format`.
pub(super) const LOG_FORMATS: [(&str, LogFormat); 2] = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];

// === impl SettingValue ===

impl SettingValue {
    /// Returns whether the value is a path that is not set.
    pub(super) fn is_empty_path(&self) -> bool {
        matches!(self, SettingValue::Path(path) if path.as_os_str().is_empty())
    }

    /// Returns the value as JSON.
    pub(crate) fn to_json(&self) -> Json {
        fn texts<T>(list: &[Parsed<T>]) -> Json {
            list.iter().map(|parsed| parsed.text.as_str()).collect()
        }
        match self {
            SettingValue::Text(text) => text.as_str().into(),
            SettingValue::Path(path) => path.display().to_string().into(),
            SettingValue::Number(number) => (*number).into(),
            SettingValue::Switch(switch) => (*switch).into(),
            SettingValue::Mode(mode) => word(&MODES, *mode).into(),
            SettingValue::LogFormat(format) => word(&LOG_FORMATS, *format).into(),
            SettingValue::Address(address) => address.to_string().into(),
            SettingValue::Paths(paths) => paths.iter().map(|path| path.display().to_string()).collect(),
            SettingValue::Texts(texts) => texts.as_slice().into(),
            SettingValue::Sources(list) => texts(list),
            SettingValue::Hosts(list) => texts(list),
            SettingValue::Networks(list) => texts(list),
            SettingValue::Secrets(list) => texts(list),
            SettingValue::Mirrors(mirrors) => {
                let pair = |mirror: &Mirror| serde_json::json!({ "prefix": mirror.prefix, "base": mirror.base });
                mirrors.iter().map(pair).collect()
            }
        }
    }
}

impl fmt::Display for SettingValue {
    /// Formats the value as in `host.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |parts: Vec<String>| format!("[{}]", parts.join(", "));
        match (self, self.to_json()) {
            (SettingValue::Mirrors(mirrors), _) => {
                let quoted = |text: &str| Json::from(text).to_string();
                let table = |Mirror { prefix, base }: &Mirror| {
                    format!("{{ prefix = {}, base = {} }}", quoted(prefix), quoted(base))
                };
                f.write_str(&list(mirrors.iter().map(table).collect()))
            }
            (_, Json::Array(parts)) => f.write_str(&list(parts.iter().map(Json::to_string).collect())),
            (_, json) => write!(f, "{json}"),
        }
    }
}

// === impl Parsed ===

impl<T> Parsed<T> {
    pub(super) fn new(value: T, text: impl FnOnce(&T) -> String) -> Parsed<T> {
        Parsed { text: text(&value), value }
    }
}

impl Secret {
    pub(super) fn text(&self) -> String {
        match &self.source {
            SecretSource::File(path) => format!("{}/{}=file:{}", self.plugin, self.name, path.display()),
            SecretSource::Environment(variable) => format!("{}/{}=env:{variable}", self.plugin, self.name),
        }
    }
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word)
}

/// Returns the path of a local source.
pub(super) fn local_path(source: &Source) -> Option<&Path> {
    match source {
        Source::Folder(path) | Source::Archive(path) | Source::Library(path) => Some(path),
        Source::Git { .. } | Source::Upload(_) => None,
        Source::Inside { place, .. } => local_path(place),
    }
}

/// Returns a local source with another path.
pub(super) fn with_path(source: &Source, path: PathBuf) -> Source {
    match source {
        Source::Folder(_) => Source::Folder(path),
        Source::Archive(_) => Source::Archive(path),
        Source::Library(_) => Source::Library(path),
        Source::Inside { .. } => source.clone().map_place(|place| with_path(&place, path)),
        other => other.clone(),
    }
}

/// Returns whether a program is a name without `/`, which is looked up in `PATH`.
pub(crate) fn is_bare_name(path: &Path) -> bool {
    !path.as_os_str().as_encoded_bytes().contains(&b'/')
}

/// Returns an invalid text of a setting for a message: addresses without user, password and query, and `name=value`
/// without the value.
pub(crate) fn shown_setting(text: &str) -> String {
    if !text.contains("://") {
        let text = if text.contains('@') { host_core::shown_address(text) } else { text.to_owned() };
        // A secret that is written into the setting instead of its file or variable.
        return text.split_once('=').map_or_else(|| text.clone(), |(name, _)| format!("{name}=…"));
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    // A mirror on the command line is `prefix=base`.
    let mut shown = text[..end].split('=').map(host_core::shown_address).collect::<Vec<_>>().join("=");
    if end < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_settings_are_shown_without_secrets() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1"),
            ("weather/key=tiger", "weather/key=…"),
            ("me:tiger@example.org", "example.org"),
            ("https://me:tiger@example.org/a?token=tiger", "https://example.org/a…"),
            ("https://a.example/=https://me:tiger@b.example/", "https://a.example/=https://b.example/"),
            ("me:tiger@example.org=https://x", "example.org=https://x"),
        ] {
            let shown = shown_setting(text);
            assert_eq!(shown, expected, "{text}");
            assert!(!shown.contains("tiger"), "{shown}");
        }
    }
}
