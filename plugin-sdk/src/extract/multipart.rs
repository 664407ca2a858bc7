//! Multipart forms, read as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::{HeaderMap, StatusCode};

use super::json::{media_type, refuse_coded, wrong_media_type};
use crate::{Body, Error, FromRequest, Request};

/// A form with files (`multipart/form-data`), read field by field as it arrives: only the data that the handler stores
/// is kept in memory.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # #[derive(Default)] struct Photos;
/// # #[plugin] impl Photos {
/// #[post("/photos")]
/// async fn add(&self, mut form: Multipart) -> Result<String> {
///     let mut bytes = 0;
///     while let Some(mut field) = form.next_field().await? {
///         while let Some(chunk) = field.chunk().await? {
///             bytes += chunk.len();
///         }
///     }
///     Ok(format!("{bytes} bytes of photos"))
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Multipart {
    reader: multer::Multipart<'static>,
    meter: Arc<Meter>,
    limits: MultipartLimits,
    n_fields: usize,
    /// The current field; the next one starts at its end.
    current: Option<multer::Field<'static>>,
}

/// Limits of a [`Multipart`]; the endpoint's `max_body_bytes` limits the whole form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MultipartLimits {
    /// The maximum number of fields: 1000 by default.
    pub max_fields: usize,
    /// The maximum number of bytes of one field: unlimited by default.
    pub max_field_bytes: u64,
}

/// A field of a [`Multipart`]. Unread data is skipped.
#[derive(Debug)]
pub struct Field<'a> {
    form: &'a mut Multipart,
    read: u64,
}

/// The maximum size of the headers of one field; exceeded by at most one chunk.
const MAX_FIELD_HEADER_BYTES: u64 = 16 * 1024;

impl FromRequest for Multipart {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Multipart, Error> {
        let found = media_type(request);
        if found != "multipart/form-data" {
            return Err(wrong_media_type(&found, "multipart/form-data; boundary=…"));
        }
        refuse_coded(request)?;
        let boundary = multer::parse_boundary(request.header("content-type").unwrap_or_default()).map_err(refused)?;
        let meter = Arc::new(Meter::default());
        let body = Metered { body: request.take_body(), meter: meter.clone(), rest: false };
        let limits = MultipartLimits::default();
        Ok(Multipart { reader: multer::Multipart::new(body, boundary), meter, limits, n_fields: 0, current: None })
    }

    fn is_present(request: &Request) -> bool {
        Body::is_present(request)
    }
}

impl Default for MultipartLimits {
    fn default() -> MultipartLimits {
        MultipartLimits { max_fields: 1000, max_field_bytes: u64::MAX }
    }
}

impl Multipart {
    /// Sets the limits.
    pub fn with_limits(mut self, change: impl FnOnce(&mut MultipartLimits)) -> Multipart {
        change(&mut self.limits);
        self
    }

    /// Reads the next field; `None` at the end.
    ///
    /// # Errors
    /// 400 when the body is not multipart or ends too early, 413 when there are too many fields.
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>, Error> {
        while let Some(current) = &mut self.current {
            if current.chunk().await.map_err(refused)?.is_none() {
                self.current = None;
            }
        }
        if self.n_fields == self.limits.max_fields {
            let detail = format!("the form has more than {} fields", self.limits.max_fields);
            return Err(too_large(detail));
        }
        self.meter.restart();
        let next = self.reader.next_field().await;
        if self.meter.exceeded.load(Ordering::Relaxed) {
            return Err(too_large(format!("the headers of a field have more than {MAX_FIELD_HEADER_BYTES} bytes")));
        }
        self.meter.limited.store(false, Ordering::Relaxed);
        let Some(next) = next.map_err(refused)? else { return Ok(None) };
        self.n_fields += 1;
        self.current = Some(next);
        Ok(Some(Field { form: self, read: 0 }))
    }
}

impl Field<'_> {
    fn current(&self) -> Option<&multer::Field<'static>> {
        self.form.current.as_ref()
    }

    /// The name in the form.
    pub fn name(&self) -> Option<&str> {
        self.current()?.name()
    }

    /// The file name sent by the caller. Never use it as a path to write to.
    pub fn file_name(&self) -> Option<&str> {
        self.current()?.file_name()
    }

    /// The media type sent by the caller.
    pub fn content_type(&self) -> Option<&str> {
        self.headers()?.get(http::header::CONTENT_TYPE)?.to_str().ok()
    }

    /// All headers of the field.
    pub fn headers(&self) -> Option<&HeaderMap> {
        Some(self.current()?.headers())
    }

    /// Reads the next bytes; `None` at the end of the field.
    ///
    /// # Errors
    /// 400 when the body ends too early, 413 when the field is larger than [`MultipartLimits::max_field_bytes`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(current) = &mut self.form.current else { return Ok(None) };
        let chunk = current.chunk().await.map_err(refused)?;
        if let Some(chunk) = &chunk {
            self.read += chunk.len() as u64;
            if self.read > self.form.limits.max_field_bytes {
                let limit = self.form.limits.max_field_bytes;
                return Err(self.too_large(limit));
            }
        }
        Ok(chunk)
    }

    /// Reads the rest of the field if it has at most `max_bytes`.
    ///
    /// # Errors
    /// 413 if the rest is larger, and the errors of [`Field::chunk`].
    pub async fn bytes(mut self, max_bytes: usize) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > max_bytes {
                return Err(self.too_large(max_bytes as u64));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Reads the rest of the field as text if it has at most `max_bytes`.
    ///
    /// # Errors
    /// 400 if the field is not UTF-8, and the errors of [`Field::bytes`].
    pub async fn text(self, max_bytes: usize) -> Result<String, Error> {
        let name = self.name().unwrap_or_default().to_owned();
        String::from_utf8(self.bytes(max_bytes).await?.into()).map_err(|_| {
            let detail = format!("the field `{name}` is not UTF-8 text");
            Error::new(StatusCode::BAD_REQUEST, "body_not_text").with_detail(detail)
        })
    }

    fn too_large(&self, max_bytes: u64) -> Error {
        too_large(format!("the field `{}` has more than {max_bytes} bytes", self.name().unwrap_or_default()))
    }
}

fn too_large(detail: String) -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large").with_detail(detail)
}

fn refused(error: multer::Error) -> Error {
    match error {
        // The error of the body, such as a caller who disconnected.
        multer::Error::StreamReadFailed(error) => match error.downcast::<Passed>() {
            Ok(passed) => passed.0,
            Err(error) => malformed(&error.to_string()),
        },
        error => malformed(&error.to_string()),
    }
}

fn malformed(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "body_not_multipart")
        .with_detail(format!("the body is not a multipart form: {message}"))
}

// === the parser's input ===

/// Counts the bytes read while waiting for the headers of a field: the parser itself would buffer all of them.
#[derive(Debug, Default)]
struct Meter {
    limited: AtomicBool,
    read: AtomicU64,
    exceeded: AtomicBool,
}

impl Meter {
    fn restart(&self) {
        self.limited.store(true, Ordering::Relaxed);
        self.read.store(0, Ordering::Relaxed);
    }
}

/// The body as input of the parser. The parser reads as long as the body is not pending, so this is pending after each
/// chunk: the parser then returns its data before it reads more.
struct Metered {
    body: Body,
    meter: Arc<Meter>,
    rest: bool,
}

impl Stream for Metered {
    type Item = Result<Bytes, Passed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rest) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.meter.limited.load(Ordering::Relaxed)
            && self.meter.read.load(Ordering::Relaxed) > MAX_FIELD_HEADER_BYTES
        {
            self.meter.exceeded.store(true, Ordering::Relaxed);
            return Poll::Ready(None);
        }
        let item = ready!(self.body.poll_chunk(context));
        if let Some(Ok(chunk)) = &item {
            self.meter.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            self.rest = true;
        }
        Poll::Ready(item.map(|chunk| chunk.map_err(Passed)))
    }
}

/// An error of the body as `std::error::Error`, as the parser requires.
#[derive(Debug)]
struct Passed(Error);

impl std::fmt::Display for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Passed {}

#[cfg(test)]
#[path = "multipart/tests.rs"]
mod tests;
