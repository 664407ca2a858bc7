//! Tables of what is read, written and planned.

mod compare;
mod read;
mod write;
