//! Hostile texts in every text parameter of the OpenAPI document: each is accepted or rejected, the host never fails,
//! and nothing outside its data folders is changed.
//!
//! `HOSTILE_SEED=n` selects other random texts and another order; a failure reports its seed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::client::{Answer, Request};
use crate::host::TestHost;
use crate::plugins::{files, repository};

/// The number of attempts. The others, in an order given by the seed, are skipped.
const N_ATTEMPTS: usize = 2_000;
/// Longest text in a request head: a head has at most 64 KiB, and encoded bytes take three bytes each.
const MAX_HEAD_TEXT: usize = 8 * 1024;
/// The name of files that would be created if a text were executed by a shell or used as a path.
const TRACE: &str = "hostile-trace-7f3a";

/// A request with a hostile text in one place.
struct Attempt {
    what: String,
    request: Request,
}

#[tokio::test]
async fn hostile_texts_are_accepted_or_rejected_in_every_parameter() {
    let seed = std::env::var("HOSTILE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    let mut random = Random(seed);
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("echo").await;
    let surroundings = surroundings(&host);
    let document = host.get("/openapi.json").await.expect(200).json();
    let texts = texts(&mut random);

    let mut attempts = attempts(&host, &document, &texts);
    let operations: BTreeSet<_> =
        attempts.iter().map(|attempt| attempt.what.split(' ').next().unwrap().to_owned()).collect();
    for n in (1..attempts.len()).rev() {
        attempts.swap(n, random.below(n + 1));
    }
    let (n_all, mut seen) = (attempts.len(), BTreeSet::new());
    for (n_done, Attempt { what, request }) in attempts.into_iter().enumerate() {
        let operation = what.split(' ').next().unwrap().to_owned();
        // At least one attempt of each operation is made.
        if n_done >= N_ATTEMPTS && seen.contains(&operation) {
            continue;
        }
        let answer: Answer = request.send().await;
        assert!(answer.status < 500, "seed {seed}: {what}: {} {}", answer.status, answer.text());
        seen.insert(operation);
    }
    assert_eq!(seen, operations);
    assert!(n_all > 1_000, "{n_all}");

    host.call("hello/hello").await.expect(200);
    host.anonymous().get("/health/ready").await.expect(200);
    assert_eq!(self::surroundings(&host), surroundings, "seed {seed}: something beside the data folders was touched");
    let traces = [host.plugin_dir(), host.sources(), "/tmp".into(), repository(), "/".into()];
    for folder in traces {
        assert!(!folder.join(TRACE).exists(), "seed {seed}: {}", folder.display());
    }
    let kept = files(&host.plugin_dir());
    assert!(
        kept.iter().all(|(name, _)| !name.contains(TRACE)),
        "seed {seed}: {:?}",
        kept.iter().map(|kept| &kept.0).collect::<Vec<_>>()
    );
    host.stop();
}

/// The folders around the data folders: names, sizes, times.
fn surroundings(host: &TestHost) -> Vec<(String, u64, Option<std::time::SystemTime>)> {
    let list = |folder: &Path, leave_out: &str| {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let entries = entries.filter(|entry| entry.file_name() != leave_out).map(|entry| {
            let metadata = entry.metadata().unwrap();
            let time = metadata.is_file().then(|| metadata.modified().unwrap());
            (entry.path().display().to_string(), if metadata.is_file() { metadata.len() } else { 0 }, time)
        });
        entries.collect::<Vec<_>>()
    };
    let sources = host.sources();
    let mut found = list(sources.parent().unwrap(), "plugins");
    found.extend(list(&sources, ""));
    found.extend(list(&repository(), "target"));
    found.sort();
    found
}

// === the texts ===

/// Deterministic random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // Xorshift maps zero to zero.
        self.0 = self.0.max(1);
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn texts(random: &mut Random) -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        ".",
        "..",
        "\0",
        "a\0b",
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2f",
        "..\\..\\windows",
        "/etc/passwd",
        "file:///etc/passwd",
        "local:/etc",
        "~root",
        "hello/../echo",
        "hello\0",
        "hello\n",
        "HELLO",
        "'; DROP TABLE jobs; --",
        "\" OR \"1\"=\"1",
        "$1",
        "<script>alert(1)</script>",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "%s%s%s%n%x",
        "{}{0}{{",
        "${jndi:ldap://127.0.0.1/a}",
        "\r\nX-Injected: yes",
        "--upload-pack=/bin/sh",
        "-rf",
        "*",
        "null",
        "true",
        "-1",
        "18446744073709551616",
        "9223372036854775808",
        "1e400",
        "NaN",
        "0x41",
        "999999999999999999999999999999999999",
        "1970-01-01T00:00:00-99:99",
        "\u{feff}\u{202e}\u{2028}",
        "e\u{301}\u{1f9d1}\u{200d}\u{1f52c}",
        "\u{fffd}\u{10ffff}",
        "İıſK",
        "$sealed",
        "a,b,,c;d=e&f=g#h?i",
        "__proto__",
    ]
    .map(str::to_owned)
    .into();
    texts.extend([
        format!("../../{TRACE}"),
        format!("/tmp/{TRACE}"),
        format!("$(touch /tmp/{TRACE})"),
        format!("`touch /tmp/{TRACE}`; touch /tmp/{TRACE}"),
        "x".repeat(64 * 1024),
        "../".repeat(2_000),
        "é".repeat(5_000),
        "[".repeat(5_000),
        format!("{}1{}", "{\"a\":".repeat(300), "}".repeat(300)),
    ]);
    for _ in 0..6 {
        let n_chars = random.below(40) + 1;
        let text = (0..n_chars).map(|_| char::from_u32(random.below(0x1_1000) as u32).unwrap_or('\u{fffd}'));
        texts.push(text.collect());
    }
    texts
}

/// Percent-encodes every reserved byte.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    text.bytes().map(|byte| if is_plain(byte) { (byte as char).to_string() } else { format!("%{byte:02x}") }).collect()
}

/// Shortens a text to fit into a request head.
fn short(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_HEAD_TEXT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

// === the places ===

fn attempts(host: &TestHost, document: &Value, texts: &[String]) -> Vec<Attempt> {
    let mut attempts = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = Place { host, document, method: method.to_uppercase(), path, operation };
            place.attempts(texts, &mut attempts);
        }
    }
    attempts
}

struct Place<'a> {
    host: &'a TestHost,
    document: &'a Value,
    method: String,
    path: &'a str,
    operation: &'a Value,
}

impl Place<'_> {
    fn attempts(&self, texts: &[String], attempts: &mut Vec<Attempt>) {
        let id = self.operation["operationId"].as_str().unwrap();
        let base = self.path_with(None);
        let mut attempt = |what: String, request: Request| attempts.push(Attempt { what, request });
        for text in texts {
            let head = short(text);
            for parameter in self.operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let what = format!("{id} {} {name} {:?}", parameter["in"], short(&text[..text.len().min(80)]));
                match parameter["in"].as_str().unwrap() {
                    "path" => {
                        attempt(what.clone(), self.request(&self.path_with(Some((name, &encoded(head))))));
                        // Unencoded, if it can be part of a request line.
                        if !head.is_empty()
                            && head.bytes().all(|byte| byte.is_ascii_graphic() && !b"#?\"<>`{}|^\\".contains(&byte))
                        {
                            attempt(what, self.request(&self.path_with(Some((name, head)))));
                        }
                    }
                    "query" => attempt(what, self.request(&format!("{base}?{name}={}", encoded(head)))),
                    _ if name == "Prefer" => {}
                    _ => {
                        let value: String = head.chars().filter(|c| !c.is_control()).collect();
                        attempt(what, self.request(&base).header(name, value.trim()));
                    }
                }
            }
            let query = format!("{base}?{}={}", encoded(head), encoded(head));
            attempt(
                format!("{id} query unknown {:?}", text.chars().take(40).collect::<String>()),
                self.request(&query),
            );
            self.bodies(&base, text, &mut attempt);
        }
    }

    /// The path with plausible parameters and one hostile text.
    fn path_with(&self, hostile: Option<(&str, &str)>) -> String {
        let parts = self.path.split('/').map(|part| {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                return part.to_owned();
            };
            match (hostile, name) {
                (Some((at, text)), name) if at == name => text.to_owned(),
                (_, "number") => "1".to_owned(),
                (_, "version") => "9.9.9".to_owned(),
                // Operations that would stop the plugins, or are slow, name a plugin that does not exist.
                (_, "id") if self.path.starts_with("/api/plugins/") && self.is_light() => "hello".to_owned(),
                _ => "nobody".to_owned(),
            }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn is_light(&self) -> bool {
        self.method == "GET"
            || self.path.ends_with("/update-policy")
            || self.path.contains("/blocked/")
            || self.path.ends_with("/rollback")
    }

    /// Without the media type of streams, which would not end.
    fn request(&self, path: &str) -> Request {
        self.host.request(&self.method, path).header("accept", "application/json")
    }

    fn bodies(&self, base: &str, text: &str, attempt: &mut impl FnMut(String, Request)) {
        let Some(content) = self.operation["requestBody"]["content"].as_object() else { return };
        let id = self.operation["operationId"].as_str().unwrap();
        let shown = format!("{:?}", text.chars().take(40).collect::<String>());
        for (kind, media) in content {
            let send = |body: &[u8]| self.request(base).header("content-type", kind).body(body);
            attempt(format!("{id} body {kind} {shown}"), send(text.as_bytes()));
            if kind == "multipart/form-data" {
                for form in forms(text) {
                    attempt(
                        format!("{id} form {shown}"),
                        self.request(base)
                            .header("content-type", "multipart/form-data; boundary=x")
                            .body(form.as_bytes()),
                    );
                }
            }
            if !kind.contains("json") {
                continue;
            }
            for whole in wholes(self.document, &media["schema"]) {
                for pointer in strings(&whole) {
                    let mut changed = whole.clone();
                    *changed.pointer_mut(&pointer).unwrap() = json!(text);
                    attempt(format!("{id} body {pointer} {shown}"), send(changed.to_string().as_bytes()));
                }
                let keyed = match &whole {
                    Value::Object(map) => {
                        let mut map = map.clone();
                        map.insert(text.to_owned(), json!({ text: [text] }));
                        Value::Object(map)
                    }
                    other => other.clone(),
                };
                attempt(format!("{id} body key {shown}"), send(keyed.to_string().as_bytes()));
            }
        }
    }
}

fn forms(text: &str) -> [String; 3] {
    let line: String = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect();
    [
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"{line}.zip\"\r\n\r\nPK\x03\x04{text}\r\n--x--\r\n"
        ),
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"{line}\"; filename=\"a.zip\"\r\n\r\n{text}\r\n--x--\r\n"
        ),
        format!("--x\r\n{line}\r\n\r\n{text}\r\n--x--\r\n"),
    ]
}

/// Valid bodies for a schema with all fields, one for each alternative.
fn wholes(document: &Value, schema: &Value) -> Vec<Value> {
    match whole(document, schema, 0) {
        Value::Null => vec![json!({})],
        Value::Object(map) => {
            // Each alternative is tried.
            let listed = map.iter().find(|(_, value)| value.as_array().is_some_and(|list| list.len() > 1));
            let Some((key, list)) = listed else { return vec![Value::Object(map)] };
            let each = list.as_array().unwrap().iter().map(|one| {
                let mut map: Map<_, _> = map.clone();
                map.insert(key.clone(), json!([one]));
                Value::Object(map)
            });
            each.collect()
        }
        other => vec![other],
    }
}

fn whole(document: &Value, schema: &Value, depth: usize) -> Value {
    if depth > 8 {
        return Value::Null;
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return whole(document, document.pointer(pointer).unwrap(), depth + 1);
    }
    if let Some(one) = schema["enum"].get(0) {
        return one.clone();
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(list) = schema[several].as_array() {
            let fit = list.iter().find(|one| one["type"] != "null").unwrap_or(&Value::Null);
            return whole(document, fit, depth + 1);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("string") => json!("x"),
        Some("integer" | "number") => json!(schema["minimum"].as_u64().unwrap_or(1)),
        Some("boolean") => json!(false),
        Some("array") => {
            let items = &schema["items"];
            let target = items["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
            match target.unwrap_or(items)["oneOf"].as_array() {
                Some(list) => list.iter().map(|one| whole(document, one, depth + 1)).collect(),
                None => json!([whole(document, items, depth + 1)]),
            }
        }
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields: Map<_, _> = fields.map(|(name, of)| (name.clone(), whole(document, of, depth + 1))).collect();
            if fields.is_empty() { json!({ "a": "x" }) } else { Value::Object(fields) }
        }
        _ => Value::Null,
    }
}

/// Pointers to all texts, and to nulls that could be texts.
fn strings(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(n, value)| walk(value, &format!("{at}/{n}"), found))
            }
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| {
                    walk(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found)
                });
            }
            _ => found.push(at.to_owned()),
        }
    }
    let mut found = vec![];
    walk(value, "", &mut found);
    found
}

#[tokio::test]
async fn deeply_nested_bodies_and_huge_numbers_are_rejected() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for path in [
        "/api/plugins/load",
        "/api/plugins/batch",
        "/api/plugins/apply",
        "/api/plugins/plan",
        "/api/plugins/hello/rollback",
    ] {
        for body in [
            deep(100_000),
            format!("{{\"source\": {}}}", deep(200)),
            format!("{{\"operations\": [{}]}}", deep(120)),
            "{\"plan\": 1e999999999}".to_owned(),
            format!("{{\"source\": {}}}", "9".repeat(10_000)),
            format!("{{{}}}", (0..20_000).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(",")),
            "\"\\ud800\"".to_owned(),
            "\u{feff}{}".to_owned(),
        ] {
            let answer = host
                .request("POST", path)
                .header("content-type", "application/json")
                .body(body.as_bytes())
                .send()
                .await;
            assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        }
    }
    host.call("hello/hello").await.expect(200);
}
