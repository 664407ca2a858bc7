//! Cross-origin requests: rejected unless the origin is configured.

use crate::host::{TestHost, endpoint};

const CONSOLE: &str = "https://console.example";

fn cross_origin_headers(answer: &crate::client::Answer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn origins_are_not_allowed_by_default() {
    let host = TestHost::start().await;
    host.load("hello").await;
    for path in ["/api/plugins", "/health/live", "/api/plugin-endpoints/hello/hello"] {
        let answer = host.request("GET", path).header("origin", CONSOLE).send().await.expect(200);
        assert_eq!(cross_origin_headers(&answer), Vec::<&str>::new(), "{path}");
    }
    let preflight = host.anonymous().request("OPTIONS", "/api/plugins/load").header("origin", CONSOLE);
    let answer = preflight.header("access-control-request-method", "POST").send().await;
    assert_eq!(cross_origin_headers(&answer), Vec::<&str>::new());
}

#[tokio::test]
async fn responses_to_a_configured_origin_have_cors_headers_including_errors() {
    let host = TestHost::options().variable("CORS_ALLOWED_ORIGIN", CONSOLE).start().await;
    host.load("hello").await;
    let client = host.anonymous();
    for (path, status) in [
        ("/health/live", 200),
        ("/api/plugins", 401),
        ("/api/nothing", 404),
        (endpoint("hello/hello").as_str(), 200),
        (endpoint("hello/nothing").as_str(), 404),
        (endpoint("nothing/x").as_str(), 404),
    ] {
        let answer = client.request("GET", path).header("origin", CONSOLE).send().await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(CONSOLE), "{path}");
        assert_eq!(answer.header("vary"), Some("Origin"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        for other in
            ["https://console.example.evil.net", "https://CONSOLE.example:444", "null", "http://console.example"]
        {
            let answer = client.request("GET", path).header("origin", other).send().await.expect(status);
            assert_eq!(cross_origin_headers(&answer), Vec::<&str>::new(), "{path} {other}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }

    for path in ["/api/plugins/load", endpoint("hello/echo").as_str()] {
        let request = client.request("OPTIONS", path).header("origin", CONSOLE);
        let answer = request.header("access-control-request-method", "POST").send().await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(CONSOLE));
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
        }
        for name in ["Content-Type", "Authorization", "If-Match", "Idempotency-Key"] {
            assert!(answer.header("access-control-allow-headers").unwrap().contains(name));
        }
    }
}
