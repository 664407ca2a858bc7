//! What can be installed, and what a source would come to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{FieldError, Metadata};

/// One entry of the list that `GET /api/plugins/available` answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Available {
    /// The plugin's id.
    pub id: String,
    /// Its repository.
    pub repository: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The newest version that is offered; empty when none is.
    pub latest_version: String,
    /// Who wrote it.
    pub author: String,
    /// How many people have marked it, as the index says.
    pub stars: u64,
    /// When it was changed last, in the words of the index.
    pub last_updated: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether the index says that somebody has looked at it.
    pub verified: bool,
    /// Whether the index says that it is one of its own.
    pub official: bool,
    /// The index that lists it.
    pub index: String,
    /// What `POST /api/plugins/load` takes as `source` to install it.
    pub source: String,
    /// Its versions, newest first.
    pub versions: Vec<AvailableVersion>,
    /// Whether a plugin of this id is installed.
    pub installed: bool,
    /// The version that is installed; null when none is.
    pub installed_version: Option<String>,
    /// The newest version, when it is newer than what is installed from the same repository; else null.
    pub newer_version: Option<String>,
}

/// One version of a plugin that can be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AvailableVersion {
    /// The version.
    pub version: String,
    /// The branch or tag that has it.
    pub tag: String,
    /// The commit that the tag must lead to; null when the index does not say.
    pub commit: Option<String>,
    /// The tree that must be fetched; null when the index does not say.
    pub digest: Option<String>,
    /// Whether it is not offered any more.
    pub yanked: bool,
}

/// `GET /api/plugins/indexes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexList {
    /// The indexes, in their order.
    pub indexes: Vec<IndexState>,
}

/// One index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexState {
    /// Where it lies.
    pub place: String,
    /// What it calls itself.
    pub name: String,
    /// How many plugins are listed of it.
    pub plugins: usize,
    /// What is left out, with where it stands.
    pub refused: Vec<FieldError>,
    /// When it was read last.
    pub read_unix_ms: Option<u64>,
    /// A word for why it could not be read; null when it could.
    pub error_code: Option<String>,
    /// The same in a sentence.
    pub error: Option<String>,
}

/// The body of `POST /api/plugins/validate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidateRequest {
    /// As for `POST /api/plugins/load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A branch, tag or commit of a git URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// An upload, in place of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
}

/// What a source would come to, if it were installed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Validated {
    /// Whether nothing is known against it. Whether it compiles only a build tells.
    pub valid: bool,
    /// The same in a sentence.
    pub message: String,
    /// What is wrong.
    pub errors: Vec<FieldError>,
    /// What is odd.
    pub warnings: Vec<String>,
    /// What plugin.yaml says, when it is one. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The source that was looked at.
    pub source: String,
    /// The commit that was fetched, for a repository.
    pub commit: Option<String>,
    /// The digest of what was fetched.
    pub digest: String,
    /// How it would be made: `build`, `cached` or `library`; null when it can't be.
    pub way: Option<String>,
    /// The artifact that would come of it; null when only a build can tell.
    pub artifact: Option<String>,
}

/// The body of `POST /api/plugins/local/load`, as older clients send it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LocalLoad {
    /// A folder, a `.zip` or a `.so`.
    #[serde(rename = "pluginPath")]
    pub plugin_path: String,
    /// The plugin.yaml in that folder, or beside that library.
    #[serde(rename = "manifestPath", default, skip_serializing_if = "Option::is_none")]
    pub manifest_path: Option<String>,
    /// As for `POST /api/plugins/load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The body of `POST /api/plugins/local/unload`, as older clients send it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LocalUnload {
    /// The plugin's id.
    #[serde(rename = "pluginId")]
    pub plugin_id: String,
}
