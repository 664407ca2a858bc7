//! A model of the ledger's counts: every interleaving of the steps that threads take is tried.
#![expect(unsafe_code, reason = "the model stands for memory that is unmapped")]
#![allow(clippy::unwrap_used, reason = "a test that cannot do what it set out to do has failed")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../src/ledger/counts.rs"]
mod counts;

use counts::{CLOSED, CountKind, Counts};

/// A library: its counts, and a cell that stands for its mapped code. Running code reads the cell, unmapping writes it;
/// loom fails when the two can meet.
struct Library {
    counts: Counts,
    code: UnsafeCell<bool>,
}

impl Library {
    fn opened() -> Arc<Library> {
        let library = Library { counts: Counts(atomic::AtomicU64::new(CLOSED)), code: UnsafeCell::new(true) };
        assert!(!library.counts.enter(CountKind::Visit), "it begins closed");
        library.counts.open();
        Arc::new(library)
    }

    fn run_code(&self) {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.code.with(|mapped| assert!(unsafe { *mapped }));
    }

    fn try_unmap(&self) -> bool {
        let closed = self.counts.close();
        if closed {
            // SAFETY: loom checks that nobody reads or writes meanwhile.
            self.code.with_mut(|mapped| unsafe { *mapped = false });
        }
        closed
    }
}

#[test]
fn a_thread_that_ends_is_never_unmapped_under_its_feet() {
    loom::model(|| {
        let library = Library::opened();
        assert!(library.counts.enter(CountKind::Thread));
        let of_thread = library.clone();
        let thread = loom::thread::spawn(move || {
            // A thread-local made by the thread, and a thread that it starts before it ends.
            assert!(of_thread.counts.enter(CountKind::ThreadLocal));
            assert!(of_thread.counts.enter(CountKind::Thread));
            let of_second = of_thread.clone();
            let second = loom::thread::spawn(move || {
                of_second.run_code();
                of_second.counts.leave(CountKind::Thread);
            });
            of_thread.run_code();
            of_thread.counts.leave(CountKind::ThreadLocal);
            of_thread.counts.leave(CountKind::Thread);
            second.join().unwrap();
        });
        library.try_unmap();
        thread.join().unwrap();
        library.try_unmap();
        assert!(!library.counts.enter(CountKind::Visit), "closed by one of the two");
    });
}

#[test]
fn a_visit_runs_before_the_close_or_not_at_all() {
    loom::model(|| {
        let library = Library::opened();
        let of_visitor = library.clone();
        let visitor = loom::thread::spawn(move || {
            if of_visitor.counts.enter(CountKind::Visit) {
                of_visitor.run_code();
                of_visitor.counts.leave(CountKind::Visit);
            }
        });
        library.try_unmap();
        visitor.join().unwrap();
    });
}

#[test]
fn counts_are_independent() {
    loom::model(|| {
        let library = Library::opened();
        let counts = &library.counts;
        assert!(
            counts.enter(CountKind::Thread)
                && counts.enter(CountKind::ThreadLocal)
                && counts.enter(CountKind::ThreadLocal)
        );
        assert_eq!(counts.left(), (1, 2));
        assert!(!counts.leave(CountKind::ThreadLocal) && !counts.leave(CountKind::Thread) && !counts.close());
        assert!(counts.leave(CountKind::ThreadLocal), "the last one says so");
        assert!(counts.close() && !counts.close() && !counts.enter(CountKind::Visit));
        assert_eq!(counts.left(), (0, 0));
    });
}
