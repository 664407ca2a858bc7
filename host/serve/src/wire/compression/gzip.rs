//! A body that is compressed with gzip while it is sent.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::{Body, Frame};

use crate::wire::body::BodyError;

/// Level of compression: faster than the default level, 6.
const LEVEL: u32 = 4;
/// Number of bytes that are passed to the encoder at once.
const MAX_PIECE_BYTES: usize = 32 * 1024;
/// Number of bytes that are compressed before the task yields to the others of its thread.
const MAX_BYTES_PER_POLL: usize = 128 * 1024;
/// Number of bytes that a frame counts as, so that a body of empty frames yields, too.
const FRAME_COST_BYTES: usize = 64;
/// Number of compressed bytes that are sent at once, unless the body pauses.
const CHUNK_BYTES: usize = 8 * 1024;

/// A body and its compressed form. The encoder allocates 403 KiB: in zlib-rs 0.6, 64 KiB of window, 64 and 128 KiB of
/// hash chains, 64 and 48 KiB of output and symbols; in flate2, a buffer of 32 KiB; measured with 500 open encoders.
pub(crate) struct GzipBody<B> {
    body: B,
    /// `None` at the end.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Bytes that were read from the body and are not compressed yet.
    rest: Bytes,
    has_unsent: bool,
}

impl<B> GzipBody<B> {
    pub(crate) fn new(body: B) -> GzipBody<B> {
        let encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        GzipBody { body, encoder: Some(encoder), rest: Bytes::new(), has_unsent: false }
    }
}

impl<B> GzipBody<B>
where
    B: Body<Data = Bytes, Error = BodyError> + Unpin,
{
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut n_bytes = 0;
        loop {
            let Some(encoder) = &mut self.encoder else { return Poll::Ready(None) };
            if n_bytes >= MAX_BYTES_PER_POLL {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.rest.is_empty() {
                let piece = self.rest.split_to(self.rest.len().min(MAX_PIECE_BYTES));
                n_bytes += piece.len();
                encoder.write_all(&piece)?;
                self.has_unsent = true;
                if encoder.get_ref().len() >= CHUNK_BYTES {
                    return chunk(std::mem::take(encoder.get_mut()));
                }
                continue;
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.rest = frame.into_data().unwrap_or_default();
                    n_bytes += FRAME_COST_BYTES;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    let Some(encoder) = self.encoder.take() else { return Poll::Ready(None) };
                    return chunk(encoder.finish()?);
                }
                // The reader gets what the body has produced before its pause.
                Poll::Pending if std::mem::take(&mut self.has_unsent) => {
                    encoder.flush()?;
                    return chunk(std::mem::take(encoder.get_mut()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.encoder.is_none()
    }
}

fn chunk(bytes: Vec<u8>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
}
