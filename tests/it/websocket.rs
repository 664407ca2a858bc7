//! WebSockets of plugins, with a client library and with bytes that no library would send.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::host::{TestHost, endpoint, eventually};

pub(crate) type Socket = WebSocketStream<TcpStream>;
type Head = Response<Option<Vec<u8>>>;

async fn try_open(host: &TestHost, path: &str, headers: &[(&str, &str)]) -> Result<(Socket, Head), Error> {
    let address = host.anonymous().address;
    let mut request = format!("ws://{address}{}", endpoint(path)).into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await
}

pub(crate) async fn open(host: &TestHost, path: &str) -> Socket {
    try_open(host, path, &[]).await.unwrap().0
}

/// The status and the error code of a refused handshake.
async fn refused(host: &TestHost, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let Err(Error::Http(response)) = try_open(host, path, headers).await else { panic!("not refused") };
    let body: serde_json::Value = serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
    (response.status().as_u16(), body["code"].as_str().unwrap().to_owned())
}

/// The code and the reason of the close frame that comes next.
async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Binary(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn text(socket: &mut Socket) -> String {
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

async fn ended(host: &TestHost, how: &str) {
    eventually(how, || async { host.call("socket/ended").await.expect(200).text() == how }).await;
}

#[tokio::test]
async fn messages_pass_in_both_directions_and_both_sides_can_close() {
    let host = TestHost::start().await;
    host.load("socket").await;
    let mut socket = open(&host, "socket/echo").await;
    for message in ["", "a", "grüße", &"x".repeat(65536)] {
        socket.send(Message::text(message)).await.unwrap();
        assert_eq!(text(&mut socket).await, message);
    }
    let bytes: Vec<u8> = (0..=255).collect();
    socket.send(Message::binary(bytes.clone())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary(bytes));
    socket.send(Message::Ping("still there?".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("still there?".into()));
    assert_eq!(host.metric("plugin_host_in_flight_requests{plugin=\"socket\"}").await, 1.0);
    socket.close(None).await.unwrap();
    assert!(socket.next().await.is_none_or(|end| end.is_ok_and(|message| message.is_close())));
    ended(&host, "closed None").await;

    let mut socket = open(&host, "socket/bye").await;
    assert_eq!(closed(&mut socket).await, (4001, "bye".to_owned()));
    assert!(socket.next().await.is_none());

    // A client that vanishes without a word.
    drop(open(&host, "socket/echo").await);
    ended(&host, "websocket_cut").await;
    eventually("no call is left", || async {
        host.metric("plugin_host_in_flight_requests{plugin=\"socket\"}").await == 0.0
    })
    .await;
}

#[tokio::test]
async fn handshakes_are_checked_by_the_host() {
    let host = TestHost::start().await;
    host.load("socket").await;
    let plain = host.call("socket/echo").await.expect(426);
    assert_eq!((plain.code().as_str(), plain.header("upgrade")), ("upgrade_required", Some("websocket")));
    host.anonymous().request("HEAD", &endpoint("socket/echo")).send().await.expect(426);
    for (headers, status, code) in [
        (&[("upgrade", "h2c")][..], 426, "upgrade_required"),
        (&[("connection", "keep-alive")], 426, "upgrade_required"),
        (&[("sec-websocket-version", "8")], 426, "upgrade_version"),
        (&[("sec-websocket-key", "short")], 400, "upgrade_malformed"),
        (&[("content-length", "3")], 400, "upgrade_malformed"),
        (&[("origin", "https://evil.example")], 403, "auth_origin"),
    ] {
        assert_eq!(refused(&host, "socket/echo", headers).await, (status, code.to_owned()), "{headers:?}");
    }
    assert_eq!(refused(&host, "socket/members", &[]).await, (401, "auth_token".to_owned()));
    let token = format!("Bearer {}", host.token.as_deref().unwrap());
    let origin = format!("http://{}", host.anonymous().address);
    try_open(&host, "socket/members", &[("authorization", &token), ("origin", &origin)]).await.unwrap();

    // The plugin refuses in its own words, and an endpoint without `upgrade` serves no sockets.
    assert_eq!(refused(&host, "socket/refused", &[]).await, (409, "full".to_owned()));
    assert_eq!(refused(&host, "socket/plain", &[]).await, (500, "websocket_not_declared".to_owned()));

    let head = try_open(&host, "socket/echo", &[("sec-websocket-protocol", "v0, v1")]).await.unwrap().1;
    assert_eq!(head.headers()["sec-websocket-protocol"], "v1");
}

#[tokio::test]
async fn clients_that_break_the_protocol_are_told_why() {
    let host = TestHost::start().await;
    host.load("socket").await;
    let mask = [0, 0, 0, 0];
    let frame = |head: &[u8], content: &[u8]| [head, &mask, content].concat();
    for (what, bytes, code) in [
        ("a frame without a mask", vec![0x81, 0x01, b'a'], 1002),
        ("a reserved bit", frame(&[0xc1, 0x81], b"a"), 1002),
        ("an unknown opcode", frame(&[0x83, 0x81], b"a"), 1002),
        ("an unknown control opcode", frame(&[0x8b, 0x80], b""), 1002),
        ("a fragmented ping", frame(&[0x09, 0x80], b""), 1002),
        ("a long ping", frame(&[0x89, 0xfe, 0, 126], &[0; 126]), 1002),
        ("a continuation of nothing", frame(&[0x80, 0x81], b"a"), 1002),
        ("a message within a message", [frame(&[0x01, 0x81], b"a"), frame(&[0x81, 0x81], b"b")].concat(), 1002),
        ("a close code of one byte", frame(&[0x88, 0x81], &[3]), 1002),
        ("a text that is not UTF-8", frame(&[0x81, 0x82], &[0xc3, 0x28]), 1007),
        ("a fragment that cannot become UTF-8", frame(&[0x01, 0x82], &[0xc3, 0x28]), 1007),
        ("a message above the limit", frame(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1], &[]), 1009),
        (
            "fragments above the limit",
            [frame(&[0x02, 0xfe, 0xff, 0xff], &[0; 65535]), frame(&[0x80, 0x82], &[0; 2])].concat(),
            1009,
        ),
    ] {
        let mut socket = open(&host, "socket/echo").await;
        socket.get_mut().write_all(&bytes).await.unwrap();
        assert_eq!(closed(&mut socket).await.0, code, "{what}");
        ended(&host, "websocket_invalid").await;
    }

    // Fragments with a ping between them are one message.
    let mut socket = open(&host, "socket/echo").await;
    let parts = [
        frame(&[0x01, 0x81], "ü".as_bytes().get(..1).unwrap()),
        frame(&[0x89, 0x80], b""),
        frame(&[0x80, 0x81], &"ü".as_bytes()[1..]),
    ];
    for part in parts {
        for byte in part {
            socket.get_mut().write_all(&[byte]).await.unwrap();
        }
    }
    assert!(socket.next().await.unwrap().unwrap().is_pong());
    assert_eq!(text(&mut socket).await, "ü");
}

#[tokio::test]
async fn a_replaced_plugin_closes_its_sockets_and_new_ones_reach_the_new_version() {
    let host = TestHost::start().await;
    host.load("socket").await;
    let mut idle = open(&host, "socket/echo").await;
    idle.send(Message::text("hello")).await.unwrap();
    assert_eq!(text(&mut idle).await, "hello");
    let mut within = open(&host, "socket/echo").await;
    // Half of a frame: the close has to wait for the rest.
    within.get_mut().write_all(&[0x81, 0x82, 0, 0, 0, 0, b'a']).await.unwrap();

    host.post("/api/plugins/socket/reload").await.expect(200);
    assert_eq!(closed(&mut idle).await.0, u16::from(CloseCode::Away));
    within.get_mut().write_all(b"b").await.unwrap();
    assert_eq!(text(&mut within).await, "ab");
    assert_eq!(closed(&mut within).await.0, u16::from(CloseCode::Away));
    eventually("the old generation has ended", || async {
        host.plugin("socket").await["generations"][0]["phase"] == "unmapped"
    })
    .await;

    let mut new = open(&host, "socket/echo").await;
    new.send(Message::text("again")).await.unwrap();
    assert_eq!(text(&mut new).await, "again");
    // A stopping host, too.
    host.terminate();
    assert_eq!(closed(&mut new).await.0, u16::from(CloseCode::Away));
}

#[tokio::test]
async fn a_socket_outlives_the_deadline_of_its_response_and_fails_alone() {
    let host = TestHost::start().await;
    host.load("socket").await;
    assert_eq!(text(&mut open(&host, "socket/late").await).await, "Ok(())");

    let mut panics = open(&host, "socket/panic").await;
    panics.send(Message::text("now")).await.unwrap();
    assert_eq!(closed(&mut panics).await.0, u16::from(CloseCode::Error));
    assert!(host.logged("a message arrived").await.contains("socket"));

    // A client that does not answer pings is noticed. It does not read, so it does not answer.
    let _silent = open(&host, "socket/quiet").await;
    ended(&host, "websocket_timed_out").await;

    // A handler that only sends ends with its client.
    let mut counts = open(&host, "socket/count").await;
    assert_eq!(text(&mut counts).await, "0");
    assert_eq!(text(&mut counts).await, "1");
    drop(counts);
    eventually("no call is left", || async {
        host.metric("plugin_host_in_flight_requests{plugin=\"socket\"}").await == 0.0
    })
    .await;
}

#[tokio::test]
async fn clients_that_reset_their_connection_during_the_handshake_leave_no_call() {
    let host = TestHost::start().await;
    host.load("socket").await;
    let address = host.anonymous().address;
    let path = endpoint("socket/echo");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_zero_linger().unwrap();
        stream.write_all(&[head.as_bytes(), &ping].concat()).await.unwrap();
    }
    eventually("all handshakes have arrived and no call is left", || async {
        host.metric("plugin_host_connections_total").await >= 51.0
            && host.metric("plugin_host_in_flight_requests{plugin=\"socket\"}").await == 0.0
            && host.metric("plugin_host_connections").await <= 1.0
    })
    .await;
    host.post("/api/plugins/socket/reload").await.expect(200);
    eventually("the old generation has ended", || async {
        host.plugin("socket").await["generations"][0]["phase"] == "unmapped"
    })
    .await;
}
