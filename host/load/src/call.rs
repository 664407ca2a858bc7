//! Calls of a started plugin.
#![expect(unsafe_code, reason = "calls the functions of a plugin's table")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use plugin_sdk_abi::head::Head;
use plugin_sdk_abi::{BodyStream, Chunk, Failure, FfiFuture, ROption, RResult, Request, Response};

use crate::error::{CallError, Panicked};
use crate::guard::guarded_waker;
use crate::instance::Instance;
use crate::ledger::safe_point;
use crate::library::Library;
use crate::response::PluginResponse;
use crate::service_call::ended;

/// The body of a request, as the plugin pulls it.
pub type RequestBody = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> + Send>;

impl Instance {
    /// Calls the plugin with a request: `head` is its head in the layout of the boundary, `body` the received part of
    /// its body, and `rest` the part that has not arrived yet.
    ///
    /// # Cancel safety
    /// Dropping the call ends it in the plugin.
    pub fn call(self: &Arc<Self>, head: Vec<u8>, body: Bytes, rest: Option<RequestBody>) -> Call {
        let stream = rest.map(|rest| pulled(rest, Arc::downgrade(self.library())));
        let body = if body.is_empty() { Chunk::EMPTY } else { Chunk::from_owner(body) };
        let request = Request { head: Chunk::from_vec(head), body, stream: ROption::from(stream) };
        let _entered = self.enter_call();
        // SAFETY: handle and table belong together, and `release` is called by `drop` only.
        let future = unsafe { (self.handle().table.call())(self.handle().plugin, request) };
        Call { future: Some(future), instance: self.clone() }
    }

    /// Sends `GET path` to an endpoint as a health probe and returns the status.
    ///
    /// # Errors
    /// As [`Call`], and [`CallError::TimedOut`].
    pub async fn probe(self: &Arc<Self>, handler: u32, path: &str, timeout: Duration) -> Result<StatusCode, CallError> {
        let head = Head {
            handler,
            deadline_ms: Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX - 1)),
            method: "GET",
            path,
            query: None,
            peer: "",
            request_id: "health-probe",
            params: std::iter::empty(),
            headers: std::iter::empty(),
            context: std::iter::empty(),
        };
        let call = self.call(head.write(), Bytes::new(), None);
        let answer =
            tokio::time::timeout(timeout, call).await.map_err(|_| CallError::TimedOut { after: timeout })??;
        Ok(answer.status)
    }
}

/// A call in flight.
pub struct Call {
    /// `None` after its end. Declared before `instance`, so that the plugin's future is dropped while its library is
    /// guarded.
    future: Option<FfiFuture<RResult<Response, Failure>>>,
    instance: Arc<Instance>,
}

impl Future for Call {
    type Output = Result<PluginResponse, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(future) = &mut this.future else {
            return Poll::Ready(Err(CallError::Failed("the call has ended".to_owned())));
        };
        safe_point();
        let _entered = this.instance.enter_call();
        // The SDK catches every panic; a library made without it may report one this way, as a panic on this side.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(context)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result.into_result().map_err(CallError::from),
            Err(_) => Err(CallError::Panicked(Panicked {
                message: "the call panicked outside the SDK's guard".to_owned(),
                location: String::new(),
            })),
        };
        this.future = None;
        Poll::Ready(result.and_then(|response| PluginResponse::read(response, &this.instance)))
    }
}

/// Converts the rest of a request's body to a stream for the plugin.
///
/// The plugin's waker is code of its library, and the producer of the body may keep the waker after the call has ended;
/// therefore it is wrapped with a guard. The plugin may keep the stream forever, so the stream holds no guard.
fn pulled(mut rest: RequestBody, library: Weak<Library>) -> BodyStream {
    let next = move |context: &mut Context<'_>| {
        let Some(holder) = library.upgrade() else { return Poll::Ready(Some(Err(ended()))) };
        let waker = guarded_waker(context.waker(), holder);
        let item = std::task::ready!(rest(&mut Context::from_waker(&waker)));
        Poll::Ready(item.map(|chunk| chunk.map(Chunk::from_owner).map_err(|message| Failure::failed(&message))))
    };
    BodyStream::new(next, |_| Failure::failed("the host failed to read the body"))
}
