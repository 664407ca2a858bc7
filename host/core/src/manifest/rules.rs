//! The rules for the fields of plugin.yaml.

mod build;
mod endpoint;
mod others;
mod security;
mod version;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_yaml::Value;
use url::Url;

use super::lines::Lines;
use super::reader::{File, Reader, Report};
use super::scan::remedy;
use super::{Checked, Endpoint, HealthCheck, Manifest, Method, Mode, Problem};
use crate::{Digest, IdError, PluginId, TreePath};

pub(crate) use version::{version_number, with_three_numbers};

/// Reads the manifest from `value`, or returns all problems. `lines` is the index of `text`.
pub(super) fn manifest(
    text: &str,
    lines: &Lines,
    value: &Value,
    mode: Mode,
    max_timeout: Duration,
) -> Result<Checked, Vec<Problem>> {
    let report = Report::new(text, lines, File::Manifest { mode, max_timeout });
    let manifest = root(&report, &report.root(value));
    let (mut problems, warnings) = report.finish();
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(Checked { manifest, warnings }),
        _ => {
            // A required key is often there under another name, or in the wrong place.
            let names_key = |problem: &Problem| problem.rule.contains("is not a known key");
            let is_missing = |problem: &Problem| problem.rule.starts_with("is required");
            if problems.iter().any(is_missing) && !problems.iter().any(names_key) {
                problems.extend(warnings.into_iter().filter(names_key));
                problems.sort_by_key(|problem| problem.line);
            }
            Err(problems)
        }
    }
}

/// Returns `None` only if a problem was recorded.
fn root(report: &Report<'_>, root: &Reader<'_>) -> Option<Manifest> {
    if !root.is_mapping() {
        let remedy = report.first_line().and_then(remedy).map(|remedy| format!("; {remedy}")).unwrap_or_default();
        root.problem(format!("must be a mapping of keys and values{remedy}"));
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
    let version = version::version(&root.field("version").required());
    let words = |field: &str| root.field(field).parsed(not_empty);
    let link = |field: &str| root.field(field).parsed(web_page);
    let permissions = security::permissions(&root.field("permissions"));
    let security = security::security(&root.field("security"), &permissions);
    security::warn_when_nothing_can_be_fetched(&root.field("permissions"), &permissions, &security);
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
        compatibility: version::compatibility(&root.field("compatibility")),
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
        IdError::Reserved { .. } => "is reserved for the management API; choose another id",
    })
}

fn name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=100).contains(&text.chars().count()) && !text.trim().is_empty();
    if fits { Ok(text.to_owned()) } else { Err("must have 1 to 100 characters") }
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

/// `endpoints` is `None` if one of them has a problem, so that the probe's path is not compared with an incomplete
/// list.
fn health(reader: &Reader<'_>, endpoints: Option<&[Endpoint]>) -> HealthCheck {
    reader.keys(&["enabled", "endpoint", "interval_seconds", "timeout_seconds", "failure_threshold"]);
    let usual = HealthCheck::default();
    let endpoint = reader.field("endpoint").parsed(|text| {
        let is_probed = |endpoint: &Endpoint| {
            let is_plain = endpoint.method == Method::Get && endpoint.upgrade.is_none();
            is_plain && endpoint.path.as_str() == text && endpoint.path.params().is_empty()
        };
        if !text.starts_with('/') {
            Err("must start with `/`")
        } else if endpoints.is_some_and(|endpoints| !endpoints.iter().any(is_probed)) {
            Err("must be the path of a GET endpoint in this file, and that path must have no parameters and no `upgrade`")
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
