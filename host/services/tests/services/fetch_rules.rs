//! Refused fetches, checked with servers that count their connections.

use std::time::Duration;

use host_services::FetchConfig;
use tokio::net::TcpListener;

use crate::fetch::{allowed, fetch, fetcher};
use crate::server::{Server, echo, redirect};
use crate::support::TestHost;

#[tokio::test]
async fn an_unlisted_host_is_refused_with_the_line_to_add() {
    let server = Server::start(echo).await;
    let host = TestHost::fetching(&[&server.host()]).await;
    let plugin = fetcher(&host, &["api.example.com"]);
    let (status, code, detail) = fetch("GET", &server.url("/secret-path")).of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (403, "fetch_not_allowed"));
    let expected = format!(
        "fetching from `http://{0}` is not allowed: plugin.yaml does not list the host; add `{0}` under `security.allowed_hosts`",
        server.host()
    );
    assert_eq!(detail, expected);
    let no_access = host.plugin("two", "permissions: [http.fetch]\n");
    let (_, _, detail) = fetch("GET", &server.url("/")).of(&no_access).await.refusal();
    assert!(detail.contains("does not set `security.network_access: true`"), "{detail}");
    assert_eq!(server.n_connections(), 0);
}

#[tokio::test]
async fn a_private_address_needs_both_plugin_yaml_and_the_operator() {
    let server = Server::start(echo).await;
    let (address, name) = (server.host(), format!("localhost:{}", server.address.port()));
    for (listed, operator, url, says) in [
        (address.as_str(), vec![], server.url("/"), Some("fetch_private_hosts")),
        // A name that resolves to this machine.
        (name.as_str(), vec![], format!("http://{name}/"), Some("fetch_private_hosts")),
        // The operator allowed the address, not the name that resolves to it.
        (name.as_str(), vec![address.as_str()], format!("http://{name}/"), Some("fetch_private_hosts")),
        (name.as_str(), vec![name.as_str()], format!("http://{name}/"), None),
        (address.as_str(), vec![address.as_str()], server.url("/"), None),
    ] {
        let before = server.n_connections();
        let host = TestHost::fetching(&operator).await;
        let answer = fetch("GET", &url).of(&fetcher(&host, &[listed])).await;
        match says {
            None => assert_eq!(answer.status, 200, "{listed} {operator:?}"),
            Some(says) => {
                let (status, code, detail) = answer.refusal();
                assert_eq!((status, code.as_str()), (403, "fetch_not_allowed"), "{detail}");
                assert!(detail.contains("a private address") && detail.contains(says), "{detail}");
                assert_eq!(server.n_connections(), before);
            }
        }
    }
}

#[tokio::test]
async fn disguised_private_addresses_are_refused() {
    let server = Server::start(echo).await;
    let port = server.address.port();
    let host = TestHost::start().await;
    for disguised in ["2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "169.254.169.254"] {
        let disguised = format!("{disguised}:{port}");
        let plugin = fetcher(&host, &[&disguised]);
        let (_, code, detail) = fetch("GET", &format!("http://{disguised}/")).of(&plugin).await.refusal();
        assert_eq!(code, "fetch_not_allowed", "{disguised}: {detail}");
    }
    assert_eq!(server.n_connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_checked_like_a_request() {
    let canary = Server::start(echo).await;
    let to = canary.url("/");
    let server = Server::start(move |request| {
        let to = match request.uri().path() {
            "/metadata" => "http://169.254.169.254/latest".to_owned(),
            "/user" => to.replace("http://", "http://user:word@"),
            "/file" => "file:///etc/passwd".to_owned(),
            _ => to.clone(),
        };
        async move { redirect(302, &to) }
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    for (path, code, says) in [
        ("/canary", "fetch_not_allowed", "redirects there, and plugin.yaml does not list the host"),
        ("/metadata", "fetch_not_allowed", "169.254.169.254"),
        ("/user", "fetch_failed", "user or password"),
        ("/file", "fetch_not_allowed", "plugin.yaml does not list the host"),
    ] {
        let (_, found, detail) = fetch("GET", &server.url(path)).of(&plugin).await.refusal();
        assert_eq!(found, code, "{path}: {detail}");
        assert!(detail.contains(says), "{path}: {detail}");
    }
    assert_eq!(canary.n_connections(), 0);
}

#[tokio::test]
async fn a_refused_connection_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let host = TestHost::fetching(&[&address]).await;
    let (status, code, detail) =
        fetch("GET", &format!("http://{address}/")).of(&fetcher(&host, &[&address])).await.refusal();
    assert_eq!((status, code.as_str()), (502, "fetch_failed"));
    assert!(detail.contains("Connection refused"), "{detail}");
}

#[tokio::test]
async fn a_silent_server_times_out() {
    // Accepts connections and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(60));
    for (scheme, connect_timeout, timeout, says) in [
        ("https", short, long, "timed out after 100 ms: the connection to the server was not established"),
        ("http", long, short, "timed out after 100 ms: the server did not respond"),
    ] {
        let host = TestHost::with(|parts| {
            let private_hosts = vec![address.parse().unwrap()];
            parts.fetch = FetchConfig { private_hosts, connect_timeout, ..FetchConfig::default() };
        })
        .await;
        let request = fetch("GET", &format!("{scheme}://{address}/")).with(|request| request.timeout = Some(timeout));
        let (status, code, detail) = request.of(&fetcher(&host, &[&address])).await.refusal();
        assert_eq!((status, code.as_str()), (504, "fetch_timed_out"));
        assert!(detail.contains(says), "{detail}");
    }
}
