//! The messages of a WebSocket.

use bytes::Bytes;
use tungstenite::protocol::frame::coding::CloseCode;

/// A message. The SDK answers pings itself and sends its own, so they are not among the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// A close frame. It is received when the client closes the socket, or when the host replaces or stops the plugin,
    /// and sent to close the socket. Nothing can be sent afterwards.
    Close(Option<CloseFrame>),
}

/// The reason for a close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code (RFC 6455, section 7.4). 1001 also means that the host stops or replaces the plugin.
    pub code: u16,
    /// The reason; at most 123 bytes.
    pub reason: String,
}

impl Message {
    /// Returns whether the message is a text or bytes.
    pub fn is_data(&self) -> bool {
        !matches!(self, Message::Close(_))
    }

    /// Returns the text, if the message is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn from_wire(message: tungstenite::Message) -> Option<Message> {
        match message {
            tungstenite::Message::Text(text) => Some(Message::Text(text.as_str().to_owned())),
            tungstenite::Message::Binary(bytes) => Some(Message::Binary(bytes)),
            tungstenite::Message::Close(frame) => {
                let read = |frame: tungstenite::protocol::CloseFrame| CloseFrame {
                    code: frame.code.into(),
                    reason: frame.reason.as_str().to_owned(),
                };
                Some(Message::Close(frame.map(read)))
            }
            tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_) | tungstenite::Message::Frame(_) => None,
        }
    }

    pub(super) fn into_wire(self) -> tungstenite::Message {
        match self {
            Message::Text(text) => tungstenite::Message::Text(text.into()),
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
            Message::Close(frame) => tungstenite::Message::Close(frame.map(CloseFrame::into_wire)),
        }
    }
}

impl CloseFrame {
    /// The longest reason, in bytes: a control frame has at most 125 bytes, two of them for the code.
    const MAX_REASON_BYTES: usize = 123;

    pub(super) fn into_wire(self) -> tungstenite::protocol::CloseFrame {
        let mut reason = self.reason;
        let end = (0..=CloseFrame::MAX_REASON_BYTES).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or_default());
        tungstenite::protocol::CloseFrame { code: CloseCode::from(self.code), reason: reason.into() }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes.into())
    }
}
