//! Text of any size, and what arrived of a body.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Gzip;

#[plugin]
impl Gzip {
    #[get("/text/:bytes")]
    #[get("/plain/:bytes")]
    fn text(&self, Path(bytes): Path<usize>, headers: HeaderMap) -> Response {
        const TAG: &str = "\"1\"";
        let is_known = headers.get("if-none-match").is_some_and(|tag| tag.as_bytes().ends_with(TAG.as_bytes()));
        let tag = [("etag", TAG)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, tag, ()).into_response();
        }
        (tag, "text ".repeat(bytes / 5)).into_response()
    }

    #[get("/events")]
    fn events(&self) -> Response {
        ([("content-type", "text/event-stream")], format!("data: {}\n\n", "x".repeat(2000))).into_response()
    }

    #[post("/echo")]
    fn echo(&self, body: Body) -> Response {
        ([("content-type", "text/plain")], StreamBody(body)).into_response()
    }

    #[post("/seen")]
    #[post("/checked")]
    async fn seen(&self, headers: HeaderMap, body: Bytes) -> Json<Value> {
        let names: Vec<_> =
            headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("content-")).collect();
        Json(json!({ "headers": names, "bytes": body.len() }))
    }

    #[post("/json")]
    fn json(&self, Json(value): Json<Value>) -> Json<Value> {
        Json(value)
    }
}

export!(Gzip);
