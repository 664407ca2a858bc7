//! The kinds of values that keep a library in memory.

/// A kind of value that a plugin hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuardKind {
    /// A running hook.
    Hook,
    /// A request to the host.
    Request,
    /// The rest of the body of a request to the host.
    RequestBody,
    /// The rest of a response.
    Stream,
    /// Bytes of a response.
    Chunk,
    /// A waker of the plugin that the host keeps.
    Waker,
}

impl GuardKind {
    pub(crate) const ALL: [GuardKind; 6] = [
        GuardKind::Hook,
        GuardKind::Request,
        GuardKind::RequestBody,
        GuardKind::Stream,
        GuardKind::Chunk,
        GuardKind::Waker,
    ];

    /// The singular and the plural of the name.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            GuardKind::Hook => ("hook that has not ended", "hooks that have not ended"),
            GuardKind::Request => ("request to the host", "requests to the host"),
            GuardKind::RequestBody => ("body of a request to the host", "bodies of requests to the host"),
            GuardKind::Stream => ("response stream", "response streams"),
            GuardKind::Chunk => ("response chunk", "response chunks"),
            GuardKind::Waker => ("waker", "wakers"),
        }
    }
}
