//! The rules for the build of a plugin, for prebuilt libraries and for checksums.

use std::collections::BTreeMap;

use url::Url;

use super::{digest, seconds, tree_path};
use crate::manifest::reader::Reader;
use crate::manifest::{Build, Checksums, Prebuilt, Profile};

pub(super) fn build(reader: &Reader<'_>) -> Build {
    reader.keys(&["features", "profile", "env", "timeout_seconds"]);
    let usual = Build::default();
    let profile = reader.field("profile").parsed(|text| match text {
        "release" => Ok(Profile::Release),
        "dev" => Ok(Profile::Dev),
        _ => Err("must be `release` or `dev`"),
    });
    Build {
        features: reader.field("features").parsed_items(|text| match text {
            _ if text.starts_with('-') => Err("must not start with `-`"),
            _ if !(1..=100).contains(&text.len()) => Err("must have 1 to 100 characters"),
            _ if !text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_+./-".contains(&c)) => {
                Err("must contain only letters, digits and `_+./-`")
            }
            _ => Ok(text.to_owned()),
        }),
        profile: profile.unwrap_or_default(),
        env: env(&reader.field("env")),
        timeout: seconds(&reader.field("timeout_seconds"), 1..=3600, usual.timeout),
    }
}

fn env(reader: &Reader<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in reader.entries() {
        let letters = name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        // These variables select the programs and the network access of the build, which is the operator's decision.
        let is_steering = ["PATH", "HOME", "USER", "SHELL", "TMPDIR"].contains(&name)
            || ["CARGO", "RUST", "LD_", "DYLD_", "GIT_", "SSL_"].iter().any(|prefix| name.starts_with(prefix))
            || name.contains("PROXY");
        if name.len() > 64 || !letters || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            value.bare().problem(
                "must have a name that starts with A-Z and contains only A-Z, 0-9 and `_`, at most 64 characters",
            );
        } else if is_steering {
            value
                .bare()
                .problem("must not be set by a plugin, because it selects the programs or servers that the build uses");
        }
        if let Some(text) = value.required().text() {
            env.insert(name.to_owned(), text.to_owned());
        }
    }
    env
}

pub(super) fn artifacts(reader: &Reader<'_>) -> BTreeMap<String, Prebuilt> {
    let mut artifacts = BTreeMap::new();
    for (target, artifact) in reader.entries() {
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        };
        if target.len() > 64 || !(2..=5).contains(&target.split('-').count()) || !target.split('-').all(is_part) {
            artifact.bare().problem("must be a target triple such as `x86_64-unknown-linux-gnu`");
        }
        artifact.required().keys(&["url", "sha256"]);
        let url = artifact.field("url");
        let sha256 = artifact.field("sha256");
        let (url, sha256) = if artifact.is_given() {
            (url.required().parsed(https), sha256.required().parsed(digest))
        } else {
            (None, None)
        };
        if let (Some(url), Some(sha256)) = (url, sha256) {
            artifacts.insert(target.to_owned(), Prebuilt { url, sha256 });
        }
    }
    if !artifacts.is_empty() {
        reader.warn_unless_enforced();
    }
    artifacts
}

fn https(text: &str) -> Result<String, &'static str> {
    match Url::parse(text) {
        Ok(url) if url.scheme() != "https" => Err("must be a URL that starts with https://"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("must not contain a user name or password")
        }
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be a URL that starts with https://"),
    }
}

pub(super) fn checksums(reader: &Reader<'_>) -> Checksums {
    let mut checksums = Checksums::default();
    let mut folded = BTreeMap::new();
    for (name, value) in reader.entries() {
        if name == "complete" {
            checksums.complete = value.flag().unwrap_or(false);
            continue;
        }
        let digest = value.required().parsed(digest);
        let path = match tree_path(name) {
            Ok(path) => path,
            Err(rule) => {
                value.bare().problem(rule);
                continue;
            }
        };
        if let Some(first) = folded.insert(path.folded(), value.line()) {
            value.bare().problem(format!(
                "is the same file as in line {first} on file systems that ignore case; keep one of them"
            ));
        }
        if let Some(digest) = digest {
            checksums.files.insert(path, digest);
        }
    }
    checksums
}
