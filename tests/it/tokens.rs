//! The initial admin token: required for management, never visible to plugins.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::host::{TestHost, endpoint};

const MANAGEMENT: &[(&str, &str)] = &[
    ("GET", "/api/plugins"),
    ("GET", "/api/plugins/"),
    ("POST", "/api/plugins/load"),
    ("POST", "/api/plugins/upload"),
    ("POST", "/api/plugins/install/upload_1"),
    ("GET", "/api/plugins/health/summary"),
    ("GET", "/api/plugins/system/metrics"),
    ("GET", "/api/plugins/hello"),
    ("DELETE", "/api/plugins/hello"),
    ("GET", "/api/plugins/hello/status"),
    ("GET", "/api/plugins/hello/logs"),
    ("POST", "/api/plugins/hello/reload"),
    ("POST", "/api/plugins/hello/enable"),
    ("POST", "/api/plugins/hello/disable"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/job_1"),
    ("DELETE", "/api/jobs/job_1"),
    ("POST", "/api/jobs/job_1/cancel"),
    ("POST", "/api/jobs/job_1/retry"),
    ("GET", "/api/jobs/job_1/log"),
];

#[tokio::test]
async fn management_requests_without_a_valid_token_are_rejected() {
    // This many invalid tokens would be throttled.
    let host = TestHost::with(&["--max-auth-failures", "100000", "--max-auth-failures-of-all", "1000000"]).await;
    let library = crate::plugins::built("hello").await;
    host.try_load(&library).await.expect(200);
    let token = host.token.clone().unwrap();
    let body = json!({ "source": library });
    let upper = token.to_uppercase();
    let wrong = [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {}", &token[..token.len() - 1])),
        Some(format!("Bearer {token}0")),
        Some(format!("Bearer {upper}")),
        Some(format!("Bearer dph_{}", "0".repeat(64))),
        Some(format!("Basic {token}")),
        Some(token.clone()),
    ];
    for (method, path) in MANAGEMENT {
        for authorization in &wrong {
            let mut request = host.anonymous().request(method, path);
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            let answer = if *method == "POST" { request.json(&body) } else { request }.send().await;
            assert_eq!(answer.status, 401, "{method} {path} with {authorization:?}: {}", answer.text());
            assert_eq!((answer.code().as_str(), answer.header("www-authenticate")), ("auth_token", Some("Bearer")));
            assert!(!answer.text().contains(&token));
        }
        let in_query = host.anonymous().request(method, &format!("{path}?token={token}&access_token={token}")).send();
        assert_eq!(in_query.await.status, 401);
    }
    let list = host.get("/api/plugins").await.expect(200).json();
    assert_eq!((&list["count"], &list["plugins"]["hello"]["generation"]), (&json!(1), &json!(1)));
    assert_eq!(host.get("/api/jobs").await.json()["jobs"].as_array().unwrap().len(), 1);
    for path in ["/health/live", "/health/ready", "/metrics", "/api/plugin-endpoints/hello/hello"] {
        host.anonymous().get(path).await.expect(200);
    }
    assert!(!host.log().contains(&token), "the token stands in the log");
}

#[tokio::test]
async fn the_token_is_created_once_and_readable_only_by_its_owner() {
    let host = TestHost::start().await;
    let path = host.plugin_dir().join("operator.token");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    host.logged("operator.token").await;
    let token = host.token.clone().unwrap();
    assert!(token.len() >= 64, "{token}");
    let another = TestHost::start().await;
    assert_ne!(another.token, host.token);
}

#[tokio::test]
async fn plugins_do_not_see_the_operators_token() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let own = host.token.clone().unwrap();
    for (authorization, is_seen) in [
        (format!("Bearer {own}"), false),
        (format!("bearer  {own}"), false),
        (format!("BEARER dph_{}", "1".repeat(64)), false),
        (format!("Bearer\t{own}"), false),
        (own.clone(), false),
        (format!("Token token=\"{own}\""), false),
        ("Bearer of-the-plugins-own-users".to_owned(), true),
    ] {
        let request = host.anonymous().request("GET", &endpoint("echo/request"));
        let seen = request.header("authorization", &authorization).send().await.expect(200).text();
        assert_eq!(seen.contains("authorization"), is_seen, "{seen}");
        assert!(!seen.contains(&own));
    }
}

#[tokio::test]
async fn an_endpoint_with_required_auth_rejects_requests_without_a_token() {
    let host = TestHost::start().await;
    let folder = host.sources().join("plugin");
    crate::plugins::copy(crate::plugins::built("panic-abort").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let yaml = yaml.replace("handler: hello,", "handler: hello, auth: {required: true},");
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    assert_eq!(host.call("panic-abort/hello").await.expect(401).code(), "auth_token");
    let stranger = host.with_token(&format!("dph_{}", "0".repeat(64)));
    assert_eq!(stranger.get(&endpoint("panic-abort/hello")).await.expect(401).code(), "auth_token");
    assert_eq!(host.get(&endpoint("panic-abort/hello")).await.expect(200).text(), "hello");
}
