//! Operations that change nothing: plans, validation of sources, and the catalog of the indexes.

mod catalog;
mod export;
mod gather;
mod plan;
mod report;
mod source_archive;
mod validate;

pub use report::{BuildKind, PlanReport, PlannedPlugin, PolicyView};
pub use source_archive::SourceArchive;
pub use validate::Validated;
