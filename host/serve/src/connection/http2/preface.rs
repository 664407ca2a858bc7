//! Detects clients that speak HTTP/2 without negotiating it ("prior knowledge"), by the preface of RFC 9113,
//! section 3.4.
//!
//! The HTTP/1 implementation reads every connection first, so an HTTP/1 connection costs nothing more. If the first
//! bytes are the preface, they are withheld and the read fails; [`Prefaced::is_http2`] is true then, and the stream
//! starts again from its first byte for the HTTP/2 implementation.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes may be the HTTP/2 preface.
pub(crate) struct Prefaced<S> {
    stream: S,
    state: State,
}

enum State {
    /// All bytes so far are the beginning of the preface.
    Undecided(Vec<u8>),
    Http1,
    /// The bytes that were withheld, from the position that is read next.
    Http2(Vec<u8>, usize),
}

impl<S> Prefaced<S> {
    pub(crate) fn new(stream: S) -> Prefaced<S> {
        Prefaced { stream, state: State::Undecided(vec![]) }
    }

    /// Returns whether the preface was read.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self.state, State::Http2(..))
    }
}

impl<S: AsyncRead + Unpin> Prefaced<S> {
    /// Reads until the bytes are the preface, or cannot become it.
    fn poll_decision(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        while let State::Undecided(seen) = &mut self.state {
            buffer.put_slice(seen);
            let n_before = buffer.filled().len();
            let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
            let read = &buffer.filled()[start..];
            let is_end = buffer.filled().len() == n_before;
            if read.starts_with(PREFACE) {
                self.state = State::Http2(read.to_vec(), 0);
                buffer.set_filled(start);
                return Poll::Ready(Err(io::Error::other("the client speaks HTTP/2")));
            }
            if polled.is_ready() && (is_end || !PREFACE.starts_with(read)) {
                self.state = State::Http1;
                return polled;
            }
            *seen = read.to_vec();
            buffer.set_filled(start);
            ready!(polled)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Http1 => Pin::new(&mut self.stream).poll_read(context, buffer),
            State::Http2(seen, at) if *at < seen.len() => {
                let n_bytes = buffer.remaining().min(seen.len() - *at);
                buffer.put_slice(&seen[*at..*at + n_bytes]);
                *at += n_bytes;
                Poll::Ready(Ok(()))
            }
            State::Http2(..) => Pin::new(&mut self.stream).poll_read(context, buffer),
            State::Undecided(_) => self.poll_decision(context, buffer),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefaced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The HTTP/1 implementation ends with the failed read; the connection continues.
        if matches!(self.state, State::Http2(_, 0)) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Returns whether HTTP/2 was detected, and all bytes that can be read.
    async fn read(parts: &[&[u8]]) -> (bool, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut stream = Prefaced::new(server);
        let mut all = vec![];
        let send = async {
            for part in parts {
                client.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
        };
        let receive = async {
            let first = stream.read_to_end(&mut all).await;
            assert_eq!(first.is_err(), stream.is_http2());
            if first.is_err() {
                assert!(all.is_empty(), "a part of the preface was read as HTTP/1");
                stream.shutdown().await.unwrap();
                stream.read_to_end(&mut all).await.unwrap();
            }
        };
        tokio::join!(send, receive);
        (stream.is_http2(), all)
    }

    #[tokio::test]
    async fn the_preface_is_detected_however_it_is_split_and_nothing_is_lost() {
        let http2 = [PREFACE, b"frames"].concat();
        assert_eq!(read(&[&http2]).await, (true, http2.clone()));
        for at in 1..PREFACE.len() {
            let (head, tail) = http2.split_at(at);
            assert_eq!(read(&[head, tail]).await, (true, http2.clone()), "{at}");
        }
        let bytes: Vec<_> = http2.chunks(1).collect();
        assert_eq!(read(&bytes).await, (true, http2.clone()));
        for http1 in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PUT / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nGET", b"P", b""]
        {
            assert_eq!(read(&[http1]).await, (false, http1.to_vec()));
            let bytes: Vec<_> = http1.chunks(1).collect();
            assert_eq!(read(&bytes).await, (false, http1.to_vec()));
        }
    }
}
