//! Why a program did not run to its end.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a program did not run to its end. One that ran and failed is not an error here: see [`crate::Exit`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error("program `{program}` was not found", program = program.display())]
    NotFound {
        /// As it was asked for.
        program: PathBuf,
    },
    /// It ran longer than it may; its process group was killed.
    #[error("`{program}` did not end within {seconds} s", program = program.display(), seconds = timeout.as_secs_f64())]
    TimedOut {
        /// As it was asked for.
        program: PathBuf,
        /// How long it was given.
        timeout: Duration,
    },
    /// It wrote nothing for longer than it may; its process group was killed.
    #[error("`{program}` wrote nothing for {seconds} s", program = program.display(), seconds = timeout.as_secs_f64())]
    Silent {
        /// As it was asked for.
        program: PathBuf,
        /// How long it may be silent.
        timeout: Duration,
    },
    /// It wrote more than it may; its process group was killed.
    #[error("`{program}` wrote more than {max_bytes} bytes", program = program.display())]
    OutputTooLarge {
        /// As it was asked for.
        program: PathBuf,
        /// How much it may write, both streams together.
        max_bytes: u64,
    },
    /// The system refused to start or watch it.
    #[error("failed to {step} `{program}`", program = program.display())]
    Failed {
        /// As it was asked for.
        program: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NotFound { .. } => "process_not_found",
            Error::TimedOut { .. } => "process_timed_out",
            Error::Silent { .. } => "process_silent",
            Error::OutputTooLarge { .. } => "process_output_too_large",
            Error::Failed { .. } => "process_failed",
        }
    }
}
