//! Bounded reading of multipart forms.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::Stream;

/// Maximum number of bytes between two files of a form: boundaries, headers, and other fields.
pub(crate) const MAX_BETWEEN_FILES: u64 = 64 * 1024;
/// Maximum number of bytes between two files that the parser gets at once. A chunk of the body may be larger than
/// [`MAX_BETWEEN_FILES`], although most of it belongs to the file that follows.
const PIECE_BYTES: usize = 4 * 1024;

/// The number of bytes that may still be read.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AllowanceState>);

#[derive(Debug)]
struct AllowanceState {
    left: AtomicU64,
    is_exceeded: AtomicBool,
}

/// A body that is read as long as its [`Allowance`] lasts, one chunk at a time.
///
/// The parser reads until its source is pending and buffers everything, up to the whole form. Here it gets a chunk and
/// must parse it before it gets the next one.
struct BoundedBody {
    body: BodyDataStream,
    /// The part of a chunk that the parser has not received yet.
    rest: Bytes,
    allowance: Allowance,
    /// True if the parser must parse the last chunk before it gets the next one.
    is_pausing: bool,
}

impl Allowance {
    /// Limits the body of a request.
    pub(crate) fn limit(body: Body) -> (Body, Allowance) {
        let (left, is_exceeded) = (AtomicU64::new(MAX_BETWEEN_FILES), AtomicBool::new(false));
        let allowance = Allowance(Arc::new(AllowanceState { left, is_exceeded }));
        let bounded = BoundedBody {
            body: body.into_data_stream(),
            rest: Bytes::new(),
            allowance: allowance.clone(),
            is_pausing: false,
        };
        (Body::from_stream(bounded), allowance)
    }

    /// Allows any number of bytes, for the content of a file.
    pub(crate) fn unlimited(&self) {
        self.0.left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Allows the bytes between two files again, after the content of a file.
    pub(crate) fn between_files(&self) {
        self.0.left.store(MAX_BETWEEN_FILES, Ordering::Relaxed);
    }

    /// Returns whether the form needs more bytes than allowed.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.0.is_exceeded.load(Ordering::Relaxed)
    }
}

impl Stream for BoundedBody {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.is_pausing) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.allowance.0.left.load(Ordering::Relaxed);
        if left == 0 {
            self.allowance.0.is_exceeded.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(axum::Error::new("the form is too large"))));
        }
        let mut polled = match std::mem::take(&mut self.rest) {
            rest if rest.is_empty() => Pin::new(&mut self.body).poll_next(context),
            rest => Poll::Ready(Some(Ok(rest))),
        };
        if let Poll::Ready(Some(Ok(chunk))) = &mut polled {
            self.is_pausing = true;
            if left != u64::MAX {
                self.rest = chunk.split_off(chunk.len().min(PIECE_BYTES));
                self.allowance.0.left.store(left.saturating_sub(chunk.len() as u64), Ordering::Relaxed);
            }
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequest as _, Multipart};
    use futures_util::stream::{self, StreamExt as _};

    use super::*;

    const FILE: &str = "--x\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"a.zip\"\r\n\r\n";
    const HEADERS: &str = "--x\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"a.zip\"\r\n";

    /// Reads the first field of a form whose body continues with `n_chunks` chunks of 8 KiB.
    async fn first_field(start: &'static str, n_chunks: usize) -> (Result<usize, String>, usize) {
        let read = Arc::new(AtomicU64::new(0));
        let counted = read.clone();
        let chunks = (0..n_chunks).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 8192]))
        });
        let end = stream::iter([Ok(Bytes::from_static(b"\r\n--x--\r\n"))]);
        let body = stream::iter([Ok(Bytes::from_static(start.as_bytes()))]).chain(stream::iter(chunks)).chain(end);
        let (body, allowance) = Allowance::limit(Body::from_stream(body));
        let request = http::Request::post("/").header("content-type", "multipart/form-data; boundary=x");
        let mut form = Multipart::from_request(request.body(body).unwrap(), &()).await.unwrap();
        let result = match form.next_field().await {
            Ok(Some(mut field)) => {
                let before = read.load(Ordering::Relaxed);
                assert!(before <= 1, "{before} chunks were buffered before the field was read");
                allowance.unlimited();
                let mut n_bytes = 0;
                while let Some(chunk) = field.chunk().await.unwrap() {
                    n_bytes += chunk.len();
                }
                Ok(n_bytes)
            }
            Ok(None) => Ok(0),
            Err(error) => Err(error.body_text()),
        };
        (result, read.load(Ordering::Relaxed) as usize)
    }

    #[tokio::test]
    async fn a_field_before_a_file_is_read_however_the_body_is_cut() {
        let path = "--x\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\nplugins/a\r\n";
        let form = [path.as_bytes(), FILE.as_bytes(), &[b'a'; 300_000], b"\r\n--x--\r\n"].concat();
        for chunk_bytes in [1000, 4096, 65_536, 100_000, form.len()] {
            let chunks: Vec<_> =
                form.chunks(chunk_bytes).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
            let (body, allowance) = Allowance::limit(Body::from_stream(stream::iter(chunks)));
            let request = http::Request::post("/").header("content-type", "multipart/form-data; boundary=x");
            let mut form = Multipart::from_request(request.body(body).unwrap(), &()).await.unwrap();
            assert_eq!(form.next_field().await.unwrap().unwrap().text().await.unwrap(), "plugins/a");
            let file = form.next_field().await.unwrap().unwrap();
            allowance.unlimited();
            assert_eq!(file.bytes().await.unwrap().len(), 300_000, "{chunk_bytes}");
            allowance.between_files();
            assert!(form.next_field().await.unwrap().is_none() && !allowance.is_exceeded());
        }
    }

    #[tokio::test]
    async fn a_file_may_be_large_and_the_headers_of_a_field_may_not() {
        let (file, _) = first_field(FILE, 100).await;
        assert_eq!(file, Ok(100 * 8192));
        let (endless, n_read) = first_field(HEADERS, 100).await;
        assert!(endless.is_err(), "{endless:?}");
        assert!(n_read <= 9, "{n_read} chunks were read");
    }
}
