use std::convert::Infallible;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{Full, StreamBody};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A body that arrives in these pieces; the client pauses before each of them.
fn pieces(pieces: Vec<Bytes>) -> impl IncomingBody {
    let mut pieces = pieces.into_iter();
    let mut is_paused = false;
    StreamBody::new(futures_util::stream::poll_fn(move |context| {
        is_paused = !is_paused;
        if is_paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(pieces.next().map(|piece| Ok::<_, Infallible>(Frame::data(piece))))
    }))
}

/// Reads a body; returns its chunks, and the refusal if it has a flaw.
async fn read(body: impl IncomingBody, max_bytes: u64) -> Result<Vec<Bytes>, Option<CallRefusal>> {
    let flaws = GunzipFlaws::default();
    let mut body = GunzipBody::new(body, max_bytes, flaws.clone());
    let mut chunks = vec![];
    while let Some(frame) = body.frame().await {
        chunks.push(frame.map_err(|_| flaws.refusal(max_bytes))?.into_data().unwrap());
    }
    assert_eq!(flaws.refusal(max_bytes), None);
    Ok(chunks)
}

#[test]
fn the_decoded_size_is_limited() {
    let text = b"some text ".repeat(1000);
    let packed = gzip(&text);
    assert_eq!(gunzip(&packed, text.len()), Ok(text.clone().into()));
    assert_eq!(gunzip(&packed, text.len() - 1), Err(GunzipError::TooLarge));
    // A body may have several members (RFC 1952, section 2.2).
    assert_eq!(gunzip(&[gzip(b"a"), gzip(b"b")].concat(), 2), Ok(Bytes::from_static(b"ab")));
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(gunzip(&bomb, 1 << 20), Err(GunzipError::TooLarge));
}

#[tokio::test]
async fn invalid_bodies_are_rejected() {
    let packed = gzip(b"some text");
    let mut changed = packed.clone();
    changed[packed.len() - 6] ^= 1;
    for bytes in [&b"{}"[..], &packed[..packed.len() - 1], &changed, &[&packed[..], b"more"].concat()] {
        assert_eq!(gunzip(bytes, 1000), Err(GunzipError::Invalid), "{bytes:?}");
        let bytes = Bytes::copy_from_slice(bytes);
        let single: Vec<_> = (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect();
        assert_eq!(read(Full::new(bytes), 1000).await, Err(Some(CallRefusal::BodyNotGzip)));
        assert_eq!(read(pieces(single), 1000).await, Err(Some(CallRefusal::BodyNotGzip)));
    }
    assert_eq!(gunzip(b"", 1000), Err(GunzipError::Invalid));
}

#[tokio::test]
async fn a_streamed_body_is_the_same_however_it_arrives() {
    let text: Vec<u8> = (0..100_000_u32).flat_map(|n| (n % 977).to_le_bytes()).collect();
    let packed = Bytes::from([gzip(&text[..1000]), gzip(b""), gzip(&text[1000..])].concat());
    let max = packed.len() as u64;
    for n_bytes in [1, 7, 64, 1000, packed.len()] {
        let all = (0..packed.len()).step_by(n_bytes).map(|at| packed.slice(at..packed.len().min(at + n_bytes)));
        let decoded = read(pieces(all.collect()), max).await.unwrap();
        assert!(decoded.concat() == text, "{n_bytes}");
    }
    assert_eq!(read(Full::new(packed), max - 1).await, Err(Some(CallRefusal::BodyTooLarge(max - 1))));
    // Nothing is the encoding of nothing.
    assert_eq!(read(pieces(vec![]), 1000).await, Ok(vec![]));
}

#[tokio::test]
async fn a_client_that_flushes_and_pauses_is_read_up_to_its_pause() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut sent = vec![];
    for line in ["one\n", "two\n", "three\n"] {
        encoder.write_all(line.as_bytes()).unwrap();
        encoder.flush().unwrap();
        sent.push(Bytes::from(std::mem::take(encoder.get_mut())));
    }
    sent.push(encoder.finish().unwrap().into());
    assert_eq!(read(pieces(sent), 1000).await.unwrap(), ["one\n", "two\n", "three\n"]);
}

#[tokio::test]
async fn chunks_are_small_however_much_a_body_expands_and_the_task_yields() {
    let bomb = Bytes::from(gzip(&vec![0; 16 << 20]));
    let mut body = GunzipBody::new(Full::new(bomb), 1 << 20, GunzipFlaws::default());
    let mut n_bytes = 0;
    let mut n_yields = 0;
    loop {
        let polled = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
        match polled {
            Poll::Ready(Some(frame)) => {
                let length = frame.unwrap().into_data().unwrap().len();
                assert!(length <= CHUNK_BYTES + 64 * 1024 + 32 * 1024, "{length}");
                n_bytes += length;
            }
            Poll::Ready(None) => break,
            Poll::Pending => n_yields += 1,
        }
    }
    assert_eq!(n_bytes, 16 << 20);
    assert!(n_yields >= 32, "{n_yields}");
    // Members without content cost time and no memory: they yield, too.
    let empty = Bytes::from(gzip(b"").repeat(1000));
    let mut body = GunzipBody::new(Full::new(empty), u64::MAX, GunzipFlaws::default());
    let polled = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
    assert!(polled.is_pending());
    assert!(body.frame().await.is_none());
}
