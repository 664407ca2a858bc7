//! Jobs: operations that are queued or running, their states and their outcomes.

mod course;
mod job;
mod live;
pub(crate) mod outcome;
mod view;

pub(crate) use course::CancelShield;
pub use job::Job;
pub(crate) use job::{JobParts, end_record};
pub use live::JobPage;
pub(crate) use live::Jobs;
pub(crate) use outcome::state_of;
pub use view::JobView;
