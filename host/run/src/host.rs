//! The public operations of [`Host`](crate::Host), its assembly, its start and its shutdown.

mod apply_plan;
mod assemble;
mod boot;
mod cache;
mod calls;
mod configuration;
mod crashes;
mod events;
mod follow;
mod gather;
mod history;
mod idempotent_requests;
mod isolation;
mod job_requests;
mod jobs;
mod overview;
mod plugin_services;
mod reconcile_loop;
mod shutdown;
mod stored_data;
mod unfinished_jobs;
mod uploads;

pub use follow::{LogPart, LogStream};
pub use history::{Difference, Differences, PastPlugin, PastState, RevisionPage, RevisionState, RevisionView};
pub use idempotent_requests::{IdempotentRequest, IdempotentResponse};
pub use isolation::{Isolation, IsolationLayer};
pub use overview::Overview;
pub use uploads::{Upload, UploadError};
