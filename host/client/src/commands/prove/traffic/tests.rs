use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;

use super::*;

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const LAST: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// Sends each connection its responses and closes it; the last connection continues. Signals when all were requested.
fn serve(listener: TcpListener, connections: &'static [&[&str]], served: oneshot::Sender<()>) {
    for (number, answers) in connections.iter().enumerate() {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut asked = || lines.by_ref().map_while(Result::ok).find(String::is_empty).is_some();
        for answer in *answers {
            assert!(asked(), "the connection ended before all was asked");
            stream.write_all(answer.as_bytes()).unwrap();
        }
        if number + 1 < connections.len() {
            // Closed only during a request, since a close between two requests is not a failure.
            if !answers.last().is_some_and(|answer| [CUT, LAST].contains(answer)) {
                asked();
            }
            continue;
        }
        let _ = served.send(());
        while asked() {
            let _ = stream.write_all(WHOLE.as_bytes());
        }
        return;
    }
}

#[tokio::test]
async fn each_request_is_counted_as_answered_or_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new(&format!("http://{}", listener.local_addr().unwrap()), "/x".to_owned()).unwrap();
    let (served, all) = oneshot::channel();
    let connections: &[&[&str]] = &[&[WHOLE, BUSY, CUT], &[WHOLE, LAST], &[BUSY], &[WHOLE, WHOLE]];
    let server = std::thread::spawn(move || serve(listener, connections, served));

    let mut traffic = Traffic::start(target, StatusCode::OK, 1);
    traffic.all_asked().await;
    all.await.unwrap();
    traffic.next_round();
    traffic.all_asked().await;
    let tally = traffic.end().await;
    server.join().unwrap();

    let failures: Vec<_> = tally.failures.iter().map(|kind| (kind.what.as_str(), kind.count)).collect();
    let expected = [
        ("answered 503 instead of 200", 2),
        ("incomplete response: error reading a body from connection: end of file before message length reached", 1),
        ("no response: connection closed before message completed", 1),
    ];
    assert_eq!(failures, expected);
    assert_eq!(tally.n_failed, 4);
    assert!(tally.n_answered >= 6, "{}", tally.n_answered);
    assert!(tally.latencies.quantile(0.5).is_some() && tally.longest_pause > Duration::ZERO);
}

#[tokio::test]
async fn each_refused_connection_is_a_failure() {
    // Bound but not listening, so that the port is reserved and connections are refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let target = Target::new(&format!("http://{}", socket.local_addr().unwrap()), "/x".to_owned()).unwrap();
    let mut traffic = Traffic::start(target, StatusCode::OK, 2);
    traffic.all_asked().await;
    let tally = traffic.end().await;
    assert_eq!((tally.n_answered, tally.failures.len()), (0, 1));
    assert_eq!(tally.failures[0].what, "failed to connect: Connection refused (os error 111)");
    assert!(tally.n_failed >= 2);
}
