//! WebSockets (RFC 6455).
//!
//! An endpoint with `upgrade: websocket` in plugin.yaml has a handler that takes a [`WebSocketUpgrade`]:
//!
//! ```
//! use plugin_sdk::{Message, Response, WebSocketUpgrade};
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             if message.is_data() && socket.send(message).await.is_err() {
//!                 return;
//!             }
//!         }
//!     })
//! }
//! ```

mod message;
mod pipe;
mod socket;
mod upgrade;

pub use message::{CloseFrame, Message};
pub use socket::WebSocket;
pub use upgrade::WebSocketUpgrade;
