//! Looking ahead without changing anything: plans, validation of sources, the catalog of indexes.

mod catalog;
mod export;
mod gather;
mod plan;
mod report;
mod validate;

pub use report::{PlanReport, PlannedPlugin, RuleView, Way};
pub use validate::Validated;
