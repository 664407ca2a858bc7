//! The state of a host: [`Host`] with its fields, and the types of those fields.

mod catalog;
mod cleaning;
mod failed_loads;
mod host;
mod lease_queue;
mod plans;
mod poller;
mod reconcile;

pub(crate) use catalog::{Catalog, KeptIndex};
pub use catalog::{IndexReport, ListedPlugin};
pub(crate) use cleaning::Cleaning;
pub use cleaning::{CacheReport, Cleaned};
pub use failed_loads::FailedLoad;
pub(crate) use failed_loads::FailedLoads;
pub use host::Host;
pub(crate) use host::Inner;
pub(crate) use lease_queue::LeaseQueues;
pub(crate) use plans::{KeptPlan, Plans};
pub use poller::Poller;
pub(crate) use reconcile::{Input, Lease, LeaseRequest, Reconcile};
