//! Bodies that stream through the host, in both directions.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

use crate::fetch::{allowed, fetch};
use crate::server::{Server, echo, redirect, text};

const CHUNK: usize = 64 * 1024;

/// A body of chunks that counts the polled chunks and reports when it is dropped.
struct Counted {
    left: usize,
    taken: Arc<AtomicUsize>,
    dropped: Option<oneshot::Sender<()>>,
    fails: bool,
}

impl Counted {
    fn new(n_chunks: usize) -> (Counted, Arc<AtomicUsize>, oneshot::Receiver<()>) {
        let (dropped, is_dropped) = oneshot::channel();
        let taken = Arc::new(AtomicUsize::new(0));
        (Counted { left: n_chunks, taken: taken.clone(), dropped: Some(dropped), fails: false }, taken, is_dropped)
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        if self.left == 0 {
            return Poll::Ready(self.fails.then(|| Err("the plugin's disk burns".to_owned())));
        }
        self.left -= 1;
        self.taken.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; CHUNK])))))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let _ = self.dropped.take().map(|dropped| dropped.send(()));
    }
}

#[tokio::test]
async fn a_large_response_is_read_at_the_pace_of_the_plugin() {
    // 4 GiB: more than any buffer on the way.
    let (body, taken, is_dropped) = Counted::new(1 << 16);
    let body = std::sync::Mutex::new(Some(body));
    let body = Arc::new(body);
    let server = Server::start(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Response::new(body.boxed_unsync()) }
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let mut answer = plugin.send(fetch("GET", &server.url("/")).request()).await.into_body();
    for _ in 0..10 {
        assert!(!answer.frame().await.unwrap().unwrap().into_data().unwrap().is_empty());
    }
    drop(answer);
    // The connection is closed with the response, so the server stops as well.
    is_dropped.await.unwrap();
    let taken = taken.load(Ordering::SeqCst) * CHUNK;
    assert!(taken < 64 << 20, "{taken} bytes were on the way");
}

#[tokio::test]
async fn a_large_body_is_sent_at_the_pace_of_the_server() {
    let server = Server::start(|request| async move {
        // Only the first chunk is read; the response arrives while the rest waits.
        let mut body = request.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(!first.is_empty());
        // Neither read nor closed, as by a busy server.
        std::mem::forget(body);
        text("enough")
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let (body, taken, is_dropped) = Counted::new(1 << 16);
    let request = fetch("POST", &server.url("/")).with(|request| request.body = body.boxed_unsync());
    let answer = plugin.send(request.request()).await;
    assert_eq!(answer.status(), 200);
    drop(answer);
    is_dropped.await.unwrap();
    let taken = taken.load(Ordering::SeqCst) * CHUNK;
    assert!(taken < 64 << 20, "{taken} bytes were on the way");
}

#[tokio::test]
async fn a_streamed_body_keeps_the_length_of_the_plugin() {
    let server = Server::start(|request| async move {
        let (head, body) = request.into_parts();
        let length = head.headers.get("content-length").map(|length| length.to_str().unwrap().to_owned());
        text(format!("{length:?} {}", body.collect().await.unwrap().to_bytes().len()))
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let stream = |n_chunks| {
        fetch("POST", &server.url("/")).with(|request| request.body = Counted::new(n_chunks).0.boxed_unsync())
    };
    assert_eq!(stream(100).of(&plugin).await.text(), format!("None {}", 100 * CHUNK));
    let said = (100 * CHUNK).to_string();
    assert_eq!(stream(100).header("content-length", &said).of(&plugin).await.text(), format!("Some({said:?}) {said}"));
    let whole = fetch("POST", &server.url("/")).bytes(vec![0; 200_000]);
    assert_eq!(whole.of(&plugin).await.text(), "Some(\"200000\") 200000");
    let twice = stream(1).header("content-length", "1").header("content-length", "1");
    assert_eq!(twice.of(&plugin).await.refusal().1, "service_bad_request");
}

#[tokio::test]
async fn a_failed_body_is_a_failure_of_the_plugin() {
    let server = Server::start(echo).await;
    let (_host, plugin) = allowed(&[&server]).await;
    let (mut body, ..) = Counted::new(1);
    body.fails = true;
    let request = fetch("POST", &server.url("/")).with(|request| request.body = body.boxed_unsync());
    let (status, code, detail) = request.of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (400, "service_body"));
    assert!(detail.contains("the plugin's disk burns"), "{detail}");
}

#[tokio::test]
async fn a_streamed_body_is_not_sent_twice() {
    let server = Server::start(|request| async move {
        let _ = request.into_body().collect().await;
        redirect(307, "/again")
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let request = fetch("POST", &server.url("/")).with(|request| request.body = Counted::new(2).0.boxed_unsync());
    let answer = request.of(&plugin).await;
    assert_eq!((answer.status, answer.header("location")), (307, "/again"));
}

#[tokio::test]
async fn a_stalled_response_fails_at_the_deadline() {
    struct Stalls(bool);
    impl http_body::Body for Stalls {
        type Data = Bytes;
        type Error = String;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"first")))))
        }
    }
    let server = Server::start(|_| async { Response::new(Stalls(false).boxed_unsync()) }).await;
    let (_host, plugin) = allowed(&[&server]).await;
    let request = fetch("GET", &server.url("/")).with(|request| request.timeout = Some(Duration::from_secs(2)));
    let mut answer = plugin.send(request.request()).await.into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    let error = answer.frame().await.unwrap().unwrap_err();
    assert!(error.starts_with("fetch_timed_out: ") && error.contains("timed out after 2 s"), "{error}");
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn a_cancelled_fetch_closes_its_connection() {
    let (asked, is_asked) = oneshot::channel();
    let (gone, is_gone) = oneshot::channel::<()>();
    let channels = Arc::new(std::sync::Mutex::new(Some((asked, gone))));
    let server = Server::start(move |_| {
        let (asked, gone) = channels.lock().unwrap().take().unwrap();
        async move {
            asked.send(()).unwrap();
            // Held until the connection is gone.
            let _gone = gone;
            std::future::pending().await
        }
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    tokio::select! {
        answer = plugin.send(fetch("GET", &server.url("/")).request()) => panic!("{answer:?}"),
        asked = is_asked => asked.unwrap(),
    }
    assert!(is_gone.await.is_err());
}

#[tokio::test]
async fn a_cancelled_fetch_drops_the_body_of_the_plugin() {
    let (asked, is_asked) = oneshot::channel();
    let asked = Arc::new(std::sync::Mutex::new(Some(asked)));
    let server = Server::start(move |request| {
        let asked = asked.lock().unwrap().take().unwrap();
        async move {
            asked.send(request).unwrap();
            std::future::pending().await
        }
    })
    .await;
    let (_host, plugin) = allowed(&[&server]).await;
    let (body, _, is_dropped) = Counted::new(1 << 16);
    let request = fetch("POST", &server.url("/")).with(|request| request.body = body.boxed_unsync()).request();
    let _unread = tokio::select! {
        answer = plugin.send(request) => panic!("{answer:?}"),
        asked = is_asked => asked.unwrap(),
    };
    assert!(is_dropped.await.is_ok());
}
