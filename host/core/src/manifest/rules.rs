//! The rules for the fields of plugin.yaml. Endpoints, the build and other plugins have their own files.

mod build;
mod endpoint;
mod others;

use std::collections::BTreeMap;
use std::time::Duration;

use semver::{Version, VersionReq};
use serde_yaml::Value;
use url::Url;

use super::lines::Lines;
use super::reader::{File, Reader, Report};
use super::{
    AllowedHost, Checked, Compatibility, Endpoint, HealthCheck, Manifest, Method, Mode, Permission, Placement, Problem,
    Security,
};
use crate::spelling::suggestion;
use crate::{Digest, IdError, PluginId, TreePath};

/// Reads the manifest from `value`, or returns all problems. `lines` is the index of `text`.
pub(super) fn manifest(text: &str, lines: &Lines, value: &Value, mode: Mode) -> Result<Checked, Vec<Problem>> {
    let report = Report::new(text, lines, File::Manifest(mode));
    let manifest = root(&report, &report.root(value));
    let (problems, warnings) = report.finish();
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(Checked { manifest, warnings }),
        _ => Err(problems),
    }
}

/// Returns `None` only if a problem was recorded.
fn root(report: &Report<'_>, root: &Reader<'_>) -> Option<Manifest> {
    if !root.is_mapping() {
        root.problem("must be a mapping of keys and values");
        return None;
    }
    root.keys(&[
        "id",
        "name",
        "version",
        "description",
        "author",
        "license",
        "homepage",
        "repository",
        "documentation",
        "issues",
        "category",
        "tags",
        "labels",
        "compatibility",
        "endpoints",
        "permissions",
        "dependencies",
        "run_after",
        "conflicts",
        "configuration",
        "configuration_schema",
        "security",
        "health",
        "build",
        "artifacts",
        "checksums",
    ]);

    let id = root.field("id").required().parsed(plugin_id);
    let name = root.field("name").required().parsed(name);
    let version = version(&root.field("version").required());
    let words = |field: &str| root.field(field).parsed(not_empty);
    let link = |field: &str| root.field(field).parsed(web_page);
    let permissions = permissions(&root.field("permissions"));
    let security = security(&root.field("security"), &permissions);
    warn_when_nothing_can_be_fetched(&root.field("permissions"), &permissions, &security);
    let dependencies = others::dependencies(&root.field("dependencies"), id.as_ref());
    let endpoints = endpoint::endpoints(report, &root.field("endpoints").required());
    let manifest = Manifest {
        description: recommended(&root.field("description"), Reader::prose),
        author: recommended(&root.field("author"), Reader::text),
        license: words("license"),
        homepage: link("homepage"),
        repository: link("repository"),
        documentation: link("documentation"),
        issues: link("issues"),
        category: words("category"),
        tags: root.field("tags").parsed_items(not_empty),
        labels: texts(&root.field("labels")),
        compatibility: compatibility(&root.field("compatibility")),
        permissions,
        run_after: others::run_after(&root.field("run_after"), id.as_ref()),
        conflicts: others::conflicts(&root.field("conflicts"), id.as_ref(), &dependencies),
        dependencies,
        configuration: root.field("configuration").json_object().unwrap_or_default(),
        configuration_schema: schema(&root.field("configuration_schema")),
        security,
        health: health(&root.field("health"), endpoints.as_deref()),
        build: build::build(&root.field("build")),
        artifacts: build::artifacts(&root.field("artifacts")),
        checksums: build::checksums(&root.field("checksums")),
        endpoints: endpoints?,
        id: id?,
        name: name?,
        version: version?,
    };
    Some(manifest)
}

// === the words of a field ===

pub(crate) fn plugin_id(text: &str) -> Result<PluginId, &'static str> {
    text.parse().map_err(|error| match error {
        IdError::Length { .. } => "must have 3 to 50 characters",
        IdError::Character { .. } => "must contain only A-Z, a-z, 0-9, `_` and `-`",
        IdError::Reserved { .. } => "must not be a word of the management API; choose another id",
    })
}

fn name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=100).contains(&text.chars().count()) && !text.trim().is_empty();
    if fits { Ok(text.to_owned()) } else { Err("must have 1 to 100 characters") }
}

fn version(reader: &Reader<'_>) -> Option<Version> {
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

fn requirement(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text).map_err(|error| format!("must be a version requirement such as `>=1.2, <2`: {error}"))
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
}

/// Links are shown on web pages, so only http and https URLs are accepted.
fn web_page(text: &str) -> Result<String, &'static str> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        _ => Err("must be a URL that starts with https:// or http://"),
    }
}

pub(crate) fn digest(text: &str) -> Result<Digest, &'static str> {
    text.parse().map_err(|_| "must be `sha256:` followed by 64 hex digits")
}

fn tree_path(text: &str) -> Result<TreePath, String> {
    text.parse()
        .map_err(|error: crate::PathError| format!("must be a path inside the plugin's folder, but it {}", error.rule))
}

fn recommended<'r>(reader: &Reader<'r>, read: impl Fn(&Reader<'r>) -> Option<&'r str>) -> String {
    if !reader.is_given() {
        reader.warn("is missing; the host shows it to people who choose a plugin");
    }
    read(reader).unwrap_or_default().to_owned()
}

fn schema(reader: &Reader<'_>) -> Option<TreePath> {
    reader.parsed(tree_path)
}

fn texts(reader: &Reader<'_>) -> BTreeMap<String, String> {
    let entries = reader.entries();
    let texts =
        entries.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.required().text()?.to_owned())));
    texts.collect()
}

fn seconds(reader: &Reader<'_>, range: std::ops::RangeInclusive<u64>, default: Duration) -> Duration {
    reader.number(range).map_or(default, Duration::from_secs)
}

// === requirements ===

fn compatibility(reader: &Reader<'_>) -> Compatibility {
    reader.keys(&["host", "sdk", "rust"]);
    let read = |field: &str| reader.field(field).parsed(requirement);
    Compatibility { host: read("host"), sdk: read("sdk"), rust: read("rust") }
}

fn permissions(reader: &Reader<'_>) -> Vec<String> {
    let items = reader.items();
    let read = |text: &str| {
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        match text.split('.').filter(|word| is_word(word)).count() {
            words if words >= 2 && words == text.split('.').count() => Ok(text.to_owned()),
            _ => Err("must be `resource.action` in lower case, such as `kv.read`"),
        }
    };
    let permissions: Vec<String> = items.iter().filter_map(|item| item.required().parsed(read)).collect();
    for item in &items {
        let known = Permission::ALL.map(Permission::as_str);
        let word = item.as_text().filter(|word| !known.contains(word) && permissions.iter().any(|other| other == word));
        if let Some(word) = word {
            item.older(match suggestion(word, &known) {
                Some(nearest) => {
                    format!("is not a known permission and has no effect; did you mean `{nearest}`?")
                }
                None => format!(
                    "is not a known permission and has no effect; known permissions are `{}`",
                    known.join("`, `")
                ),
            });
        }
    }
    permissions
}

fn warn_when_nothing_can_be_fetched(reader: &Reader<'_>, permissions: &[String], security: &Security) {
    if permissions.iter().any(|asked| asked == Permission::HttpFetch.as_str()) && security.allowed_hosts.is_empty() {
        reader.bare().warn("contains `http.fetch`, but no host is allowed; list the hosts in `security.allowed_hosts`");
    }
}

// === how it runs ===

fn security(reader: &Reader<'_>, permissions: &[String]) -> Security {
    reader.keys(&["placement", "sandboxed", "network_access", "allowed_hosts", "filesystem_access", "checksum"]);
    let (placement, sandboxed) = (reader.field("placement"), reader.field("sandboxed"));
    let written = placement.parsed(|text| match text {
        "inline" => Ok(Placement::Inline),
        "isolated" => Ok(Placement::Isolated),
        _ => Err("must be `inline` or `isolated`"),
    });
    let placed = match (written, sandboxed.flag()) {
        (Some(written), Some(sandboxed_flag)) => {
            if sandboxed_flag != (written == Placement::Isolated) {
                sandboxed.problem(format!(
                    "contradicts `security.placement: {}` in line {}; keep only one of the two keys",
                    written.as_str(),
                    placement.line()
                ));
            }
            written
        }
        (Some(written), None) => written,
        (None, Some(true)) => Placement::Isolated,
        (None, _) => Placement::Inline,
    };
    if placed == Placement::Isolated {
        if written.is_some() { placement } else { sandboxed }.warn_unless_enforced();
    }
    let access = |field: &str| {
        let field = reader.field(field);
        let access = field.flag();
        if access == Some(false) {
            field.warn_unless_enforced();
        }
        access.unwrap_or(false)
    };
    let network_access = access("network_access");
    let allowed_hosts = reader.field("allowed_hosts");
    let hosts: Vec<AllowedHost> = allowed_hosts.parsed_items(str::parse);
    if allowed_hosts.is_given() && !network_access {
        allowed_hosts.bare().problem("requires `security.network_access: true`");
    }
    if allowed_hosts.is_given() && !permissions.iter().any(|asked| asked == Permission::HttpFetch.as_str()) {
        allowed_hosts.bare().problem("requires `http.fetch` under `permissions`");
    }
    Security {
        placement: placed,
        network_access,
        allowed_hosts: hosts,
        filesystem_access: access("filesystem_access"),
        checksum: reader.field("checksum").parsed(digest),
    }
}

/// `endpoints` is `None` if one of them has a problem, so that the probe's path is not compared with an incomplete
/// list.
fn health(reader: &Reader<'_>, endpoints: Option<&[Endpoint]>) -> HealthCheck {
    reader.keys(&["enabled", "endpoint", "interval_seconds", "timeout_seconds", "failure_threshold"]);
    let usual = HealthCheck::default();
    let endpoint = reader.field("endpoint").parsed(|text| {
        let is_probed = |endpoint: &Endpoint| {
            endpoint.method == Method::Get && endpoint.path.as_str() == text && endpoint.path.params().is_empty()
        };
        if !text.starts_with('/') {
            Err("must start with `/`")
        } else if endpoints.is_some_and(|endpoints| !endpoints.iter().any(is_probed)) {
            Err("must be the path of a GET endpoint in this file, and that path must have no parameters")
        } else {
            Ok(text.to_owned())
        }
    });
    HealthCheck {
        enabled: reader.field("enabled").flag().unwrap_or(usual.enabled),
        endpoint,
        interval: seconds(&reader.field("interval_seconds"), 1..=86_400, usual.interval),
        timeout: seconds(&reader.field("timeout_seconds"), 1..=300, usual.timeout),
        failure_threshold: reader.field("failure_threshold").number(1..=1000).unwrap_or(usual.failure_threshold),
    }
}
