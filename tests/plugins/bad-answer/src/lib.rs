//! Answers that the host must refuse or mend, and one with a header twice, which it must not.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use plugin_sdk::prelude::*;
use plugin_sdk::{HeaderName, HeaderValue};

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/status/:status")]
    fn status(&self, Path(status): Path<u16>) -> Result<(StatusCode, &'static str)> {
        Ok((StatusCode::from_u16(status)?, "text"))
    }

    #[get("/headers/:count")]
    fn headers(&self, Path(count): Path<usize>) -> Result<(HeaderMap, &'static str)> {
        let mut headers = HeaderMap::new();
        for number in 0..count {
            headers.insert(HeaderName::try_from(format!("x-{number}"))?, HeaderValue::from_static("1"));
        }
        Ok((headers, "text"))
    }

    #[get("/length/:length")]
    fn length(&self, Path(length): Path<String>) -> Result<(HeaderMap, &'static str)> {
        Ok((content_length(&length)?, "abc"))
    }

    #[get("/stream/:length")]
    fn stream(&self, Path(length): Path<String>) -> Result<(HeaderMap, StreamBody<Once>)> {
        Ok((content_length(&length)?, StreamBody(Once(Some(Bytes::from_static(b"abc"))))))
    }

    #[get("/hop-by-hop")]
    fn hop_by_hop(&self) -> (HeaderMap, &'static str) {
        let headers = [
            ("connection", "x-mine, close"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=1"),
            ("upgrade", "websocket"),
            ("x-mine", "1"),
        ];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        (headers.into_iter().collect(), "text")
    }

    #[get("/cookies")]
    fn cookies(&self) -> Response {
        let mut response = "text".into_response();
        for cookie in ["a=1", "b=2"] {
            response.headers_mut().append("set-cookie", HeaderValue::from_static(cookie));
        }
        response
    }
}

fn content_length(length: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("content-length", HeaderValue::from_str(length)?);
    Ok(headers)
}

/// One chunk.
struct Once(Option<Bytes>);

impl Stream for Once {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

export!(Plugin);
