//! The rules for versions and version requirements.

use semver::{Version, VersionReq};

use crate::manifest::Compatibility;
use crate::manifest::reader::Reader;

pub(super) fn version(reader: &Reader<'_>) -> Option<Version> {
    let version = version_number(reader, true)?;
    if reader.as_text().is_some_and(|text| text.starts_with(['v', 'V'])) {
        reader.warn(format!("has a leading `v`, which is ignored; write {version}"));
    }
    Some(version)
}

/// Reads a version with three numbers. With `allow_v`, a leading `v` is ignored.
pub(crate) fn version_number(reader: &Reader<'_>, allow_v: bool) -> Option<Version> {
    let must_be = |text: &str, reason: &str| match with_three_numbers(text) {
        Some(meant) => format!("must be a version with three numbers; write {meant}"),
        None => format!("must be a version with three numbers, such as 1.0.0{reason}"),
    };
    if let Some(number) = reader.as_number() {
        reader.problem(must_be(&number, ""));
        return None;
    }
    reader.parsed(|text| {
        if text.len() > 100 {
            return Err("must have at most 100 characters".to_owned());
        }
        let number = if allow_v { text.strip_prefix(['v', 'V']).unwrap_or(text) } else { text };
        Version::parse(number).map_err(|error| must_be(text, &format!(": {error}")))
    })
}

/// The version that was probably meant by a text with one or two numbers, or with leading zeros: 1.0.0 by `1.0`.
pub(crate) fn with_three_numbers(text: &str) -> Option<Version> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let numbers: Vec<u64> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [major, minor, patch] = match numbers[..] {
        [major] => [major, 0, 0],
        [major, minor] => [major, minor, 0],
        [major, minor, patch] => [major, minor, patch],
        _ => return None,
    };
    Version::parse(&format!("{major}.{minor}.{patch}{rest}")).ok().filter(|_| text.len() <= 100)
}

pub(super) fn requirement(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text).map_err(|error| format!("must be a version requirement such as `>=1.2, <2`: {error}"))
}

pub(super) fn compatibility(reader: &Reader<'_>) -> Compatibility {
    reader.keys(&["host", "sdk", "rust"]);
    let read = |field: &str| reader.field(field).parsed(requirement);
    let lines = ["host", "sdk", "rust"].map(|field| reader.field(field).line());
    Compatibility { lines, host: read("host"), sdk: read("sdk"), rust: read("rust") }
}
