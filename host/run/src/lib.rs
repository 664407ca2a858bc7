//! What lives: plugins, their generations, the roster of those that serve, jobs, health, events.
//!
//! [`Host`] is the one handle that all surfaces use. Operations ([`Operation`]) run as jobs, one at a time for each
//! plugin and side by side for different ones; each prepares everything and then swaps the roster's entry, so that a
//! failure anywhere leaves what served before. Calls go through [`Host::admit`], which counts them on the generation
//! that is current at that moment, to their last byte.

mod admission;
mod between;
mod body;
mod call;
mod config;
mod error;
mod events;
mod follow;
mod generation;
mod health;
mod host;
mod job;
mod lent;
mod log_lines;
mod metrics;
mod operation;
mod plugin;
mod refused;
mod retire;
mod routes;
mod trial;

pub use admission::{Admitted, Refusal};
pub use between::refused_content_type;
pub use body::CallBody;
pub use call::{CallRefusal, Caller, IncomingBody, Request};
pub use config::Config;
pub use error::Error;
pub use events::{EventGap, EventStream, EventsPage, Followed};
pub use generation::{Generation, GenerationPhase};
pub use health::HealthReport;
pub use host::{Host, Overview, Upload, UploadError};
pub use host_fetch::Trust;
pub use host_load::{Answer, CallError};
pub use host_services::{SecretSource, Secrets};
pub use host_state::event_detail;
pub use job::{Job, JobState, JobView};
pub use log_lines::LogLine;
pub use operation::{Operation, Receipt, StepReport};
pub use plugin::{GenerationView, Phase, PluginView};
pub use refused::RefusedCall;
pub use routes::{RouteRefusal, Routed};
pub use trial::{Attempt, Depth, Trial, Tried, TryOut, Trying};
