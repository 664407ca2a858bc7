//! The web console: its page and files, and sessions of browsers.

use std::io::Read as _;

use serde_json::json;

use crate::client::{Answer, Request};
use crate::host::{TestHost, endpoint};

const CONSOLE: (&str, &str) = ("x-plugin-host-console", "1");

/// The paths of the files that a page refers to.
fn files(page: &str) -> Vec<String> {
    let start = "\"/console/assets/";
    page.split(start).skip(1).map(|rest| format!("/console/assets/{}", rest.split('"').next().unwrap())).collect()
}

#[tokio::test]
async fn browsers_are_led_to_the_console_and_other_clients_are_not() {
    let host = TestHost::start().await;
    let anonymous = host.anonymous();
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let answer = anonymous.request("GET", "/").header("accept", browser).send().await.expect(303);
    assert_eq!(answer.header("location"), Some("/console"));
    assert_eq!(anonymous.get("/").await.expect(404).code(), "route_unknown");
    let page = anonymous.get("/console").await.expect(200);
    for path in ["/console/", "/console/plugins/hello/endpoints", "/console/no/such/page/at/all"] {
        assert_eq!(anonymous.get(path).await.expect(200).body, page.body, "{path}");
    }
}

#[tokio::test]
async fn the_page_may_run_only_its_own_scripts_and_its_files_are_cached_by_version() {
    let host = TestHost::start().await;
    let anonymous = host.anonymous();
    let page = anonymous.get("/console").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    for part in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let files = files(&page.text());
    assert_eq!(files.len(), 3, "{files:?}");
    for path in &files {
        let answer = anonymous.get(path).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let other_version = files[0].rsplit_once('/').unwrap().1;
    let path = format!("/console/assets/0123456789abcdef/{other_version}");
    assert_eq!(anonymous.get(&path).await.expect(404).code(), "route_unknown");
}

#[tokio::test]
async fn the_first_page_needs_at_most_60_kilobytes_and_20_requests() {
    let host = TestHost::start().await;
    let get = async |path: &str| {
        let answer = host.anonymous().request("GET", path).header("accept-encoding", "gzip").send().await.expect(200);
        let is_gzip = answer.header("content-encoding") == Some("gzip");
        let mut text = String::new();
        if is_gzip {
            flate2::read::GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
        }
        (answer.body.len(), if is_gzip { text } else { answer.text() })
    };
    let (mut bytes, page) = get("/console").await;
    let mut paths = files(&page);
    let mut at = 0;
    while at < paths.len() {
        let (size, text) = get(&paths[at]).await;
        bytes += size;
        let folder = paths[at].rsplit_once('/').unwrap().0.to_owned();
        for import in text.split("from \"./").skip(1) {
            let path = format!("{folder}/{}", import.split('"').next().unwrap());
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        at += 1;
    }
    assert!(bytes <= 60_000, "{bytes} bytes");
    assert!(paths.len() < 20, "{} requests", paths.len() + 1);
}

/// Signs in and returns the answer with its cookie, as a browser stores it.
async fn sign_in(host: &TestHost, body: &serde_json::Value) -> (Answer, String) {
    let request = host.anonymous().request("POST", "/api/session").header(CONSOLE.0, CONSOLE.1);
    let answer = request.json(body).send().await;
    let cookie = answer.header("set-cookie").unwrap_or_default();
    let pair = cookie.split(';').next().unwrap().to_owned();
    (answer, pair)
}

fn with_cookie(host: &TestHost, method: &str, path: &str, cookie: &str) -> Request {
    host.anonymous().request(method, path).header("cookie", cookie)
}

#[tokio::test]
async fn a_browser_session_counts_only_with_the_header_of_the_console() {
    let host = TestHost::start().await;
    let token = host.token.clone().unwrap();
    let (answer, cookie) = sign_in(&host, &json!({ "token": token })).await;
    let answer = answer.expect(200);
    assert_eq!(answer.json()["role"], "admin");
    let set = answer.header("set-cookie").unwrap();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!answer.text().contains(&token));
    with_cookie(&host, "GET", "/api/plugins", &cookie).header(CONSOLE.0, CONSOLE.1).send().await.expect(200);
    let without = with_cookie(&host, "GET", "/api/plugins", &cookie).send().await;
    assert_eq!(without.expect(401).code(), "auth_token");
    let foreign = with_cookie(&host, "POST", "/api/plugins/hello/stop", &cookie).header(CONSOLE.0, CONSOLE.1);
    let foreign = foreign.header("origin", "http://evil.example").send().await;
    assert_eq!(foreign.expect(403).code(), "auth_origin");

    let session = async |request: Request| request.header(CONSOLE.0, CONSOLE.1).send().await.expect(200).json();
    assert_eq!(session(with_cookie(&host, "GET", "/api/session", &cookie)).await["caller"]["role"], "admin");
    assert_eq!(session(host.anonymous().request("GET", "/api/session")).await, json!({ "caller": null }));
    let wrong = cookie.replace("=dph_", "=dph_0");
    assert_eq!(session(with_cookie(&host, "GET", "/api/session", &wrong)).await, json!({ "caller": null }));
    assert!(!host.log().contains(&token), "the token stands in the log");
}

#[tokio::test]
async fn signing_out_ends_the_session_of_a_password_but_not_a_token() {
    let host = TestHost::start().await;
    let user = json!({ "username": "zoe", "password": "correct horse battery", "role": "viewer" });
    host.post_json("/api/users", &user).await.expect(201);
    let token = host.token.clone().unwrap();
    for (body, status_after) in [
        (json!({ "username": "zoe", "password": "correct horse battery" }), 401),
        (json!({ "token": format!("Bearer {token}") }), 200),
    ] {
        let (answer, cookie) = sign_in(&host, &body).await;
        answer.expect(200);
        let me = || with_cookie(&host, "GET", "/api/me", &cookie).header(CONSOLE.0, CONSOLE.1).send();
        me().await.expect(200);
        let out = with_cookie(&host, "DELETE", "/api/session", &cookie).header(CONSOLE.0, CONSOLE.1).send().await;
        let removed = out.expect(204);
        assert!(removed.header("set-cookie").unwrap().contains("=; Max-Age=0;"));
        me().await.expect(status_after);
    }
    let audit = host.get("/api/audit?action=session_create").await.expect(200).json();
    assert_eq!(audit["entries"][0]["actor"], "login:zoe");
}

#[tokio::test]
async fn wrong_sign_ins_are_refused_and_set_no_cookie() {
    let host = TestHost::start().await;
    for (body, status, code) in [
        (json!({ "token": "dph_0000" }), 401, "auth_token"),
        (json!({ "token": "a b\u{7}" }), 401, "auth_token"),
        (json!({ "username": "nobody", "password": "x" }), 401, "auth_login"),
        (json!({ "username": "nobody" }), 400, "body_does_not_fit"),
        (json!({ "username": "nobody", "password": "x", "token": "y" }), 400, "body_does_not_fit"),
        (json!({}), 400, "body_does_not_fit"),
        (json!({ "user": "nobody" }), 400, "body_does_not_fit"),
    ] {
        let (answer, cookie) = sign_in(&host, &body).await;
        assert_eq!(answer.expect(status).code(), code, "{body}");
        assert_eq!(cookie, "", "{body}");
    }
}

#[tokio::test]
async fn plugins_do_not_see_the_cookie_of_the_console() {
    let host = TestHost::start().await;
    let library = crate::plugins::built("echo").await;
    host.try_load(&library).await.expect(200);
    let (_, cookie) = sign_in(&host, &json!({ "token": host.token })).await;
    let call = with_cookie(&host, "GET", &endpoint("echo/request"), &format!("a=b; {cookie}"));
    let seen = call.header(CONSOLE.0, CONSOLE.1).send().await.expect(200).text();
    assert!(seen.contains("a=b"), "{seen}");
    for hidden in ["dph_", "plugin_host_session", "x-plugin-host-console"] {
        assert!(!seen.contains(hidden), "{hidden}: {seen}");
    }
}
