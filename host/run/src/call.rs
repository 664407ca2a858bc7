//! One call of a plugin's endpoint, from its head to the head of its answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Buf as _, Bytes};
use host_load::{Call, CallError, Head, RequestBody, is_hop_by_hop};
use http::{HeaderMap, Response, header};
use http_body::Body;
use tokio::time::Instant;

use crate::admission::Admitted;
use crate::body::CallBody;
use crate::generation::Generation;
use crate::metrics::RefusalReason;
use crate::refused::RefusedCall;
use crate::routes::Routed;
use crate::rules::{EndpointRules, RuleRefusal, check_body};
use crate::spans::Span;
use crate::trace::{TRACEPARENT, Trace};

/// A body of at most this many bytes is read before the plugin is called and rides in the call.
const INLINE_BYTES: u64 = 64 * 1024;

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Address and port; empty when unknown.
    pub peer: &'a str,
    /// The request id.
    pub request_id: &'a str,
    /// How many plugins called one another to get here; 0 for a request from outside.
    pub depth: u32,
    /// Who is known to call, such as `plugin:cats`.
    pub actor: Option<&'a str>,
    /// The trace that the call belongs to, with the span that the host gives it.
    pub trace: Trace,
}

/// A request, as the plugin will see it.
pub struct Request<'a, B> {
    /// The method.
    pub method: &'a http::Method,
    /// The path after the plugin's id, as the caller sent it.
    pub path: &'a str,
    /// The query without `?`.
    pub query: Option<&'a str>,
    /// The headers, without what is not the plugin's to see.
    pub headers: &'a HeaderMap,
    /// Who calls.
    pub caller: Caller<'a>,
    /// The body.
    pub body: B,
}

/// A body that the server reads from a connection.
pub trait IncomingBody: Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin + 'static> IncomingBody for B {}

/// Why a call has no answer of the plugin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// The body is larger than the endpoint takes: this many bytes.
    BodyTooLarge(u64),
    /// The caller did not send all of the body.
    BodyIncomplete(String),
    /// The endpoint's deadline passed while the plugin waited for the caller's body.
    BodyTimedOut(Duration),
    /// The plugin failed.
    Failed(CallError),
    /// The generation was replaced, and the call did not end within the drain's deadline.
    Cut,
    /// The request is not what plugin.yaml asks for.
    Rule(RuleRefusal),
}

impl CallRefusal {
    /// What is counted of it; `None` for a failure of the plugin's.
    fn reason(&self) -> Option<RefusalReason> {
        match self {
            CallRefusal::BodyTooLarge(_) => Some(RefusalReason::BodyTooLarge),
            CallRefusal::BodyIncomplete(_) => Some(RefusalReason::BodyIncomplete),
            CallRefusal::BodyTimedOut(_) => Some(RefusalReason::BodyTimedOut),
            CallRefusal::Failed(_) | CallRefusal::Cut => None,
            CallRefusal::Rule(refusal) => Some(match refusal {
                RuleRefusal::RateLimited(_) => RefusalReason::RateLimit,
                RuleRefusal::ContentType(_) => RefusalReason::ContentType,
                RuleRefusal::BodyNotJson(_) | RuleRefusal::BodyDoesNotFit(_) => RefusalReason::Body,
            }),
        }
    }
}

impl Admitted {
    /// Calls the endpoint that `routed` names, if the request is what plugin.yaml asks for, and waits for the head of the
    /// answer. The body that comes with it holds the admission to its last byte.
    ///
    /// # Errors
    /// [`CallRefusal`]. All are counted; a panic, a failure and a timeout are logged under the plugin's name.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call.
    pub async fn call<B: IncomingBody>(
        self,
        routed: Routed,
        request: Request<'_, B>,
    ) -> Result<Response<CallBody>, CallRefusal> {
        let started = Instant::now();
        let generation = self.generation.clone();
        let endpoint = &generation.manifest.endpoints[routed.endpoint];
        let state = &generation.endpoints[routed.endpoint];
        if let Some(rules) = &state.rules
            && let Err(refusal) = rules.admit(&request.caller, request.headers)
        {
            let refusal = CallRefusal::Rule(refusal);
            refusal.reason().into_iter().for_each(|reason| self.refuse(reason));
            return Err(refusal);
        }
        state.metrics.requests.inc();
        generation.life.requests.fetch_add(1, Ordering::Relaxed);

        let (timeout, max_body_bytes) = (endpoint.timeout, endpoint.max_body_bytes);
        let limits = Limits { started, timeout, max_body_bytes, rules: state.rules.as_ref() };
        let (caller, method) = (request.caller, request.method);
        let result = self.run(routed, request, state.handler, limits).await;

        let took = started.elapsed();
        state.metrics.duration.observe(took.as_secs_f64());
        let reason = result.as_ref().err().and_then(CallRefusal::reason);
        let status = match &result {
            Ok(response) => response.status(),
            Err(refusal) => RefusedCall::call(refusal).status,
        };
        state.metrics.answered(status.as_u16());
        if let Some(reason) = reason {
            generation.counters.refused(reason);
        }
        if reason.is_none() && status.is_server_error() {
            state.metrics.errors.inc();
            generation.life.errors.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(CallRefusal::Failed(error)) = &result {
            report(&generation, &endpoint.handler, &caller, error);
        }
        if let Some(spans) = &generation.spans {
            let plugin = Some((generation.id.as_str(), generation.number));
            let started = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
            let (route, request_id, status) = (endpoint.path.as_str(), caller.request_id, status.as_u16());
            let (trace, method) = (caller.trace, method.as_str());
            spans.record(&Span { trace, method, route, plugin, status, request_id, started, took });
        }
        result
    }

    async fn run<B: IncomingBody>(
        self,
        routed: Routed,
        mut request: Request<'_, B>,
        handler: u32,
        Limits { started, timeout, mut max_body_bytes, rules }: Limits<'_>,
    ) -> Result<Response<CallBody>, CallRefusal> {
        let hint = request.body.size_hint();
        let checked = rules.and_then(|rules| {
            max_body_bytes = rules.max_body_bytes;
            rules.body(request.headers)
        });
        if hint.lower() > max_body_bytes {
            return Err(CallRefusal::BodyTooLarge(max_body_bytes));
        }
        let until = started + timeout;
        let (mut left, mut arrival) = (timeout, None);
        let (body, rest) = match hint.exact() {
            _ if checked.is_some() => {
                let body = read_at_most(&mut request.body, max_body_bytes);
                let body = tokio::time::timeout_at(until, body).await;
                let body = body.map_err(|_| CallRefusal::BodyTimedOut(timeout))??;
                if let Some(rules) = checked {
                    // One that waits for its turn longer than the endpoint has is no fault of the caller's.
                    let checked = tokio::time::timeout_at(until, check_body(rules, &body)).await;
                    let late = CallRefusal::Failed(CallError::TimedOut { after: timeout });
                    checked.map_err(|_| late)?.map_err(CallRefusal::Rule)?;
                }
                left = until.saturating_duration_since(Instant::now());
                (body, None)
            }
            Some(0) => (Bytes::new(), None),
            Some(length) if length <= INLINE_BYTES => {
                let whole = read_whole(&mut request.body);
                let body = tokio::time::timeout_at(until, whole).await;
                let body = body.map_err(|_| CallRefusal::BodyTimedOut(timeout))??;
                left = until.saturating_duration_since(Instant::now());
                (body, None)
            }
            _ => {
                let arrival = arrival.insert(Arc::new(Arrival::default()));
                (Bytes::new(), Some(limited(request.body, max_body_bytes, arrival.clone())))
            }
        };
        let head = write_head(
            request.method,
            request.path,
            request.query,
            request.headers,
            request.caller,
            handler,
            left,
            &routed,
        );
        let call = self.generation.instance.call(head, body, rest);
        let mut answer = Limited { call, until, deadline: timeout, generation: &self.generation, waits: None }.await;
        if let Some(arrival) = arrival {
            answer = arrival.judge(answer, max_body_bytes);
        }
        let answer = answer?;
        let mut response = Response::new(CallBody::new(answer.body, self));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// What one call may take, and what is asked of it.
struct Limits<'a> {
    started: Instant,
    timeout: Duration,
    max_body_bytes: u64,
    rules: Option<&'a EndpointRules>,
}

/// Writes the head of a request. Hop-by-hop headers are the connection's and stay behind, and the trace goes on with the
/// host's span.
#[expect(clippy::too_many_arguments, reason = "one per part of the head")]
fn write_head(
    method: &http::Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    caller: Caller<'_>,
    handler: u32,
    left: Duration,
    routed: &Routed,
) -> Vec<u8> {
    let connection = headers.contains_key(header::CONNECTION);
    let is_passed = |name: &header::HeaderName| {
        !is_hop_by_hop(name)
            && name.as_str() != TRACEPARENT
            && *name != header::PROXY_AUTHORIZATION
            && !(connection && is_named_by_connection(headers, name))
    };
    let traceparent = caller.trace.traceparent();
    let depth = (caller.depth > 0).then(|| caller.depth.to_string());
    let context = [
        Some((TRACEPARENT.as_bytes(), &traceparent[..])),
        depth.as_ref().map(|depth| (&b"depth"[..], depth.as_bytes())),
        caller.actor.map(|actor| (&b"actor"[..], actor.as_bytes())),
    ];
    Head {
        handler,
        deadline_ms: Some(u32::try_from(left.as_millis()).unwrap_or(u32::MAX - 1)),
        method: method.as_str(),
        path,
        query,
        peer: caller.peer,
        request_id: caller.request_id,
        params: routed.params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        headers: headers
            .iter()
            .filter(|(name, _)| is_passed(name))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .chain(std::iter::once((TRACEPARENT.as_bytes(), &traceparent[..]))),
        context: context.into_iter().flatten(),
    }
    .write()
}

/// Whether the `Connection` header says that this one is the connection's too.
fn is_named_by_connection(headers: &HeaderMap, name: &header::HeaderName) -> bool {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.any(|named| named.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// Reads a body whose length may not be known.
async fn read_at_most(body: &mut impl IncomingBody, max_bytes: u64) -> Result<Bytes, CallRefusal> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|error| CallRefusal::BodyIncomplete(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if (all.len() + data.len()) as u64 > max_bytes {
            return Err(CallRefusal::BodyTooLarge(max_bytes));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

async fn read_whole(body: &mut impl IncomingBody) -> Result<Bytes, CallRefusal> {
    let mut all: Option<Bytes> = None;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|error| CallRefusal::BodyIncomplete(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        all = Some(match all {
            None => data,
            Some(before) => [before, data].concat().into(),
        });
    }
    Ok(all.unwrap_or_default())
}

/// What is known of a body that the plugin pulls.
#[derive(Default)]
struct Arrival {
    /// The caller sent more than the endpoint takes.
    too_large: AtomicBool,
    /// The plugin has asked for more, and the caller has not sent it.
    waiting: AtomicBool,
}

impl Arrival {
    /// Whose fault it is when a call with this body did not end well.
    fn judge<T>(&self, answer: Result<T, CallRefusal>, max_bytes: u64) -> Result<T, CallRefusal> {
        if self.too_large.load(Ordering::Acquire) {
            // Whatever the plugin made of the cut body: the caller sent too much.
            return Err(CallRefusal::BodyTooLarge(max_bytes));
        }
        answer.map_err(|refusal| match refusal {
            // The plugin waits for the caller: that is not the plugin's failure.
            CallRefusal::Failed(CallError::TimedOut { after }) if self.waiting.load(Ordering::Acquire) => {
                CallRefusal::BodyTimedOut(after)
            }
            other => other,
        })
    }
}

/// The body as the plugin pulls it, cut off after `max_bytes`.
fn limited(mut body: impl IncomingBody, max_bytes: u64, arrival: Arc<Arrival>) -> RequestBody {
    let mut left = max_bytes;
    Box::new(move |context: &mut Context<'_>| {
        loop {
            let polled = Pin::new(&mut body).poll_frame(context);
            arrival.waiting.store(polled.is_pending(), Ordering::Release);
            let frame = match ready!(polled) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.to_string()))),
                Some(Ok(frame)) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            match left.checked_sub(data.remaining() as u64) {
                Some(rest) => left = rest,
                None => {
                    arrival.too_large.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err(format!("the body exceeds {max_bytes} bytes"))));
                }
            }
            return Poll::Ready(Some(Ok(data)));
        }
    })
}

/// A call under its deadline and its generation's end. Timers are only made when the plugin does not answer at once.
struct Limited<'a> {
    call: Call,
    until: Instant,
    deadline: Duration,
    generation: &'a Arc<Generation>,
    waits: Option<Pin<Box<dyn Future<Output = CallRefusal> + Send>>>,
}

impl Future for Limited<'_> {
    type Output = Result<host_load::Answer, CallRefusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.call).poll(context) {
            return Poll::Ready(answer.map_err(CallRefusal::Failed));
        }
        let (until, deadline, cut) = (self.until, self.deadline, &self.generation.cut);
        let cut = cut.clone();
        let waits = self.waits.get_or_insert_with(|| {
            Box::pin(async move {
                let timer = pin!(tokio::time::sleep_until(until));
                tokio::select! {
                    () = timer => CallRefusal::Failed(CallError::TimedOut { after: deadline }),
                    () = cut.cancelled() => CallRefusal::Cut,
                }
            })
        });
        waits.as_mut().poll(context).map(Err)
    }
}

fn report(generation: &Generation, handler: &str, caller: &Caller<'_>, error: &CallError) {
    if matches!(error, CallError::Panicked(_)) {
        generation.panics.inc();
    }
    let plugin = generation.id.as_str();
    let (request_id, trace_id) = (caller.request_id, caller.trace.id());
    tracing::error!(
        plugin.id = plugin,
        generation = generation.number,
        handler,
        request_id,
        %trace_id,
        "plugin `{plugin}` failed in `{handler}`: {error}"
    );
    generation.note("error", &format!("{handler}: {error} (request {request_id}, trace {trace_id})"));
    // Only a probe that passes takes the trouble back, so it is only noted where there are probes.
    let is_trouble = matches!(error, CallError::Panicked(_) | CallError::TimedOut { .. });
    if is_trouble && generation.manifest.health.enabled {
        generation.health.trouble(format!("{handler}: {error}"));
    }
}
