//! Serves an HTTP/2 connection. Each stream is a task of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, MissedTickBehavior};

use crate::connection::http2::stream::StreamTasks;
use crate::server::connection::{ConnectionContext, Responder, Transport};

/// Maximum size of a request head, with 32 bytes for each header (RFC 9113, section 6.5.2).
const MAX_HEAD_BYTES: u32 = 16 * 1024;
/// Number of bytes that a client may send before the host reads them, for a stream and for the whole connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Number of bytes of a response that wait for the client.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Number of streams that a client may reset before the host has accepted them ("rapid reset"). At one more the
/// connection is closed.
const MAX_PENDING_RESETS: usize = 20;
/// Number of streams that the host may reset because of errors of the client. At one more the connection is closed.
const MAX_ERROR_RESETS: usize = 100;
/// Time without data from the client after which the host sends a PING.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Time without a request after which a connection ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves until the client closes the connection, or until it is retired or idle and its streams have ended.
pub(super) async fn serve(
    transport: Transport,
    responder: Arc<Responder>,
    context: &ConnectionContext,
) -> Result<(), hyper::Error> {
    let rules = responder.rules();
    let connection = responder.connection.clone();
    let timeout = rules.rules.write_timeout;
    let streams = StreamTasks::new(context.tasks.clone(), connection.clone(), timeout);
    let n_requests = Arc::new(AtomicU64::new(0));
    let service = service_fn({
        let streams = streams.clone();
        let n_requests = n_requests.clone();
        move |request: Request<Incoming>| {
            let responder = responder.clone();
            let pieces = streams.next();
            n_requests.fetch_add(1, Ordering::Relaxed);
            async move {
                let method = request.method().clone();
                let response = responder.respond(request).await;
                Ok::<_, Infallible>(pieces.response(&method, response))
            }
        }
    });
    let served = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(rules.rules.max_http2_streams)
        .max_header_list_size(MAX_HEAD_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(timeout)
        .serve_connection(TokioIo::new(transport), service);
    let mut served = std::pin::pin!(served);
    let mut idle = Idle { n_requests: 0, since: Instant::now() };
    let mut ticks = tokio::time::interval(context.header_timeout);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            ended = served.as_mut() => return ended,
            () = connection.retired(), if !is_ending => {
                is_ending = true;
                served.as_mut().graceful_shutdown();
            }
            _ = ticks.tick() => {
                let idle = idle.time(n_requests.load(Ordering::Relaxed), connection.is_idle());
                if !connection.is_used() || (is_ending && idle >= timeout) {
                    tracing::debug!(
                        peer = %connection.peer,
                        "the connection was closed: the client sent no request in time, or did not read the response"
                    );
                    return Ok(());
                }
                if idle >= IDLE_TIMEOUT {
                    connection.retire();
                }
            }
        }
    }
}

/// The time since which no request was active.
struct Idle {
    n_requests: u64,
    since: Instant,
}

impl Idle {
    fn time(&mut self, n_requests: u64, is_idle: bool) -> Duration {
        if !is_idle || n_requests != self.n_requests {
            *self = Idle { n_requests, since: Instant::now() };
        }
        self.since.elapsed()
    }
}
