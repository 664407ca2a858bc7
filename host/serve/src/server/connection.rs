//! Serves the requests of one connection.

use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_call::IncomingBody;
use http::StatusCode;
use http::header::{self, HeaderValue};
use http::{Request, Response, Version};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::task::TaskTracker;

use crate::connection::guarded_body::GuardedBody;
use crate::connection::http2::preface::Prefaced;
use crate::connection::linger::Linger;
use crate::connection::registry::Registered;
use crate::connection::rules::CompiledRules;
use crate::connection::state::{ActiveRequest, Connection};
use crate::connection::timer::ConnectionTimer;
use crate::connection::tls::{self, Tls};
use crate::server::http2;
use crate::server::service::Service;
use crate::wire::body::{AnyBody, BodyError};

/// Maximum size of a request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Time for a request in transit to arrive on an open connection that is retired.
pub(super) const LAST_CALL: Duration = Duration::from_millis(250);

/// The parts that the connections of a server share.
#[derive(Clone)]
pub(super) struct ConnectionContext {
    pub(super) service: Service,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) header_timeout: Duration,
    /// The tasks of HTTP/2 streams.
    pub(super) tasks: TaskTracker,
}

/// Responds to the requests of a connection, of each version of HTTP.
pub(super) struct Responder {
    service: Service,
    pub(super) connection: Arc<Connection>,
}

pub(super) async fn connection(stream: TcpStream, registered: Registered, context: ConnectionContext) {
    let Registered { connection, .. } = &registered;
    let served = async {
        let Some(transport) = transport(stream, &registered, &context).await else { return };
        if let Err(error) = serve(transport, &registered, &context).await {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            tracing::debug!(peer = %connection.peer, "the connection ended with an error: {error}{source}");
        }
    };
    tokio::select! {
        biased;
        () = served => {}
        () = connection.evicted() => {
            tracing::debug!(peer = %connection.peer, "the connection was closed to make room for a new one");
        }
    }
}

/// The bytes of a connection, plain or in TLS.
pub(super) type Transport = Either<Prefaced<Linger>, Box<TlsStream<Linger>>>;

/// Prepares a connection; `None` if the TLS handshake fails.
async fn transport(stream: TcpStream, registered: &Registered, context: &ConnectionContext) -> Option<Transport> {
    // Responses are written as a whole; Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = &registered.connection;
    let write_timeout = connection.rules().rules.write_timeout;
    let linger = |stream| Linger::new(stream, write_timeout, connection.clone());
    let Some(tls) = &context.tls else { return Some(Either::Left(Prefaced::new(linger(stream)))) };
    let begun = tokio::select! {
        begun = tokio::time::timeout(context.header_timeout, tls.accept(stream, linger)) => begun,
        () = connection.retired() => return None,
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

async fn serve(
    mut transport: Transport,
    registered: &Registered,
    context: &ConnectionContext,
) -> Result<(), hyper::Error> {
    // Shared by the requests of the connection.
    let connection = registered.connection.clone();
    let responder = Arc::new(Responder { service: context.service.clone(), connection });
    if !is_http2(&transport) {
        let ended = serve_http1(&mut transport, &responder, context).await;
        if !is_http2(&transport) {
            let read = ended?;
            responder.connection.upgrade.run(transport, read).await;
            return Ok(());
        }
    }
    // Boxed, because its size would be added to the future of every connection.
    Box::pin(http2::serve(transport, responder, context)).await
}

/// Returns whether the client chose HTTP/2 in the TLS handshake, or has sent its preface.
fn is_http2(transport: &Transport) -> bool {
    match transport {
        Either::Left(plain) => plain.is_http2(),
        Either::Right(tls) => tls::is_http2(tls),
    }
}

/// Serves HTTP/1, and returns the bytes that were read after the last request.
async fn serve_http1(
    transport: &mut Transport,
    responder: &Arc<Responder>,
    context: &ConnectionContext,
) -> Result<Bytes, hyper::Error> {
    let connection = &responder.connection;
    let service = service_fn(|request| {
        let responder = responder.clone();
        async move { Ok::<_, Infallible>(responder.respond(request).await) }
    });
    let mut served = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(context.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(transport), service);
    let ended = async {
        tokio::select! {
            biased;
            ended = &mut served => return ended,
            () = connection.retired() => {}
        }
        // A request in transit is answered with `Connection: close`.
        if connection.is_idle()
            && let Ok(ended) = tokio::time::timeout(LAST_CALL, &mut served).await
        {
            return ended;
        }
        Pin::new(&mut served).graceful_shutdown();
        (&mut served).await
    };
    ended.await?;
    Ok(served.into_parts().read_buf)
}

impl Responder {
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Response<GuardedBody<AnyBody, ActiveRequest>>
    where
        B: IncomingBody<Error: Into<BodyError>>,
    {
        // The connection is being evicted: this future is dropped with it.
        let Some(active) = self.connection.begin() else { return std::future::pending().await };
        let (mut parts, body) = request.into_parts();
        if active.is_first {
            self.service.first_request(parts.version);
        }
        let is_http1 = parts.version < Version::HTTP_2;
        let mut response = self.service.answer(&mut parts, body, &self.connection).await;
        if self.connection.is_reserved() {
            // Its place is for one request, so that it is free soon.
            self.connection.retire();
        }
        let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if is_http1 && !is_upgraded && self.connection.is_retired() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| GuardedBody::new(body, active))
    }

    /// Returns the rules for the next request.
    pub(super) fn rules(&self) -> Arc<CompiledRules> {
        self.connection.rules()
    }
}
