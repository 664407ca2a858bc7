//! Errors of a run.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use host_core::Span;

/// The reason why a program did not run to its end. A program that fails by itself is not an error: see
/// [`crate::Exit`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program does not exist.
    #[error("program `{program}` does not exist or is not in `PATH`", program = program.display())]
    NotFound {
        /// The program, as requested.
        program: PathBuf,
    },
    /// The program exceeded its time limit; its process group was killed.
    #[error("`{program}` did not end within {after}", program = program.display(), after = Span::new(*timeout))]
    TimedOut {
        /// The program, as requested.
        program: PathBuf,
        /// The time limit.
        timeout: Duration,
    },
    /// The program wrote nothing for too long; its process group was killed.
    #[error("`{program}` wrote nothing for {after}", program = program.display(), after = Span::new(*timeout))]
    Silent {
        /// The program, as requested.
        program: PathBuf,
        /// The longest allowed silence.
        timeout: Duration,
    },
    /// The program wrote too much; its process group was killed.
    #[error("`{program}` wrote more output than allowed", program = program.display())]
    OutputTooLarge {
        /// The program, as requested.
        program: PathBuf,
        /// The maximum size of both streams together.
        max_bytes: u64,
    },
    /// The system refused to start or watch the program.
    #[error("failed to {step} `{program}`", program = program.display())]
    Failed {
        /// The program, as requested.
        program: PathBuf,
        /// The step that failed.
        step: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The stable error code for clients, metrics and tests.
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
