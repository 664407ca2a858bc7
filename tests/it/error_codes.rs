//! Errors: every code of the program has a row in docs/errors.md and vice versa, and responses do not reveal paths of
//! the host.

use std::collections::BTreeSet;

use serde_json::json;

use crate::host::TestHost;
use crate::plugins::{files, repository, source};

#[test]
fn every_code_has_a_row_and_every_row_a_code() {
    let listed = listed();
    let found = codes_of_the_sources();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    assert!(unlisted.is_empty(), "docs/errors.md does not list {unlisted:?}");
    let unknown: Vec<_> = listed.difference(&found).collect();
    assert!(unknown.is_empty(), "docs/errors.md lists codes that nothing gives: {unknown:?}");
}

/// The codes in the first cells of the rows.
fn listed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("docs/errors.md")).unwrap();
    let (_, rows) = text.split_once("\n## ").unwrap();
    let codes = rows.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: Vec<_> = codes.map(str::to_owned).collect();
    let set: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "docs/errors.md lists a code twice");
    set
}

/// The codes in the sources: in functions `code`, in fields `code`, and after a status.
fn codes_of_the_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (path, bytes) in files(&repository().join("host")) {
        // Errors of the command line and of tests are not responses of the host.
        if !path.ends_with(".rs")
            || !path.contains("/src/")
            || ["cli/", "client/", "author/"].iter().any(|folder| path.starts_with(folder))
            || path.ends_with("tests.rs")
        {
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut from = 0;
        while let Some(at) = code[from..].find("fn code(&self) -> &'static str {") {
            let body = &code[from + at..];
            let end = body.find("\n    }\n").unwrap();
            codes.extend(quoted(&body[..end]));
            from += at + end;
        }
        for (at, _) in code.match_indices("StatusCode::") {
            // `StatusCode::NOT_FOUND, "code"`, on one line or on two.
            let rest =
                code[at + "StatusCode::".len()..].trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_');
            let rest = rest.strip_prefix(',').map(str::trim_start);
            if let Some(rest) = rest.filter(|rest| rest.starts_with('"')) {
                codes.extend(quoted(rest).next());
            }
        }
        for line in code.lines().filter(|line| line.contains(" code: \"") || line.contains("let code = ")) {
            codes.extend(quoted(line));
        }
        for (at, start) in code.match_indices("ApiError::new(status, ") {
            codes.extend(quoted(&code[at + start.len()..]).next());
        }
    }
    codes.retain(|code| !code.is_empty());
    codes
}

/// The quoted texts that look like a code.
fn quoted(text: &str) -> impl Iterator<Item = String> + '_ {
    let is_code = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.split('"').skip(1).step_by(2).filter(is_code).map(str::to_owned)
}

#[tokio::test]
async fn errors_of_the_framework_are_problem_documents() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let form = "multipart/form-data; boundary=x";
    for (method, path, kind, body, status, code) in [
        ("GET", "/api/plugins/%ff", "", "", 400, "route_path"),
        ("GET", "/api/plugins/hello/revisions/%ff", "", "", 400, "route_path"),
        ("GET", "/api/plugins/hello/revisions/x", "", "", 400, "route_path"),
        ("GET", "/api/plugins/hello/logs?from=%zz", "", "", 400, "query_does_not_fit"),
        ("GET", "/api/plugins/hello/logs?from=1&from=2", "", "", 400, "query_does_not_fit"),
        ("GET", "/api/plugins?at=%00", "", "", 400, "query_does_not_fit"),
        ("BREW", "/api/plugins", "", "", 405, "route_method"),
        ("get", "/api/plugins", "", "", 405, "route_method"),
        ("POST", "/openapi.json", "", "", 405, "route_method"),
        ("GET", "/api/plugins/load/", "", "", 405, "route_method"),
        ("GET", "/api", "", "", 404, "route_unknown"),
        ("GET", "/%2e%2e/etc/passwd", "", "", 400, "route_path"),
        ("POST", "/api/plugins/load", "application/xml", "<a/>", 415, "body_type"),
        ("POST", "/api/plugins/load", "application/json", "{]", 400, "body_not_json"),
        ("POST", "/api/plugins/plan", "text/html", "a", 415, "body_type"),
        ("POST", "/api/plugins/upload", "application/zip", "PK", 400, "upload_form"),
        (
            "POST",
            "/api/plugins/upload",
            form,
            "--x\r\nContent-Disposition: form-data; name=\"plugin\"",
            400,
            "upload_form",
        ),
        (
            "POST",
            "/api/plugins/upload",
            form,
            "--x\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"a.zip\"\r\n\r\nPK",
            400,
            "upload_form",
        ),
        ("POST", "/api/plugins/upload", "multipart/form-data", "PK", 400, "upload_form"),
    ] {
        let mut request = host.request(method, path);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let answer = request.body(body.as_bytes()).send().await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (status, Some(code)), "{method} {path}: {problem}");
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        if status == 405 {
            assert!(
                answer.header("allow").is_some_and(|allow| allow.contains("GET") || allow.contains("POST")),
                "{path}"
            );
        }
        host.logged(problem["request_id"].as_str().unwrap()).await;
    }
    let large = "x".repeat(2 << 20);
    let answer =
        host.request("POST", "/api/plugins/load").header("content-type", "application/json").body(large.as_bytes());
    assert_eq!(answer.send().await.expect(413).code(), "body_too_large");
}

#[tokio::test]
async fn responses_do_not_reveal_paths_of_the_host() {
    let host = TestHost::start().await;
    let data = host.plugin_dir().display().to_string();
    let cache = crate::plugins::build_cache().display().to_string();
    let check = |text: &str| {
        assert!(!text.contains(&data), "the data folder is told: {text}");
        assert!(!text.contains(&cache), "the build cache is told: {text}");
        assert!(!text.contains("HOME="), "the environment is told: {text}");
    };
    for source_name in ["does-not-compile", "bad-manifest", "not-a-cdylib", "no-manifest", "checksum-mismatch"] {
        let answer = host.try_load(&source(source_name)).await;
        assert!(answer.status >= 400, "{source_name}");
        check(&answer.text());
    }
    let jobs = host.get("/api/jobs").await.expect(200).json();
    check(&jobs.to_string());
    for job in jobs["jobs"].as_array().unwrap() {
        check(&host.get(&format!("/api/jobs/{}/log", job["id"].as_str().unwrap())).await.expect(200).text());
    }

    host.load("hello").await;
    // A file in the place of a folder: the system error names the folder by its setting.
    let uploads = host.plugin_dir().join("tmp");
    std::fs::remove_dir_all(&uploads).unwrap();
    std::fs::write(&uploads, "").unwrap();
    let answer = host.post_json("/api/plugins/load", &json!({ "source": source("hello") })).await;
    check(&answer.text());
    assert!(answer.status >= 500 && answer.text().contains("<PLUGIN_DIR>/tmp"), "{}", answer.text());
    check(&host.get("/api/plugins").await.expect(200).text());
    check(&host.get("/api/plugins/hello/logs").await.expect(200).text());
    std::fs::remove_file(&uploads).unwrap();
    std::fs::create_dir(&uploads).unwrap();
}

/// A path of the OpenAPI document with `x` for each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_rejected_on_every_route() {
    let host = TestHost::start().await;
    let document = host.get("/openapi.json").await.expect(200).json();
    let mut n_bodies = 0;
    let mut n_queries = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.starts_with("/api/plugin-endpoints/") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let (method, url) = (method.to_uppercase(), filled(path));
            if operation["security"] != json!([]) {
                let answer = host.request(&method, &format!("{url}?no_such=1")).send().await.expect(400);
                assert_eq!(answer.code(), "query_does_not_fit", "{method} {path}");
                assert!(answer.text().contains("`no_such`"), "{method} {path}: {}", answer.text());
                n_queries += 1;
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = schema.as_str().and_then(|name| name.rsplit('/').next()) else { continue };
            let schema = &document["components"]["schemas"][name];
            if schema["additionalProperties"] != false {
                // The settings, a configuration and a plugins.yaml have keys of their own, which are checked elsewhere.
                assert!(["PluginSet"].contains(&name), "{name} accepts unknown fields");
                continue;
            }
            let answer = host.request(&method, &url).json(&json!({ "no_such": 1 })).send().await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "body_does_not_fit"), "{method} {path}");
            n_bodies += 1;
        }
    }
    assert!(n_bodies >= 15 && n_queries >= 60, "{n_bodies} bodies, {n_queries} queries");
}
