//! The change of a connection from HTTP to another protocol.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};

/// The bytes of a connection.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Continuation = Box<dyn FnOnce(Box<dyn ByteStream>, Bytes) -> Work + Send>;

/// The continuation of a connection after its last response. A response with status 101 sets it.
#[derive(Default)]
pub(crate) struct UpgradeSlot(Mutex<Option<Continuation>>);

impl UpgradeSlot {
    /// Continues with `work` after the response. It receives the connection, and bytes that were already read from it.
    pub(crate) fn set<W>(&self, work: impl FnOnce(Box<dyn ByteStream>, Bytes) -> W + Send + 'static)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        *self.0.lock() = Some(Box::new(|transport, read| Box::pin(work(transport, read))));
    }

    /// Drops what was set. A connection that ends before its last response must not keep it, because it may own the
    /// connection.
    pub(super) fn clear(&self) {
        let continuation = self.0.lock().take();
        drop(continuation);
    }

    /// Continues, if something was set.
    pub(crate) async fn run(&self, transport: impl ByteStream + 'static, read: Bytes) {
        let continuation = self.0.lock().take();
        if let Some(continuation) = continuation {
            continuation(Box::new(transport), read).await;
        }
    }
}

impl fmt::Debug for UpgradeSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpgradeSlot")
    }
}
