//! The body of an answer, on its way to the caller.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use host_load::{AnswerBody, BodyFailure, CallError};
use http_body::{Body, Frame, SizeHint};

use crate::admission::Admitted;

/// The body of a plugin's answer. One that the plugin still makes holds the admission until its last byte was taken,
/// so that the generation is not stopped under it; it ends with an error when the generation is cut.
#[derive(Debug)]
pub struct CallBody(Kind);

#[derive(Debug)]
enum Kind {
    /// All bytes are there; they hold what they need themselves.
    Whole(AnswerBody),
    Stream {
        live: Arc<Live>,
        cut: Option<Cut>,
    },
    Ended,
}

/// A stream, and the admission it holds; `None` once it was cut.
#[derive(Debug)]
pub(crate) struct Live(Mutex<Option<(AnswerBody, Admitted)>>);

struct Cut(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cut")
    }
}

/// The streams of a generation. A caller that does not read leaves its stream unpolled, so it could not notice the
/// cut by itself.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<Vec<Weak<Live>>>);

impl Streams {
    fn add(&self, live: &Arc<Live>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whenever the list would grow, those that have ended go first.
        if all.len() == all.capacity() {
            all.retain(|live| live.strong_count() > 0);
        }
        all.push(Arc::downgrade(live));
    }

    /// Ends every stream that is not being polled right now; those are told by the cut itself.
    pub(crate) fn cut(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for live in all.iter().filter_map(Weak::upgrade) {
            let taken = match live.0.try_lock() {
                Ok(mut live) => live.take(),
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
                Err(TryLockError::WouldBlock) => None,
            };
            drop(taken);
        }
    }
}

impl CallBody {
    pub(crate) fn new(body: AnswerBody, admitted: Admitted) -> CallBody {
        if !body.is_stream() {
            return CallBody(Kind::Whole(body));
        }
        let generation = admitted.generation.clone();
        let live = Arc::new(Live(Mutex::new(Some((body, admitted)))));
        generation.streams.add(&live);
        CallBody(Kind::Stream { live, cut: None })
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let (live, cut) = match &mut self.0 {
            Kind::Whole(body) => return Pin::new(body).poll_frame(context),
            Kind::Ended => return Poll::Ready(None),
            Kind::Stream { live, cut } => (live, cut),
        };
        let polled = live.poll(cut, context);
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            // The plugin's stream goes before the admission that keeps its generation from being stopped.
            self.0 = Kind::Ended;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Stream { .. } => false,
            Kind::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Stream { .. } => SizeHint::default(),
            Kind::Ended => SizeHint::with_exact(0),
        }
    }
}

impl Live {
    fn poll(
        &self,
        cut: &mut Option<Cut>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((body, admitted)) = live.as_mut() else { return Poll::Ready(Some(Err(cut_off()))) };
        if admitted.generation.cut.is_cancelled() {
            return Poll::Ready(Some(Err(cut_off())));
        }
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => {
                let generation = &admitted.generation;
                if matches!(error.0, CallError::Panicked(_)) {
                    generation.panics.inc();
                }
                let number = generation.number;
                tracing::error!(plugin.id = %generation.id, generation = number, "the body stream failed: {}", error.0);
                generation.note("error", &format!("body stream: {}", error.0));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => {
                let token = &admitted.generation.cut;
                let waits = cut.get_or_insert_with(|| Cut(Box::pin(token.clone().cancelled_owned())));
                std::task::ready!(waits.0.as_mut().poll(context));
                Poll::Ready(Some(Err(cut_off())))
            }
            ready => ready,
        }
    }
}

fn cut_off() -> BodyFailure {
    BodyFailure(CallError::Failed("the generation was replaced and its drain timeout has passed".to_owned()))
}
