//! Serves the requests of one connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::connection::guarded_body::GuardedBody;
use crate::connection::linger::Linger;
use crate::connection::registry::Registered;
use crate::connection::timer::ConnectionTimer;
use crate::connection::tls::Tls;
use crate::server::service::Service;

/// Maximum size of a request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// At shutdown: time for a request in transit to arrive on an open connection.
pub(super) const LAST_CALL: Duration = Duration::from_millis(250);

/// The parts that the connections of a server share.
#[derive(Clone)]
pub(super) struct ConnectionContext {
    pub(super) service: Service,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) header_timeout: Duration,
    /// Set at shutdown. It is read for every request, and cheaper to read than the cancellation token.
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) shutdown: CancellationToken,
}

pub(super) async fn connection(stream: TcpStream, registered: Registered, context: ConnectionContext) {
    let Registered { connection, .. } = &registered;
    let served = async {
        let Some(transport) = transport(stream, &registered, &context).await else { return };
        if let Err(error) = serve(transport, &registered, &context).await {
            tracing::debug!(peer = %connection.peer, "the connection ended with an error: {error}");
        }
    };
    tokio::select! {
        () = served => {}
        () = connection.evicted() => {
            tracing::debug!(peer = %connection.peer, "the connection was closed to make room for a new one");
        }
    }
}

/// The bytes of a connection, plain or in TLS.
type Transport = Either<Linger, Box<TlsStream<Linger>>>;

/// Prepares a connection; `None` if the TLS handshake fails.
async fn transport(stream: TcpStream, registered: &Registered, context: &ConnectionContext) -> Option<Transport> {
    // Responses are written as a whole; Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = &registered.connection;
    let write_timeout = context.service.rules(connection).rules.write_timeout;
    let linger = |stream| Linger::new(stream, write_timeout, connection.clone());
    let Some(tls) = &context.tls else { return Some(Either::Left(linger(stream))) };
    let begun = tokio::select! {
        begun = tokio::time::timeout(context.header_timeout, tls.accept(stream, linger)) => begun,
        () = context.shutdown.cancelled() => return None,
    };
    match begun {
        Ok(Ok(stream)) => Some(Either::Right(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(peer = %connection.peer, "the TLS handshake failed: {error}");
            None
        }
        Err(_) => None,
    }
}

async fn serve(transport: Transport, registered: &Registered, context: &ConnectionContext) -> Result<(), hyper::Error> {
    let connection = &registered.connection;
    // Shared by the requests of the connection.
    let shared = Arc::new((context.service.clone(), connection.clone(), context.stopping.clone()));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let shared = shared.clone();
        async move {
            let (service, connection, stopping) = &*shared;
            // The connection is being evicted: this future is dropped with it.
            let Some(active) = connection.begin() else { return std::future::pending().await };
            let mut response = service.answer(request, connection).await;
            if stopping.load(Ordering::Relaxed) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| GuardedBody::new(body, active)))
        }
    });
    let served = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(context.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(transport), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        biased;
        ended = served.as_mut() => return ended,
        () = context.shutdown.cancelled() => {}
    }
    // A request in transit is answered with `Connection: close`.
    if connection.is_idle()
        && let Ok(ended) = tokio::time::timeout(LAST_CALL, served.as_mut()).await
    {
        return ended;
    }
    served.as_mut().graceful_shutdown();
    served.await
}
