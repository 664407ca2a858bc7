//! Requests to one endpoint on several connections, one after the other on each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
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

/// Until the last byte of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Of an answer that is looked into.
const MAX_KEPT_BYTES: usize = 16 << 10;
/// Before the next try when there is no connection.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What is asked, and where.
#[derive(Debug)]
pub(super) struct Target {
    address: (String, u16),
    /// For the head of each request.
    authority: String,
    /// The whole path, with the query.
    path: String,
}

/// What came of some requests. Each is either answered or failed.
#[derive(Default)]
pub(super) struct Tally {
    /// Those that ended as they should.
    pub(super) n_answered: u64,
    /// Those that did not.
    pub(super) n_failed: u64,
    /// What the failures were, in the order of their first.
    pub(super) failures: Vec<Kind>,
    /// How long the answered ones took to their last byte.
    pub(super) latencies: Latencies,
    /// The longest time between the ends of two answers that follow each other on one connection.
    pub(super) longest_pause: Duration,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Kind {
    /// What happened.
    pub(super) what: String,
    /// How often.
    pub(super) count: u64,
    /// In which round the first of them began.
    #[serde(rename = "reload")]
    pub(super) round: u32,
}

/// Requests that run until it is ended. Dropping it cuts them.
pub(super) struct Traffic {
    lines: JoinSet<Tally>,
    n_lines: usize,
    /// The number of the round, from 1; 0 ends the requests.
    round: watch::Sender<u32>,
    /// Says of each connection when a request that began in the newest round has ended.
    done: mpsc::UnboundedReceiver<u32>,
}

/// One connection.
struct Line {
    target: Arc<Target>,
    expected: StatusCode,
    tally: Tally,
    /// When its newest answer ended.
    last_answer: Option<Instant>,
    open: Option<Open>,
}

/// A connection that can be asked.
struct Open {
    sender: SendRequest<Empty<Bytes>>,
    /// Reads and writes for as long as it lives.
    _driver: JoinSet<hyper::Result<()>>,
}

impl Target {
    /// An endpoint of the host at `url`.
    ///
    /// # Errors
    /// The address is none.
    pub(super) fn new(url: &str, path: String) -> Result<Target, Failure> {
        let url: Url = url.parse().map_err(|error| Failure::of("the address is none", &error))?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Failure::usage(format!("`{url}` is not the address of a host")));
        };
        let authority = format!("{host}:{port}");
        // An IPv6 address has brackets in a URL only.
        Ok(Target { address: (host.trim_matches(['[', ']']).to_owned(), port), authority, path })
    }

    /// Asks once on a connection of its own. Gives the first [`MAX_KEPT_BYTES`] of the answer too.
    ///
    /// # Errors
    /// Why there was no whole answer within `timeout`.
    pub(super) async fn ask_once(&self, timeout: Duration) -> Result<(StatusCode, Vec<u8>), String> {
        let mut body = Vec::new();
        let keep = |data: &[u8]| body.extend_from_slice(&data[..data.len().min(MAX_KEPT_BYTES - body.len())]);
        let status = ask(self, &mut None, timeout, keep).await?;
        Ok((status, body))
    }
}

impl Traffic {
    /// Starts asking on `n_lines` connections. A status that is not `expected` is a failure.
    pub(super) fn start(target: Target, expected: StatusCode, n_lines: usize) -> Traffic {
        let target = Arc::new(target);
        let (round, current) = watch::channel(1);
        let (tell, done) = mpsc::unbounded_channel();
        let mut lines = JoinSet::new();
        for _ in 0..n_lines {
            let (target, tally) = (target.clone(), Tally::default());
            let line = Line { target, expected, tally, last_answer: None, open: None };
            lines.spawn(line.run(current.clone(), tell.clone()));
        }
        Traffic { lines, n_lines, round, done }
    }

    /// Begins the next round.
    pub(super) fn next_round(&mut self) {
        self.round.send_modify(|round| *round += 1);
    }

    /// Waits until each connection has seen the end of a request that began in this round. To be called once a round,
    /// and not cancel safe.
    pub(super) async fn all_asked(&mut self) {
        let round = *self.round.borrow();
        let mut n_done = 0;
        while n_done < self.n_lines {
            match self.done.recv().await {
                Some(done) => n_done += usize::from(done == round),
                // Only when they have all ended.
                None => break,
            }
        }
    }

    /// Lets the requests under way end, and gives what came of all.
    pub(super) async fn end(mut self) -> Tally {
        self.round.send_replace(0);
        let mut all = Tally::default();
        while let Some(ended) = self.lines.join_next().await {
            // They neither panic nor are cancelled.
            if let Ok(tally) = ended {
                all.add(tally);
            }
        }
        all
    }
}

impl Line {
    async fn run(mut self, current: watch::Receiver<u32>, tell: mpsc::UnboundedSender<u32>) -> Tally {
        let mut told = 0;
        loop {
            let round = *current.borrow();
            if round == 0 {
                return self.tally;
            }
            self.ask(round).await;
            if round != told {
                told = round;
                let _ = tell.send(round);
            }
        }
    }

    async fn ask(&mut self, round: u32) {
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
        self.tally.failed(Kind { what: failed, count: 1, round });
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

    fn failed(&mut self, kind: Kind) {
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

/// Asks, and reads the whole answer, each piece of which `data` sees. What goes wrong with the connection closes it.
async fn ask(
    target: &Target,
    open: &mut Option<Open>,
    timeout: Duration,
    mut data: impl FnMut(&[u8]),
) -> Result<StatusCode, String> {
    // Out of its place until it has answered, so that whatever ends this ends the connection too.
    let mut connection = open.take();
    let asking = async {
        if let Some(open) = &mut connection
            && open.sender.ready().await.is_err()
        {
            // The host closed it between two requests, as it may.
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
        let answer = open.sender.send_request(request).await.map_err(|error| chain("no answer", &error))?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| chain("the answer broke off", &error))?;
            frame.data_ref().into_iter().for_each(|bytes| data(bytes));
        }
        Ok((status, open))
    };
    let answered = tokio::time::timeout(timeout, asking).await;
    let answered = answered.unwrap_or_else(|_| Err(format!("no whole answer within {} s", timeout.as_secs())));
    answered.map(|(status, answered)| {
        *open = Some(answered);
        status
    })
}

async fn connect(target: &Target) -> Result<Open, String> {
    let (host, port) = &target.address;
    let stream = TcpStream::connect((host.as_str(), *port)).await;
    let stream = stream.map_err(|error| chain("failed to connect", &error))?;
    // Else small requests wait for each other's acknowledgement.
    stream.set_nodelay(true).map_err(|error| chain("failed to connect", &error))?;
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| chain("failed to connect", &error))?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    Ok(Open { sender, _driver: driver })
}

/// An error with its causes in one line.
fn chain(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let failure = Failure::of(what, error);
    std::iter::once(failure.message).chain(failure.details).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
