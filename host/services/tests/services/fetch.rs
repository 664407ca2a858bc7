//! Requests and responses through the HTTP client of plugins.

use std::sync::Arc;

use host_load::service::FETCH;
use host_services::FetchConfig;
use http::HeaderValue;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::server::{Server, echo, redirect, text};
use crate::support::{Ask, Plugin, TestHost, ask};

pub(crate) fn fetch(method: &str, url: &str) -> Ask {
    ask(FETCH, method).path(url)
}

/// A plugin that may fetch from these hosts.
pub(crate) fn fetcher(host: &TestHost, hosts: &[&str]) -> Plugin {
    let hosts = hosts.iter().map(|host| format!("{host:?}")).collect::<Vec<_>>().join(", ");
    let security = format!("security: {{network_access: true, allowed_hosts: [{hosts}]}}\n");
    host.plugin("one", &format!("permissions: [http.fetch]\n{security}"))
}

/// A host and a plugin of it that may fetch from these servers.
pub(crate) async fn allowed(servers: &[&Server]) -> (TestHost, Plugin) {
    let hosts: Vec<String> = servers.iter().map(|server| server.host()).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let host = TestHost::fetching(&hosts).await;
    let plugin = fetcher(&host, &hosts);
    (host, plugin)
}

#[tokio::test]
async fn a_request_gets_the_headers_of_the_host_and_loses_hop_by_hop_headers() {
    let server = Server::start(echo).await;
    let (_host, plugin) = allowed(&[&server]).await;
    let request = fetch("PUT", &server.url("/a%20b?x=1#part"))
        .header("accept", "text/plain")
        .header("authorization", "Bearer t")
        .header("connection", "close, x-private")
        .header("x-private", "1")
        .header("keep-alive", "1")
        .header("transfer-encoding", "chunked")
        .header("te", "trailers")
        .header("upgrade", "websocket")
        .header("host", "evil.example")
        .header("content-length", "999")
        .header("proxy-authorization", "x")
        .header("x-request-id", "forged")
        .with(|request| request.traceparent = Some("00-1-2-01".to_owned()))
        .bytes("body");
    let answer = request.of(&plugin).await;
    let expected = format!(
        "PUT /a%20b?x=1\naccept: text/plain\nauthorization: Bearer t\ncontent-length: 4\nhost: {}\n\
         traceparent: 00-1-2-01\nuser-agent: plugin-host/{}\nx-request-id: r-1\nbody",
        server.host(),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!((answer.status, answer.text()), (200, expected));
}

#[tokio::test]
async fn a_separate_query_and_the_plugins_own_trace_and_agent_are_kept() {
    let server = Server::start(echo).await;
    let (_host, plugin) = allowed(&[&server]).await;
    let request = fetch("GET", &server.url("/a")).header("traceparent", "00-9-9-01").header("user-agent", "mine").with(
        |request| {
            (request.query, request.traceparent) = (Some("q=1".to_owned()), Some("00-1-2-01".to_owned()));
            request.request_id = String::new();
        },
    );
    let answer = request.of(&plugin).await.text();
    let expected = format!("GET /a?q=1\nhost: {}\ntraceparent: 00-9-9-01\nuser-agent: mine\n", server.host());
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_response_is_passed_without_hop_by_hop_headers() {
    let server = Server::start(|_| async {
        let mut response = text("gone");
        *response.status_mut() = http::StatusCode::GONE;
        for (name, value) in [
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-own", "\u{e9}"),
        ] {
            response.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        response
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let answer = fetch("GET", &server.url("/")).of(&plugin).await;
    assert_eq!((answer.status, answer.text()), (410, "gone".to_owned()));
    let mut names: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "set-cookie", "x-own"]);
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    // The client stores no cookies; the plugin sends them itself.
    let again = Server::start(echo).await;
    let (_host, plugin) = allowed(&[&again]).await;
    assert!(!fetch("GET", &again.url("/")).of(&plugin).await.text().contains("cookie"));
}

#[tokio::test]
async fn connections_are_reused_within_one_plugin_only() {
    let server = Server::start(echo).await;
    let (host, plugin) = allowed(&[&server]).await;
    for _ in 0..3 {
        assert_eq!(fetch("GET", &server.url("/")).of(&plugin).await.status, 200);
    }
    assert_eq!(server.n_connections(), 1);
    let other = fetcher(&host, &[&server.host()]);
    assert_eq!(fetch("GET", &server.url("/")).of(&other).await.status, 200);
    assert_eq!(server.n_connections(), 2);
}

#[tokio::test]
async fn redirects_are_followed() {
    let target = Server::start(echo).await;
    let to = target.url("/end");
    let server = Server::start(move |request| {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let to = to.clone();
        async move { redirect(status, &to) }
    })
    .await;
    let (_host, plugin) = allowed(&[&server, &target]).await;
    for (method, status, expected, keeps_body) in [
        ("POST", 301, "GET", false),
        ("POST", 302, "GET", false),
        ("POST", 303, "GET", false),
        ("POST", 307, "POST", true),
        ("POST", 308, "POST", true),
        ("PUT", 302, "PUT", true),
        ("PUT", 303, "GET", false),
        ("DELETE", 308, "DELETE", true),
    ] {
        let answer = fetch(method, &server.url(&format!("/{status}")))
            .header("content-type", "text/x")
            .header("authorization", "Bearer t")
            .header("cookie", "a=1")
            .header("x-mine", "1")
            .bytes("body")
            .of(&plugin)
            .await
            .text();
        let case = format!("{method} {status}: {answer}");
        assert!(answer.starts_with(&format!("{expected} /end\n")), "{case}");
        assert_eq!(answer.ends_with("\nbody"), keeps_body, "{case}");
        assert_eq!(answer.contains("content-type"), keeps_body, "{case}");
        assert!(answer.contains("x-mine: 1") && answer.contains(&format!("host: {}", target.host())), "{case}");
        assert!(!answer.contains("authorization") && !answer.contains("cookie"), "{case}");
    }
    // Not a redirect to follow: the plugin gets the response itself.
    assert_eq!(fetch("GET", &server.url("/300")).of(&plugin).await.status, 300);
}

#[tokio::test]
async fn a_relative_redirect_keeps_the_credentials_and_a_loop_ends() {
    let server = Server::start(|request| async move {
        match request.uri().path() {
            "/from" => redirect(302, "to?x"),
            "/circle" => redirect(302, "/circle"),
            _ => echo(request).await,
        }
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let answer = fetch("GET", &server.url("/from")).header("authorization", "Bearer t").of(&plugin).await.text();
    assert!(answer.starts_with("GET /to?x\nauthorization: Bearer t\n"), "{answer}");
    let (status, code, detail) = fetch("GET", &server.url("/circle")).of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (502, "fetch_failed"));
    assert!(detail.contains("more than 5 redirects"), "{detail}");
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from(include_bytes!("tls/localhost.der").to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(include_bytes!("tls/localhost.key.der").to_vec()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn https_requires_a_trusted_authority_and_the_right_name() {
    let server = Server::with_tls(Some(acceptor()), echo).await;
    let (by_name, by_address) = (format!("localhost:{}", server.address.port()), server.host());
    let start = |extra_authorities: Vec<Vec<u8>>| {
        let private_hosts = vec![by_name.parse().unwrap(), by_address.parse().unwrap()];
        TestHost::with(|parts| parts.fetch = FetchConfig { private_hosts, extra_authorities, ..FetchConfig::default() })
    };
    let host = start(vec![include_bytes!("tls/authority.der").to_vec()]).await;
    let plugin = fetcher(&host, &[&by_name, &by_address]);
    let answer = fetch("GET", &format!("https://{by_name}/x")).of(&plugin).await;
    assert_eq!(answer.text().lines().next(), Some("GET /x"));
    let (_, code, detail) = fetch("GET", &format!("https://{by_address}/x")).of(&plugin).await.refusal();
    assert_eq!(code, "fetch_failed");
    assert!(detail.contains("certificate not valid for name"), "{detail}");

    let host = start(vec![]).await;
    let (_, code, detail) =
        fetch("GET", &format!("https://{by_name}/x")).of(&fetcher(&host, &[&by_name])).await.refusal();
    assert_eq!(code, "fetch_failed");
    assert!(detail.contains("UnknownIssuer"), "{detail}");
}
