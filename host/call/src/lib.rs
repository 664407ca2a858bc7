//! The path of a call, from its admission to the last byte of the response.
//!
//! A request is admitted to the serving [`Generation`] of its plugin ([`Roster::admit`]), routed ([`Admitted::route`]),
//! checked against the rules of plugin.yaml, passed to the plugin's handler ([`Admitted::call`]) and counted. The
//! [`CallBody`] of the response keeps the generation from being stopped until its last byte was read.
//!
//! This crate imports neither jobs nor plans, and the state database only through the services that a plugin requests:
//! the host itself never waits for an operation or the database during a call. [`host_services`] answers the plugin's
//! requests.

mod body;
mod call;
mod caller;
mod coding;
mod event_sink;
mod generation;
mod gunzip;
mod head;
mod health;
mod log_lines;
mod metrics;
mod path;
mod phase;
mod plugin_call;
mod polls;
mod refusal;
mod refused_call;
mod request;
mod roster;
mod routes;
mod rules;
mod spans;
mod timed_call;
mod trace;

pub use body::CallBody;
pub use caller::Caller;
pub use coding::Coding;
pub use event_sink::{EventSink, PublishEvent};
pub use generation::{Admitted, EndpointState, Generation, GenerationParts, GenerationPhase, InFlight, Life};
pub use gunzip::{GunzipError, gunzip};
pub use health::{HealthReport, HealthState};
pub use host_load::{CallError, PluginResponse};
pub use host_services::now_unix_ms;
pub use log_lines::{LogLine, LogLines, MinLevel, MinLevelError};
pub use metrics::{EndpointMetrics, PROBE_OUTCOMES, PluginCounters, RefusalReason, STATUS_CLASSES, status_class};
pub use path::{PathProblem, check_path};
pub use phase::Phase;
pub use plugin_call::call_plugin;
pub use polls::Polls;
pub use refusal::{AdmissionRefusal, CallRefusal, RouteRefusal, RuleRefusal};
pub use refused_call::RefusedCall;
pub use request::{IncomingBody, Request};
pub use roster::Roster;
pub use routes::{Routed, Routes};
pub use rules::EndpointRules;
pub use spans::{RecordSpan, Span, SpanSink};
pub use trace::{Trace, TraceId, trace_id_of};
