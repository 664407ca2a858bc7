//! Crashes of this process that plugins cause.
//!
//! A plugin runs in the process of its host: an invalid memory access, an abort or a call of `exit` ends both. A signal
//! handler therefore writes one line to a file before the process ends ([`handler`]), and the host that starts next
//! reads it ([`log`]). The crash is attributed to the plugin whose library contains the failed instruction, or else to
//! the plugin that the host has called on this thread ([`crate::ledger::culprit`]).
//!
//! Nothing is written when the process is killed from outside, for example because the machine has no memory left.

mod handler;
mod line;
mod log;

pub use log::{Crash, CrashLog};
