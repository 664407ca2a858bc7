//! Says what arrived.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Echo;

#[plugin]
impl Echo {
    #[get("/body")]
    #[post("/body")]
    #[put("/body")]
    #[delete("/body")]
    #[patch("/body")]
    fn body(&self, method: Method, body: Body) -> Response {
        let mut response = StreamBody(body).into_response();
        let method = method.as_str().parse().unwrap_or_else(|_| unreachable!("a method is header text"));
        response.headers_mut().insert("x-method", method);
        response
    }

    #[post("/small")]
    async fn small(&self, mut body: Body) -> String {
        let mut n_bytes = 0;
        while let Some(Ok(chunk)) = body.chunk().await {
            n_bytes += chunk.len();
        }
        n_bytes.to_string()
    }

    #[get("/request")]
    #[get("/params/:first/:second")]
    #[get("/files/*rest")]
    #[options("/options")]
    fn request(&self, request: Request) -> Json<Value> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| json!([name.as_str(), text(value.as_bytes())])).collect();
        Json(json!({
            "method": request.method().as_str(),
            "path": request.path(),
            "query": request.query(),
            "params": request.params().collect::<Vec<_>>(),
            "headers": headers,
            "peer": request.peer(),
            "request_id": request.request_id(),
            "actor": request.context().actor,
        }))
    }

    #[post("/json")]
    fn double(&self, Json(number): Json<u32>) -> Json<u64> {
        Json(2 * u64::from(number))
    }
}

export!(Echo);
