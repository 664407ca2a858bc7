//! WebSockets whose plugin is replaced while they are busy, or do not end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::host::{TestHost, eventually};
use crate::websocket::open;

/// The close code of a plugin that is replaced.
const GOING_AWAY: u16 = 1001;

#[tokio::test]
async fn at_each_reload_busy_sockets_end_with_a_close_frame_and_can_be_opened_again() {
    let host = Arc::new(TestHost::start().await);
    host.load("socket").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let n_messages = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (host, is_over, n_messages) = (host.clone(), is_over.clone(), n_messages.clone());
            tokio::spawn(async move {
                let mut n_closed = 0;
                while !is_over.load(Ordering::Relaxed) {
                    n_closed += usize::from(echoes_until_closed(&host, &is_over, &n_messages).await);
                }
                n_closed
            })
        })
        .collect();
    for _ in 0..3 {
        let before = n_messages.load(Ordering::Relaxed);
        eventually("the load goes on", async || n_messages.load(Ordering::Relaxed) > before + 100).await;
        host.post("/api/plugins/socket/reload").await.expect(200);
    }
    let before = n_messages.load(Ordering::Relaxed);
    eventually("the new version is reached", async || n_messages.load(Ordering::Relaxed) > before + 100).await;
    is_over.store(true, Ordering::Relaxed);
    let mut n_closed = 0;
    for client in clients {
        n_closed += client.await.unwrap();
    }
    assert!(n_closed >= 3, "{n_closed} sockets were closed by a reload");
    eventually("the old generations have ended", async || {
        let plugin = host.plugin("socket").await;
        let generations = plugin["generations"].as_array().unwrap();
        generations.iter().filter(|generation| generation["phase"] != "unmapped").count() == 1
    })
    .await;
}

/// Sends numbers, each after the answer to the one before. Returns true if the host has closed the socket.
async fn echoes_until_closed(host: &TestHost, is_over: &AtomicBool, n_messages: &AtomicUsize) -> bool {
    let mut socket = open(host, "socket/echo").await;
    for number in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return false;
        }
        // The socket may be closing.
        let _ = socket.send(Message::text(number.to_string())).await;
        match socket.next().await.expect("a socket ends with a close frame").expect("a socket ends in order") {
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), GOING_AWAY);
                assert!(socket.next().await.is_none_or(|end| end.is_err()));
                return true;
            }
            message => assert_eq!(message.into_text().unwrap(), number.to_string()),
        }
        n_messages.fetch_add(1, Ordering::Relaxed);
    }
    unreachable!("the numbers do not end")
}

#[tokio::test]
async fn a_socket_that_outlasts_the_drain_is_disconnected() {
    let host = TestHost::with(&["--drain-timeout-seconds", "1"]).await;
    host.load("socket").await;
    let mut within = open(&host, "socket/echo").await;
    // Half of a frame: the close frame has to wait for the rest, which never comes.
    within.get_mut().write_all(&[0x81, 0x82, 0, 0, 0, 0, b'a']).await.unwrap();
    host.post("/api/plugins/socket/reload").await.expect(200);
    while within.next().await.is_some_and(|message| message.is_ok()) {}
    eventually("the old generation has ended", async || {
        host.plugin("socket").await["generations"][0]["phase"] == "unmapped"
    })
    .await;
    open(&host, "socket/echo").await;
}
