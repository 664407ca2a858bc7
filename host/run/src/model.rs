//! Types that know neither the host nor its running parts: operations, receipts, errors, configuration.

mod config;
mod error;
mod failure;
mod initiator;
mod job_error;
mod operation;
mod receipt;
pub(crate) mod record;
mod secrets;
mod setup;
mod target;
mod trial;
mod update_report;

pub use config::Config;
pub use error::Error;
pub use failure::{Failed, FieldProblem, Kind};
pub use initiator::{Asker, OnConflict, OnConflictError};
pub use job_error::JobError;
pub use operation::{LoadOptions, Operation};
pub use receipt::{Part, PartState, Receipt, Served, StepReport};
pub(crate) use secrets::{secrets_in, with_secrets, without};
pub(crate) use setup::{Build, Installed, Setup, context};
pub use setup::{ConfigurationView, Settings};
pub use target::{Target, TargetPick, There, Wish};
pub use trial::{Attempt, Depth, Trial, Tried, TryOut, Trying};
pub use update_report::{Update, UpdateFailure, UpdateReport, Watched};
