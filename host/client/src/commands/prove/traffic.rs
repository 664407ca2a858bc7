//! Generates load: sequential requests to one endpoint on several connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_core::Span;
use http::header::{HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use url::Url;

use super::latency::Latencies;
use crate::failure::Failure;

/// Time limit until the last byte of a response.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum length of a response body that is kept.
const MAX_KEPT_BYTES: usize = 16 << 10;
/// Delay before a failed connection is retried.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The host and path of the requests.
#[derive(Debug)]
pub(super) struct Target {
    address: (String, u16),
    /// The `Host` header.
    authority: String,
    /// The path with the query.
    path: String,
}

/// The outcome of requests. Each request is either answered or failed.
#[derive(Default)]
pub(super) struct Tally {
    /// Number of requests with the expected status.
    pub(super) n_answered: u64,
    /// Number of failed requests.
    pub(super) n_failed: u64,
    /// The failure kinds, in the order of their first occurrence.
    pub(super) failures: Vec<FailureKind>,
    /// The time to the last byte of answered requests.
    pub(super) latencies: Latencies,
    /// The longest time between the ends of two consecutive responses on one connection.
    pub(super) longest_pause: Duration,
}

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct FailureKind {
    /// The description.
    pub(super) what: String,
    /// The number of occurrences.
    pub(super) count: u64,
    /// The round in which it occurred first.
    #[serde(rename = "reload")]
    pub(super) round: u32,
}

/// Running load. A round is the time from one reload to the next. Dropping the value aborts the requests.
pub(super) struct Traffic {
    lines: JoinSet<Tally>,
    n_lines: usize,
    /// The number of the round, starting at 1; 0 ends the load.
    round: watch::Sender<u32>,
    /// Receives the round number once per connection when a request of that round has ended.
    done: mpsc::UnboundedReceiver<u32>,
}

/// The requests on one connection.
struct RequestLoop {
    target: Arc<Target>,
    expected: StatusCode,
    tally: Tally,
    /// The end of the newest response.
    last_answer: Option<Instant>,
    open: Option<OpenConnection>,
}

/// An open connection.
struct OpenConnection {
    sender: SendRequest<Empty<Bytes>>,
    /// Drives the connection until it is dropped.
    _driver: JoinSet<hyper::Result<()>>,
}

impl Target {
    /// Creates the target for a path on the host at `url`.
    ///
    /// # Errors
    /// The URL is invalid.
    pub(super) fn new(url: &str, path: String) -> Result<Target, Failure> {
        let url: Url = url.parse().map_err(|error| Failure::from_error("invalid URL", &error))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Failure::usage(format!("`{url}` is not the URL of a host")));
        };
        let authority = format!("{host}:{port}");
        // Brackets of an IPv6 address belong to the URL only.
        Ok(Target { address: (host.trim_matches(['[', ']']).to_owned(), port), authority, path })
    }

    /// Sends one request on a new connection. Returns the status and the first [`MAX_KEPT_BYTES`] of the body.
    ///
    /// # Errors
    /// There was no complete response within `timeout`.
    pub(super) async fn ask_once(&self, timeout: Duration) -> Result<(StatusCode, Vec<u8>), String> {
        let mut body = Vec::new();
        let keep = |data: &[u8]| body.extend_from_slice(&data[..data.len().min(MAX_KEPT_BYTES - body.len())]);
        let status = ask(self, &mut None, timeout, keep).await?;
        Ok((status, body))
    }
}

impl Traffic {
    /// Starts requests on `n_lines` connections. A status other than `expected` is a failure.
    pub(super) fn start(target: Target, expected: StatusCode, n_lines: usize) -> Traffic {
        let target = Arc::new(target);
        let (round, current) = watch::channel(1);
        let (tell, done) = mpsc::unbounded_channel();
        let mut lines = JoinSet::new();
        for _ in 0..n_lines {
            let target = target.clone();
            let tally = Tally::default();
            let line = RequestLoop { target, expected, tally, last_answer: None, open: None };
            lines.spawn(line.run(current.clone(), tell.clone()));
        }
        Traffic { lines, n_lines, round, done }
    }

    /// Starts the next round.
    pub(super) fn next_round(&mut self) {
        self.round.send_modify(|round| *round += 1);
    }

    /// Waits until a request of the current round has ended on each connection. May be called once per round; not
    /// cancel safe.
    pub(super) async fn all_asked(&mut self) {
        let round = *self.round.borrow();
        let mut n_done = 0;
        while n_done < self.n_lines {
            match self.done.recv().await {
                Some(done) => n_done += usize::from(done == round),
                // All connections have ended.
                None => break,
            }
        }
    }

    /// Ends the load after the current requests and returns the outcome of all requests.
    pub(super) async fn end(mut self) -> Tally {
        self.round.send_replace(0);
        let mut all = Tally::default();
        while let Some(ended) = self.lines.join_next().await {
            // The tasks neither panic nor are cancelled.
            if let Ok(tally) = ended {
                all.add(tally);
            }
        }
        all
    }
}

impl RequestLoop {
    async fn run(mut self, current: watch::Receiver<u32>, tell: mpsc::UnboundedSender<u32>) -> Tally {
        let mut reported = 0;
        loop {
            let round = *current.borrow();
            if round == 0 {
                return self.tally;
            }
            self.send(round).await;
            if round != reported {
                reported = round;
                let _ = tell.send(round);
            }
        }
    }

    async fn send(&mut self, round: u32) {
        let started = Instant::now();
        let failed = match ask(&self.target, &mut self.open, ANSWER_TIMEOUT, |_| {}).await {
            Ok(status) if status == self.expected => {
                let now = Instant::now();
                self.tally.answered(now - started, self.last_answer.replace(now).map(|last| now - last));
                return;
            }
            Ok(status) => format!("answered {} instead of {}", status.as_u16(), self.expected.as_u16()),
            Err(what) => what,
        };
        self.tally.failed(FailureKind { what: failed, count: 1, round });
        if self.open.is_none() {
            tokio::time::sleep(CONNECT_AGAIN_AFTER).await;
        }
    }
}

impl Tally {
    fn answered(&mut self, latency: Duration, pause: Option<Duration>) {
        self.n_answered += 1;
        self.latencies.add(latency);
        self.longest_pause = self.longest_pause.max(pause.unwrap_or_default());
    }

    fn failed(&mut self, kind: FailureKind) {
        self.n_failed += kind.count;
        match self.failures.iter_mut().find(|other| other.what == kind.what) {
            Some(other) => {
                other.count += kind.count;
                other.round = other.round.min(kind.round);
            }
            None => self.failures.push(kind),
        }
    }

    fn add(&mut self, other: Tally) {
        self.n_answered += other.n_answered;
        self.latencies.add_all(&other.latencies);
        self.longest_pause = self.longest_pause.max(other.longest_pause);
        other.failures.into_iter().for_each(|kind| self.failed(kind));
        self.failures.sort_by_key(|kind| kind.round);
    }
}

/// Sends a request and passes each part of the body to `data`. An error closes the connection.
async fn ask(
    target: &Target,
    open: &mut Option<OpenConnection>,
    timeout: Duration,
    mut data: impl FnMut(&[u8]),
) -> Result<StatusCode, String> {
    // Taken out until the response is complete, so that an error, timeout or cancellation drops the connection.
    let mut connection = open.take();
    let asking = async {
        if let Some(open) = &mut connection
            && open.sender.ready().await.is_err()
        {
            // The host may close a connection between two requests.
            connection = None;
        }
        let mut open = match connection {
            Some(open) => open,
            None => connect(target).await?,
        };
        let request = Request::get(&target.path)
            .header(HOST, &target.authority)
            .header(USER_AGENT, concat!("plugin-host/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let answer = open.sender.send_request(request).await.map_err(|error| chain("no response", &error))?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| chain("incomplete response", &error))?;
            frame.data_ref().into_iter().for_each(|bytes| data(bytes));
        }
        Ok((status, open))
    };
    let answered = tokio::time::timeout(timeout, asking).await;
    let answered = answered.unwrap_or_else(|_| Err(format!("no complete response within {}", Span::new(timeout))));
    answered.map(|(status, answered)| {
        *open = Some(answered);
        status
    })
}

async fn connect(target: &Target) -> Result<OpenConnection, String> {
    let (host, port) = &target.address;
    let stream = TcpStream::connect((host.as_str(), *port)).await;
    let stream = stream.map_err(|error| chain("failed to connect", &error))?;
    // Nagle's algorithm would delay small requests until the previous one is acknowledged.
    stream.set_nodelay(true).map_err(|error| chain("failed to connect", &error))?;
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| chain("failed to connect", &error))?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    Ok(OpenConnection { sender, _driver: driver })
}

/// Formats an error and its causes in one line.
fn chain(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let failure = Failure::from_error(what, error);
    std::iter::once(failure.message).chain(failure.details).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
