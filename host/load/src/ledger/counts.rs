//! The counts of one library in one atomic word, so that the step from zero to closed is atomic.

// The model in `tests/counts.rs` replaces the atomic and tries every interleaving.
use super::atomic::{AtomicU64, Ordering};

/// A kind of counted item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountKind {
    /// A thread that runs code of the library.
    Thread,
    /// A thread-local whose destructor has not run.
    ThreadLocal,
    /// The host runs code of the library during one call, while nothing else guards the library.
    Visit,
}

/// Set when the library is being closed: nothing is counted any more.
pub(super) const CLOSED: u64 = 1 << 63;

impl CountKind {
    /// The value of one item of the kind. Each kind has 21 bits: more threads or thread-locals than a process can have.
    const fn one(self) -> u64 {
        match self {
            CountKind::Thread => 1 << 42,
            CountKind::ThreadLocal => 1 << 21,
            CountKind::Visit => 1,
        }
    }
}

/// The counts of one library. They start as [`CLOSED`].
#[derive(Debug)]
pub(crate) struct Counts(pub(super) AtomicU64);

impl Counts {
    /// Adds an item; `false` if the library is closed, so its code must not run any more.
    #[must_use]
    pub(crate) fn enter(&self, kind: CountKind) -> bool {
        let enter = |counts: u64| (counts & CLOSED == 0).then_some(counts + kind.one());
        // Acquire: what follows runs code that was mapped before the slot was opened.
        self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter).is_ok()
    }

    /// Removes an item; `true` if nothing is left. Code of the library must not run for this item any more.
    pub(crate) fn leave(&self, kind: CountKind) -> bool {
        // Release: everything that ran happens before the closing thread sees the count drop.
        self.0.fetch_sub(kind.one(), Ordering::Release) == kind.one()
    }

    /// Closes, if nothing is left.
    #[must_use]
    pub(crate) fn close(&self) -> bool {
        self.0.compare_exchange(0, CLOSED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Resets the counts for another library. Only for the code that closed the previous one.
    pub(crate) fn open(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Threads and thread-locals.
    pub(crate) fn left(&self) -> (u64, u64) {
        let counts = self.0.load(Ordering::Relaxed) & !CLOSED;
        let field = |kind: CountKind| (counts / kind.one()) & ((1 << 21) - 1);
        (field(CountKind::Thread), field(CountKind::ThreadLocal))
    }
}
