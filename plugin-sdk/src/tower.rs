//! A tower service, such as an `axum::Router`, as a whole plugin.
//!
//! The service handles every endpoint in plugin.yaml; the host enforces access rules, deadlines and limits. The service
//! receives the path after the plugin's id, the query, the headers (without the host's own credentials), the body as a
//! stream, and a [`RequestContext`](crate::RequestContext) in the request's extensions.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use tower_service::Service;

use crate::{Body, Context, Error, IntoResponse, Request, Response};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Exports a service as a plugin. The argument is a function that creates it from the [`Context`]: `async` or not, the
/// service itself or a `Result` with it. Use it once per crate, in place of `#[plugin]` and `export!`.
///
/// ```no_run
/// # mod routes {
/// # use plugin_sdk::{Body, http};
/// # #[derive(Clone)] pub struct Router;
/// # impl tower_service::Service<http::Request<Body>> for Router {
/// #     type Response = http::Response<Body>;
/// #     type Error = std::convert::Infallible;
/// #     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, _: http::Request<Body>) -> Self::Future {
/// #         std::future::ready(Ok(http::Response::new("hello".into())))
/// #     }
/// # }
/// # }
/// use plugin_sdk::prelude::*;
///
/// fn router(context: Context) -> routes::Router {
///     context.log(Level::Info, "a router starts");
///     // With axum: `axum::Router::new().route("/hello/{name}", get(hello))`.
///     routes::Router
/// }
///
/// plugin_sdk::export_service!(router);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_service {
    ($make:expr) => {
        #[doc(hidden)]
        pub struct __ExportedService($crate::tower::Exported);

        impl $crate::Plugin for __ExportedService {
            const HANDLERS: &'static [$crate::Handler] = &[];
            const SERVICE: bool = true;

            async fn start(context: $crate::Context) -> $crate::Result<Self> {
                $crate::tower::Exported::start($make, context).await.map(Self)
            }

            async fn call(self: ::std::sync::Arc<Self>, _: u32, request: $crate::Request) -> $crate::Response {
                self.0.call(request).await
            }
        }

        $crate::export!(__ExportedService);
    };
}

/// A started service, without its type.
#[derive(Clone)]
pub struct Exported(Arc<dyn Fn(Request) -> BoxFuture<Response> + Send + Sync>);

impl Exported {
    /// Makes the service with `make`.
    ///
    /// # Errors
    /// The return value of `make`.
    pub async fn start<S: IntoService<M>, M>(make: impl FnOnce(Context) -> S, context: Context) -> Result<Self, Error> {
        make(context).into_service().await
    }

    /// Answers a request.
    pub fn call(&self, request: Request) -> impl Future<Output = Response> + Send + use<> {
        (self.0)(request)
    }

    fn new<S, B>(service: S) -> Exported
    where
        S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Exported(Arc::new(move |request| {
            // `poll_ready` and `call` must use the same value, so each call gets its own clone of the service.
            let mut service = service.clone();
            Box::pin(async move {
                let refused = |error: S::Error| Error::unbox(error.into()).into_response();
                let ready = poll_fn(|context| service.poll_ready(context)).await;
                // Converted before the next await, because a service's error need not be `Send`.
                if let Some(refusal) = ready.err().map(refused) {
                    return refusal;
                }
                service.call(request.into()).await.map_or_else(refused, response)
            })
        }))
    }
}

/// The return types of a function passed to [`export_service!`](crate::export_service): a service, a `Result` with one,
/// or a future of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that can be a plugin",
    label = "expected a `tower_service::Service`",
    note = "it must be `tower_service::Service<http::Request<plugin_sdk::Body>>`, `Clone`, `Send` and `Sync`, respond \
            with an `http::Response` whose body is an `http_body::Body<Data = Bytes>`, and have a future that is \
            `Send`; an `axum::Router` is one once its state is set with `with_state`"
)]
pub trait IntoService<Marker> {
    /// Creates the service.
    fn into_service(self) -> impl Future<Output = Result<Exported, Error>> + Send;
}

/// Distinguishes the ways to return a service.
#[doc(hidden)]
pub mod marker {
    pub struct Itself;
    pub struct InResult<M>(M);
    pub struct InFuture<M>(M);
}

impl<S, B> IntoService<marker::Itself> for S
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn into_service(self) -> Result<Exported, Error> {
        Ok(Exported::new(self))
    }
}

impl<S: IntoService<M> + Send, M, E: Into<Error> + Send> IntoService<marker::InResult<M>> for Result<S, E> {
    async fn into_service(self) -> Result<Exported, Error> {
        self.map_err(Into::into)?.into_service().await
    }
}

impl<F, S, M> IntoService<marker::InFuture<M>> for F
where
    F: Future<Output = S> + Send,
    S: IntoService<M> + Send,
{
    async fn into_service(self) -> Result<Exported, Error> {
        self.await.into_service().await
    }
}

fn response<B>(answer: http::Response<B>) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (head, body) = answer.into_parts();
    let body = if body.is_end_stream() { Body::default() } else { Body::from_stream(Chunks(Box::pin(body))) };
    let mut response = Response::new(head.status, body);
    *response.headers_mut() = head.headers;
    response
}

/// The data of a body. Trailers are dropped, because the host sends none.
struct Chunks<B>(Pin<Box<B>>);

impl<B: http_body::Body<Data = Bytes>> Stream for Chunks<B>
where
    B::Error: Into<BoxError>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let item = match std::task::ready!(self.0.as_mut().poll_frame(context)) {
                None => None,
                Some(Err(error)) => Some(Err(Error::unbox(error.into()))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(Ok(data)),
                    Err(_) => continue,
                },
            };
            return Poll::Ready(item);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.get_mut().poll_chunk(context).map(|item| item.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.known_length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests;
