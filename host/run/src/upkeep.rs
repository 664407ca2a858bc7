//! The services that operations build upon: health probes, retirement of generations, updates, records of jobs, setups.

mod audit;
mod auto_update;
mod failed_loads;
mod graph;
mod health;
mod job_store;
mod plugins;
mod probation;
mod record_file;
mod retire;
mod series;
mod setups;
mod updates;

pub(crate) use health::{probe, watch_health};
pub(crate) use job_store::KEEP;
