//! WebSockets of plugins (RFC 6455).
//!
//! The host checks the handshake and the origin, then copies bytes. The plugin reads the client's bytes as the body of
//! its request, and the bytes of the body of its response, with status 101, are sent to the client. The SDK reads and
//! writes the frames.

mod client_bytes;
mod frames;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::select;
use host_call::CallBody;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version, request};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio_util::sync::CancellationToken;

pub(super) use self::client_bytes::ClientBytes;
use self::client_bytes::Opener;
use self::frames::{FrameScanner, close_frame};
use crate::connection::cors::{Cors, foreign};
use crate::connection::state::Connection;
use crate::connection::upgrade::ByteStream;
use crate::wire::body::AnyBody;
use crate::wire::problem::ApiError;

/// Appended to the key of a handshake before it is hashed (RFC 6455, section 1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Codes of close frames (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;
const FAILED: u16 = 1011;

/// A valid request to open a WebSocket.
pub(super) struct Handshake {
    accept: HeaderValue,
    opener: Opener,
    replaced: CancellationToken,
    shutdown: CancellationToken,
}

impl Handshake {
    /// Reads the handshake of a request, and returns it with the body of the plugin's request, which ends when the
    /// generation is `replaced` or the host stops; `None` if the request does not open a WebSocket.
    ///
    /// # Errors
    /// The handshake is malformed, or a page of another origin sent it.
    pub(super) fn from_request(
        parts: &request::Parts,
        cors: &Cors,
        replaced: CancellationToken,
        shutdown: CancellationToken,
    ) -> Result<Option<(Handshake, ClientBytes)>, ApiError> {
        let headers = &parts.headers;
        let is_asked = parts.method == Method::GET
            && parts.version == Version::HTTP_11
            && lists(headers, &header::CONNECTION, "upgrade")
            && lists(headers, &header::UPGRADE, "websocket");
        if !is_asked {
            return Ok(None);
        }
        if cors.is_foreign(headers) {
            return Err(foreign("WebSockets", headers));
        }
        if single(headers, &header::SEC_WEBSOCKET_VERSION) != Some(b"13") {
            let detail = "the host supports version 13 of the WebSocket protocol only";
            return Err(ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_version", detail));
        }
        let Some(accept) = single(headers, &header::SEC_WEBSOCKET_KEY).and_then(accept) else {
            let detail = "`Sec-WebSocket-Key` must be sent once and be 16 bytes in base64";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "upgrade_malformed", detail));
        };
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if has_body {
            let detail = "a request that opens a WebSocket must have no body";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "upgrade_malformed", detail));
        }
        // Where it is missing, as in HTTP/2, the protocol of the connection cannot change.
        if parts.extensions.get::<OnUpgrade>().is_none() {
            return Ok(None);
        }
        let ends = (replaced.clone(), shutdown.clone());
        let going_away = async move {
            select(pin!(ends.0.cancelled()), pin!(ends.1.cancelled())).await;
        };
        let (opener, bytes) = ClientBytes::new(going_away);
        Ok(Some((Handshake { accept, opener, replaced, shutdown }, bytes)))
    }

    /// Returns the head of a response with status 101. Its body is passed to the client once the connection has changed
    /// its protocol.
    pub(super) fn open(self, response: Response<CallBody>, connection: &Arc<Connection>) -> Response<AnyBody> {
        let (mut head, body) = response.into_parts();
        let Handshake { accept, mut opener, replaced, shutdown } = self;
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        head.headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        // Protects the connection from eviction.
        let active = connection.begin();
        connection.upgrade.set(async move |transport, read| {
            let _active = active;
            let (receiving, sending) = tokio::io::split(transport);
            opener.open(receiving, read);
            let code = || if replaced.is_cancelled() || shutdown.is_cancelled() { GOING_AWAY } else { FAILED };
            if let Err(error) = copy_to_client(body, sending, code).await {
                tracing::debug!("a WebSocket ended: {error}");
            }
        });
        Response::from_parts(head, AnyBody::empty())
    }
}

/// Writes a body to a connection and closes it. If the body fails, the client gets a close frame with `code`, unless
/// the failure is within a frame.
async fn copy_to_client(
    mut body: CallBody,
    mut sending: WriteHalf<Box<dyn ByteStream>>,
    code: impl Fn() -> u16,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut frames = FrameScanner::default();
    let ended = loop {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => break Ok(()),
            Some(Err(error)) => break Err(error.into()),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                frames.read(&data);
                sending.write_all(&data).await?;
                sending.flush().await?;
            }
        }
    };
    if ended.is_err() && frames.is_at_boundary() {
        sending.write_all(&close_frame(code())).await?;
    }
    sending.shutdown().await?;
    ended
}

/// Returns whether one of the values of a header lists `word`.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// The value of a header that occurs once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes().trim_ascii())
}

/// The value of `Sec-WebSocket-Accept` for a key; `None` for an invalid key.
fn accept(key: &[u8]) -> Option<HeaderValue> {
    let is_valid = BASE64_STANDARD.decode(key).is_ok_and(|decoded| decoded.len() == 16);
    if !is_valid {
        return None;
    }
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &[key, MAGIC].concat());
    HeaderValue::from_str(&BASE64_STANDARD.encode(digest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_answered_as_in_rfc_6455() {
        let answered = accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(answered, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for key in [&b""[..], b"dGhlIHNhbXBsZSBub25j", b"dGhlIHNhbXBsZSBub25jZQ", b"\xff", b"dGhlIHNhbXBsZSBub25jZQ==x"]
        {
            assert_eq!(accept(key), None);
        }
    }

    #[test]
    fn a_handshake_is_recognized_by_its_headers() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.append(header::UPGRADE, HeaderValue::from_static("h2c"));
        assert!(lists(&headers, &header::CONNECTION, "upgrade"));
        assert!(!lists(&headers, &header::UPGRADE, "websocket"));
        headers.append(header::UPGRADE, HeaderValue::from_static("WebSocket"));
        assert!(lists(&headers, &header::UPGRADE, "websocket"));
        assert_eq!(single(&headers, &header::UPGRADE), None);
    }
}
