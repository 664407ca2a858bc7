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
    Asked, AskedThen, Difference, Differences, Isolation, Layer, LogPart, LogStream, Named, NamedAnswer, Overview,
    Past, RevisionPage, RevisionView, Upload, UploadError,
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
pub use metrics::{FrontMetrics, MetricFamily, MetricSeries, MetricValue, Present};
pub use model::{
    Asker, Attempt, Config, ConfigurationView, Depth, Error, Failed, FieldProblem, JobError, Kind, LoadOptions,
    OnConflict, OnConflictError, Operation, Part, PartState, Receipt, Served, Settings, StepReport, Target, TargetPick,
    There, Trial, Tried, TryOut, Trying, Update, UpdateFailure, UpdateReport, Watched, Wish,
};
pub use planning::{PlanReport, PlannedPlugin, RuleView, Validated, Way};
pub use plugins::{GenerationView, PluginView};
pub use state::{CacheReport, Cleaned, Host, IndexReport, Listed, Poller};
