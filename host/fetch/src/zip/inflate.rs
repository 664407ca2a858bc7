//! Checks that the compressed data of a file has exactly the declared size and checksum.
#![forbid(unsafe_code)]

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::entry::{Entry, Method};
use crate::ZipError;

/// Decompresses without storing and compares length and checksum. Stops at the first additional byte, so that an
/// archive with wrong sizes costs no more than it declares.
pub(crate) fn check(entry: &Entry<'_>) -> Result<(), ZipError> {
    let name = || entry.path.to_string();
    let found = match entry.method {
        Method::Stored => {
            let mut crc = Crc::new();
            crc.update(entry.packed);
            crc.sum()
        }
        Method::Deflated => inflate(entry)?,
    };
    if found == entry.crc { Ok(()) } else { Err(ZipError::Checksum { name: name(), declared: entry.crc, found }) }
}

fn inflate(entry: &Entry<'_>) -> Result<u32, ZipError> {
    let name = || entry.path.to_string();
    let mut crc = Crc::new();
    let mut inflater = Decompress::new(false);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let rest = entry.packed.get(read as usize..).unwrap_or_default();
        let status = inflater
            .decompress(rest, &mut buffer, FlushDecompress::None)
            .map_err(|_| ZipError::Deflate { name: name(), rule: "is not deflate data" })?;
        let n_written = (inflater.total_out() - written) as usize;
        crc.update(&buffer[..n_written]);
        if inflater.total_out() > entry.bytes {
            return Err(ZipError::Size { name: name(), declared: entry.bytes, found: inflater.total_out() });
        }
        match status {
            Status::StreamEnd => break,
            _ if n_written == 0 && inflater.total_in() == read => {
                return Err(ZipError::Deflate { name: name(), rule: "ends too early" });
            }
            _ => {}
        }
    }
    if inflater.total_in() != entry.packed.len() as u64 {
        return Err(ZipError::Deflate { name: name(), rule: "has bytes after its end" });
    }
    if inflater.total_out() != entry.bytes {
        return Err(ZipError::Size { name: name(), declared: entry.bytes, found: inflater.total_out() });
    }
    Ok(crc.sum())
}
