//! The OpenAPI document and the API reference page.

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{built, copy};

async fn document(host: &TestHost) -> Value {
    let answer = host.get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

#[tokio::test]
async fn the_document_describes_all_routes_of_the_host() {
    let host = TestHost::start().await;
    let document = document(&host).await;
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    expect_file!["snapshots/openapi.json"].assert_eq(&text);

    let mut silent = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut miss = |what: String| silent.push(format!("{method} {path}: {what}"));
            if operation["summary"].as_str().is_none_or(str::is_empty) {
                miss("no summary; chain `.summary(…)`".to_owned());
            }
            let responses = operation["responses"].as_object().unwrap();
            if !responses.keys().any(|status| status.starts_with(['2', '3'])) {
                miss("no successful response; chain `.response::<…>(200)` or `.runs_job()`".to_owned());
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if parameter["description"].as_str().is_none_or(str::is_empty) {
                    let name = parameter["name"].as_str().unwrap();
                    miss(format!(
                        "no description of `{name}`; chain `.path_parameter(\"{name}\", …)`, or add a doc comment to the field"
                    ));
                }
            }
        }
    }
    assert!(silent.is_empty(), "routes of host-serve without documentation:\n{}", silent.join("\n"));
    assert_eq!(broken_references(&document), Vec::<String>::new());
}

#[tokio::test]
async fn endpoints_of_a_plugin_are_listed_while_it_runs() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let shown = document(&host).await;
    let paths = shown["paths"].as_object().unwrap();
    let of_hello = paths.iter().filter(|(path, _)| path.starts_with("/api/plugin-endpoints/"));
    let lines: String = of_hello
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        })
        .map(|(path, method, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
            let (id, summary, tags) = (&operation["operationId"], &operation["summary"], &operation["tags"]);
            format!("{method} {path} {id} {summary} {tags} {}\n  {statuses}\n", operation["x-max-body-bytes"])
        })
        .collect();
    expect![[r#"
        post /api/plugin-endpoints/hello/echo "hello.echo.2" "The JSON that was sent" ["plugin hello"] 65536
          400 404 408 413 415 421 500 503 504 default
        get /api/plugin-endpoints/hello/hello "hello.hello.0" "A greeting" ["plugin hello"] 1048576
          400 404 408 413 415 421 500 503 504 default
        get /api/plugin-endpoints/hello/hello/{name} "hello.greet.1" "A greeting by name" ["plugin hello"] 1048576
          400 404 408 413 415 421 500 503 504 default
    "#]]
    .assert_eq(&lines);
    assert_eq!(broken_references(&shown), Vec::<String>::new());

    host.post("/api/plugins/hello/disable").await.expect(200);
    let paths = document(&host).await["paths"].clone();
    assert!(paths.as_object().unwrap().keys().all(|path| !path.contains("/hello/")), "{paths}");
}

#[tokio::test]
async fn the_body_schema_of_an_endpoint_is_in_the_document() {
    for (rules, expected) in [
        ("validation: {required: [cat]}", json!({ "type": "object", "required": ["cat"] })),
        ("validation: {schema: schemas/cat.json}", cat()),
        (
            "validation: {required: [owner], schema: schemas/cat.json}",
            json!({ "allOf": [cat(), { "type": "object", "required": ["owner"] }] }),
        ),
    ] {
        let host = crate::endpoint_rules::with_rules(rules).await;
        let shown = document(&host).await;
        let operation = &shown["paths"]["/api/plugin-endpoints/echo/body"]["put"];
        let body = json!({ "required": true, "content": { "application/json": { "schema": expected } } });
        assert_eq!(operation["requestBody"], body, "{rules}");
        assert_eq!(operation["responses"]["422"]["$ref"], "#/components/responses/Endpoint422", "{rules}");
        assert_eq!(broken_references(&shown), Vec::<String>::new(), "{rules}");
    }
}

/// The schema of `with_rules` without references, as in the document.
fn cat() -> Value {
    json!({
        "type": "object",
        "required": ["cat"],
        "properties": {
            "cat": { "type": "string", "minLength": 2 },
            "lives": { "type": "integer", "maximum": 9 },
            "all": { "items": { "type": "integer" } },
        },
    })
}

#[tokio::test]
async fn texts_of_a_plugin_cannot_become_structure_of_the_document() {
    let host = TestHost::start().await;
    let folder = host.sources().join("loud");
    copy(built("echo").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let loud = r##"</script><script>alert(1)</script> "}],"paths":{"/x":{"$ref":"https://evil.example/"} #/components/schemas/Problem"##;
    let yaml = yaml
        .replace("name: Echo", "name: '<img src=x onerror=alert(1)>'")
        .replace("description: Twice the number", &format!("description: '{loud}'"));
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    let shown = document(&host).await;
    assert_eq!(shown["paths"]["/api/plugin-endpoints/echo/json"]["post"]["summary"], json!(loud));
    assert!(shown["paths"].get("/x").is_none());
    assert_eq!(broken_references(&shown), Vec::<String>::new());
    let rest = &shown["paths"]["/api/plugin-endpoints/echo/files/{rest}"]["get"]["parameters"];
    assert_eq!((rest[0]["name"].as_str(), rest[0]["in"].as_str()), (Some("rest"), Some("path")));
}

/// References with a missing or external target.
fn broken_references(document: &Value) -> Vec<String> {
    fn walk(document: &Value, value: &Value, broken: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| walk(document, value, broken)),
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref") {
                    let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
                    if pointer.and_then(|pointer| document.pointer(pointer)).is_none() {
                        broken.push(reference.to_string());
                    }
                }
                map.values().for_each(|value| walk(document, value, broken));
            }
            _ => {}
        }
    }
    let mut broken = vec![];
    walk(document, document, &mut broken);
    broken
}

#[tokio::test]
async fn the_document_requires_a_token_and_the_page_is_public() {
    let host = TestHost::start().await;
    let anonymous = host.anonymous();
    assert_eq!(anonymous.get("/openapi.json").await.expect(401).code(), "auth_token");
    for (path, kind) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/page.js", "text/javascript; charset=utf-8"),
        ("/docs/page.css", "text/css; charset=utf-8"),
        ("/docs/errors", "text/html; charset=utf-8"),
    ] {
        let answer = anonymous.get(path).await.expect(200);
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}
