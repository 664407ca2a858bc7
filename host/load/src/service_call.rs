//! A request of a plugin to its host: read at the boundary, answered on the host's runtime, written back.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Full};
use plugin_sdk_abi::head::HeadView;
use plugin_sdk_abi::{BodyStream, Chunk, Failure, ROption, RResult, Request, Response, write_pairs};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::CallError;
use crate::guard::{LibraryGuard, guarded_waker};
use crate::kind::GuardKind;
use crate::ledger::{Activity, Place, safe_point};
use crate::library::Library;
use crate::services::{ServiceBody, ServiceRequest, Services};

/// A response body of at most this many bytes is sent as a whole, if its length is known.
const INLINE_BYTES: u64 = 64 * 1024;

/// Answers `request` on `runtime`, so that the service has timers and sockets on any thread of the plugin.
///
/// # Cancel safety
/// Dropping the future ends the service's work.
pub(crate) fn answer(
    services: &Arc<dyn Services>,
    runtime: &Handle,
    library: &Weak<Library>,
    request: Request,
) -> impl Future<Output = RResult<Response, Failure>> + Send + use<> {
    let task = library.upgrade().ok_or(None).and_then(|holder| {
        let request = read(request, &holder).map_err(Some)?;
        let (services, hold) = (services.clone(), LibraryGuard::new(holder, GuardKind::Request));
        // The response is awaited below, and ended when nobody waits any more.
        Ok(AbortOnDrop(runtime.spawn(async move {
            let answer = gather(services.request(request).await).await;
            drop(hold);
            answer
        })))
    });
    let (services, runtime, library) = (services.clone(), runtime.clone(), library.clone());
    async move {
        let mut task = match task {
            Ok(task) => task,
            Err(Some(failure)) => return RResult::RErr(failure),
            Err(None) => return refused_as_ended(services.as_ref(), runtime).await,
        };
        // The task keeps the waker, which is the plugin's.
        let answered = poll_fn(|context| {
            let Some(holder) = library.upgrade() else { return Poll::Ready(None) };
            let waker = guarded_waker(context.waker(), holder);
            Pin::new(&mut task.0).poll(&mut Context::from_waker(&waker)).map(Some)
        });
        match answered.await {
            None => refused_as_ended(services.as_ref(), runtime).await,
            Some(Ok(Ok((head, body)))) => RResult::ROk(write(&head, body, runtime, library)),
            Some(Ok(Err(message))) => RResult::RErr(Failure::failed(&message)),
            Some(Err(_)) => RResult::RErr(Failure::failed("the host failed to respond to the request")),
        }
    }
}

async fn refused_as_ended(services: &dyn Services, runtime: Handle) -> RResult<Response, Failure> {
    match gather(services.ended()).await {
        Ok((head, body)) => RResult::ROk(write(&head, body, runtime, Weak::new())),
        Err(_) => RResult::RErr(ended()),
    }
}

/// The response to a request of a plugin that has ended, sent by a thread that it left behind.
pub(crate) fn ended() -> Failure {
    Failure::failed("this plugin has ended: its host no longer responds to its requests")
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn read(request: Request, library: &Arc<Library>) -> Result<ServiceRequest, Failure> {
    let head = HeadView::read(&request.head).map_err(|error| Failure::failed(&error.to_string()))?;
    let text = |bytes: &[u8], what: &str| {
        let text = std::str::from_utf8(bytes).map_err(|_| Failure::failed(&format!("{what} is not UTF-8 text")));
        text.map(str::to_owned)
    };
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for (name, value) in head.headers.iter() {
        let bad = |what| Failure::failed(&format!("{what} of header {:?}", String::from_utf8_lossy(name)));
        let name = HeaderName::from_bytes(name).map_err(|_| bad("the name"))?;
        headers.append(name, HeaderValue::from_bytes(value).map_err(|_| bad("the value"))?);
    }
    let mut params = Vec::with_capacity(head.params.len());
    for (name, value) in head.params.iter() {
        params.push((text(name, "a parameter's name")?, text(value, "a parameter")?));
    }
    let context = |name: &str| head.context.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok());
    Ok(ServiceRequest {
        service: head.handler,
        method: Method::from_bytes(head.method.as_bytes()).map_err(|_| Failure::failed("the method is invalid"))?,
        path: head.path.to_owned(),
        query: head.query.map(str::to_owned),
        params,
        headers,
        request_id: head.request_id.to_owned(),
        traceparent: context("traceparent").map(str::to_owned),
        depth: context("depth").and_then(|depth| depth.parse().ok()).unwrap_or(0),
        timeout: head.deadline_ms.map(|ms| Duration::from_millis(ms.into())),
        body: body_of(&request.body, request.stream.into_option(), library),
    })
}

/// A body produced by the plugin. Its bytes are copied, because a service may drop them on threads that run no plugin
/// code.
fn body_of(first: &Chunk, rest: Option<BodyStream>, library: &Arc<Library>) -> ServiceBody {
    let first = Bytes::copy_from_slice(first);
    match rest {
        None => Full::new(first).map_err(|never| match never {}).boxed_unsync(),
        Some(rest) => Pulled {
            first: (!first.is_empty()).then_some(first),
            rest: Some(rest),
            place: library.place(Activity::Call),
            _hold: LibraryGuard::new(library.clone(), GuardKind::RequestBody),
        }
        .boxed_unsync(),
    }
}

/// A body whose rest the plugin produces.
struct Pulled {
    first: Option<Bytes>,
    rest: Option<BodyStream>,
    place: Place,
    // After the stream, which is code of the library.
    _hold: LibraryGuard,
}

impl http_body::Body for Pulled {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let place = self.place;
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        safe_point();
        let _entered = place.enter();
        let item = match ready!(rest.poll_next(context)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&chunk))))),
            Some(Err(failure)) => Some(Err(CallError::from(failure).to_string())),
            None => None,
        };
        self.rest = None;
        Poll::Ready(item)
    }
}

/// A body that could not be read.
struct Failed(Option<String>);

impl http_body::Body for Failed {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

/// The received part of a body: all of it, or a stream.
enum Gathered {
    Whole(Bytes),
    Stream(ServiceBody),
}

async fn gather(response: http::Response<ServiceBody>) -> Result<(http::response::Parts, Gathered), String> {
    let (head, body) = response.into_parts();
    let body = match body.size_hint().exact() {
        Some(length) if length <= INLINE_BYTES => match body.collect().await {
            Ok(body) => Gathered::Whole(body.to_bytes()),
            // The head is complete; the reader of the body gets the error, as with a long body.
            Err(message) => Gathered::Stream(Failed(Some(message)).boxed_unsync()),
        },
        _ => Gathered::Stream(body),
    };
    Ok((head, body))
}

fn write(head: &http::response::Parts, body: Gathered, runtime: Handle, library: Weak<Library>) -> Response {
    let mut headers = Vec::with_capacity(64 * head.headers.len() + 4);
    write_pairs(&mut headers, head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
    let (body, stream) = match body {
        Gathered::Whole(bytes) if bytes.is_empty() => (Chunk::EMPTY, ROption::RNone),
        Gathered::Whole(bytes) => (Chunk::from_owner(bytes), ROption::RNone),
        Gathered::Stream(body) => (Chunk::EMPTY, ROption::RSome(pulled(body, runtime, library))),
    };
    Response { status: head.status.as_u16(), headers: Chunk::from_vec(headers), body, stream }
}

/// A body that the plugin pulls, on any thread.
fn pulled(mut body: ServiceBody, runtime: Handle, library: Weak<Library>) -> BodyStream {
    let next = move |context: &mut Context<'_>| {
        let Some(holder) = library.upgrade() else { return Poll::Ready(Some(Err(ended()))) };
        // The body keeps the waker, which is the plugin's.
        let waker = guarded_waker(context.waker(), holder);
        let context = &mut Context::from_waker(&waker);
        // The body may start timers of the host.
        let _entered = runtime.enter();
        loop {
            let frame = match ready!(Pin::new(&mut body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(message)) => return Poll::Ready(Some(Err(Failure::failed(&message)))),
                Some(Ok(frame)) => frame,
            };
            // Trailers have no place in a response of the host.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(Chunk::from_owner(data))));
            }
        }
    };
    BodyStream::new(next, |_| Failure::failed("the host failed to read the body of the response"))
}
