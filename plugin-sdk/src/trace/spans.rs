//! The open spans, and the spans entered on this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Metadata;

/// The number of nested spans per thread that are recorded; deeper ones are only counted.
const MAX_DEPTH: usize = 32;

struct Span {
    metadata: &'static Metadata<'static>,
    /// `a=1 b=2`.
    fields: String,
    /// Held by this span.
    parent: Option<u64>,
    n_holders: usize,
}

struct Spans {
    last: u64,
    open: BTreeMap<u64, Span>,
}

static SPANS: Mutex<Spans> = Mutex::new(Spans { last: 0, open: BTreeMap::new() });

/// Entered spans, outermost first.
#[derive(Clone, Copy)]
struct Entered {
    depth: usize,
    ids: [u64; MAX_DEPTH],
}

thread_local! {
    /// An array, so that the thread-local has no destructor: a destructor would keep the library in memory.
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered { depth: 0, ids: [0; MAX_DEPTH] }) };
}

fn spans() -> MutexGuard<'static, Spans> {
    // No plugin code runs while it is locked.
    SPANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a span with one holder.
pub(super) fn open(metadata: &'static Metadata<'static>, parent: Option<u64>, fields: String) -> u64 {
    let mut spans = spans();
    let parent = parent.filter(|parent| match spans.open.get_mut(parent) {
        Some(parent) => {
            parent.n_holders += 1;
            true
        }
        None => false,
    });
    spans.last += 1;
    let id = spans.last;
    spans.open.insert(id, Span { metadata, fields, parent, n_holders: 1 });
    id
}

/// Adds a holder.
pub(super) fn hold(id: u64) {
    if let Some(span) = spans().open.get_mut(&id) {
        span.n_holders += 1;
    }
}

/// Removes a holder; `true` if it was the last.
pub(super) fn release(id: u64) -> bool {
    let mut spans = spans();
    let mut next = Some(id);
    let mut was_last = false;
    while let Some(at) = next {
        let Some(span) = spans.open.get_mut(&at) else { break };
        span.n_holders = span.n_holders.saturating_sub(1);
        if span.n_holders > 0 {
            break;
        }
        was_last |= at == id;
        next = spans.open.remove(&at).and_then(|span| span.parent);
    }
    was_last
}

/// Frees the table, which uses memory even when it is empty, unless spans are open.
pub(super) fn free() {
    let mut spans = spans();
    if spans.open.is_empty() {
        spans.open = BTreeMap::new();
    }
}

/// Adds fields that were not known when the span was opened.
pub(super) fn add_fields(id: u64, fields: &str) {
    if let Some(span) = spans().open.get_mut(&id) {
        if !span.fields.is_empty() {
            span.fields.push(' ');
        }
        span.fields.push_str(fields);
    }
}

/// Returns a span with the spans around it, outermost first: `serve{path=/cats}:feed{cat=7}`.
pub(super) fn path(id: u64) -> String {
    let spans = spans();
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(span) = next.and_then(|at| spans.open.get(&at)) {
        let name = span.metadata.name();
        names.push(match span.fields.as_str() {
            "" => name.to_owned(),
            fields => format!("{name}{{{fields}}}"),
        });
        next = span.parent;
    }
    names.reverse();
    names.join(":")
}

pub(super) fn metadata(id: u64) -> Option<&'static Metadata<'static>> {
    spans().open.get(&id).map(|span| span.metadata)
}

/// The innermost span that is entered on this thread.
pub(super) fn entered() -> Option<u64> {
    ENTERED.with_borrow(|entered| {
        let depth = entered.depth.min(MAX_DEPTH);
        depth.checked_sub(1).map(|at| entered.ids[at])
    })
}

pub(super) fn enter(id: u64) {
    ENTERED.with_borrow_mut(|entered| {
        if let Some(place) = entered.ids.get_mut(entered.depth) {
            *place = id;
        }
        entered.depth += 1;
    });
}

pub(super) fn exit(id: u64) {
    ENTERED.with_borrow_mut(|entered| {
        if entered.depth > MAX_DEPTH {
            entered.depth -= 1;
            return;
        }
        // Usually the innermost; a span may be exited before the spans entered inside it.
        let ids = &mut entered.ids[..entered.depth];
        if let Some(at) = ids.iter().rposition(|entered| *entered == id) {
            ids.copy_within(at + 1.., at);
            entered.depth -= 1;
        }
    });
}
