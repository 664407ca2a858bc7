//! Library guards: they keep a library in memory while one of its values exists.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use crate::kind::GuardKind;
use crate::library::Library;

/// A reference to a library, which is not closed while a guard exists. The owner of a value and its guard drops the
/// value first.
pub(crate) struct LibraryGuard {
    library: Arc<Library>,
    kind: GuardKind,
}

impl LibraryGuard {
    pub(crate) fn new(library: Arc<Library>, kind: GuardKind) -> LibraryGuard {
        library.record().count(kind).fetch_add(1, Ordering::Relaxed);
        LibraryGuard { library, kind }
    }
}

impl std::fmt::Debug for LibraryGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LibraryGuard({:?})", self.kind)
    }
}

impl Drop for LibraryGuard {
    fn drop(&mut self) {
        self.library.record().count(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}

/// Creates a waker that wakes `waker`, which is code of `library`, and guards the library as long as it exists.
pub(crate) fn guarded_waker(waker: &Waker, library: Arc<Library>) -> Waker {
    struct GuardedWaker {
        waker: Waker,
        // Dropped after the waker, whose drop is code of the library.
        _hold: LibraryGuard,
    }
    impl Wake for GuardedWaker {
        fn wake(self: Arc<Self>) {
            self.waker.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            self.waker.wake_by_ref();
        }
    }
    Waker::from(Arc::new(GuardedWaker { waker: waker.clone(), _hold: LibraryGuard::new(library, GuardKind::Waker) }))
}
