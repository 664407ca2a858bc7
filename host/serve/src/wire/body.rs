//! The response body.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use host_call::CallBody;
use http_body::{Body, Frame, SizeHint};

use crate::wire::compression::gzip::GzipBody;

/// The body of a response of a plugin or of the host.
pub(crate) enum AnyBody {
    Plugin(CallBody),
    Host(axum::body::Body),
    /// The compressed form of another body.
    Gzip(Box<GzipBody<AnyBody>>),
}

/// An error while reading or writing a body. It ends the connection.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl AnyBody {
    pub(crate) fn empty() -> AnyBody {
        AnyBody::Host(axum::body::Body::empty())
    }

    /// The body of a response to HEAD, whose size would be that of a compressed body: the server announces none.
    pub(crate) fn empty_of_unknown_size() -> AnyBody {
        let nothing = futures_util::stream::empty::<Result<Bytes, std::convert::Infallible>>();
        AnyBody::Host(axum::body::Body::from_stream(nothing))
    }
}

impl Body for AnyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            AnyBody::Plugin(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            AnyBody::Host(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            AnyBody::Gzip(body) => body.poll_chunk(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnyBody::Plugin(body) => body.is_end_stream(),
            AnyBody::Host(body) => body.is_end_stream(),
            AnyBody::Gzip(body) => body.is_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnyBody::Plugin(body) => body.size_hint(),
            AnyBody::Host(body) => body.size_hint(),
            AnyBody::Gzip(_) => SizeHint::default(),
        }
    }
}
