//! Request bodies that are compressed with gzip. Decoded bytes count for the limits of a body.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

/// Number of compressed bytes for each step. gzip expands at most about 1000 times, so that a step exceeds the limit by
/// at most 64 KiB.
const STEP_BYTES: usize = 64;

/// The reason for which a body was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GunzipError {
    /// It has more than the maximum number of bytes.
    TooLarge,
    /// It is not a complete gzip stream.
    Invalid,
}

/// Decodes a whole body of at most `max_bytes`.
pub(crate) fn gunzip(bytes: &[u8], max_bytes: usize) -> Result<Bytes, GunzipError> {
    let mut decoder = MultiGzDecoder::new(Vec::new());
    for step in bytes.chunks(STEP_BYTES) {
        decoder.write_all(step).map_err(|_| GunzipError::Invalid)?;
        if decoder.get_ref().len() > max_bytes {
            return Err(GunzipError::TooLarge);
        }
    }
    let decoded = decoder.finish().map_err(|_| GunzipError::Invalid)?;
    if decoded.len() > max_bytes { Err(GunzipError::TooLarge) } else { Ok(decoded.into()) }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::wire::body::AnyBody;
    use crate::wire::compression::gzip::GzipBody;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
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

    #[test]
    fn invalid_bodies_are_rejected() {
        let packed = gzip(b"some text");
        let mut changed = packed.clone();
        changed[packed.len() - 6] ^= 1;
        for bytes in [&b"{}"[..], b"", &packed[..packed.len() - 1], &changed, &[&packed[..], b"more"].concat()] {
            assert_eq!(gunzip(bytes, 1000), Err(GunzipError::Invalid), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_compressed_body_is_the_body_again_when_it_is_decoded() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| (n % 977).to_le_bytes()).collect();
        let packed = AnyBody::Gzip(Box::new(GzipBody::new(AnyBody::Host(text.clone().into()))));
        let packed = packed.collect().await.unwrap().to_bytes();
        assert!(packed.len() < text.len() / 2, "{}", packed.len());
        assert!(gunzip(&packed, text.len()) == Ok(text.into()));
    }
}
