//! Content codings: compressed responses of the host, and compressed request bodies.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::client::Answer;
use crate::host::TestHost;

pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(&answer.body[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn large_responses_of_the_host_are_compressed_for_clients_that_accept_it() {
    let host = TestHost::start().await;
    for path in ["/openapi.json", "/docs/errors", "/docs/page.js", "/metrics", "/api/plugins/system/configuration"] {
        let plain = host.get(path).await.expect(200);
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")), "{path}");
        let small = host.request("GET", path).header("accept-encoding", "br, gzip;q=0.8").send().await.expect(200);
        assert_eq!(small.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!((small.header("vary"), small.header("content-length")), (Some("accept-encoding"), None));
        assert!(small.is_whole && small.body.len() < plain.body.len() / 2, "{path}");
        if path != "/metrics" {
            assert!(unpacked(&small) == plain.body, "{path}");
        }
    }
    let head = host.request("HEAD", "/openapi.json").header("accept-encoding", "gzip").send().await.expect(200);
    assert_eq!((head.header("content-encoding"), head.header("content-length")), (Some("gzip"), None));
    for path in ["/health/live", "/api/plugins", "/api/nothing"] {
        let answer = host.request("GET", path).header("accept-encoding", "gzip").send().await;
        assert_eq!(answer.header("content-encoding"), None, "{path}");
    }
    let events = host.request("GET", "/api/events").header("accept", "text/event-stream");
    let mut events = events.header("accept-encoding", "gzip").open().await;
    assert_eq!(events.head(false).await.header("content-encoding"), None);
}

#[tokio::test]
async fn the_tag_of_a_compressed_response_is_its_own_and_is_accepted_for_changes() {
    let host = TestHost::start().await;
    let path = "/api/plugins/system/configuration";
    let plain = host.get(path).await.header("etag").unwrap().to_owned();
    let answer = host.request("GET", path).header("accept-encoding", "gzip").send().await.expect(200);
    let tag = answer.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("{}-gzip\"", plain.trim_end_matches('"')));
    let change =
        |tag: &str, n: u32| host.request("PUT", path).header("if-match", tag).json(&json!({ "max_streams": n }));
    change(&tag, 300).send().await.expect(200);
    assert_eq!(change(&tag, 301).send().await.expect(412).code(), "settings_stale");
}

#[tokio::test]
async fn compressed_bodies_are_decoded_within_the_limit_or_refused() {
    let host = TestHost::start().await;
    let post = |path: &str, coding: &str, body: &[u8]| {
        let request = host.request("POST", path).header("content-type", "application/json");
        request.header("content-encoding", coding).body(body).send()
    };
    let path = "/api/plugins/validate";
    let body = json!({ "source": "/nothing/here" }).to_string();
    // The source was read from the decoded body.
    let answer = post(path, "gzip", &packed(body.as_bytes())).await.expect(403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("`/nothing/here`"), "{}", answer.text());

    let bomb = packed(&vec![b' '; 64 << 20]);
    assert_eq!(post(path, "gzip", &bomb).await.expect(413).code(), "body_too_large");
    assert_eq!(post(path, "gzip", body.as_bytes()).await.expect(400).code(), "body_not_gzip");
    for (path, coding, accepted) in [
        (path, "br", "gzip"),
        (path, "gzip, gzip", "gzip"),
        ("/login", "gzip", "identity"),
        ("/api/plugins/upload", "gzip", "identity"),
    ] {
        let refused = post(path, coding, &packed(body.as_bytes())).await.expect(415);
        assert_eq!(refused.code(), "body_encoding", "{path}");
        assert_eq!(refused.header("accept-encoding"), Some(accepted), "{path} {coding}");
    }
    // The key names the decoded body.
    let keyed = |coding: Option<&str>, body: Vec<u8>| {
        let request = host.request("POST", "/api/plugins/load").header("idempotency-key", "one");
        coding.iter().fold(request, |request, coding| request.header("content-encoding", coding)).body(&body).send()
    };
    let first = keyed(Some("gzip"), packed(body.as_bytes())).await;
    let second = keyed(None, body.into_bytes()).await;
    assert_eq!((first.status, first.code()), (second.status, second.code()));
}
