//! Compressed responses of plugins and compressed bodies of their requests, on both versions of HTTP.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use serde_json::json;

use crate::client::Answer;
use crate::compression::{packed, unpacked};
use crate::host::{TestHost, endpoint, eventually};
use crate::http2_client::{Http2, OpenStream, read, rest};

const TEXT_BYTES: usize = 50_000;

/// A client of each version of HTTP.
struct Clients<'a>(&'a TestHost);

impl Clients<'_> {
    /// The responses to the same request in each version.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> [Answer; 2] {
        let path = endpoint(path);
        let request = self.0.anonymous().request(method, &path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let first = request.body(body).send().await;
        let http2 = Http2::connect(self.0.address).await;
        let request = http2.request(method, &path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let OpenStream { response, body: mut sender } = http2.open(request, body.is_empty()).await.unwrap();
        if !body.is_empty() {
            // The host may refuse the body before it has arrived.
            let _ = sender.send_data(Bytes::copy_from_slice(body), true);
        }
        [first, read(response).await.unwrap()]
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> [Answer; 2] {
        self.send("GET", path, headers, b"").await
    }

    /// The responses to a compressed body.
    async fn post(&self, path: &str, coding: &str, body: &[u8]) -> [Answer; 2] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        self.send("POST", path, &headers, body).await
    }
}

const ACCEPTS: (&str, &str) = ("accept-encoding", "br;q=1, gzip;q=0.5");

#[tokio::test]
async fn responses_are_compressed_where_plugin_yaml_says_so_and_the_client_accepts_it() {
    let host = TestHost::start().await;
    host.load("gzip").await;
    let clients = Clients(&host);
    let text = "text ".repeat(TEXT_BYTES / 5).into_bytes();
    for answer in clients.get("gzip/text/50000", &[ACCEPTS]).await {
        let answer = answer.expect(200);
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (Some("gzip"), Some("accept-encoding")));
        assert_eq!((answer.header("etag"), answer.header("content-length")), (Some("W/\"1\""), None));
        assert!(answer.is_whole && answer.body.len() < 1000 && unpacked(&answer) == text);
    }
    for refuses in [&[][..], &[("accept-encoding", "br, gzip;q=0")]] {
        for answer in clients.get("gzip/text/50000", refuses).await {
            assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, Some("accept-encoding")));
            assert_eq!((answer.header("etag"), answer.body == text), (Some("\"1\""), true));
        }
    }
    // The plugin recognizes its tag, and a client that has the compressed form keeps it.
    for answer in clients.get("gzip/text/50000", &[ACCEPTS, ("if-none-match", "W/\"1\"")]).await {
        let answer = answer.expect(304);
        assert_eq!((answer.header("etag"), answer.header("content-encoding")), (Some("W/\"1\""), None));
    }
    for answer in clients.send("HEAD", "gzip/text/50000", &[ACCEPTS], b"").await {
        assert_eq!((answer.status, answer.header("content-encoding"), answer.body.len()), (200, Some("gzip"), 0));
        assert_eq!(answer.header("content-length"), None);
    }
    for path in ["gzip/text/1000", "gzip/plain/50000", "gzip/events"] {
        for answer in clients.get(path, &[ACCEPTS]).await {
            let answer = answer.expect(200);
            assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None), "{path}");
        }
    }
    // Errors of the host are small.
    for answer in clients.send("POST", "gzip/text/5", &[ACCEPTS], b"").await {
        assert_eq!(answer.expect(405).header("content-encoding"), None);
    }
}

#[tokio::test]
async fn bodies_are_decoded_within_the_limit_or_refused() {
    let host = TestHost::start().await;
    host.load("gzip").await;
    let clients = Clients(&host);
    let body = json!({ "a": "text ".repeat(2000) }).to_string();
    for path in ["gzip/seen", "gzip/checked"] {
        for coding in ["gzip", "X-GZIP", "identity, gzip"] {
            for answer in clients.post(path, coding, &packed(body.as_bytes())).await {
                let expected = json!({ "headers": ["content-type"], "bytes": body.len() });
                assert_eq!(answer.expect(200).json(), expected, "{path} {coding}");
            }
        }
    }
    // The rules of plugin.yaml hold for the decoded body.
    for answer in clients.post("gzip/checked", "gzip", &packed(b"{}")).await {
        assert_eq!(answer.expect(422).code(), "endpoint_body_does_not_fit");
    }
    let document = host.get("/openapi.json").await.expect(200).json();
    let codings = |path: &str, method: &str, kind: &str| document["paths"][endpoint(path)][method][kind].clone();
    assert_eq!(codings("gzip/echo", "post", "x-request-codings"), json!(["gzip"]));
    assert_eq!(codings("gzip/text/{bytes}", "get", "x-response-codings"), json!(["gzip"]));
    assert_eq!(codings("gzip/seen", "post", "x-response-codings"), json!(null));
    let before = host.resident_bytes();
    let bomb = packed(&vec![b' '; 4 << 20]);
    // The large one is above the limit of one endpoint before it is decoded.
    for bomb in [&bomb[..], &bomb.repeat(64)] {
        for path in ["gzip/seen", "gzip/checked"] {
            for answer in clients.post(path, "gzip", bomb).await {
                assert_eq!(answer.expect(413).code(), "body_too_large", "{path}");
            }
        }
    }
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "the bombs occupy {grown} bytes");
    let cut = packed(body.as_bytes());
    for path in ["gzip/seen", "gzip/checked"] {
        for broken in [body.as_bytes(), &cut[..cut.len() - 4]] {
            for answer in clients.post(path, "gzip", broken).await {
                assert_eq!(answer.expect(400).code(), "body_not_gzip", "{path}");
            }
        }
        for coding in ["br", "deflate", "zstd", "gzip, gzip"] {
            for answer in clients.post(path, coding, &packed(body.as_bytes())).await {
                let answer = answer.expect(415);
                let expected = ("body_encoding", Some("gzip"));
                assert_eq!((answer.code().as_str(), answer.header("accept-encoding")), expected, "{path} {coding}");
            }
        }
    }
    // An endpoint without `decompress` refuses the body.
    for answer in clients.post("gzip/json", "gzip", &packed(body.as_bytes())).await {
        let answer = answer.expect(415);
        assert_eq!((answer.code().as_str(), answer.header("accept-encoding")), ("body_encoding", Some("identity")));
    }
    let refused = |reason: &str| format!("plugin_host_endpoint_refused_total{{plugin=\"gzip\",reason=\"{reason}\"}}");
    assert_eq!(host.metric(&refused("content_type")).await, 16.0);
    assert_eq!(host.metric(&refused("body_too_large")).await, 8.0);
    // A cut and an invalid stream for two endpoints, and a body without the field, in two versions.
    assert_eq!(host.metric(&refused("body")).await, 10.0);
    eventually("no call is in flight", async || {
        host.metric("plugin_host_in_flight_requests{plugin=\"gzip\"}").await == 0.0
    })
    .await;
}

/// A compressed stream in parts.
struct Parts {
    encoder: GzEncoder<Vec<u8>>,
    decoder: GzDecoder<Vec<u8>>,
    sent: String,
}

impl Parts {
    fn new() -> Parts {
        let encoder = GzEncoder::new(Vec::new(), Compression::best());
        Parts { encoder, decoder: GzDecoder::new(Vec::new()), sent: String::new() }
    }

    /// The compressed form of a part.
    fn part(&mut self, text: &str) -> Vec<u8> {
        self.sent += text;
        self.encoder.write_all(text.as_bytes()).unwrap();
        self.encoder.flush().unwrap();
        std::mem::take(self.encoder.get_mut())
    }

    /// The end of the compressed form.
    fn end(&mut self) -> Vec<u8> {
        self.encoder.try_finish().unwrap();
        std::mem::take(self.encoder.get_mut())
    }

    fn received(&mut self, bytes: &[u8]) {
        self.decoder.write_all(bytes).unwrap();
        self.decoder.flush().unwrap();
    }

    /// Returns whether everything that was sent has come back.
    fn is_answered(&self) -> bool {
        self.decoder.get_ref() == self.sent.as_bytes()
    }
}

#[tokio::test]
async fn streams_arrive_while_they_are_produced() {
    let host = TestHost::start().await;
    host.load("gzip").await;
    let request = host.anonymous().request("POST", &endpoint("gzip/echo")).header("transfer-encoding", "chunked");
    let request = request.header("content-encoding", "gzip").header("accept-encoding", "gzip");
    let mut call = request.open().await;
    let mut parts = Parts::new();
    call.send_chunk(&parts.part("one\n")).await;
    assert_eq!(call.head(false).await.header("content-encoding"), Some("gzip"));
    for text in ["two\n", "three\n"] {
        // The response to a part arrives before the next part is sent.
        while !parts.is_answered() {
            parts.received(&call.chunk().await.unwrap());
        }
        call.send_chunk(&parts.part(text)).await;
    }
    call.send_chunk(&parts.end()).await;
    call.end().await;
    parts.received(&call.rest().await);
    assert!(call.is_whole() && parts.is_answered());
    parts.decoder.finish().unwrap();

    let client = Http2::connect(host.address).await;
    let request = client.request("POST", &endpoint("gzip/echo"));
    let request = request.header("content-encoding", "gzip").header("accept-encoding", "gzip");
    let OpenStream { response, mut body } = client.open(request, false).await.unwrap();
    let mut parts = Parts::new();
    body.send_data(parts.part("one\n").into(), false).unwrap();
    let mut stream = response.await.unwrap().into_body();
    for text in ["two\n", "three\n"] {
        while !parts.is_answered() {
            parts.received(&stream.data().await.unwrap().unwrap());
        }
        body.send_data(parts.part(text).into(), false).unwrap();
    }
    body.send_data(parts.end().into(), true).unwrap();
    parts.received(&rest(&mut stream).await.unwrap());
    assert!(parts.is_answered());
    parts.decoder.finish().unwrap();
}
