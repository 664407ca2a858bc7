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
//! | `endpoints[].auth` | `required` must not be false if roles, permissions or scopes are listed; without `required`, one of them must be listed | public |
//! | `endpoints[].rate_limit` | `rpm` and `burst` 1 to 1000000, `window_ms` 1 to 3600000: a client may call `burst` times at once, and `rpm` times in each window in the long run; off with `enabled: false` | none; `burst` = `rpm`, one minute |
//! | `endpoints[].validation` | `content_type[]` as `type/subtype`; `required[]` fields of a JSON body, `schema` a [`TreePath`] to a [`Schema`](crate::configuration::Schema) of it: such a body is buffered, at most 16 MiB | none |
//! | `endpoints[].timeout_ms` | 1 to 86400000, and at most the limit of the host (300000 by default) | 30000 |
//! | `endpoints[].max_body_bytes` | 0 to 4 GiB | 1 MiB |
//! | `endpoints[].upgrade` | `websocket`; requires the method GET | none |
//! | `endpoints[].compress` | true or false: responses are compressed with gzip; no effect with `upgrade` | false |
//! | `endpoints[].decompress` | true or false: bodies that are compressed with gzip are decoded; no effect for a method without a body | false |
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
//! | `security.checksum` | a [`Digest`](crate::Digest) | none |
//! | `health.endpoint` | a GET endpoint of the list, without parameters | the plugin's own hook |
//! | `health.{interval_seconds,timeout_seconds,failure_threshold}` | 1 to 86400, 1 to 300, 1 to 1000 | 30, 5, 3 |
//! | `build.features[]` | letters, digits and `_+./-`, at most 100, no leading `-` | none |
//! | `build.env{}` | names `[A-Z][A-Z0-9_]{0,63}`, except variables of cargo, rustc, the linker, git or a proxy; one line | none |
//! | `build.profile`, `build.timeout_seconds` | `release` or `dev`; 1 to 3600 | release, 900 |
//! | `artifacts{}` | target triple to an https `url` and a `sha256` | none |
//! | `checksums{}` | [`TreePath`] to [`Digest`](crate::Digest), and `complete: true` or `false` | none |

mod build;
mod compatibility;
mod endpoint;
mod health;
mod host;
mod lines;
mod listing;
mod permission;
mod precheck;
mod problem;
mod reader;
mod relations;
mod route;
mod rules;
mod scan;
mod security;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use semver::Version;

use crate::{PluginId, TreePath};

pub use build::{Build, Checksums, Prebuilt, Profile};
pub use compatibility::Compatibility;
pub(crate) use compatibility::fits;
pub use endpoint::{Auth, Endpoint, RateLimit, Upgrade, Validation};
pub use health::HealthCheck;
pub use host::AllowedHost;
pub(crate) use listing::{read_listing, read_listing_value, read_plugins, read_plugins_value};
pub use permission::Permission;
pub use problem::Problem;
pub(crate) use reader::Reader;
pub use relations::{Conflict, Dependency};
pub use route::{Method, RouteError, RoutePath};
pub(crate) use rules::{digest, plugin_id, version_number, with_three_numbers};
pub use security::{Placement, Security};

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
    pub run_after: Vec<PluginId>,
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
        Manifest::check_for_host(text, mode, Duration::MAX)
    }

    /// Like [`Manifest::check`], for a host that limits `endpoints[].timeout_ms` to `max_timeout`.
    ///
    /// # Errors
    /// As [`Manifest::check`].
    pub fn check_for_host(text: &[u8], mode: Mode, max_timeout: Duration) -> Result<Checked, Vec<Problem>> {
        let text = precheck::text(text, Manifest::MAX_BYTES).map_err(|problem| vec![problem])?;
        let lines = scan::scan(&text)?;
        let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
        rules::manifest(&text, &lines, &value, mode, max_timeout)
    }
}
