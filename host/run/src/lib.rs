//! What lives: plugins, their generations, the roster of those that serve, jobs, health, events.
//!
//! [`Host`] is the one handle that all surfaces use. Operations ([`Operation`]) run as jobs, one at a time for each
//! plugin and side by side for different ones; each prepares everything, writes what is asked for from then on, and swaps
//! the roster's entry, so that a failure anywhere leaves what served before. One loop gives the turns and brings about what was
//! asked for and is not true yet: after a start, after a failure. Calls go through [`Host::admit`], which counts them on the generation
//! that is current at that moment, to their last byte.

mod answers;
mod audit;
mod boot;
mod cache;
mod calls;
mod catalog;
mod config;
mod error;
mod events;
mod follow;
mod graph;
mod health;
mod history;
mod host;
mod isolation;
mod job;
mod jobs;
mod kind;
mod lent;
mod metrics;
mod operation;
mod planning;
mod plugin;
mod probation;
mod reconcile;
mod replaceable;
mod retire;
mod secrets;
mod setup;
mod trial;
mod updates;
mod updating;
mod validate;

pub use answers::{Named, NamedAnswer};
pub use cache::{CacheReport, Cleaned};
pub use catalog::{IndexReport, Listed};
pub use config::Config;
pub use error::Error;
pub use events::{EventGap, EventStream, EventsPage, Followed};
pub use follow::{LogPart, LogStream};
pub use history::{Asked, AskedThen, Difference, Differences, Past, RevisionPage, RevisionView};
pub use host::{Host, Overview, Upload, UploadError};
pub use host_call::{
    AdmissionRefusal, Admitted, Answer, CallBody, CallError, CallRefusal, Caller, Generation, GenerationPhase,
    HealthReport, IncomingBody, LogLine, MinLevel, MinLevelError, Phase, RecordSpan, RefusalReason, RefusedCall,
    Request, RouteRefusal, Routed, RuleRefusal, Span, SpanSink, Trace, TraceId, is_plain_path,
};
pub use host_core::job::{JobState, JobStateError};
pub use host_fetch::Trust;
pub use host_services::{SecretSource, Secrets};
pub use host_state::event_detail;
pub use host_state::{AuditBroken, AuditEntry, AuditFilter, AuditHead, AuditReport, Noted};
pub use host_state::{JobCursor, JobCursorError, JobFilter, JobRecord};
pub use isolation::{Isolation, Layer};
pub use job::{Asker, Failed, FieldProblem, Job, JobError, JobView, OnConflict, OnConflictError};
pub use jobs::JobPage;
pub use kind::Kind;
pub use metrics::{FrontMetrics, MetricFamily, MetricSeries, MetricValue, Present};
pub use operation::{
    LoadOptions, Operation, Part, PartState, Receipt, Served, StepReport, Target, TargetPick, There, Wish,
};
pub use planning::{PlanReport, PlannedPlugin, RuleView, Way};
pub use plugin::{GenerationView, PluginView};
pub use setup::{ConfigurationView, Settings};
pub use trial::{Attempt, Depth, Trial, Tried, TryOut, Trying};
pub use updates::{Poller, Update, UpdateFailure, UpdateReport, Watched};
pub use validate::Validated;
