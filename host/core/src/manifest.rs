//! The checked content of plugin.yaml.
//!
//! [`Manifest::check`] reports every problem at once, each with its line. The rules:
//!
//! | field | rule | when it is missing |
//! |---|---|---|
//! | the file | at most 64 KiB, UTF-8, one document; no anchors, aliases, tags, directives, merge or complex keys; no key twice; nesting at most 16 | – |
//! | any text | at most 4 KiB; no control, bidirectional or line separator characters | – |
//! | any list | at most 256 entries | empty |
//! | `id` | a [`PluginId`] | refused |
//! | `name` | 1 to 100 characters | refused |
//! | `version` | semver 2, at most 100 characters; a leading `v` is dropped with a warning | refused |
//! | `description`, `author` | text; a description may contain line breaks and tabs | warning |
//! | `license`, `category`, `tags[]`, `labels{}` | text | none |
//! | `homepage`, `repository`, `documentation`, `issues` | an http or https URL | none |
//! | `compatibility.{host,sdk,rust}` | a semver requirement, see [`Manifest::incompatibilities`] | any version |
//! | `endpoints` | 1 to 50 | refused |
//! | `endpoints[].path` | a [`RoutePath`]; with `method` not served twice; all paths fit into one router | refused |
//! | `endpoints[].method` | a [`Method`] in any case | refused |
//! | `endpoints[].handler` | a letter, then letters, digits and `_`; at most 100 | refused |
//! | `endpoints[].auth` | `required` must not be false if roles, permissions or scopes are listed | required if one of them is listed |
//! | `endpoints[].rate_limit` | `rpm` and `burst` 1 to 1000000, `window_ms` 1 to 3600000: a client may call `burst` times at once, and `rpm` times in each window in the long run; off with `enabled: false` | none; `burst` = `rpm`, one minute |
//! | `endpoints[].validation` | `content_type[]` as `type/subtype`; `required[]` fields of a JSON body, `schema` a [`TreePath`] to a [`Schema`](crate::configuration::Schema) of it: such a body is buffered, at most 16 MiB | none |
//! | `endpoints[].timeout_ms` | 1 to 86400000, and at most the limit of the host (300000 by default) | 30000 |
//! | `endpoints[].max_body_bytes` | 0 to 4 GiB | 1 MiB |
//! | `permissions[]` | `resource.action`, lower case; a name that is not a [`Permission`] causes a warning and has no effect | none |
//! | `dependencies[]` | an id, or `{id, version, optional}`; each plugin once, and not the plugin itself. In normal mode an import path has no effect, and the `{name}` of older manifests is optional | none |
//! | `run_after[]` | ids, not the plugin's own | none |
//! | `conflicts[]` | an id, or `{id, version}`; each plugin once, not the plugin itself, and none of `dependencies` | none |
//! | `configuration` | values that JSON can represent | empty |
//! | `configuration_schema` | a [`TreePath`] to a [`Schema`](crate::configuration::Schema) | none |
//! | `security.placement` | `inline` or `isolated`; `sandboxed: true` means isolated and may not contradict it | inline |
//! | `security.network_access` | true or false; if false, the host sends no requests for the plugin, but does not restrict the plugin's own code | false |
//! | `security.allowed_hosts[]` | [`AllowedHost`]s; requires `network_access: true` and the permission `http.fetch` | none |
//! | `security.filesystem_access` | true or false | false |
//! | `security.checksum` | a [`Digest`] | none |
//! | `health.endpoint` | a GET endpoint of the list, without parameters | the plugin's own hook |
//! | `health.{interval_seconds,timeout_seconds,failure_threshold}` | 1 to 86400, 1 to 300, 1 to 1000 | 30, 5, 3 |
//! | `build.features[]` | letters, digits and `_+./-`, at most 100, no leading `-` | none |
//! | `build.env{}` | names `[A-Z][A-Z0-9_]{0,63}`, except variables of cargo, rustc, the linker, git or a proxy; one line | none |
//! | `build.profile`, `build.timeout_seconds` | `release` or `dev`; 1 to 3600 | release, 900 |
//! | `artifacts{}` | target triple to an https `url` and a `sha256` | none |
//! | `checksums{}` | [`TreePath`] to [`Digest`], and `complete: true` or `false` | none |

mod host;
mod lines;
mod permission;
mod precheck;
mod problem;
mod reader;
mod route;
mod rules;
mod scan;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use semver::{Version, VersionReq};

use crate::{Digest, PluginId, TreePath};
use reader::{File, Report};

pub use host::AllowedHost;
pub use permission::Permission;
pub use problem::Problem;
pub(crate) use reader::Reader;
pub use route::{Method, RouteError, RoutePath};
pub(crate) use rules::{digest, plugin_id, version_number, with_three_numbers};

/// The handling of unknown keys, and of keys of older manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Unknown and older keys are problems.
    Strict,
    /// Unknown and older keys are warnings.
    #[default]
    Normal,
    /// Unknown and older keys are warnings. The host also accepts files that do not match the checksums, with a warning
    /// for each.
    Permissive,
}

/// A valid manifest and its warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// Warnings, ordered by line.
    pub warnings: Vec<Problem>,
}

/// The checked content of plugin.yaml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's id.
    pub id: PluginId,
    /// The display name.
    pub name: String,
    /// The plugin's version.
    pub version: Version,
    /// The description; may be empty.
    pub description: String,
    /// The author; may be empty.
    pub author: String,
    /// The license, as written.
    pub license: Option<String>,
    /// A web page about the plugin; http or https.
    pub homepage: Option<String>,
    /// The repository; http or https.
    pub repository: Option<String>,
    /// The documentation; http or https.
    pub documentation: Option<String>,
    /// The issue tracker; http or https.
    pub issues: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// Words for the search.
    pub tags: Vec<String>,
    /// Labels: names and values that the author may choose freely.
    pub labels: BTreeMap<String, String>,
    /// The required versions.
    pub compatibility: Compatibility,
    /// The endpoints: 1 to 50, in the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// The requested permissions, as `resource.action`. Names that are not a [`Permission`] have no effect.
    pub permissions: Vec<String>,
    /// The dependencies on other plugins.
    pub dependencies: Vec<Dependency>,
    /// The ids of plugins that start before this one if they are installed.
    pub run_after: Vec<String>,
    /// The plugins that this one conflicts with.
    pub conflicts: Vec<Conflict>,
    /// Defaults of the configuration.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The JSON Schema of the configuration.
    pub configuration_schema: Option<TreePath>,
    /// Placement and network access.
    pub security: Security,
    /// The health probes.
    pub health: HealthCheck,
    /// The build.
    pub build: Build,
    /// Prebuilt libraries by target triple.
    pub artifacts: BTreeMap<String, Prebuilt>,
    /// The checksums of files.
    pub checksums: Checksums,
}

/// Required versions; `None` accepts any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Required version of the host.
    pub host: Option<VersionReq>,
    /// Required version of the host's SDK.
    pub sdk: Option<VersionReq>,
    /// Required version of the Rust compiler.
    pub rust: Option<VersionReq>,
}

/// One route of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The path below the plugin's mount.
    pub path: RoutePath,
    /// The HTTP method.
    pub method: Method,
    /// The handler in the code; one handler may serve several endpoints.
    pub handler: String,
    /// The description; may be empty.
    pub description: String,
    /// The access rules.
    pub auth: Auth,
    /// The rate limit per client; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
    /// The rules for requests.
    pub validation: Option<Validation>,
    /// The deadline of one call: 1 ms to 300 s.
    pub timeout: Duration,
    /// The largest request body, at most 4 GiB.
    pub max_body_bytes: u64,
}

/// The access rules of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Whether the caller must be authenticated. True whenever one of the lists is not empty.
    pub required: bool,
    /// Roles a caller must have.
    pub roles: Vec<String>,
    /// Permissions a caller must have.
    pub permissions: Vec<String>,
    /// Scopes the caller's token must have.
    pub scopes: Vec<String>,
}

/// The rate limit per client: a token bucket for each client, see [`RateLimiter`](crate::RateLimiter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of tokens added per window; per minute by default.
    pub rpm: u32,
    /// The size of a bucket: the number of requests that may arrive at once.
    pub burst: u32,
    /// The time in which `rpm` tokens are added, evenly.
    pub window: Duration,
}

/// The rules for requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// The accepted media types, lower case, without parameters; any when empty.
    pub content_type: Vec<String>,
    /// The fields that a JSON body must have.
    pub required: Vec<String>,
    /// The JSON Schema of the body.
    pub schema: Option<TreePath>,
}

/// A required plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other plugin; a valid [`PluginId`].
    pub id: String,
    /// The required versions; `None` for any version.
    pub version: Option<VersionReq>,
    /// Whether the plugin also works without it.
    pub optional: bool,
}

/// A conflicting plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The other plugin; a valid [`PluginId`].
    pub id: String,
    /// The conflicting versions; `None` for any version.
    pub version: Option<VersionReq>,
}

/// Placement and network access of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// The placement.
    pub placement: Placement,
    /// Whether the plugin uses the network. Otherwise the host sends no requests for it.
    pub network_access: bool,
    /// The servers that the host may fetch from for the plugin.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Whether the plugin declares the use of files.
    pub filesystem_access: bool,
    /// The required digest of a prebuilt library.
    pub checksum: Option<Digest>,
}

/// The placement of plugin code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In the host's process.
    #[default]
    Inline,
    /// In a child process.
    Isolated,
}

/// The health probes of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Whether the plugin is probed.
    pub enabled: bool,
    /// The path of a GET endpoint without parameters; `None` is the plugin's own hook.
    pub endpoint: Option<String>,
    /// The time between two probes.
    pub interval: Duration,
    /// The deadline of one probe.
    pub timeout: Duration,
    /// The number of consecutive failed probes after which the plugin is unhealthy.
    pub failure_threshold: u32,
}

/// The build of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Cargo features, each safe as part of an argument.
    pub features: Vec<String>,
    /// The cargo profile.
    pub profile: Profile,
    /// Environment of the build.
    pub env: BTreeMap<String, String>,
    /// The deadline of the build.
    pub timeout: Duration,
}

/// A cargo profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Optimised.
    #[default]
    Release,
    /// Quick to build.
    Dev,
}

/// A prebuilt library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prebuilt {
    /// The https URL of the library.
    pub url: String,
    /// The required digest of the library.
    pub sha256: Digest,
}

/// The checksums of a tree's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// Whether unlisted files are refused.
    pub complete: bool,
    /// The digest of each listed file.
    pub files: BTreeMap<TreePath, Digest>,
}

impl Validation {
    /// The maximum size of a validated body, since it is buffered; a smaller `max_body_bytes` of the endpoint takes
    /// precedence.
    pub const MAX_BODY_BYTES: u64 = 16 << 20;

    /// Returns whether JSON bodies are validated.
    pub fn checks_body(&self) -> bool {
        !self.required.is_empty() || self.schema.is_some()
    }
}

impl Endpoint {
    /// Returns the rules for JSON bodies, if the method has a body.
    pub fn checks_body(&self) -> Option<&Validation> {
        self.validation.as_ref().filter(|validation| validation.checks_body() && self.method.has_body())
    }

    /// Returns the file with the JSON Schema for request bodies.
    pub fn body_schema(&self) -> Option<&TreePath> {
        self.checks_body().and_then(|validation| validation.schema.as_ref())
    }
}

impl Placement {
    /// The word in plugin.yaml.
    pub fn as_str(self) -> &'static str {
        match self {
            Placement::Inline => "inline",
            Placement::Isolated => "isolated",
        }
    }
}

impl Profile {
    /// The word in plugin.yaml and for cargo's `--profile`.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Dev => "dev",
        }
    }
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(5));
        HealthCheck { enabled: true, endpoint: None, interval, timeout, failure_threshold: 3 }
    }
}

impl Default for Build {
    fn default() -> Build {
        let timeout = Duration::from_secs(900);
        Build { features: Vec::new(), profile: Profile::Release, env: BTreeMap::new(), timeout }
    }
}

impl Manifest {
    /// Returns whether plugin.yaml lists `permission`.
    pub fn permits(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|asked| asked == permission.as_str())
    }

    /// The maximum size of the file, which is checked before the file is parsed.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads and checks a plugin.yaml.
    ///
    /// # Errors
    /// Every problem of the file, ordered by line; never empty. While the text is not the accepted subset of YAML, only
    /// problems of the text are reported.
    pub fn check(text: &[u8], mode: Mode) -> Result<Checked, Vec<Problem>> {
        let text = precheck::text(text, Manifest::MAX_BYTES).map_err(|problem| vec![problem])?;
        let lines = scan::scan(&text)?;
        let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
        rules::manifest(&text, &lines, &value, mode)
    }

    /// The version requirements that the given versions do not meet.
    ///
    /// A pre-release, such as a nightly compiler, also meets a requirement if its release does.
    pub fn incompatibilities(&self, host: &Version, sdk: &Version, rust: &Version) -> Vec<Problem> {
        let Compatibility { host: for_host, sdk: for_sdk, rust: for_rust } = &self.compatibility;
        let mut problems = Vec::new();
        for (field, what, wanted, found, remedy) in [
            ("compatibility.host", "a host", for_host, host, "update the host"),
            ("compatibility.sdk", "a plugin-sdk", for_sdk, sdk, "build the plugin with the plugin-sdk of this host"),
            ("compatibility.rust", "a Rust compiler", for_rust, rust, "install that compiler"),
        ] {
            let Some(wanted) = wanted else { continue };
            if !fits(wanted, found) {
                let rule = format!("requires {what} `{wanted}`; {remedy} or choose another version of the plugin");
                problems.push(Problem { line: 0, field: field.to_owned(), rule, found: found.to_string() });
            }
        }
        problems
    }

    /// The endpoints with a longer timeout than a host allows.
    pub fn timeouts_above(&self, max: Duration) -> Vec<Problem> {
        let is_above = |(_, endpoint): &(usize, &Endpoint)| endpoint.timeout > max;
        let problem = |(number, endpoint): (usize, &Endpoint)| Problem {
            line: 0,
            field: format!("endpoints[{number}].timeout_ms"),
            rule: format!("must be at most {} on this host (`max_endpoint_timeout_seconds`)", max.as_millis()),
            found: endpoint.timeout.as_millis().to_string(),
        };
        self.endpoints.iter().enumerate().filter(is_above).map(problem).collect()
    }
}

/// Reads the operator's plugins.yaml under the same rules for the text. `read` records problems with its reader.
pub(crate) fn read_plugins<T>(
    text: &[u8],
    max_bytes: usize,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let text = precheck::text(text, max_bytes).map_err(|problem| vec![problem])?;
    // The text is not repeated, because it may be a secret of a configuration.
    let hide = |problem: Problem| Problem { found: String::new(), ..problem };
    let lines = scan::scan(&text).map_err(|problems| problems.into_iter().map(hide).collect::<Vec<_>>())?;
    let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
    let report = Report::new(&text, &lines, File::Plugins);
    let made = read(&report.root(&value));
    report.only_without_problems(made)
}

/// Reads a parsed value, which has no lines.
pub(crate) fn read_plugins_value<T>(
    value: &serde_yaml::Value,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let lines = lines::Lines::new();
    let report = Report::new("", &lines, File::Plugins);
    let made = read(&report.root(value));
    report.only_without_problems(made)
}

/// Reads a file that may be partly invalid: returns the result and all problems.
///
/// # Errors
/// The text is not the plain YAML that is accepted.
pub(crate) fn read_listing<T>(
    text: &[u8],
    max_bytes: usize,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<(Option<T>, Vec<Problem>), Vec<Problem>> {
    let text = precheck::text(text, max_bytes).map_err(|problem| vec![problem])?;
    let lines = scan::scan(&text)?;
    let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
    let report = Report::new(&text, &lines, File::Plugins);
    let made = read(&report.root(&value));
    Ok((made, report.finish().0))
}

/// Reads a parsed value, which has no lines.
pub(crate) fn read_listing_value<T>(
    value: &serde_yaml::Value,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> (Option<T>, Vec<Problem>) {
    let lines = lines::Lines::new();
    let report = Report::new("", &lines, File::Plugins);
    let made = read(&report.root(value));
    (made, report.finish().0)
}

/// Returns whether `found` meets `wanted`. A pre-release also meets the requirement if its release does.
pub(crate) fn fits(wanted: &VersionReq, found: &Version) -> bool {
    wanted.matches(found) || wanted.matches(&Version::new(found.major, found.minor, found.patch))
}
