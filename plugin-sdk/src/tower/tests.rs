use axum::extract::{Extension, Json, MatchedPath, Path, Query, State};
use axum::routing::{get, post};
use http::HeaderMap;

use super::*;
use crate::{RequestContext, StatusCode, test_block_on};

async fn greet(
    Path(name): Path<String>,
    State(greeting): State<&'static str>,
    matched: MatchedPath,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
) -> (StatusCode, [(&'static str, String); 1], String) {
    let accept = headers["accept"].to_str().unwrap();
    let text = format!("{greeting} {name}, {}, {accept}", context.request_id);
    (StatusCode::ACCEPTED, [("x-route", matched.as_str().to_owned())], text)
}

#[derive(serde::Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

fn router() -> axum::Router {
    axum::Router::new()
        .route("/hello/{name}", get(greet))
        .route("/sum", get(|Query(sum): Query<Sum>| async move { Json(sum.a + sum.b) }))
        .route("/echo", post(|body: axum::body::Body| async move { body }))
        .with_state("hello")
}

async fn call<S: IntoService<M>, M>(service: S, request: Request) -> (u16, HeaderMap, Result<Bytes, Error>) {
    let response = service.into_service().await.unwrap().call(request).await;
    (response.status().as_u16(), response.headers().clone(), response.into_body().collect(1 << 20).await)
}

#[test]
fn a_router_sees_path_query_headers_and_context() {
    test_block_on(async {
        let request = Request::sample("GET", "/hello/zo%C3%AB", &[], &[("accept", "*/*")], "");
        let (status, headers, body) = call(router(), request).await;
        assert_eq!((status, &headers["x-route"]), (202, &"/hello/{name}".parse().unwrap()));
        assert_eq!(body.unwrap(), "hello zoë, r-1, */*".as_bytes());

        let (status, _, body) = call(router(), Request::sample("GET", "/sum?a=1&b=-3", &[], &[], "")).await;
        assert_eq!((status, body.unwrap()), (200, Bytes::from("-2")));

        let (status, ..) = call(router(), Request::sample("DELETE", "/sum", &[], &[], "")).await;
        assert_eq!(status, 405);
    });
}

/// A stream of the given items.
struct Items(std::vec::IntoIter<Result<&'static str, Error>>);

impl Stream for Items {
    type Item = Result<&'static str, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[test]
fn bodies_stream_through_and_so_do_their_failures() {
    test_block_on(async {
        let echo = |items: Vec<_>| {
            call(router(), Request::sample("POST", "/echo", &[], &[], Body::from_stream(Items(items.into_iter()))))
        };
        assert_eq!(echo(vec![Ok("a"), Ok("b")]).await.2.unwrap(), "ab");
        assert_eq!(echo(vec![]).await.2.unwrap(), "");
        let broken = echo(vec![Ok("a"), Err(Error::internal("the caller went away"))]).await.2.unwrap_err();
        assert!(broken.to_string().contains("the caller went away"), "{broken}");
    });
}

#[test]
fn a_service_may_come_late_or_not_at_all() {
    test_block_on(async {
        let failed = || Err::<axum::Router, _>(std::io::Error::other("no database"));
        assert!(async { router() }.into_service().await.is_ok());
        assert!(Ok::<_, Error>(router()).into_service().await.is_ok());
        assert_eq!(failed().into_service().await.err().unwrap().to_string(), "no database");
        assert_eq!(async move { failed() }.into_service().await.err().unwrap().to_string(), "no database");
    });
}

/// Fails as a plugin's own service may: never ready, or with an error of this SDK.
#[derive(Clone)]
struct Failing {
    ready: bool,
}

impl Service<http::Request<Body>> for Failing {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = std::future::Ready<Result<Self::Response, Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(if self.ready { Ok(()) } else { Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "full")) })
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        std::future::ready(Err(Error::new(StatusCode::GONE, "gone")))
    }
}

#[test]
fn an_error_of_a_service_keeps_its_status() {
    test_block_on(async {
        for (ready, status) in [(false, 503), (true, 410)] {
            assert_eq!(call(Failing { ready }, Request::sample("GET", "/", &[], &[], "")).await.0, status);
        }
    });
}
