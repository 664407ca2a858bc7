//! Runs programs with a working folder, an explicit environment, two time limits and line-by-line output.
//!
//! This is the only crate of the host that starts programs. A program runs in its own process group with empty standard
//! input and only the given environment. The whole group is killed when the program exits, exceeds a time limit or
//! writes too much, when the future is dropped, and when this process itself is killed.
//!
//! A process that leaves the group with `setsid` is *not* killed. It keeps running; the run waits for it for at most
//! two seconds.

mod command;
mod error;
mod group;
mod guard;
mod lines;

pub use command::{Command, Exit};
pub use error::Error;
pub use lines::{Line, Stream};
