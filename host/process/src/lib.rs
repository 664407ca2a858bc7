//! Starts programs: folder, environment, two deadlines, lines as they come.
//!
//! The only room of the host that starts one. A program runs in a process group of its own with nothing on its
//! standard input and only the environment it is given. Whatever way a run ends, the whole group is killed: when
//! the program exits, when a deadline passes, when it writes too much, when the future is dropped, and when this process
//! itself is killed.
//!
//! What is *not* reached: a process that left the group by `setsid`. It keeps running; the run does not wait for
//! it longer than two seconds.

mod command;
mod error;
mod group;
mod guard;
mod lines;

pub use command::{Command, Exit};
pub use error::Error;
pub use lines::{Line, Stream};
