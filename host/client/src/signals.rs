//! SIGTERM and SIGINT, which end a host or a command.

use std::fmt;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Listens for SIGTERM and SIGINT, which otherwise would end the process at once.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// A signal that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// The system refuses to register a signal handler.
    pub fn new() -> Result<Signals, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::from_error("failed to listen for signals", &error));
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for a signal.
    pub async fn next(&mut self) -> Which {
        tokio::select! {
            _ = self.terminate.recv() => Which::Terminate,
            _ = self.interrupt.recv() => Which::Interrupt,
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Which::Terminate => "SIGTERM",
            Which::Interrupt => "SIGINT",
        })
    }
}
