//! Reads the fields of a record one by one.
#![forbid(unsafe_code)]

use crate::ZipError;

/// The version of the format, in tenths, that stored and deflated entries need.
pub(super) const PLAIN_VERSION: u16 = 20;
/// The version of the format, in tenths, that ZIP64 needs.
pub(super) const ZIP64_VERSION: u16 = 45;

/// Reads a record field by field; every read is checked against the end of `bytes`.
pub(super) struct Record<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    start: usize,
    what: &'static str,
}

impl<'a> Record<'a> {
    pub(super) fn at(bytes: &'a [u8], at: usize, what: &'static str) -> Record<'a> {
        Record { bytes, at, start: at, what }
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], ZipError> {
        let end = self.at.checked_add(n);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => Err(ZipError::Truncated { record: self.what, at: self.start as u64 }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZipError> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("`bytes` gives as many bytes as it was asked for"))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ZipError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ZipError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ZipError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn skip(&mut self, n: usize) -> Result<(), ZipError> {
        self.bytes(n).map(|_| ())
    }

    pub(super) fn signature(&mut self, expected: u32) -> Result<(), ZipError> {
        match self.u32()? {
            found if found == expected => Ok(()),
            found => Err(ZipError::Signature { record: self.what, at: self.start as u64, found }),
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// Returns a name as printable text, also if it is not UTF-8.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).flat_map(char::escape_debug).collect()
}
