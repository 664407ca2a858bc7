//! The part of a generation that stays available after its end.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host_load::{LibraryPhase, Watch};

/// The part of a generation that stays available after its end. Refers to no memory of the plugin.
#[derive(Debug)]
pub struct Life {
    /// The number of the generation.
    pub number: u64,
    /// The version of the plugin.
    pub version: String,
    /// The watch on the library.
    pub watch: Watch,
    /// The number of requests routed to its endpoints.
    pub requests: AtomicU64,
    /// The number of responses with status 500 or higher.
    pub errors: AtomicU64,
    phase: AtomicU8,
    /// The instant at which the generation was removed from the roster.
    replaced: OnceLock<Instant>,
}

/// The phase of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GenerationPhase {
    /// Accepts calls.
    Running,
    /// Accepts no new calls; calls are in flight.
    Draining,
    /// The stop hook runs.
    Stopping,
    /// Ended. The library waits until nothing of it is left.
    Quiescing,
    /// Ended. Something of the library is left and keeps it in memory.
    Kept,
    /// Ended, and unmapped.
    Unmapped,
}

impl Life {
    pub(super) fn new(number: u64, version: String, watch: Watch) -> Life {
        Life {
            number,
            version,
            watch,
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            phase: AtomicU8::new(GenerationPhase::Running as u8),
            replaced: OnceLock::new(),
        }
    }

    /// The current phase.
    pub fn phase(&self) -> GenerationPhase {
        match self.phase.load(Ordering::Acquire) {
            0 => GenerationPhase::Running,
            1 => GenerationPhase::Draining,
            2 => GenerationPhase::Stopping,
            _ => match self.watch.phase() {
                LibraryPhase::InUse | LibraryPhase::Quiescing => GenerationPhase::Quiescing,
                LibraryPhase::Kept => GenerationPhase::Kept,
                LibraryPhase::Unmapped => GenerationPhase::Unmapped,
            },
        }
    }

    pub(super) fn enter(&self, phase: GenerationPhase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Records that the generation was removed from the roster.
    pub fn set_replaced(&self) {
        self.replaced.get_or_init(Instant::now);
    }

    /// The reasons why the library of an ended generation is still in memory.
    pub fn held_by(&self) -> Vec<String> {
        match self.phase() {
            GenerationPhase::Quiescing | GenerationPhase::Kept => self.watch.held_by(),
            _ => vec![],
        }
    }

    /// The time from the replacement to the unmapping of the library; `None` before.
    pub fn unmapped_after(&self) -> Option<Duration> {
        Some(self.watch.unmapped_at()?.saturating_duration_since(*self.replaced.get()?))
    }
}

impl GenerationPhase {
    /// The stable name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            GenerationPhase::Running => "running",
            GenerationPhase::Draining => "draining",
            GenerationPhase::Stopping => "stopping",
            GenerationPhase::Quiescing => "quiescing",
            GenerationPhase::Kept => "kept",
            GenerationPhase::Unmapped => "unmapped",
        }
    }
}
