//! A body that its reader pulls chunk by chunk, so a slow reader slows the sender down (back pressure).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RResult};
use async_ffi::{ContextExt as _, FfiContext, FfiPoll};

use crate::{Chunk, Failure};

/// The result of one pull: a chunk, the end (`RNone`), or a failure that ends the stream.
pub type StreamItem = ROption<RResult<Chunk, Failure>>;

/// A stream of chunks that one side creates and the other side pulls.
///
/// Owner: the holder of the value; dropping it drops the stream on the side that created it.
#[repr(C)]
#[derive(StableAbi)]
pub struct BodyStream {
    /// The stream, an opaque pointer of the creator. Never null.
    state: *mut (),
    /// Pulls the next chunk. Must not unwind. Not called again after `RNone` or a failure.
    poll: unsafe extern "C" fn(state: *mut (), context: *mut FfiContext<'_>) -> FfiPoll<StreamItem>,
    /// Drops the stream. Called once, on any thread. Must not unwind.
    release: unsafe extern "C" fn(state: *mut ()),
}

// SAFETY: `new` requires a `Send` stream, and `poll_next` needs `&mut self`.
unsafe impl Send for BodyStream {}

impl BodyStream {
    /// Creates a stream that polls `next` for each item. `next` is not called again after the end or a failure.
    ///
    /// A panic in `next` ends the stream with the failure returned by `panicked`; a panic in drop is ignored.
    pub fn new<F>(next: F, panicked: fn(&(dyn std::any::Any + Send)) -> Failure) -> BodyStream
    where
        F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Chunk, Failure>>> + Send + 'static,
    {
        struct State<F> {
            next: F,
            panicked: fn(&(dyn std::any::Any + Send)) -> Failure,
        }

        unsafe extern "C" fn poll<F>(state: *mut (), context: *mut FfiContext<'_>) -> FfiPoll<StreamItem>
        where
            F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Chunk, Failure>>>,
        {
            // SAFETY: `state` is the box that `new::<F>` leaked, and `poll_next` has the only reference to it.
            let state = unsafe { &mut *state.cast::<State<F>>() };
            // SAFETY: the caller lends a context for the length of this call.
            let context = unsafe { &mut *context };
            let next = &mut state.next;
            let polled = catch_unwind(AssertUnwindSafe(|| context.with_context(|context| next(context))));
            match polled {
                Ok(Poll::Pending) => FfiPoll::Pending,
                Ok(Poll::Ready(item)) => FfiPoll::Ready(item.map(RResult::from).into()),
                Err(payload) => {
                    let failure = (state.panicked)(&*payload);
                    // Dropping the payload may panic again.
                    std::mem::forget(payload);
                    FfiPoll::Ready(ROption::RSome(RResult::RErr(failure)))
                }
            }
        }

        unsafe extern "C" fn release<F>(state: *mut ()) {
            // SAFETY: `state` is the box that `new::<F>` leaked, and this runs once.
            let state = unsafe { Box::from_raw(state.cast::<State<F>>()) };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(state))) {
                std::mem::forget(payload);
            }
        }

        let state = Box::into_raw(Box::new(State { next, panicked })).cast();
        BodyStream { state, poll: poll::<F>, release: release::<F> }
    }

    /// Pulls the next chunk; `None` is the end.
    ///
    /// # Cancel safety
    /// The stream may be dropped at any time. A chunk that was not pulled is dropped by the side that created it.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk, Failure>>> {
        let (poll, state) = (self.poll, self.state);
        // SAFETY: `poll` and `state` belong together and `state` lives until `release`, which only `drop` calls;
        // `&mut self` makes this the only call.
        let polled = context.with_ffi_context(|context| unsafe { poll(state, context) });
        match polled {
            FfiPoll::Pending => Poll::Pending,
            FfiPoll::Ready(item) => Poll::Ready(item.into_option().map(RResult::into_result)),
            FfiPoll::Panicked => Poll::Ready(Some(Err(Failure::panicked("the body stream panicked", "")))),
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        // SAFETY: `release` belongs to `state`, and a value is dropped once.
        unsafe { (self.release)(self.state) }
    }
}

impl std::fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyStream")
    }
}
