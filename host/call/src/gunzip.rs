//! Request bodies that are compressed with gzip. The limit of a body applies to its compressed and its decoded form.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::refusal::CallRefusal;
use crate::request::IncomingBody;

/// Number of compressed bytes for each step. gzip expands at most about 1000 times, so that a step exceeds the limit by
/// at most 64 KiB.
const STEP_BYTES: usize = 64;
/// Number of decoded bytes that are passed on at once, unless the client pauses.
const CHUNK_BYTES: usize = 16 * 1024;
/// Number of decoded bytes after which the task yields to the others of its thread.
const MAX_BYTES_PER_POLL: usize = 256 * 1024;
/// Number of decoded bytes that a compressed byte counts as when the task decides to yield. Each member of 20 bytes
/// costs a few microseconds, even if it is empty.
const BYTE_COST: usize = 16;

/// The reason why a body was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum GunzipError {
    /// It has more than the maximum number of bytes.
    TooLarge,
    /// It is not a complete gzip stream.
    Invalid,
}

/// Decodes a whole body of at most `max_bytes`.
///
/// # Errors
/// [`GunzipError`].
pub fn gunzip(bytes: &[u8], max_bytes: usize) -> Result<Bytes, GunzipError> {
    let mut decoder = MultiGzDecoder::new(Vec::new());
    for step in bytes.chunks(STEP_BYTES) {
        decoder.write_all(step).map_err(|_| GunzipError::Invalid)?;
        if decoder.get_ref().len() > max_bytes {
            return Err(GunzipError::TooLarge);
        }
    }
    let decoded = decoder.finish().map_err(|_| GunzipError::Invalid)?;
    if decoded.len() > max_bytes { Err(GunzipError::TooLarge) } else { Ok(decoded.into()) }
}

/// A body that is decoded while it is read. The size of the decoded form is limited by its reader.
pub(crate) struct GunzipBody {
    body: UnsyncBoxBody<Bytes, String>,
    /// `None` at the end.
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    /// Compressed bytes that were read and are not decoded yet.
    rest: Bytes,
    /// True once the body has a byte. An empty body is not decoded.
    has_begun: bool,
    /// Number of compressed bytes that may still follow.
    left: u64,
    /// Number of bytes since the task has yielded, see [`MAX_BYTES_PER_POLL`].
    n_bytes: usize,
    flaws: GunzipFlaws,
}

/// The flaws of a body that were found while it was decoded.
#[derive(Clone, Default)]
pub(crate) struct GunzipFlaws(Arc<Flaws>);

#[derive(Default)]
struct Flaws {
    too_large: AtomicBool,
    invalid: AtomicBool,
}

impl GunzipFlaws {
    /// Returns the refusal of the call; `None` if no flaw was found.
    pub(crate) fn refusal(&self, max_bytes: u64) -> Option<CallRefusal> {
        if self.0.invalid.load(Ordering::Acquire) {
            return Some(CallRefusal::BodyNotGzip);
        }
        self.0.too_large.load(Ordering::Acquire).then_some(CallRefusal::BodyTooLarge(max_bytes))
    }
}

impl GunzipBody {
    /// Decodes `body`, which has at most `max_bytes` in its compressed form.
    pub(crate) fn new(body: impl IncomingBody, max_bytes: u64, flaws: GunzipFlaws) -> GunzipBody {
        GunzipBody {
            // Boxed, so that a call with a decoded body is compiled once for all kinds of bodies.
            body: body.map_err(|error| error.to_string()).boxed_unsync(),
            decoder: Some(MultiGzDecoder::new(Vec::new())),
            rest: Bytes::new(),
            has_begun: false,
            left: max_bytes,
            n_bytes: 0,
            flaws,
        }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(None) };
            if self.n_bytes >= MAX_BYTES_PER_POLL {
                self.n_bytes = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if decoder.get_ref().len() >= CHUNK_BYTES {
                return self.decoded();
            }
            if !self.rest.is_empty() {
                let step = self.rest.split_to(self.rest.len().min(STEP_BYTES));
                self.n_bytes += step.len() * BYTE_COST;
                if decoder.write_all(&step).is_err() {
                    return self.invalid();
                }
                continue;
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.rest = frame.into_data().unwrap_or_default();
                    self.has_begun |= !self.rest.is_empty();
                    let Some(left) = self.left.checked_sub(self.rest.len() as u64) else {
                        self.flaws.0.too_large.store(true, Ordering::Release);
                        return self.failed("the body is too large".to_owned());
                    };
                    self.left = left;
                }
                Poll::Ready(Some(Err(error))) => return self.failed(error),
                Poll::Ready(None) if !self.has_begun => self.decoder = None,
                Poll::Ready(None) => {
                    if decoder.try_finish().is_err() {
                        return self.invalid();
                    }
                    let decoded = std::mem::take(decoder.get_mut());
                    self.decoder = None;
                    if !decoded.is_empty() {
                        return Poll::Ready(Some(Ok(decoded.into())));
                    }
                }
                Poll::Pending => {
                    self.n_bytes = 0;
                    // The reader gets what the client has sent before its pause.
                    if decoder.flush().is_err() {
                        return self.invalid();
                    }
                    return if decoder.get_ref().is_empty() { Poll::Pending } else { self.decoded() };
                }
            }
        }
    }

    fn decoded(&mut self) -> Poll<Option<Result<Bytes, String>>> {
        let decoded = self.decoder.as_mut().map(|decoder| std::mem::take(decoder.get_mut())).unwrap_or_default();
        self.n_bytes += decoded.len();
        Poll::Ready(Some(Ok(decoded.into())))
    }

    fn invalid(&mut self) -> Poll<Option<Result<Bytes, String>>> {
        self.flaws.0.invalid.store(true, Ordering::Release);
        self.failed("the body is not valid gzip".to_owned())
    }

    fn failed(&mut self, error: String) -> Poll<Option<Result<Bytes, String>>> {
        self.decoder = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for GunzipBody {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        self.poll_chunk(context).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.is_none()
    }
}

#[cfg(test)]
mod tests;
