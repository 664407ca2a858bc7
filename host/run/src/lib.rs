//! What lives: plugins, their generations, the roster of those that serve, jobs, health, events.
//!
//! [`Host`] is the one handle that all surfaces use. Operations ([`Operation`]) run as jobs, one at a time for each
//! plugin and side by side for different ones; each prepares everything, commits the desired state, and swaps
//! the roster's entry, so that a failure anywhere leaves what served before. One loop grants the leases and applies the
//! desired state: after a start, after a failure. Calls go through [`Host::admit`], which counts them on the generation
//! that is current at that moment, to their last byte.

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
    Difference, Differences, IdempotentAnswer, Isolation, IsolationLayer, LogPart, LogStream, Named, Overview,
    PastPlugin, PastState, RevisionPage, RevisionState, RevisionView, Upload, UploadError,
};
pub use host_call::{
    AdmissionRefusal, Admitted, CallBody, CallError, CallRefusal, Caller, Generation, GenerationPhase, HealthReport,
    IncomingBody, LogLine, MinLevel, MinLevelError, Phase, RecordSpan, RefusalReason, RefusedCall, Request,
    RouteRefusal, Routed, RuleRefusal, Span, SpanSink, Trace, TraceId, is_plain_path,
};
pub use host_core::job::{JobState, JobStateError};
pub use host_fetch::Trust;
pub use host_services::{SecretSource, Secrets};
pub use host_state::event_detail;
pub use host_state::{AuditBroken, AuditEntry, AuditFilter, AuditHead, AuditReport, Noted};
pub use host_state::{JobCursor, JobCursorError, JobFilter, JobRecord};
pub use jobs::{Job, JobPage, JobView};
pub use metrics::{ActiveGauge, FrontMetrics, MetricFamily, MetricSeries, MetricValue};
pub use model::{
    Config, ConfigurationView, Error, Failed, FailureKind, FieldProblem, Initiator, JobError, LoadOptions, OnConflict,
    OnConflictError, Operation, OperationPart, PartState, PresentState, Receipt, Served, SettingsChange, StepReport,
    Target, TargetPick, TargetState, Trial, TrialAttempt, TrialDepth, TrialFuture, TrialOutcome, TrialRunner, Update,
    UpdateFailure, UpdateReport, Watched,
};
pub use planning::{PlanReport, PlannedPlugin, RuleView, Validated, Way};
pub use plugins::{GenerationView, PluginView};
pub use state::{CacheReport, Cleaned, Host, IndexReport, ListedPlugin, Poller};
