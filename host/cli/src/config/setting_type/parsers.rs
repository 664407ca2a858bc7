//! Parsers of the values of settings.

use host_fetch::Mirror;
use host_run::SecretSource;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use crate::config::value::{Parsed, Secret};

/// Parses each part; `None` if one of them is invalid.
pub(super) fn parsed<T>(parts: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<Parsed<T>>> {
    parts.iter().map(|&text| Some(Parsed { text: text.to_owned(), value: parse(text)? })).collect()
}

/// Returns whether a URL has a user or password, which no setting may contain, because settings are shown.
pub(super) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Parses a mirror; `None` if `prefix` or `base` is not an http or https URL that ends with `/`, or has a user, a
/// password, a query or a fragment.
pub(in crate::config) fn mirror(prefix: &str, base: &str) -> Option<Mirror> {
    let is_base = |url: &Url| {
        let is_plain = !has_user(url) && url.query().is_none() && url.fragment().is_none();
        is_plain && matches!(url.scheme(), "http" | "https")
    };
    let url = |text: &str| Url::parse(text).ok().filter(|url| text.ends_with('/') && is_base(url));
    // Parsing makes the host lower case. Hosts of sources are lower case too, so prefixes can be compared with them.
    Some(Mirror { prefix: url(prefix)?.into(), base: url(base)?.into() })
}

/// Parses `PLUGIN/NAME=file:PATH` or `PLUGIN/NAME=env:VARIABLE`.
pub(super) fn secret(text: &str) -> Option<Secret> {
    let (name, source) = text.split_once('=')?;
    let (plugin, name) = name.split_once('/')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let source = match source.split_once(':')? {
        ("file", path) if is_path(path) => SecretSource::File(path.into()),
        ("env", variable) if !variable.is_empty() && !variable.contains(['=', '\0']) => {
            SecretSource::Environment(variable.to_owned())
        }
        _ => return None,
    };
    Some(Secret { plugin: plugin.parse().ok().filter(|_| is_name)?, name: name.to_owned(), source })
}

/// Returns whether a text is a path. `~` and `$` at its start are refused: only shells expand them, so a folder with
/// the name `~` would be created.
pub(in crate::config) fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control) && !text.starts_with(['~', '$'])
}

pub(super) fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.is_some_and(|url| url.origin().ascii_serialization() == text)
}

pub(super) fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '*'))
    };
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, "443"));
    let parts: Vec<_> = path.split('/').collect();
    let is_port = port == "*" || number(port).is_some_and(|port| u16::try_from(port).is_ok_and(|port| port > 0));
    // `**` matches any number of parts, so it must be the last one.
    let is_complete = parts.len() >= 2 || parts == ["**"];
    is_complete && is_part(host) && is_port && parts.iter().all(|part| is_part(part)) && !path.contains("**/")
}

/// Parses a number of digits only, without a sign.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Parses a size such as `64MiB`, `1.5 GB` or `1024`. A fraction has at most three digits; bytes are rounded down.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let n_digits = text.bytes().take_while(|c| c.is_ascii_digit() || *c == b'.').count();
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
    let Some((whole, fraction)) = digits.split_once('.') else { return number(digits)?.checked_mul(unit) };
    let is_fraction = (1..=3).contains(&fraction.len()) && !whole.is_empty() && unit > 1;
    let part =
        number(fraction).filter(|_| is_fraction)?.checked_mul(unit)? / 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    number(whole)?.checked_mul(unit)?.checked_add(part)
}

/// Returns whether a text is a log filter. A single word must be a level: the library would read a misspelled level as
/// the name of a module, and log nothing else.
pub(super) fn is_filter(text: &str) -> bool {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let mut parts = text.split(',').map(str::trim);
    parts.all(|part| part.contains(['=', '[']) || is_level(part)) && EnvFilter::builder().parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_and_may_have_a_fraction() {
        for (text, expected) in [
            ("1024", Some(1_024)),
            ("64MiB", Some(64 << 20)),
            ("1.5GB", Some(1_500_000_000)),
            ("1.5 GiB", Some(3 << 29)),
            ("0.125KB", Some(125)),
            ("1.001KiB", Some(1_025)),
            ("1.5", None),
            (".5GB", None),
            ("1.GB", None),
            ("1.5.5GB", None),
            ("1.0625GB", None),
            ("-1GB", None),
            ("1XB", None),
            ("", None),
            ("18446744073709551615.9GB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
