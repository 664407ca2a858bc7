//! The running host: plugins and their generations, jobs, plans, health, events and metrics.
//!
//! [`Host`] is the handle that the HTTP API and the command line use. Operations ([`Operation`]) run as jobs, one at a
//! time for each plugin and concurrently for different plugins. A job prepares everything, commits the desired state
//! and swaps the generation in the roster; after a failure at any point, the previous generation still serves. One
//! reconcile loop grants the leases of plugins to jobs and brings the actual state to the desired state, after a start
//! and after failures. Calls are admitted by [`Host::admit`] to the generation that serves at that moment.
//!
//! The folders are layers that import only the layers below them: `model`, `metrics`, `events`, `jobs`, `plugins`,
//! `state`, `upkeep`, `operation`, `planning`, `host`.

mod events;
mod host;
mod jobs;
mod metrics;
mod model;
mod operation;
mod planning;
mod plugins;
mod state;
mod upkeep;

pub use events::{EventGap, EventStream, EventsPage, Followed};
pub use host::{
    Difference, Differences, IdempotentRequest, IdempotentResponse, Isolation, IsolationLayer, LogPart, LogStream,
    Overview, PastPlugin, PastState, RevisionPage, RevisionState, RevisionView, Upload, UploadError,
};
pub use host_core::job::{JobState, JobStateError};
pub use host_fetch::Trust;
pub use host_services::{SecretSource, Secrets};
pub use host_state::StoredData;
pub use host_state::event_detail;
pub use host_state::{AuditBroken, AuditEntry, AuditFilter, AuditHead, AuditReport, HeadCheck};
pub use host_state::{JobCursor, JobCursorError, JobFilter, JobRecord};
pub use jobs::{Job, JobPage, JobView};
pub use metrics::{ActiveGauge, FrontMetrics, HttpVersion, MetricFamily, MetricSeries, MetricValue};
pub use model::{
    Config, ConfigurationCheck, ConfigurationView, Error, Failed, FailureKind, FieldProblem, FirstLoad, Initiator,
    JobError, LoadOptions, OnConflict, OnConflictError, Operation, OperationPart, PartState, PresentState, Receipt,
    Served, SettingsChange, StepReport, Target, TargetPick, TargetState, Trial, TrialAttempt, TrialDepth, TrialFuture,
    TrialOutcome, TrialRunner, Update, UpdateFailure, UpdateReport, Watched,
};
pub use planning::{BuildKind, PlanReport, PlannedPlugin, PolicyView, SourceArchive, Validated};
pub use plugins::{CurrentOperation, GenerationView, PluginView, SeriesPoint};
pub use state::{CacheReport, Cleaned, FailedLoad, Host, IndexReport, ListedPlugin, Poller};
