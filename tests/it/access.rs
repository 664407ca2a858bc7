//! Authorization: tokens, users and passwords, grants for single plugins, and the access that endpoints require.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::host::{TestHost, endpoint, eventually, program};
use crate::plugins::{built, copy};

const PASSWORD: &str = "correct horse battery";

/// Creates a token and returns a client that sends it, and the token's id.
async fn token(host: &TestHost, asked: Value) -> (Client, String) {
    let made = host.post_json("/api/tokens", &asked).await.expect(201).json();
    (host.with_token(made["token"].as_str().unwrap()), made["id"].as_str().unwrap().to_owned())
}

async fn login(host: &TestHost, username: &str, password: &str) -> Answer {
    host.anonymous().post_json("/login", &json!({ "username": username, "password": password })).await
}

async fn user(host: &TestHost, name: &str, role: &str) {
    let user = json!({ "username": name, "password": PASSWORD, "role": role });
    host.post_json("/api/users", &user).await.expect(201);
}

fn patch(host: &TestHost, path: &str, body: &Value) -> impl Future<Output = Answer> {
    host.request("PATCH", path).json(body).send()
}

/// Runs a command with a text on its standard input.
fn command_with(host: &TestHost, words: &[&str], input: &str) -> Output {
    let mut command = program();
    command.args(words).env("PLUGIN_DIR", host.plugin_dir()).env("PLUGIN_HOST_URL", format!("http://{}", host.address));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_token_is_valid_from_its_creation_until_its_revocation() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let made = host.command(&["token", "create", "ci", "--role", "operator", "--expires", "90d"]).await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    let secret = text(&made.stdout).trim().to_owned();
    assert_eq!((secret.len(), &secret[..4]), (77, "dph_"));
    let id = secret[4..12].to_owned();
    let ci = host.with_token(&secret);

    ci.get("/api/plugins").await.expect(200);
    ci.post("/api/plugins/hello/disable").await.expect(200);
    assert_eq!(host.get("/api/plugins/revisions?limit=1").await.json()["revisions"][0]["actor"], "ci");
    assert_eq!(ci.get("/api/tokens").await.expect(403).code(), "auth_role");
    assert_eq!(
        ci.post_json("/api/tokens", &json!({ "name": "more", "role": "admin" })).await.expect(403).code(),
        "auth_role"
    );
    let me = ci.get("/api/me").await.expect(200).json();
    assert_eq!(
        (&me["username"], &me["role"], &me["permissions"]),
        (&json!("ci"), &json!("operator"), &json!(["read", "write"]))
    );

    let list = host.get("/api/tokens").await.expect(200);
    assert!(!list.text().contains(&secret[13..]), "the secret is told again");
    let listed = list.json()["tokens"][0].clone();
    assert_eq!(
        (&listed["id"], &listed["state"], &listed["created_by"]),
        (&json!(id), &json!("valid"), &json!("operator"))
    );
    assert!(listed["last_used_unix_ms"].is_u64() && listed["expires_unix_ms"].is_u64(), "{listed}");
    let shown = host.command(&["token", "list"]).await;
    assert!(text(&shown.stdout).contains("operator"), "{}", text(&shown.stdout));
    let again = json!({ "name": "ci", "role": "viewer" });
    assert_eq!(host.post_json("/api/tokens", &again).await.expect(409).code(), "token_exists");

    let host = host.restart().await;
    let ci = host.with_token(&secret);
    ci.get("/api/plugins").await.expect(200);
    assert!(host.get("/api/tokens").await.json()["tokens"][0]["last_used_unix_ms"].is_u64(), "it was not written");
    let revoked = host.command(&["token", "revoke", &id]).await;
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert_eq!(ci.get("/api/plugins").await.expect(401).code(), "auth_token");
    for value in ["dph_0", "Basic YWxhZGRpbjpvcGVu", "Token dph_0"] {
        let request = host.anonymous().request("GET", "/api/plugins").header("authorization", value);
        let refused = request.send().await.expect(401);
        assert_eq!(refused.json()["detail"], "the header `Authorization` does not start with `Bearer `", "{value}");
    }
    assert_eq!(host.get("/api/tokens").await.json()["tokens"][0]["state"], "revoked");
    assert_eq!(host.delete("/api/tokens/00000000").await.expect(404).code(), "token_unknown");
    assert_eq!(host.delete("/api/tokens/operator").await.expect(404).code(), "token_unknown");
    let host = host.restart().await;
    host.with_token(&secret).get("/api/plugins").await.expect(401);
    for (asked, field) in [
        (json!({ "name": "a:b", "role": "viewer" }), "name"),
        (json!({ "name": "operator", "role": "viewer" }), "name"),
        (json!({ "name": "x", "role": "root" }), "role"),
        (json!({ "name": "x" }), "role"),
        (json!({ "name": "x", "grants": { "hello": "root" } }), "grants"),
        (json!({ "name": "x", "grants": { "../x": "viewer" } }), "grants"),
        (json!({ "name": "x", "scopes": ["a b"] }), "scopes"),
        (json!({ "name": "x", "role": "viewer", "expires_seconds": 0 }), "expires_seconds"),
    ] {
        let refused = host.post_json("/api/tokens", &asked).await.expect(422).json();
        assert_eq!(
            (&refused["code"], &refused["errors"][0]["pointer"]),
            (&json!("access_refused"), &json!(field)),
            "{asked}"
        );
    }
    // The secret is stored neither in the state database nor in the log.
    let state = std::fs::read(host.plugin_dir().join("state.db")).unwrap();
    assert!(!state.windows(64).any(|bytes| bytes == &secret.as_bytes()[13..]));
    assert!(!host.log().contains(&secret[13..]));
}

#[tokio::test]
async fn a_token_expires() {
    let host = TestHost::start().await;
    let (short, id) = token(&host, json!({ "name": "short", "role": "viewer", "expires_seconds": 1 })).await;
    eventually("it is not valid any more", || async { short.get("/api/plugins").await.status == 401 }).await;
    let tokens = host.get("/api/tokens").await.json()["tokens"].clone();
    assert_eq!((&tokens[0]["id"], &tokens[0]["state"]), (&json!(id), &json!("expired")));
    token(&host, json!({ "name": "short", "role": "viewer" })).await;
}

#[tokio::test]
async fn a_token_with_a_grant_sees_and_changes_only_that_plugin() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("echo").await;
    let grants = json!({ "hello": "operator", "echo": "viewer" });
    let (both, _) = token(&host, json!({ "name": "both", "grants": grants })).await;
    let (one, _) = token(&host, json!({ "name": "one", "grants": { "hello": "operator" } })).await;

    let seen = |list: &Value| list["plugins"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(seen(&both.get("/api/plugins").await.expect(200).json()), ["echo", "hello"]);
    assert_eq!(seen(&one.get("/api/plugins").await.expect(200).json()), ["hello"]);
    assert_eq!(seen(&one.get("/api/plugins?at=99999999999999").await.expect(200).json()), ["hello"]);
    one.get("/api/plugins/hello/config").await.expect(200);
    for path in ["/api/plugins/echo", "/api/plugins/echo/config", "/api/jobs", "/api/events", "/api/plugins/revisions"]
    {
        assert_eq!(one.get(path).await.expect(403).code(), "auth_role", "{path}");
    }
    both.get("/api/plugins/echo").await.expect(200);
    assert_eq!(both.post("/api/plugins/echo/disable").await.expect(403).code(), "auth_role");
    // Operations that also change other plugins need the role for the whole host.
    assert_eq!(one.post("/api/plugins/hello/disable?cascade=true").await.expect(403).code(), "auth_role");
    assert_eq!(one.delete("/api/plugins/hello?cascade=true").await.expect(403).code(), "auth_role");
    assert_eq!(one.post_json("/api/plugins/load", &json!({ "source": "/x" })).await.expect(403).code(), "auth_role");

    let job =
        one.request("POST", "/api/plugins/hello/disable").header("prefer", "respond-async").send().await.expect(202);
    let path = job.header("location").unwrap().to_owned();
    one.get(&format!("{path}/log?follow=true")).await.expect(200);
    assert_eq!(one.get(&path).await.expect(200).json()["state"], "done");
    let of_another =
        host.post("/api/plugins/echo/restart").await.expect(200).json()["job"].as_str().unwrap().to_owned();
    for path in [format!("/api/jobs/{of_another}"), format!("/api/jobs/{of_another}/log")] {
        assert_eq!(one.get(&path).await.expect(404).code(), "job_unknown");
    }
    assert_eq!(one.delete(&format!("/api/jobs/{of_another}")).await.expect(404).code(), "job_unknown");
    assert_eq!(both.delete(&format!("/api/jobs/{of_another}")).await.expect(403).code(), "auth_role");
}

#[tokio::test]
async fn a_user_logs_in_and_out_and_a_change_ends_the_sessions() {
    let host = TestHost::start().await;
    let added = command_with(&host, &["user", "add", "zoe", "--role", "operator"], &format!("{PASSWORD}\n"));
    assert!(added.status.success(), "{}", text(&added.stderr));
    let answer = login(&host, "zoe", PASSWORD).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert_eq!(answer["user"], json!({ "username": "zoe", "role": "operator", "permissions": ["read", "write"] }));
    assert!(answer["expires_unix_ms"].is_u64());
    let session = answer["token"].as_str().unwrap().to_owned();
    let zoe = host.with_token(&session);
    let me = zoe.get("/api/me").await.expect(200).json();
    assert_eq!((&me["username"], &me["actor"]), (&json!("zoe"), &json!("login:zoe")));
    assert_eq!(zoe.get("/api/users").await.expect(403).code(), "auth_role");

    let wrong = login(&host, "zoe", "wrong horse battery").await.expect(401);
    let unknown = login(&host, "max", "wrong horse battery").await.expect(401);
    let without_id = |answer: &Answer| {
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("request_id");
        problem
    };
    assert_eq!(without_id(&wrong), without_id(&unknown));
    assert_eq!(wrong.code(), "auth_login");
    let odd = host.anonymous().post_json("/login", &json!({ "username": "zoe", "password": 123_456_789 })).await;
    assert!(!odd.expect(400).text().contains("123456789"));

    // A session survives a restart of the host, but not a change of its user.
    let host = host.restart().await;
    let zoe = host.with_token(&session);
    zoe.get("/api/plugins").await.expect(200);
    zoe.post("/api/logout").await.expect(204);
    assert_eq!(zoe.get("/api/plugins").await.expect(401).code(), "auth_token");
    assert_eq!(host.post("/api/logout").await.expect(409).code(), "auth_no_session");
    let begin =
        async || host.with_token(login(&host, "zoe", PASSWORD).await.expect(200).json()["token"].as_str().unwrap());
    for change in [json!({ "role": "viewer" }), json!({ "grants": { "hello": "admin" } }), json!({ "disabled": true })]
    {
        let zoe = begin().await;
        zoe.get("/api/plugins").await.expect(200);
        patch(&host, "/api/users/zoe", &change).await.expect(200);
        zoe.get("/api/plugins").await.expect(401);
    }
    let disabled = login(&host, "zoe", PASSWORD).await.expect(401);
    assert_eq!(without_id(&disabled), without_id(&wrong));
    let set = host.command(&["user", "set", "zoe", "--enable", "--role", "none", "--only"]).await;
    assert!(set.status.success(), "{}", text(&set.stderr));
    let shown = host.get("/api/users/zoe").await.expect(200).json();
    assert_eq!((&shown["role"], &shown["grants"], &shown["disabled"]), (&Value::Null, &json!({}), &json!(false)));
    let zoe = begin().await;
    assert_eq!(zoe.get("/api/plugins").await.expect(200).json()["count"], 0);
    assert_eq!(zoe.get("/api/jobs").await.expect(403).code(), "auth_role");
    let removed = host.command(&["user", "remove", "zoe"]).await;
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    zoe.get("/api/plugins").await.expect(401);
    login(&host, "zoe", PASSWORD).await.expect(401);

    let short = json!({ "username": "max", "password": "short", "role": "viewer" });
    assert_eq!(host.post_json("/api/users", &short).await.expect(422).code(), "user_password");
    for name in ["role", "disabled", "grants"] {
        let unclear = patch(&host, "/api/users/max", &json!({ name: null })).await;
        assert_eq!(unclear.expect(400).code(), "body_does_not_fit", "{name}");
    }
    let max = json!({ "username": "max", "password": PASSWORD, "grants": { "missing": "viewer" } });
    let warnings = host.post_json("/api/users", &max).await.expect(201).json()["warnings"].to_string();
    assert!(warnings.contains("`missing`"), "{warnings}");
    let mia = json!({ "username": "mia", "password": PASSWORD });
    let warnings = host.post_json("/api/users", &mia).await.expect(201).json()["warnings"].to_string();
    assert!(warnings.contains("--role"), "{warnings}");
    let state = std::fs::read(host.plugin_dir().join("state.db")).unwrap();
    assert!(!state.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()));
    assert!(!host.log().contains(PASSWORD));
}

#[tokio::test]
async fn repeated_login_failures_are_throttled_but_valid_tokens_are_not() {
    let host = TestHost::with(&["--max-auth-failures", "5"]).await;
    user(&host, "zoe", "viewer").await;
    let stranger = host.with_token(&format!("dph_0123abcd_{}", "0".repeat(64)));
    for _ in 0..3 {
        assert_eq!(stranger.get("/api/plugins").await.expect(401).code(), "auth_token");
    }
    for _ in 0..2 {
        login(&host, "zoe", "wrong horse battery").await.expect(401);
    }
    for answer in [stranger.get("/api/plugins").await, login(&host, "zoe", PASSWORD).await] {
        let answer = answer.expect(429);
        assert_eq!(answer.code(), "auth_too_many");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=12).contains(&seconds), "{seconds}");
    }
    host.get("/api/plugins").await.expect(200);
    // A request without a token is not a guess.
    assert_eq!(host.anonymous().get("/api/plugins").await.expect(401).code(), "auth_token");
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_change_anything() {
    let host = TestHost::options().variable("CORS_ALLOWED_ORIGIN", "https://console.example").start().await;
    user(&host, "zoe", "viewer").await;
    let own = format!("http://{}", host.address);
    for (origin, is_foreign) in
        [("https://evil.example", true), ("null", true), (&own, false), ("https://console.example", false)]
    {
        let name = format!("t{}", origin.len());
        let asked = host
            .request("POST", "/api/tokens")
            .header("origin", origin)
            .json(&json!({ "name": name, "role": "viewer" }));
        let answer = asked.send().await.expect(if is_foreign { 403 } else { 201 });
        assert!(!is_foreign || answer.code() == "auth_origin");
        let body = json!({ "username": "zoe", "password": PASSWORD });
        let asked = host.anonymous().request("POST", "/login").header("origin", origin).json(&body);
        asked.send().await.expect(if is_foreign { 403 } else { 200 });
    }
    let asked = host.request("DELETE", "/api/users/zoe").header("sec-fetch-site", "cross-site");
    assert_eq!(asked.send().await.expect(403).code(), "auth_origin");
    host.get("/api/users/zoe").await.expect(200);
}

#[tokio::test]
async fn a_connection_is_authenticated_only_while_its_token_is_valid() {
    let host = TestHost::start().await;
    let folder = host.sources().join("hello");
    copy(built("hello").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    std::fs::write(
        folder.join("plugin.yaml"),
        yaml.replace("handler: hello", "handler: hello\n    auth: {required: true}"),
    )
    .unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    let make = async |name: &str| {
        let made = host.post_json("/api/tokens", &json!({ "name": name, "role": "viewer" })).await.expect(201).json();
        (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let ((one, one_id), (other, _)) = (make("one").await, make("other").await);
    let mut connection = host.connect().await;
    let mut status = async |token: &str| {
        let path = endpoint("hello/hello");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        connection.send(request.as_bytes()).await;
        let status = connection.head(false).await.status;
        connection.rest().await;
        status
    };
    assert_eq!([status(&one).await, status(&one).await, status(&other).await, status(&one).await], [200; 4]);
    // One digit differs.
    let wrong = format!("{}{}", &one[..one.len() - 1], if one.ends_with('0') { '1' } else { '0' });
    assert_eq!([status(&wrong).await, status(&one).await], [401, 200]);
    host.delete(&format!("/api/tokens/{one_id}")).await.expect(204);
    assert_eq!([status(&one).await, status(&other).await, status(&one).await], [401, 200, 401]);
}

#[tokio::test]
async fn an_endpoint_accepts_the_callers_named_in_plugin_yaml_and_its_handler_sees_them() {
    let host = TestHost::start().await;
    let folder = host.sources().join("echo");
    copy(built("echo").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let yaml = yaml
        .replace(
            "handler: request, description: The same with parameters",
            "handler: request, auth: {roles: [operator, auditor]}, description: x",
        )
        .replace(
            "handler: request, description: The same with the rest",
            "handler: request, auth: {permissions: [a.read], scopes: [cats]}, description: x",
        );
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    let (open, roles, words) = (endpoint("echo/request"), endpoint("echo/params/a/b"), endpoint("echo/files/a"));

    let (viewer, _) = token(&host, json!({ "name": "viewer", "role": "viewer" })).await;
    let (oper, _) = token(&host, json!({ "name": "oper", "grants": { "echo": "operator" } })).await;
    let (other, _) = token(
        &host,
        json!({ "name": "other", "grants": { "hello": "admin" }, "permissions": ["a.read"], "scopes": ["cats"] }),
    )
    .await;
    let (app, _) = token(&host, json!({ "name": "app", "permissions": ["a.read"], "scopes": ["cats"] })).await;
    let (half, _) = token(&host, json!({ "name": "half", "role": "viewer", "permissions": ["a.read"] })).await;
    user(&host, "zoe", "admin").await;
    let zoe = host.with_token(login(&host, "zoe", PASSWORD).await.expect(200).json()["token"].as_str().unwrap());
    let stranger = host.with_token(&format!("dph_0123abcd_{}", "0".repeat(64)));

    for (client, path, expected) in [
        (&host.anonymous(), &open, "200 null"),
        (&stranger, &open, "200 null"),
        (&viewer, &open, "200 viewer"),
        (&*host, &open, "200 operator"),
        (&host.anonymous(), &roles, "401 auth_token"),
        (&stranger, &roles, "401 auth_token"),
        (&viewer, &roles, "403 auth_role"),
        (&oper, &roles, "200 oper"),
        (&other, &roles, "403 auth_plugin"),
        (&zoe, &roles, "200 login:zoe"),
        (&viewer, &words, "403 auth_permission"),
        (&half, &words, "403 auth_scope"),
        (&app, &words, "200 app"),
        (&app, &roles, "403 auth_role"),
        (&other, &words, "403 auth_plugin"),
        (&*host, &words, "200 operator"),
    ] {
        let answer = client.get(path).await;
        let said = match answer.status {
            200 => answer.json()["actor"].as_str().unwrap_or("null").to_owned(),
            _ => answer.code(),
        };
        assert_eq!(format!("{} {said}", answer.status), expected, "{path}");
        assert!(!answer.text().contains("authorization"), "the plugin sees the token");
    }
}
