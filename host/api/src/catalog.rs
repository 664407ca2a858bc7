//! Plugins in the configured indexes, and the validation of sources.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{FieldError, Metadata};

/// One entry of `GET /api/plugins/available`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Available {
    /// The plugin's id.
    pub id: String,
    /// The git repository.
    pub repository: String,
    /// The plugin's name.
    pub name: String,
    /// The plugin's description.
    pub description: String,
    /// The newest version that is not yanked; empty if there is none.
    pub latest_version: String,
    /// The author.
    pub author: String,
    /// Number of stars, as reported by the index.
    pub stars: u64,
    /// Time of the last change, as reported by the index.
    pub last_updated: String,
    /// Tags for searching.
    pub tags: Vec<String>,
    /// True if the index marks the plugin as verified.
    pub verified: bool,
    /// True if the index marks the plugin as official.
    pub official: bool,
    /// The index that lists the plugin.
    pub index: String,
    /// The `source` for `POST /api/plugins/load` that installs this plugin.
    pub source: String,
    /// All versions, newest first.
    pub versions: Vec<AvailableVersion>,
    /// True if a plugin with this id is installed.
    pub installed: bool,
    /// The installed version; null if the plugin is not installed.
    pub installed_version: Option<String>,
    /// The newest version if it is newer than the one installed from the same repository; otherwise null.
    pub newer_version: Option<String>,
}

/// One installable version of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AvailableVersion {
    /// The version.
    pub version: String,
    /// The git branch or tag.
    pub tag: String,
    /// The commit that the tag must point to; null if the index does not pin it.
    pub commit: Option<String>,
    /// The digest of the tree that must be fetched; null if the index does not pin it.
    pub digest: Option<String>,
    /// True if the version was withdrawn.
    pub yanked: bool,
}

/// Response of `GET /api/plugins/indexes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexList {
    /// The indexes, in configuration order.
    pub indexes: Vec<IndexState>,
}

/// The state of one index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexState {
    /// The configured location of the index: a URL or path.
    pub place: String,
    /// The index's own name.
    pub name: String,
    /// Number of plugins listed by this index.
    pub plugins: usize,
    /// Ignored entries, each with its position and the reason.
    pub refused: Vec<FieldError>,
    /// Time of the last successful read.
    pub read_unix_ms: Option<u64>,
    /// Error code of the last read; null if it succeeded.
    pub error_code: Option<String>,
    /// Error message of the last read; null if it succeeded.
    pub error: Option<String>,
}

/// Request body of `POST /api/plugins/validate`: either `source` or `upload_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateRequest {
    /// The source, as for `POST /api/plugins/load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A version, tag, branch or commit of a git URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The folder of the plugin in a repository, folder or archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The pattern of the release tags of a git URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_pattern: Option<String>,
    /// The id of an upload, instead of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
}

/// Result of validating a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ValidationReport {
    /// True if no problem was found. Compile errors are found only by a build.
    pub valid: bool,
    /// The result in one sentence.
    pub message: String,
    /// The messages of the problems that prevent an installation.
    pub errors: Vec<String>,
    /// The problems that prevent an installation, each with the field it is about.
    #[serde(default)]
    pub problems: Vec<FieldError>,
    /// The command or change that corrects the problems, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Warnings that do not prevent an installation.
    pub warnings: Vec<String>,
    /// The fields of plugin.yaml, if it is valid. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The validated source.
    pub source: String,
    /// The fetched commit, for a git source.
    pub commit: Option<String>,
    /// The digest of the fetched tree.
    pub digest: String,
    /// How the library would be produced: `build`, `cached` or `library`; null if it cannot be produced.
    pub way: Option<String>,
    /// The digest of the resulting artifact; null if only a build can determine it.
    pub artifact: Option<String>,
    /// The prebuilt library of the source, if this host can open it. It is read and not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<LibraryFacts>,
}

/// A prebuilt library, as its file describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LibraryFacts {
    /// The file in the source.
    pub file: String,
    /// The name and version of its cargo package.
    pub package: String,
    /// The version of the plugin ABI, `major.minor`.
    pub abi: String,
    /// The version of the SDK.
    pub sdk: String,
    /// The processor, such as `x86_64`.
    pub arch: String,
    /// The compiler, or null if the file does not name it.
    pub compiler: Option<String>,
}

/// Response of `GET /api/plugins/local/build`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BuildReport {
    /// The result of the checks and the build. `artifact` is the digest of the built artifact.
    #[serde(flatten)]
    pub report: ValidationReport,
    /// The last lines of the build log.
    pub log: Vec<String>,
}

/// Request body of `POST /api/plugins/local/load`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalLoad {
    /// A folder, a `.zip` or a `.so` on the host's machine.
    #[serde(rename = "pluginPath")]
    pub plugin_path: String,
    /// The plugin.yaml in that folder or beside that library.
    #[serde(rename = "manifestPath", default, skip_serializing_if = "Option::is_none")]
    pub manifest_path: Option<String>,
    /// Operator configuration, as for `POST /api/plugins/load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
    /// Allows replacing a plugin with the same id that was installed from another source; false when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// Request body of `POST /api/plugins/local/unload`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalUnload {
    /// The plugin's id.
    #[serde(rename = "pluginId")]
    pub plugin_id: String,
}
