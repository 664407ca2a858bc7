//! Types that know neither the host nor its running parts: operations, receipts, errors, configuration.

mod config;
mod error;
mod failure;
mod initiator;
mod job_error;
mod operation;
mod outcome;
pub(crate) mod record;
mod secrets;
mod setup;
mod target;
mod trial;
mod update_report;

pub use config::Config;
pub use error::Error;
pub use failure::{FailureKind, FieldProblem};
pub use initiator::{Initiator, OnConflict, OnConflictError};
pub use job_error::JobError;
pub use operation::{LoadOptions, Operation};
pub use outcome::{Failed, FirstLoad, OperationPart, PartState, Receipt, Served, StepReport};
pub(crate) use secrets::{secrets_in, with_secrets, without};
pub(crate) use setup::{Build, Installed, Setup, context};
pub use setup::{ConfigurationCheck, ConfigurationView, SettingsChange};
pub use target::{PresentState, Target, TargetPick, TargetState};
pub use trial::{Trial, TrialAttempt, TrialDepth, TrialFuture, TrialOutcome, TrialRunner};
pub use update_report::{Update, UpdateFailure, UpdateReport, Watched};
