//! The types of settings and their values.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use host_core::manifest::AllowedHost;
use host_core::{PluginId, Source};
use host_run::SecretSource;
use tracing_subscriber::EnvFilter;
use url::Url;

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A path.
    Path,
    /// Paths, separated by `:`.
    Paths,
    /// A name to look up in `PATH`, or a path.
    Program,
    /// One of these.
    Word(&'static [&'static str]),
    /// True or false.
    Switch,
    /// Sources of plugins, separated by commas.
    Sources,
    /// Origins of web pages, separated by commas.
    Origins,
    /// Patterns of repositories, separated by commas.
    Repositories,
    /// Pairs of prefix and base.
    Mirrors,
    /// Hosts that are asked over HTTP, separated by commas.
    Hosts,
    /// Names of this host, separated by commas.
    HostNames,
    /// Networks of addresses, separated by commas.
    Networks,
    /// A path, or none.
    File,
    /// Secrets of plugins and where each lies, separated by commas.
    Secrets,
    /// An IP address.
    Address,
    /// A number.
    Number {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of bytes, also written with KiB, MiB or GiB, or KB, MB or GB.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A filter of log lines.
    Filter,
    /// An http or https address, or nothing.
    Url,
}

/// What was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A path, a word, an address, a filter.
    Text(String),
    /// A number.
    Number(u64),
    /// True or false.
    Switch(bool),
    /// Several texts.
    List(Vec<String>),
    /// Pairs of prefix and base.
    Mirrors(Vec<(String, String)>),
}

impl Kind {
    /// What is allowed, to stand behind "allowed is".
    pub(crate) fn allowed(self) -> String {
        match self {
            Kind::Path => "a path".to_owned(),
            Kind::Paths => "a list of non-empty paths".to_owned(),
            Kind::Program => "a program name or path".to_owned(),
            Kind::Word(words) => {
                format!("one of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
            }
            Kind::Switch => "`true` or `false`".to_owned(),
            Kind::Sources => "https git URLs, folders, `.zip` or `.so` files".to_owned(),
            Kind::Origins => "web origins such as `https://console.example.org`, or `*` for any".to_owned(),
            Kind::Repositories => "patterns of the form host/owner/name, such as `github.com/acme/*`".to_owned(),
            Kind::Mirrors => "pairs of `prefix` and `base`, both http or https URLs that end with `/`".to_owned(),
            Kind::Hosts => "hosts without `*`, such as `api.internal` or `127.0.0.1:8080`".to_owned(),
            Kind::HostNames => "host names such as `plugins.example.org` or `*.example.org`, or `*` for any".to_owned(),
            Kind::Networks => "networks such as `10.0.0.0/8`, or IP addresses".to_owned(),
            Kind::File => "a path, or empty".to_owned(),
            Kind::Secrets => "`PLUGIN/NAME=file:PATH` or `PLUGIN/NAME=env:VARIABLE`".to_owned(),
            Kind::Address => "an IP address or `localhost`".to_owned(),
            Kind::Number { min, max } => format!("a number from {min} to {max}"),
            Kind::Bytes { min, max } => {
                format!("a number of bytes from {min} to {max}, or a size such as `100MiB`")
            }
            Kind::Url => "a URL such as `http://127.0.0.1:4318`, or empty".to_owned(),
            Kind::Filter => "a log filter such as `info` or `info,build=debug`".to_owned(),
        }
    }

    /// What separates the parts of a list in one text.
    fn separator(self) -> Option<char> {
        match self {
            Kind::Paths => Some(':'),
            Kind::Sources
            | Kind::Origins
            | Kind::Repositories
            | Kind::Mirrors
            | Kind::Hosts
            | Kind::HostNames
            | Kind::Networks
            | Kind::Secrets => Some(','),
            _ => None,
        }
    }

    /// Whether it takes several texts.
    pub(crate) fn is_list(self) -> bool {
        self.separator().is_some()
    }

    /// Reads one text, as it stands in a variable; `None` when it is not allowed.
    pub(crate) fn read(self, text: &str) -> Option<Value> {
        match self.separator() {
            Some(separator) => {
                let parts: Vec<_> = text.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect();
                self.read_list(&parts)
            }
            None => self.read_one(text.trim()),
        }
    }

    /// Reads a value as JSON has it; `None` when it is not allowed.
    pub(crate) fn read_json(self, value: &serde_json::Value) -> Option<Value> {
        use serde_json::Value as Json;
        match value {
            Json::String(text) if !self.is_list() && !matches!(self, Kind::Number { .. } | Kind::Switch) => {
                self.read(text)
            }
            Json::Number(number) if matches!(self, Kind::Number { .. } | Kind::Bytes { .. }) => {
                self.read(&number.as_u64()?.to_string())
            }
            Json::Bool(switch) if self == Kind::Switch => Some(Value::Switch(*switch)),
            Json::Array(pairs) if self == Kind::Mirrors => {
                let pair = |pair: &Json| mirror(pair.get("prefix")?.as_str()?, pair.get("base")?.as_str()?);
                pairs.iter().map(pair).collect::<Option<Vec<_>>>().map(Value::Mirrors)
            }
            Json::Array(parts) if self.is_list() => {
                let texts: Option<Vec<_>> = parts.iter().map(Json::as_str).collect();
                self.read_list(&texts?)
            }
            _ => None,
        }
    }

    /// Reads several texts; `None` when one of them is not allowed.
    pub(crate) fn read_list(self, parts: &[&str]) -> Option<Value> {
        if self == Kind::Mirrors {
            let pairs = parts.iter().map(|part| part.split_once('=').and_then(|(prefix, base)| mirror(prefix, base)));
            return pairs.collect::<Option<Vec<_>>>().map(Value::Mirrors);
        }
        let is_allowed = |part: &str| match self {
            Kind::Paths => is_path(part),
            Kind::Sources => part.parse::<Source>().is_ok(),
            Kind::Origins => is_origin(part),
            Kind::Repositories => is_repository(part),
            Kind::Hosts => part.parse::<AllowedHost>().is_ok_and(|host| host.is_one()),
            Kind::HostNames => host_serve::is_allowed_host(part),
            Kind::Networks => part.parse::<host_serve::Network>().is_ok(),
            Kind::Secrets => secret(part).is_some(),
            _ => false,
        };
        parts.iter().all(|part| is_allowed(part)).then(|| Value::List(parts.iter().map(|&part| part.into()).collect()))
    }

    fn read_one(self, text: &str) -> Option<Value> {
        let as_text = |is_allowed: bool| is_allowed.then(|| Value::Text(text.to_owned()));
        match self {
            Kind::Path | Kind::Program => as_text(is_path(text)),
            Kind::File => as_text(text.is_empty() || is_path(text)),
            Kind::Word(words) => as_text(words.contains(&text)),
            Kind::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(Value::Switch(true)),
                "false" | "0" | "no" | "off" => Some(Value::Switch(false)),
                _ => None,
            },
            Kind::Address if text == "localhost" => Some(Value::Text("127.0.0.1".to_owned())),
            Kind::Address => text.parse::<IpAddr>().ok().map(|address| Value::Text(address.to_string())),
            Kind::Number { min, max } => number(text).filter(|n| (min..=max).contains(n)).map(Value::Number),
            Kind::Bytes { min, max } => bytes(text).filter(|n| (min..=max).contains(n)).map(Value::Number),
            Kind::Url => {
                let is_web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
                as_text(text.is_empty() || Url::parse(text).is_ok_and(is_web))
            }
            Kind::Filter => as_text(!text.is_empty() && EnvFilter::builder().parse(text).is_ok()),
            Kind::Paths
            | Kind::Sources
            | Kind::Origins
            | Kind::Repositories
            | Kind::Mirrors
            | Kind::Hosts
            | Kind::HostNames
            | Kind::Networks
            | Kind::Secrets => None,
        }
    }

    /// Makes the paths in a value that stands in a file in `folder` independent of the working folder.
    pub(crate) fn based_on(self, folder: &Path, value: Value) -> Value {
        let join = |path: &str| folder.join(path).display().to_string();
        match (self, value) {
            (Kind::Path, Value::Text(path)) => Value::Text(join(&path)),
            (Kind::File, Value::Text(path)) if !path.is_empty() => Value::Text(join(&path)),
            // A bare name is looked up in PATH.
            (Kind::Program, Value::Text(path)) if path.contains('/') => Value::Text(join(&path)),
            (Kind::Paths, Value::List(paths)) => Value::List(paths.iter().map(|path| join(path)).collect()),
            (Kind::Sources, Value::List(sources)) => {
                let join = |text: &String| match text.parse() {
                    Ok(Source::Folder(path) | Source::Archive(path) | Source::Library(path)) => {
                        folder.join(path).display().to_string()
                    }
                    _ => text.clone(),
                };
                Value::List(sources.iter().map(join).collect())
            }
            (Kind::Secrets, Value::List(secrets)) => {
                let join = |text: &String| match text.split_once("=file:") {
                    Some((name, path)) => format!("{name}=file:{}", join(path)),
                    None => text.clone(),
                };
                Value::List(secrets.iter().map(join).collect())
            }
            (_, value) => value,
        }
    }
}

/// A secret's plugin, name and place, from `PLUGIN/NAME=file:PATH` or `PLUGIN/NAME=env:VARIABLE`.
pub(crate) fn secret(text: &str) -> Option<(PluginId, String, SecretSource)> {
    let (name, place) = text.split_once('=')?;
    let (plugin, name) = name.split_once('/')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let source = match place.split_once(':')? {
        ("file", path) if is_path(path) => SecretSource::File(path.into()),
        ("env", variable) if !variable.is_empty() && !variable.contains(['=', '\0']) => {
            SecretSource::Environment(variable.to_owned())
        }
        _ => return None,
    };
    Some((plugin.parse().ok().filter(|_| is_name)?, name.to_owned(), source))
}

/// A pair of prefix and base, if both are addresses.
pub(crate) fn mirror(prefix: &str, base: &str) -> Option<(String, String)> {
    let is_address =
        |text: &str| text.ends_with('/') && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    (is_address(prefix) && is_address(base)).then(|| (prefix.to_owned(), base.to_owned()))
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.is_some_and(|url| url.origin().ascii_serialization() == text)
}

fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*'))
    };
    text.split('/').count() == 3 && text.split('/').all(is_part)
}

/// A number in plain digits: neither a sign nor a blank is read over.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bytes(text: &str) -> Option<u64> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(n_digits);
    let unit = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number(digits)?.checked_mul(unit)
}

impl fmt::Display for Value {
    /// As it would stand in `host.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let list = |parts: Vec<String>| format!("[{}]", parts.join(", "));
        match self {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Number(number) => write!(f, "{number}"),
            Value::Switch(switch) => write!(f, "{switch}"),
            Value::List(parts) => f.write_str(&list(parts.iter().map(|part| quoted(part)).collect())),
            Value::Mirrors(pairs) => {
                let table = |(prefix, base): &(String, String)| {
                    format!("{{ prefix = {}, base = {} }}", quoted(prefix), quoted(base))
                };
                f.write_str(&list(pairs.iter().map(table).collect()))
            }
        }
    }
}

impl Value {
    /// The value as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Text(text) => text.as_str().into(),
            Value::Number(number) => (*number).into(),
            Value::Switch(switch) => (*switch).into(),
            Value::List(parts) => parts.as_slice().into(),
            Value::Mirrors(pairs) => {
                pairs.iter().map(|(prefix, base)| serde_json::json!({ "prefix": prefix, "base": base })).collect()
            }
        }
    }
}
