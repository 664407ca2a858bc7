//! Answers with the headers that it is told.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Says;

#[plugin]
impl Says {
    #[post("/say")]
    fn say(&self, Json(pairs): Json<Vec<(String, String)>>) -> Response {
        let mut response = "<script>alert(1)</script>".into_response();
        response.headers_mut().clear();
        for (name, value) in pairs {
            let name = header::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value.parse()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

export!(Says);
