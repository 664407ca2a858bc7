//! Library guards: they keep a library in memory while one of its values exists.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use crate::library::Library;

/// A kind of value that a plugin hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A hook that runs.
    Hook,
    /// A request to the host.
    Request,
    /// The rest of the body of such a request.
    RequestBody,
    /// The rest of a response.
    Stream,
    /// Bytes of a response.
    Chunk,
    /// A waker of the plugin's, kept by the host.
    Waker,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Hook, Kind::Request, Kind::RequestBody, Kind::Stream, Kind::Chunk, Kind::Waker];

    /// The words for one and for many.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Hook => ("hook that has not ended", "hooks that have not ended"),
            Kind::Request => ("request to the host", "requests to the host"),
            Kind::RequestBody => ("body of a request to the host", "bodies of requests to the host"),
            Kind::Stream => ("response stream", "response streams"),
            Kind::Chunk => ("response chunk", "response chunks"),
            Kind::Waker => ("waker", "wakers"),
        }
    }
}

/// A reference on a library, which is not closed while one exists. The owner of both drops the plugin's value first.
pub(crate) struct Hold {
    library: Arc<Library>,
    kind: Kind,
}

impl Hold {
    pub(crate) fn new(library: Arc<Library>, kind: Kind) -> Hold {
        library.record().count(kind).fetch_add(1, Ordering::Relaxed);
        Hold { library, kind }
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hold({:?})", self.kind)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.library.record().count(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A waker that wakes `waker`, which is code of `library`, and holds the library for as long as anyone keeps it.
pub(crate) fn held_waker(waker: &Waker, library: Arc<Library>) -> Waker {
    struct Held {
        waker: Waker,
        // Dropped after the waker, whose drop is code of the library.
        _hold: Hold,
    }
    impl Wake for Held {
        fn wake(self: Arc<Self>) {
            self.waker.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            self.waker.wake_by_ref();
        }
    }
    Waker::from(Arc::new(Held { waker: waker.clone(), _hold: Hold::new(library, Kind::Waker) }))
}
