//! The types of settings: allowed values and parsers.

mod parsers;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use host_core::manifest::AllowedHost;
use host_core::{Size, Source};
use host_run::SecretSource;
use serde_json::Value as Json;
use url::Url;

use parsers::{bytes, has_user, is_filter, is_origin, is_repository, number, parsed, secret};
pub(super) use parsers::{is_path, mirror};

use super::value::{LOG_FORMATS, MODES, Parsed, Secret, SettingValue, is_bare_name, local_path, with_path};

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingType {
    /// A path.
    Path,
    /// A path, or empty.
    File,
    /// A list of paths, separated by `:`.
    Paths,
    /// A program name to look up in `PATH`, or a path.
    Program,
    /// How strictly plugin.yaml is checked.
    Mode,
    /// The format of the log.
    LogFormat,
    /// True or false.
    Switch,
    /// A list of plugin sources, separated by commas.
    Sources,
    /// A list of web origins, separated by commas.
    Origins,
    /// A list of repository patterns, separated by commas.
    Repositories,
    /// A list of mirrors.
    Mirrors,
    /// A list of hosts to fetch from, separated by commas.
    Hosts,
    /// A list of names of this host, separated by commas.
    HostNames,
    /// A list of networks, separated by commas.
    Networks,
    /// A list of plugin secrets and their sources, separated by commas.
    Secrets,
    /// An IP address.
    Address,
    /// A number.
    Number {
        /// The smallest allowed number.
        min: u64,
        /// The largest allowed number.
        max: u64,
    },
    /// A number of bytes, optionally with a fraction and a unit: KB, MB, GB, KiB, MiB or GiB.
    Bytes {
        /// The smallest allowed number.
        min: u64,
        /// The largest allowed number.
        max: u64,
    },
    /// A log filter.
    Filter,
    /// An http or https URL, or empty.
    Url,
}

// === impl SettingType ===

impl SettingType {
    /// Describes the allowed values, to complete "expected …".
    pub(crate) fn allowed(self) -> String {
        let text = match self {
            SettingType::Path => "a path; `~` and `$` are not expanded",
            SettingType::File => "a path, or empty; `~` and `$` are not expanded",
            SettingType::Paths => "a list of paths; `~` and `$` are not expanded",
            SettingType::Program => "a program name or path",
            SettingType::Switch => "`true` or `false`",
            SettingType::Sources => "https git URLs, folders, `.zip` or `.so` files",
            SettingType::Origins => "web origins such as `https://console.example.org`, or `*` for any",
            SettingType::Repositories => "patterns of the form host/owner/name, such as `github.com/acme/*`",
            SettingType::Mirrors => {
                "pairs of `prefix` and `base`, both http or https URLs that end with `/`, without user, password, query and fragment"
            }
            SettingType::Hosts => "hosts without `*`, such as `api.internal` or `127.0.0.1:8080`",
            SettingType::HostNames => "host names such as `plugins.example.org` or `*.example.org`, or `*` for any",
            SettingType::Networks => "networks such as `10.0.0.0/8`, or IP addresses",
            SettingType::Secrets => "`PLUGIN/NAME=file:PATH` or `PLUGIN/NAME=env:VARIABLE`",
            SettingType::Address => "an IP address or `localhost`",
            SettingType::Url => "a URL such as `http://127.0.0.1:4318` without user and password, or empty",
            SettingType::Filter => "a log filter such as `info` or `info,build=debug`",
            SettingType::Number { min, max } => return format!("a number from {min} to {max}"),
            SettingType::Bytes { min, max } => {
                return format!(
                    "a size from {} to {}, such as `100MiB`, or a number of bytes",
                    Size::new(min),
                    Size::new(max)
                );
            }
            SettingType::Mode | SettingType::LogFormat => {
                let words: Vec<_> = self.words().iter().map(|word| format!("`{word}`")).collect();
                return format!("one of {}", words.join(", "));
            }
        };
        text.to_owned()
    }

    /// Returns the allowed words; empty if the type is not a choice of words.
    pub(crate) fn words(self) -> Vec<&'static str> {
        match self {
            SettingType::Mode => MODES.map(|(word, _)| word).into(),
            SettingType::LogFormat => LOG_FORMATS.map(|(word, _)| word).into(),
            _ => vec![],
        }
    }

    /// Returns the separator of a list in one text.
    fn separator(self) -> Option<char> {
        match self {
            SettingType::Paths => Some(':'),
            SettingType::Sources
            | SettingType::Origins
            | SettingType::Repositories
            | SettingType::Mirrors
            | SettingType::Hosts
            | SettingType::HostNames
            | SettingType::Networks
            | SettingType::Secrets => Some(','),
            _ => None,
        }
    }

    /// Returns whether the value is a list.
    pub(crate) fn is_list(self) -> bool {
        self.separator().is_some()
    }

    /// Parses the text of an environment variable; `None` if it is invalid.
    pub(crate) fn read(self, text: &str) -> Option<SettingValue> {
        match self.separator() {
            Some(separator) => {
                let parts: Vec<_> = text.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect();
                self.read_list(&parts)
            }
            None => self.read_one(text.trim()),
        }
    }

    /// Parses a JSON value; `None` if it is invalid.
    pub(crate) fn read_json(self, value: &Json) -> Option<SettingValue> {
        match value {
            Json::String(text) if self.is_text() => self.read(text),
            Json::Number(number) if self.is_number() => self.read(&number.as_u64()?.to_string()),
            Json::Bool(switch) if self == SettingType::Switch => Some(SettingValue::Switch(*switch)),
            Json::Array(pairs) if self == SettingType::Mirrors => {
                let pair = |pair: &Json| mirror(pair.get("prefix")?.as_str()?, pair.get("base")?.as_str()?);
                pairs.iter().map(pair).collect::<Option<_>>().map(SettingValue::Mirrors)
            }
            Json::Array(parts) if self.is_list() => {
                let texts: Option<Vec<_>> = parts.iter().map(Json::as_str).collect();
                self.read_list(&texts?)
            }
            _ => None,
        }
    }

    /// Returns whether a file or JSON value may be a string.
    pub(crate) fn is_text(self) -> bool {
        !self.is_list() && !matches!(self, SettingType::Number { .. } | SettingType::Switch)
    }

    /// Returns whether a file or JSON value may be a number.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, SettingType::Number { .. } | SettingType::Bytes { .. })
    }

    /// Parses the parts of a list; `None` if one of them is invalid.
    pub(crate) fn read_list(self, parts: &[&str]) -> Option<SettingValue> {
        let texts = |is_allowed: fn(&str) -> bool| {
            let is_valid = parts.iter().all(|part| is_allowed(part));
            is_valid.then(|| SettingValue::Texts(parts.iter().map(|&part| part.to_owned()).collect()))
        };
        match self {
            SettingType::Paths => {
                let is_valid = parts.iter().all(|part| is_path(part));
                is_valid.then(|| SettingValue::Paths(parts.iter().map(PathBuf::from).collect()))
            }
            SettingType::Sources => parsed(parts, |part| part.parse().ok()).map(SettingValue::Sources),
            SettingType::Origins => texts(is_origin),
            SettingType::Repositories => texts(is_repository),
            SettingType::HostNames => texts(host_serve::is_allowed_host),
            SettingType::Hosts => {
                parsed(parts, |part| part.parse().ok().filter(AllowedHost::is_one)).map(SettingValue::Hosts)
            }
            SettingType::Networks => parsed(parts, |part| part.parse().ok()).map(SettingValue::Networks),
            SettingType::Secrets => parsed(parts, secret).map(SettingValue::Secrets),
            SettingType::Mirrors => {
                let pairs =
                    parts.iter().map(|part| part.split_once('=').and_then(|(prefix, base)| mirror(prefix, base)));
                pairs.collect::<Option<_>>().map(SettingValue::Mirrors)
            }
            _ => None,
        }
    }

    fn read_one(self, text: &str) -> Option<SettingValue> {
        let as_text = |is_allowed: bool| is_allowed.then(|| SettingValue::Text(text.to_owned()));
        let as_path = |is_allowed: bool| is_allowed.then(|| SettingValue::Path(text.into()));
        match self {
            SettingType::Path | SettingType::Program => as_path(is_path(text)),
            SettingType::File => as_path(text.is_empty() || is_path(text)),
            SettingType::Mode => {
                MODES.iter().find(|(word, _)| *word == text).map(|(_, mode)| SettingValue::Mode(*mode))
            }
            SettingType::LogFormat => {
                let found = LOG_FORMATS.iter().find(|(word, _)| *word == text);
                found.map(|(_, format)| SettingValue::LogFormat(*format))
            }
            SettingType::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(SettingValue::Switch(true)),
                "false" | "0" | "no" | "off" => Some(SettingValue::Switch(false)),
                _ => None,
            },
            SettingType::Address if text == "localhost" => Some(SettingValue::Address(Ipv4Addr::LOCALHOST.into())),
            SettingType::Address => text.parse().ok().map(SettingValue::Address),
            SettingType::Number { min, max } => {
                number(text).filter(|n| (min..=max).contains(n)).map(SettingValue::Number)
            }
            SettingType::Bytes { min, max } => {
                bytes(text).filter(|n| (min..=max).contains(n)).map(SettingValue::Number)
            }
            SettingType::Url => {
                let is_web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host() && !has_user(&url);
                as_text(text.is_empty() || Url::parse(text).is_ok_and(is_web))
            }
            SettingType::Filter => as_text(is_filter(text)),
            // Lists are parsed by `read_list`.
            _ => None,
        }
    }

    /// Makes the relative paths of a value from a file in `folder` independent of the working folder.
    pub(crate) fn based_on(self, folder: &Path, value: SettingValue) -> SettingValue {
        let join = |path: PathBuf| folder.join(path);
        match (self, value) {
            // An empty path means that no file is set, and a program name without `/` is looked up in `PATH`.
            (SettingType::File, value @ SettingValue::Path(_)) if value.is_empty_path() => value,
            (SettingType::Program, SettingValue::Path(name)) if is_bare_name(&name) => SettingValue::Path(name),
            (_, SettingValue::Path(path)) => SettingValue::Path(join(path)),
            (_, SettingValue::Paths(paths)) => SettingValue::Paths(paths.into_iter().map(join).collect()),
            (_, SettingValue::Sources(sources)) => {
                let join = |source: Parsed<Source>| match local_path(&source.value) {
                    Some(path) => Parsed::new(with_path(&source.value, folder.join(path)), Source::to_string),
                    None => source,
                };
                SettingValue::Sources(sources.into_iter().map(join).collect())
            }
            (_, SettingValue::Secrets(secrets)) => {
                let join = |secret: Parsed<Secret>| match &secret.value.source {
                    SecretSource::File(path) => {
                        let source = SecretSource::File(folder.join(path));
                        Parsed::new(Secret { source, ..secret.value }, Secret::text)
                    }
                    SecretSource::Environment(_) => secret,
                };
                SettingValue::Secrets(secrets.into_iter().map(join).collect())
            }
            (_, value) => value,
        }
    }
}
