//! A thread that sends spans in batches. Who records one never waits: what does not fit into the queue is left out and told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use host_run::{RecordSpan, Span, SpanSink};
use ureq::Agent;

use super::otlp::{self, Recorded};

/// As many spans wait to be sent.
const MAX_WAITING: usize = 4096;
/// As many are sent at once.
const MAX_BATCH: usize = 512;
/// How long spans wait for more to go with them.
const WAIT: Duration = Duration::from_secs(1);
/// How long the collector may take to take a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long is waited at the end for what is left.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is told that spans are lost.
const COMPLAINT: Duration = Duration::from_secs(60);

/// The export, under way.
pub(super) struct Export {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

enum Message {
    Span(Recorded),
    /// There will be no more; dropped when all are sent.
    End(SyncSender<()>),
}

struct Sink {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Export {
    /// Begins to send spans to the collector at `endpoint`, an address to which `/v1/traces` is added.
    pub(super) fn start(endpoint: &str) -> io::Result<Export> {
        let (to, from) = sync_channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let agent = Agent::config_builder().timeout_global(Some(SEND_TIMEOUT)).max_redirects(0).proxy(None).build();
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let sender = Sender { agent: agent.into(), url, lost: lost.clone(), complained: None };
        thread::Builder::new().name("spans".to_owned()).spawn(move || sender.run(&from))?;
        Ok(Export { to, lost })
    }

    pub(super) fn sink(&self) -> SpanSink {
        SpanSink::new(Sink { to: self.to.clone(), lost: self.lost.clone() })
    }

    /// Sends what is left. Blocks, at most [`END_TIMEOUT`].
    pub(super) fn end(self) {
        let (done, ended) = sync_channel(1);
        if self.to.try_send(Message::End(done)).is_ok() {
            let _ = ended.recv_timeout(END_TIMEOUT);
        }
    }
}

impl RecordSpan for Sink {
    fn record(&self, span: &Span<'_>) {
        if self.to.try_send(Message::Span(Recorded::of(span))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Sender {
    agent: Agent,
    url: String,
    lost: Arc<AtomicU64>,
    complained: Option<Instant>,
}

impl Sender {
    fn run(mut self, from: &Receiver<Message>) {
        let mut batch = vec![];
        let mut until = None::<Instant>;
        loop {
            let left = until.map_or(COMPLAINT, |until| until.saturating_duration_since(Instant::now()));
            let ended = match from.recv_timeout(left) {
                Ok(Message::Span(span)) => {
                    batch.push(span);
                    until.get_or_insert_with(|| Instant::now() + WAIT);
                    None
                }
                Ok(Message::End(done)) => Some(Some(done)),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(None),
            };
            if batch.len() >= MAX_BATCH || ended.is_some() || until.is_some_and(|until| until <= Instant::now()) {
                self.send(&batch);
                batch.clear();
                until = None;
            }
            self.complain(None);
            if ended.is_some() {
                return;
            }
        }
    }

    fn send(&mut self, batch: &[Recorded]) {
        if batch.is_empty() {
            return;
        }
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Err(error) = request.send(&otlp::request(batch)[..]) {
            self.lost.fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.complain(Some(error.to_string()));
        }
    }

    /// Says how many are lost, now and then.
    fn complain(&mut self, why: Option<String>) {
        if self.complained.is_some_and(|at| at.elapsed() < COMPLAINT) || self.lost.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.complained = Some(Instant::now());
        let (lost, why) = (self.lost.swap(0, Ordering::Relaxed), why.unwrap_or_else(|| "too many at once".to_owned()));
        tracing::warn!("{lost} spans did not reach the collector: {why}");
    }
}
