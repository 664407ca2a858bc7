//! The operations, step by step: fetch, check, build, load, start, swap, stop.

mod apply;
mod batch;
mod build;
mod check;
mod compare;
mod configure;
mod enable;
mod fetch;
mod graph_check;
mod install;
mod lease;
mod load;
mod marks;
mod notify;
mod remove;
mod resume;
mod rollback;
mod run;
mod start;
mod stop;
mod swap;
mod undo;
mod update;
mod work;

pub(crate) use check::{check, fits_host};
pub(crate) use fetch::{absolute, fetch};
pub(crate) use run::{run, run_planned_step};
