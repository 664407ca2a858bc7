//! What lives: plugins, their generations, the roster of those that serve, jobs, health, events.
//!
//! [`Host`] is the one handle that all surfaces use. Operations ([`Operation`]) run as jobs, one at a time for each
//! plugin and side by side for different ones; each prepares everything, writes what is asked for from then on, and swaps
//! the roster's entry, so that a failure anywhere leaves what served before. One loop gives the turns and brings about what was
//! asked for and is not true yet: after a start, after a failure. Calls go through [`Host::admit`], which counts them on the generation
//! that is current at that moment, to their last byte.

mod admission;
mod answers;
mod audit;
mod between;
mod body;
mod boot;
mod cache;
mod call;
mod catalog;
mod config;
mod error;
mod events;
mod follow;
mod generation;
mod graph;
mod health;
mod history;
mod host;
mod isolation;
mod job;
mod jobs;
mod kind;
mod lent;
mod log_lines;
mod metrics;
mod operation;
mod planning;
mod plugin;
mod probation;
mod reconcile;
mod refused;
mod replaceable;
mod retire;
mod routes;
mod rules;
mod secrets;
mod setup;
mod spans;
mod trace;
mod trial;
mod updates;
mod updating;
mod validate;

pub use admission::{Admitted, Refusal};
pub use answers::{Named, NamedAnswer};
pub use body::CallBody;
pub use cache::{CacheReport, Cleaned};
pub use call::{CallRefusal, Caller, IncomingBody, Request};
pub use catalog::{IndexReport, Listed};
pub use config::Config;
pub use error::Error;
pub use events::{EventGap, EventStream, EventsPage, Followed};
pub use follow::{LogPart, LogStream};
pub use generation::{Generation, GenerationPhase};
pub use health::HealthReport;
pub use history::{Asked, AskedThen, Difference, Differences, Past, RevisionPage, RevisionView};
pub use host::{Host, Overview, Upload, UploadError};
pub use host_core::job::{JobState, JobStateError};
pub use host_fetch::Trust;
pub use host_load::{Answer, CallError};
pub use host_services::{SecretSource, Secrets};
pub use host_state::event_detail;
pub use host_state::{AuditBroken, AuditEntry, AuditFilter, AuditHead, AuditReport, Noted};
pub use host_state::{JobCursor, JobCursorError, JobFilter, JobRecord};
pub use isolation::{Isolation, Layer};
pub use job::{Asker, Failed, FieldProblem, Job, JobError, JobView, OnConflict, OnConflictError};
pub use jobs::JobPage;
pub use kind::Kind;
pub use log_lines::{LogLine, MinLevel, MinLevelError};
pub use metrics::{FrontMetrics, MetricFamily, MetricSeries, MetricValue, Present, RefusalReason};
pub use operation::{
    LoadOptions, Operation, Part, PartState, Receipt, Served, StepReport, Target, TargetPick, There, Wish,
};
pub use planning::{PlanReport, PlannedPlugin, RuleView, Way};
pub use plugin::{GenerationView, Phase, PluginView};
pub use refused::RefusedCall;
pub use routes::{RouteRefusal, Routed, is_plain_path};
pub use rules::RuleRefusal;
pub use setup::{ConfigurationView, Settings};
pub use spans::{RecordSpan, Span, SpanSink};
pub use trace::{Trace, TraceId};
pub use trial::{Attempt, Depth, Trial, Tried, TryOut, Trying};
pub use updates::{Poller, Update, UpdateFailure, UpdateReport, Watched};
pub use validate::Validated;
