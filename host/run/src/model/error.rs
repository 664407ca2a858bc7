//! Errors of operations.

mod failed;
mod fix;

use host_core::configuration::Violation;
use host_core::manifest::Problem;
use host_core::{Digest, PluginId, SourceError, TreePath};
use semver::Version;

use crate::model::{FailureKind, FieldProblem, JobError, OperationPart, PartState};

/// The reason why an operation failed. A previous generation, if any, still serves.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants and their fields")]
pub enum Error {
    #[error("invalid source")]
    Source(#[from] SourceError),
    #[error("failed to fetch the source")]
    Fetch(#[from] host_fetch::Error),
    #[error("failed to read or write the data folders")]
    Store(#[source] host_store::Error),
    #[error(transparent)]
    Tree(host_store::Error),
    #[error("failed to read or write the state database")]
    State(#[source] host_state::Error),
    #[error(transparent)]
    Stale(host_state::Error),
    #[error(transparent)]
    BadKey(host_state::Error),
    #[error("invalid plugin.yaml: {}", list(problems))]
    Manifest { problems: Vec<Problem> },
    #[error("the source contains plugin `{found}`, expected `{expected}`")]
    OtherPlugin { expected: PluginId, found: PluginId },
    #[error(
        "the tag `{tag}` of plugin `{id}` was moved from commit {from} to commit {to}, which `security_mode: strict` refuses"
    )]
    TagMoved { id: PluginId, tag: String, from: String, to: String, place: String },
    #[error("version {version} of plugin `{id}` is blocked")]
    VersionBlocked { id: PluginId, version: Version },
    #[error("plugin `{id}` is installed from `{installed}`, not from `{found}`")]
    OtherSource { id: PluginId, installed: Box<str>, found: Box<str> },
    #[error("plugin `{id}` requires placement `isolated`, which this host does not support")]
    Placement { id: PluginId },
    #[error("{}", if .0.is_before_build() { "the plugin was refused before its build" } else { "failed to build the plugin" })]
    Build(#[from] host_build::Error),
    #[error("failed to build the plugin")]
    BuildOfSource {
        source: host_build::Error,
        /// The files that were left out of the source, which may be the cause.
        notes: Vec<String>,
    },
    #[error("failed to load the plugin")]
    Load(#[from] host_load::Error),
    #[error("the prebuilt library `{file}` cannot be loaded")]
    Library { file: TreePath, source: host_load::Error },
    #[error("the new generation failed its first health probe: {reason}")]
    Unhealthy { reason: String },
    #[error("the {hook} hook of the new generation failed: {reason}")]
    Hook { hook: &'static str, reason: String },
    #[error("the plugin rejected the configuration: {reason}")]
    ConfigurationRefused { reason: String },
    #[error("invalid configuration: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    ConfigurationInvalid { violations: Vec<Violation> },
    #[error("the configuration schema of the artifact is invalid")]
    Schema { source: host_core::configuration::SchemaError },
    #[error("{} ended generations are still in memory (plugins {}), so no further library is loaded", kept.len(), plugins(kept))]
    TooManyKept { kept: Vec<String> },
    #[error("no plugin `{id}` is installed")]
    UnknownPlugin { id: String },
    #[error("plugin `{id}` is disabled")]
    Disabled { id: PluginId },
    #[error(transparent)]
    Dependencies(#[from] host_core::graph::Refusal),
    #[error("plugin `{id}` was loaded from `{place}`, which is not a repository and has no versions")]
    NoRepository { id: PluginId, place: String },
    #[error("failed to check for updates: {message}")]
    UpdatesUnknown { code: &'static str, message: String, fix: Option<String> },
    #[error("the source of plugin `{id}` is no longer stored")]
    NoSource { id: PluginId },
    #[error("artifact {} of plugin `{id}` is missing or damaged", artifact.short())]
    NoArtifact { id: PluginId, artifact: Digest },
    #[error("{}", no_rollback_version(id, to.as_deref(), stored))]
    NoRollbackVersion { id: PluginId, to: Option<String>, stored: Vec<String> },
    #[error("plugin `{id}` has no revision {number} with a desired state")]
    UnknownRevision { id: PluginId, number: u64 },
    #[error("another operation on plugin `{id}` is in progress{}", job.as_ref().map(|job| format!(": {job}")).unwrap_or_default())]
    InProgress { id: PluginId, job: Option<String> },
    #[error("invalid plugins.yaml: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    FileRefused { problems: Vec<host_core::plugin_set::PluginSetProblem> },
    #[error("no plan can be made: {}", join_messages(problems))]
    PlanRefused { problems: Vec<FieldProblem> },
    #[error("unknown plan `{plan}`")]
    UnknownPlan { plan: String },
    #[error("the plan is out of date: {reason}")]
    PlanStale { reason: String },
    #[error("plugin `{id}` is locked to artifact {}, but the build produced {}", expected.short(), found.short())]
    OtherArtifact { id: PluginId, expected: Digest, found: Digest },
    #[error("the {what} fetched from `{place}` is `{found}`, but the index lists `{expected}`")]
    OtherContent { place: String, what: &'static str, expected: String, found: String },
    #[error("no index lists {what}")]
    NotListed { what: String },
    #[error("`manifestPath` is not the plugin.yaml in the folder of `pluginPath`")]
    ManifestElsewhere,
    #[error("too many sources are being validated at the moment")]
    Looking,
    #[error("invalid batch: {}", join_messages(problems))]
    BatchRefused { problems: Vec<FieldProblem> },
    #[error("{reason}")]
    NotUndone { reason: String },
    #[error("{}", together(*failed, parts))]
    Together {
        #[source]
        cause: Box<Error>,
        failed: Option<usize>,
        parts: Vec<OperationPart>,
    },
    #[error("unknown upload `{id}`")]
    UnknownUpload { id: String },
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("the host is shutting down")]
    ShuttingDown,
    #[error("internal error: the operation panicked")]
    Panicked,
}

impl From<host_store::Error> for Error {
    fn from(error: host_store::Error) -> Error {
        if error.is_about_source() { Error::Tree(error) } else { Error::Store(error) }
    }
}

impl Error {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Source(error) => error.code(),
            Error::Fetch(error) => error.code(),
            Error::Store(error) | Error::Tree(error) => error.code(),
            Error::State(error) | Error::Stale(error) | Error::BadKey(error) => error.code(),
            Error::Manifest { .. } => "manifest_refused",
            Error::OtherPlugin { .. } => "manifest_other_plugin",
            Error::OtherSource { .. } => "run_other_source",
            Error::TagMoved { .. } => "run_tag_moved",
            Error::VersionBlocked { .. } => "run_version_blocked",
            Error::Placement { .. } => "run_placement",
            Error::Build(error) | Error::BuildOfSource { source: error, .. } => error.code(),
            Error::Load(error) | Error::Library { source: error, .. } => error.code(),
            Error::Unhealthy { .. } => "run_unhealthy",
            Error::Hook { .. } => "run_hook_failed",
            Error::ConfigurationRefused { .. } => "run_configuration_refused",
            Error::ConfigurationInvalid { .. } => "run_configuration_invalid",
            Error::Schema { .. } => "run_schema_refused",
            Error::TooManyKept { .. } => "load_too_many_kept",
            Error::UnknownPlugin { .. } => "run_unknown_plugin",
            Error::Disabled { .. } => "run_disabled",
            Error::Dependencies(refusal) => refusal.code(),
            Error::NoRepository { .. } => "update_no_repository",
            Error::UpdatesUnknown { code, .. } => code,
            Error::NoSource { .. } => "run_no_source",
            Error::NoArtifact { .. } => "run_no_artifact",
            Error::NoRollbackVersion { .. } => "run_nothing_kept",
            Error::UnknownRevision { .. } => "run_unknown_revision",
            Error::InProgress { .. } => "run_in_progress",
            Error::FileRefused { .. } => "plan_file_refused",
            Error::PlanRefused { .. } => "plan_refused",
            Error::UnknownPlan { .. } => "plan_unknown",
            Error::PlanStale { .. } => "plan_stale",
            Error::OtherArtifact { .. } => "plan_other_artifact",
            Error::OtherContent { .. } => "index_other_content",
            Error::NotListed { .. } => "index_not_listed",
            Error::ManifestElsewhere => "local_manifest",
            Error::Looking => "run_busy_looking",
            Error::BatchRefused { .. } => "batch_refused",
            Error::NotUndone { .. } => "run_not_undone",
            Error::Together { cause, .. } => cause.code(),
            Error::UnknownUpload { .. } => "run_unknown_upload",
            Error::Job(error) => error.code(),
            Error::ShuttingDown => "run_shutting_down",
            Error::Panicked => "run_panicked",
        }
    }

    /// The error about the job itself, if there is one.
    pub(crate) fn job_error(&self) -> Option<&JobError> {
        match self {
            Error::Job(error) => Some(error),
            Error::Together { cause, .. } => cause.job_error(),
            _ => None,
        }
    }

    /// The kind of the failure, from which the HTTP API derives the status.
    pub fn kind(&self) -> FailureKind {
        let code = self.code();
        match self {
            // A full queue is not a full disk.
            _ if code.ends_with("_full") && code != "build_queue_full" => FailureKind::Full,
            Error::Source(_) => FailureKind::Malformed,
            Error::UnknownPlugin { .. } | Error::UnknownUpload { .. } | Error::UnknownRevision { .. } => {
                FailureKind::NotFound
            }
            Error::BadKey(_) => FailureKind::Malformed,
            Error::Stale(_) | Error::PlanStale { .. } => FailureKind::Stale,
            Error::UnknownPlan { .. } | Error::NotListed { .. } => FailureKind::NotFound,
            Error::OtherContent { .. } | Error::ManifestElsewhere => FailureKind::Refused,
            Error::Looking => FailureKind::Busy,
            Error::FileRefused { .. } | Error::PlanRefused { .. } | Error::BatchRefused { .. } => FailureKind::Refused,
            Error::OtherArtifact { .. } => FailureKind::Refused,
            Error::NotUndone { .. } => FailureKind::Conflict,
            Error::Together { cause, .. } => cause.kind(),
            Error::Dependencies(_) if matches!(code, "dependency_dependants" | "dependency_conflict") => {
                FailureKind::Conflict
            }
            Error::Dependencies(_) => FailureKind::Refused,
            Error::OtherPlugin { .. } | Error::Disabled { .. } | Error::InProgress { .. } => FailureKind::Conflict,
            Error::OtherSource { .. } | Error::TagMoved { .. } => FailureKind::Conflict,
            Error::VersionBlocked { .. } => FailureKind::Conflict,
            Error::NoRepository { .. } | Error::NoRollbackVersion { .. } => FailureKind::Conflict,
            Error::NoArtifact { .. } | Error::NoSource { .. } => FailureKind::Conflict,
            Error::ShuttingDown | Error::TooManyKept { .. } => FailureKind::Busy,
            Error::Panicked | Error::State(_) => FailureKind::Broken,
            Error::Load(_) if code == "load_trial_failed" => FailureKind::Broken,
            Error::Manifest { .. } | Error::Placement { .. } | Error::Load(_) | Error::Library { .. } => {
                FailureKind::Refused
            }
            Error::Unhealthy { .. } => FailureKind::Refused,
            Error::Hook { .. } | Error::ConfigurationRefused { .. } => FailureKind::Refused,
            Error::ConfigurationInvalid { .. } | Error::Schema { .. } => FailureKind::Refused,
            Error::Build(_) | Error::BuildOfSource { .. } | Error::UpdatesUnknown { .. } => {
                FailureKind::from_code(code)
            }
            Error::Fetch(_) | Error::Store(_) | Error::Tree(_) => FailureKind::from_code(code),
            Error::Job(error) => error.kind(),
        }
    }
}

impl From<host_state::Error> for Error {
    fn from(error: host_state::Error) -> Error {
        match error {
            host_state::Error::Stale { .. } => Error::Stale(error),
            host_state::Error::BadKey { .. } => Error::BadKey(error),
            error => Error::State(error),
        }
    }
}

/// The failed part and the state of the earlier parts, in one sentence.
fn together(failed: Option<usize>, parts: &[OperationPart]) -> String {
    let has = |state| parts.iter().any(|part| part.state == state);
    let which = match failed.and_then(|index| Some((index + 1, parts.get(index)?))) {
        Some((number, part)) => {
            format!("part {number} of {} ({} of `{}`) failed", parts.len(), part.operation, part.subject)
        }
        None => format!("one of {} parts failed", parts.len()),
    };
    let before = match (has(PartState::Stuck), has(PartState::Undone), has(PartState::Done)) {
        (true, ..) => "not all earlier parts could be undone",
        (false, true, _) => "the earlier parts were undone",
        (false, false, true) => "the earlier parts stay applied",
        (false, false, false) => "nothing was changed",
    };
    format!("{which}; {before}")
}

fn join_messages(problems: &[FieldProblem]) -> String {
    problems.iter().map(|problem| problem.without_hint().message).collect::<Vec<_>>().join("; ")
}

fn no_rollback_version(id: &PluginId, to: Option<&str>, stored: &[String]) -> String {
    match (to, stored) {
        (_, []) => format!("no earlier version of plugin `{id}` is stored"),
        (Some(to), stored) => {
            format!("version `{to}` of plugin `{id}` is not stored; stored versions: {}", stored.join(", "))
        }
        (None, stored) => format!("none of the stored versions of plugin `{id}` can be used: {}", stored.join(", ")),
    }
}

/// The plugins of libraries, each once.
fn plugins(kept: &[String]) -> String {
    let ids = kept.iter().map(|label| label.split('#').next().unwrap_or(label));
    let ids = ids.collect::<std::collections::BTreeSet<_>>();
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}
