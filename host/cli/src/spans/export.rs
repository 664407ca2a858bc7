//! A thread that sends spans in batches. Recording never blocks: spans that do not fit into the queue are dropped,
//! counted and logged.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use host_call::{RecordSpan, Span, SpanSink};
use ureq::Agent;

use super::otlp::{self, Recorded};

/// The capacity of the queue.
const MAX_WAITING: usize = 4096;
/// The maximum number of spans in a batch.
const MAX_BATCH: usize = 512;
/// How long a batch waits for more spans.
const WAIT: Duration = Duration::from_secs(1);
/// The time limit for sending a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the host waits for the remaining spans.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// The shortest interval between two warnings about lost spans.
const COMPLAINT: Duration = Duration::from_secs(60);

/// A running export.
pub(super) struct Export {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

enum Message {
    Span(Recorded),
    /// The end of the export; the sender is dropped when all spans are sent.
    End(SyncSender<()>),
}

struct Sink {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Export {
    /// Starts the export to the collector at `endpoint`, a URL without `/v1/traces`.
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

    /// Sends the remaining spans. Blocks for at most [`END_TIMEOUT`].
    pub(super) fn end(self) {
        let (done, ended) = sync_channel(1);
        if self.to.try_send(Message::End(done)).is_ok() {
            let _ = ended.recv_timeout(END_TIMEOUT);
        }
    }
}

impl RecordSpan for Sink {
    fn record(&self, span: &Span<'_>) {
        if self.to.try_send(Message::Span(Recorded::new(span))).is_err() {
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

    /// Logs the number of lost spans, at most once per [`COMPLAINT`].
    fn complain(&mut self, why: Option<String>) {
        if self.complained.is_some_and(|at| at.elapsed() < COMPLAINT) || self.lost.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.complained = Some(Instant::now());
        let (lost, why) =
            (self.lost.swap(0, Ordering::Relaxed), why.unwrap_or_else(|| "the queue was full".to_owned()));
        tracing::warn!("{lost} spans did not reach the collector: {why}");
    }
}
