//! The desired state of a plugin as stored text.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use host_core::manifest::Placement;
use host_core::update::{UpdateError, UpdateInterval, UpdatePolicy};
use host_core::{Desired, Digest, DigestWriter, Goal, Pick, PluginId, Source, Trust};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Writes the desired state as JSON with sorted keys, so that equal states have equal texts.
pub fn write_desired(desired: &Desired) -> String {
    let document = Document {
        plugin: desired.id.to_string(),
        goal: desired.goal.as_str().to_owned(),
        keep_data: matches!(desired.goal, Goal::Absent { keep_data: true }),
        current: PickDocument::new(&desired.current),
        kept: desired.rollback_versions.iter().map(PickDocument::new).collect(),
        configuration: desired.configuration.clone(),
        placement: desired.placement.as_str().to_owned(),
        grants: desired.grants.clone(),
        update: UpdateDocument {
            policy: desired.update.level().as_str().to_owned(),
            automatic: desired.update.automatic(),
            interval_seconds: desired.update.interval().duration().as_secs(),
        },
        blocked: desired.blocked.iter().map(ToString::to_string).collect(),
        quarantine: desired.quarantine.clone(),
    };
    serde_json::to_string(&document).expect("texts, numbers and JSON values always have a JSON form")
}

/// Reads that text.
///
/// # Errors
/// One sentence with the first invalid field.
pub fn read_desired(text: &str) -> Result<Desired, String> {
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let keep_data = document.keep_data;
    let goal = match document.goal.as_str() {
        "installed" => Goal::Installed,
        "running" => Goal::Running,
        "stopped" => Goal::Stopped,
        "disabled" => Goal::Disabled,
        "absent" => Goal::Absent { keep_data },
        other => return Err(format!("`{other}` is not a goal")),
    };
    let placement = match document.placement.as_str() {
        "inline" => Placement::Inline,
        "isolated" => Placement::Isolated,
        other => return Err(format!("`{other}` is not a placement")),
    };
    let version = |text: &String| text.parse().map_err(|error| format!("`{text}` is not a version: {error}"));
    Ok(Desired {
        id: document.plugin.parse::<PluginId>().map_err(|error| error.to_string())?,
        goal,
        current: document.current.pick()?,
        rollback_versions: document.kept.into_iter().map(PickDocument::pick).collect::<Result<_, _>>()?,
        configuration: document.configuration,
        placement,
        grants: document.grants,
        update: document.update.policy()?,
        blocked: document.blocked.iter().map(version).collect::<Result<_, _>>()?,
        quarantine: document.quarantine,
    })
}

/// Writes the desired state with its revision and a digest, for the record beside the database.
pub fn write_record(revision: u64, desired: &Desired) -> Vec<u8> {
    let document = write_desired(desired);
    let record = RecordDocument { revision, digest: digest(revision, &document), document };
    serde_json::to_vec(&record).expect("texts and numbers always have a JSON form")
}

/// Reads such a record: the revision and the desired state.
///
/// # Errors
/// One sentence with the first invalid field.
pub fn read_record(bytes: &[u8]) -> Result<(u64, Desired), String> {
    let record: RecordDocument = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if digest(record.revision, &record.document) != record.digest {
        return Err("its digest does not match its content".to_owned());
    }
    Ok((record.revision, read_desired(&record.document)?))
}

/// The digest over both, so that a flipped bit in the revision cannot make an old record look new.
fn digest(revision: u64, document: &str) -> String {
    let mut writer = DigestWriter::new();
    writer.field(&revision.to_le_bytes()).field(document.as_bytes());
    writer.finish().to_string()
}

#[derive(Serialize, Deserialize)]
struct RecordDocument {
    revision: u64,
    digest: String,
    document: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    plugin: String,
    goal: String,
    #[serde(default, skip_serializing_if = "is_false")]
    keep_data: bool,
    current: PickDocument,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept: Vec<PickDocument>,
    #[serde(default)]
    configuration: Map<String, Value>,
    placement: String,
    #[serde(default)]
    grants: BTreeSet<String>,
    update: UpdateDocument,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct UpdateDocument {
    policy: String,
    automatic: bool,
    interval_seconds: u64,
}

impl UpdateDocument {
    fn policy(&self) -> Result<UpdatePolicy, String> {
        let read = || -> Result<UpdatePolicy, UpdateError> {
            let interval = UpdateInterval::new(Duration::from_secs(self.interval_seconds))?;
            UpdatePolicy::new(self.policy.parse()?, self.automatic, interval)
        };
        read().map_err(|error| error.to_string())
    }
}

#[derive(Serialize, Deserialize)]
struct PickDocument {
    version: String,
    source: SourceDocument,
    /// The folder of the plugin in its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Whether a user with a shell on the host's machine named the source.
    #[serde(default, skip_serializing_if = "is_false")]
    from_command_line: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    artifact: String,
    loaded_unix_ms: u64,
}

/// A source with its kind, because a path may look like something else.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceDocument {
    Git(String),
    Folder(PathBuf),
    Archive(PathBuf),
    Library(PathBuf),
    Upload(String),
}

impl SourceDocument {
    /// The document of a source without the folder of the plugin.
    fn new(place: &Source) -> SourceDocument {
        match place {
            Source::Git { .. } | Source::Inside { .. } => SourceDocument::Git(place.to_string()),
            Source::Folder(path) => SourceDocument::Folder(path.clone()),
            Source::Archive(path) => SourceDocument::Archive(path.clone()),
            Source::Library(path) => SourceDocument::Library(path.clone()),
            Source::Upload(id) => SourceDocument::Upload(id.clone()),
        }
    }
}

impl PickDocument {
    fn new(pick: &Pick) -> PickDocument {
        PickDocument {
            version: pick.version.to_string(),
            source: SourceDocument::new(pick.source.place()),
            path: pick.source.path().map(ToString::to_string),
            from_command_line: pick.trust == Trust::CommandLine,
            commit: pick.commit.clone(),
            reference: pick.reference.clone(),
            tag: pick.tag.as_ref().map(ToString::to_string),
            artifact: pick.artifact.to_string(),
            loaded_unix_ms: pick.loaded_unix_ms,
        }
    }

    fn pick(self) -> Result<Pick, String> {
        let mut source = match self.source {
            SourceDocument::Git(text) => match text.parse::<Source>() {
                Ok(git @ Source::Git { .. }) => git,
                Ok(_) => return Err(format!("`{text}` is not a repository")),
                Err(error) => return Err(error.to_string()),
            },
            SourceDocument::Folder(path) => Source::Folder(path),
            SourceDocument::Archive(path) => Source::Archive(path),
            SourceDocument::Library(path) => Source::Library(path),
            SourceDocument::Upload(id) => Source::Upload(id),
        };
        if let Some(path) = self.path {
            let path = path.parse().map_err(|error: host_core::PathError| error.to_string())?;
            source = source.inside(path).map_err(|error| error.to_string())?;
        }
        Ok(Pick {
            version: self.version.parse().map_err(|error| format!("`{}` is not a version: {error}", self.version))?,
            source,
            trust: if self.from_command_line { Trust::CommandLine } else { Trust::Http },
            commit: self.commit,
            reference: self.reference,
            tag: self
                .tag
                .map(|tag| tag.parse().map_err(|error| format!("`{tag}` is not a version: {error}")))
                .transpose()?,
            artifact: self.artifact.parse::<Digest>().map_err(|error| error.to_string())?,
            loaded_unix_ms: self.loaded_unix_ms,
        })
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
