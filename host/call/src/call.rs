//! One call of a plugin's endpoint, from the head of the request to the head of the response.

mod bounded;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use host_load::CallError;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Response, StatusCode};
use tokio::time::Instant;

use crate::body::CallBody;
use crate::caller::Caller;
use crate::coding::Coding;
use crate::generation::{Admitted, Generation};
use crate::gunzip::{GunzipBody, GunzipFlaws};
use crate::head::write_head;
use crate::metrics::RefusalReason;
use crate::refusal::CallRefusal;
use crate::refused_call::RefusedCall;
use crate::request::{BodyProgress, IncomingBody, Request, limited, read_at_most, read_whole};
use crate::routes::Routed;
use crate::rules::{EndpointRules, check_body};
use crate::spans::Span;
use crate::timed_call::{OwnTask, TimedCall};
use bounded::{BoundedCall, Called};

/// A body of at most this many bytes is read before the plugin is called and is passed within the call.
const INLINE_BYTES: u64 = 64 * 1024;

/// The limits and rules of one call.
struct CallLimits<'a> {
    started: Instant,
    timeout: Duration,
    max_body_bytes: u64,
    rules: Option<&'a EndpointRules>,
}

impl Admitted {
    /// Calls the endpoint that `routed` names, if the request meets the rules of plugin.yaml, and waits for the head of
    /// the response. The body of the response holds the admission until its last byte.
    ///
    /// # Errors
    /// [`CallRefusal`]. Each is counted; panics, failures and timeouts are written to the plugin's log.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call.
    pub async fn call<B: IncomingBody>(
        self,
        routed: Routed,
        mut request: Request<'_>,
        body: B,
    ) -> Result<Response<CallBody>, CallRefusal> {
        let started = Instant::now();
        let generation = self.generation().clone();
        let endpoint = &generation.manifest.endpoints[routed.endpoint];
        let state = &generation.endpoints[routed.endpoint];
        let coding = if endpoint.decompress { Coding::from_headers(request.headers) } else { Coding::Identity };
        let is_decoded = match coding {
            Coding::Identity => false,
            Coding::Gzip => true,
            Coding::Other => {
                self.refuse(RefusalReason::ContentType);
                return Err(CallRefusal::BodyEncoding);
            }
        };
        let mut decoded_headers = None;
        if is_decoded {
            request.headers = decoded_headers.insert(headers_of_decoded(request.headers));
        }
        if let Some(rules) = &state.rules
            && let Err(refusal) = rules.admit(&request.caller, request.headers)
        {
            let refusal = CallRefusal::Rule(refusal);
            refusal.reason().into_iter().for_each(|reason| self.refuse(reason));
            return Err(refusal);
        }
        if endpoint.upgrade.is_some() && !request.is_upgrade {
            self.refuse(RefusalReason::Upgrade);
            return Err(CallRefusal::UpgradeRequired);
        }
        state.metrics.requests.inc();
        generation.life.requests.fetch_add(1, Ordering::Relaxed);

        let limits = CallLimits {
            started,
            timeout: endpoint.timeout,
            // The messages of a WebSocket are limited by the plugin, and their number is not.
            max_body_bytes: if request.is_upgrade { u64::MAX } else { endpoint.max_body_bytes },
            rules: state.rules.as_ref(),
        };
        let caller = request.caller;
        let method = request.method;
        let result = if is_decoded {
            // Boxed, because its size would be added to the future of every call.
            Box::pin(self.run_decoded(routed, &request, body, state.handler, limits)).await
        } else {
            self.run(routed, &request, body, state.handler, limits).await
        };

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
            report_failure(&generation, &endpoint.handler, &caller, error);
        }
        if let Some(spans) = &generation.spans {
            spans.record(&Span {
                trace: caller.trace,
                method: method.as_str(),
                route: endpoint.path.as_str(),
                plugin: Some((generation.id.as_str(), generation.number)),
                status: status.as_u16(),
                request_id: caller.request_id,
                started: SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH),
                took,
            });
        }
        result
    }

    /// Decodes the body while it is read.
    async fn run_decoded<B: IncomingBody>(
        self,
        routed: Routed,
        request: &Request<'_>,
        body: B,
        handler: u32,
        limits: CallLimits<'_>,
    ) -> Result<Response<CallBody>, CallRefusal> {
        let max_body_bytes = limits.rules.map_or(limits.max_body_bytes, |rules| rules.max_body_bytes);
        if body.size_hint().lower() > max_body_bytes {
            return Err(CallRefusal::BodyTooLarge(max_body_bytes));
        }
        let flaws = GunzipFlaws::default();
        let body = GunzipBody::new(body, max_body_bytes, flaws.clone());
        let result = self.run(routed, request, body, handler, limits).await;
        // Also when the plugin made a response of the part that was decoded.
        flaws.refusal(max_body_bytes).map_or(result, Err)
    }

    async fn run<B: IncomingBody>(
        self,
        routed: Routed,
        request: &Request<'_>,
        mut body: B,
        handler: u32,
        CallLimits { started, timeout, mut max_body_bytes, rules }: CallLimits<'_>,
    ) -> Result<Response<CallBody>, CallRefusal> {
        let hint = body.size_hint();
        let body_rules = rules.and_then(|rules| {
            max_body_bytes = rules.max_body_bytes;
            rules.body(request.headers)
        });
        if hint.lower() > max_body_bytes {
            return Err(CallRefusal::BodyTooLarge(max_body_bytes));
        }
        let until = started + timeout;
        let mut left = timeout;
        let mut is_streamed = false;
        let first = match hint.exact() {
            _ if body_rules.is_some() => {
                let whole = read_at_most(&mut body, max_body_bytes);
                let whole = tokio::time::timeout_at(until, whole).await;
                let whole = whole.map_err(|_| CallRefusal::BodyTimedOut(timeout))??;
                if let Some(rules) = body_rules {
                    // If the schema check had to queue until the deadline, the host timed out; the request is not at
                    // fault.
                    let checked = tokio::time::timeout_at(until, check_body(rules, &whole)).await;
                    let timed_out = CallRefusal::Failed(CallError::TimedOut { after: timeout });
                    checked.map_err(|_| timed_out)?.map_err(CallRefusal::Rule)?;
                }
                left = until.saturating_duration_since(Instant::now());
                whole
            }
            Some(0) => Bytes::new(),
            Some(length) if length <= INLINE_BYTES => {
                let whole = read_whole(&mut body);
                let whole = tokio::time::timeout_at(until, whole).await;
                let whole = whole.map_err(|_| CallRefusal::BodyTimedOut(timeout))??;
                left = until.saturating_duration_since(Instant::now());
                whole
            }
            _ => {
                is_streamed = true;
                Bytes::new()
            }
        };
        let generation = self.generation();
        let is_upgrade = request.is_upgrade;
        let max_message_bytes = is_upgrade.then(|| generation.manifest.endpoints[routed.endpoint].max_body_bytes);
        let head = write_head(request, &routed, handler, left, max_message_bytes);
        let progress = is_streamed.then(|| Arc::new(BodyProgress::default()));
        let stream = progress.clone().map(|progress| limited(body, max_body_bytes, progress));
        let cancel = generation.cancel.clone();
        let is_trusted = generation.endpoints[routed.endpoint].polls.is_trusted();
        let call = TimedCall::new(generation.instance.call(head, first, stream), routed.endpoint, self);
        let call = if is_trusted { Called::Here(call) } else { Called::OwnTask(OwnTask::spawn(call)) };
        let mut answer = BoundedCall { call, until, timeout, cancel: &cancel, waits: None }.await;
        if let Some(progress) = progress {
            answer = progress.attribute(answer, max_body_bytes);
        }
        let (answer, admitted) = answer?;
        if answer.status == StatusCode::SWITCHING_PROTOCOLS && !is_upgrade {
            return Err(CallRefusal::Failed(CallError::Invalid("status 101".to_owned())));
        }
        let mut response = Response::new(CallBody::new(answer.body, admitted));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// Returns the headers that the plugin gets with a decoded body.
fn headers_of_decoded(headers: &HeaderMap) -> Box<HeaderMap> {
    let mut headers = Box::new(headers.clone());
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    headers
}

/// Logs a failed call and counts a panic.
fn report_failure(generation: &Generation, handler: &str, caller: &Caller<'_>, error: &CallError) {
    if matches!(error, CallError::Panicked(_)) {
        generation.panics.inc();
    }
    let plugin = generation.id.as_str();
    let request_id = caller.request_id;
    let trace_id = caller.trace.id();
    tracing::error!(
        plugin.id = plugin,
        generation = generation.number,
        handler,
        request_id,
        %trace_id,
        "plugin `{plugin}` failed in `{handler}`: {error}"
    );
    generation.note("error", &format!("{handler}: {error} (request {request_id}, trace {trace_id})"));
    // Only a passing probe clears the trouble, so it is only recorded if the plugin is probed.
    let is_trouble = matches!(error, CallError::Panicked(_) | CallError::TimedOut { .. });
    if is_trouble && generation.manifest.health.enabled {
        generation.health.record_trouble(format!("{handler}: {error}"));
    }
}
