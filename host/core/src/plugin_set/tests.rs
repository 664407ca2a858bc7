//! Tables of parsed and written files and of plans.

mod compare;
mod read;
mod write;
