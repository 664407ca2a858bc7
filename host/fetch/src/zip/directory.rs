//! The directory of an archive: one central header for each entry.
#![forbid(unsafe_code)]

use super::end::Directory;
use super::extra;
use super::record::{Record, shown};
use crate::ZipError;

const CENTRAL: u32 = 0x0201_4b50;

const FLAG_ENCRYPTED: u16 = 1 << 0;
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
pub(super) const FLAG_UTF8: u16 = 1 << 11;
const FLAG_MASKED: u16 = 1 << 13;
/// The compression effort, which no reader uses.
const FLAG_DEFLATE_EFFORT: u16 = 0b110;
const KNOWN_FLAGS: u16 = FLAG_DEFLATE_EFFORT | FLAG_DESCRIPTOR | FLAG_UTF8;

/// The central header of an entry.
pub(super) struct Header<'a> {
    pub(super) version: u16,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u32,
    pub(super) crc: u32,
    pub(super) packed_bytes: u32,
    pub(super) bytes: u32,
    pub(super) name: &'a [u8],
    pub(super) unicode_name: Option<(u32, &'a [u8])>,
    pub(super) is_zip64: bool,
    pub(super) attributes: u32,
    pub(super) offset: u32,
}

pub(super) fn read<'a>(archive: &'a [u8], directory: &Directory) -> Result<Vec<Header<'a>>, ZipError> {
    let bytes = archive.get(..directory.end).unwrap_or_default();
    let mut at = directory.start;
    let mut headers = Vec::with_capacity(directory.n_entries.min(10_000));
    for _ in 0..directory.n_entries {
        let mut record = Record::at(bytes, at, "an entry of the directory");
        headers.push(header(&mut record)?);
        at = record.at;
    }
    if at != directory.end {
        let (expected, found) = (directory.end as u64, at as u64);
        return Err(ZipError::DirectorySize { declared: directory.n_entries, expected, found });
    }
    Ok(headers)
}

fn header<'a>(record: &mut Record<'a>) -> Result<Header<'a>, ZipError> {
    record.signature(CENTRAL)?;
    record.skip(2)?;
    let version = record.u16()?;
    let (flags, method, time) = (record.u16()?, record.u16()?, record.u32()?);
    let (crc, packed_bytes, bytes) = (record.u32()?, record.u32()?, record.u32()?);
    let (name_bytes, extra_bytes, comment_bytes) = (record.u16()?, record.u16()?, record.u16()?);
    let disk = record.u16()?;
    record.skip(2)?;
    let (attributes, offset) = (record.u32()?, record.u32()?);
    let name = record.bytes(name_bytes.into())?;
    let extra = extra::read(name, record.bytes(extra_bytes.into())?)?;
    record.skip(comment_bytes.into())?;

    if disk != 0 {
        return Err(ZipError::MultiDisk);
    }
    let mut header = Header {
        version,
        flags,
        method,
        time,
        crc,
        packed_bytes,
        bytes,
        name,
        unicode_name: extra.unicode_name,
        is_zip64: extra.zip64.is_some(),
        attributes,
        offset,
    };
    header.check_flags()?;
    header.take_zip64(extra.zip64.unwrap_or_default())?;
    Ok(header)
}

impl Header<'_> {
    /// Replaces the values that the header leaves to its ZIP64 field. The field must have these values and no others.
    fn take_zip64(&mut self, values: Vec<u64>) -> Result<(), ZipError> {
        let name = shown(self.name);
        let refuse = |rule| ZipError::Zip64 { place: format!("`{name}`"), rule };
        let mut values = values.into_iter();
        let mut is_used = false;
        for field in [&mut self.bytes, &mut self.packed_bytes, &mut self.offset] {
            if *field == u32::MAX {
                is_used = true;
                let value = values.next().ok_or_else(|| refuse("without the field for it"))?;
                // Every size and offset of an archive within the limits is smaller.
                *field = u32::try_from(value)
                    .ok()
                    .filter(|value| *value != u32::MAX)
                    .ok_or_else(|| refuse("for a size of 4 GiB or more"))?;
            }
        }
        if values.next().is_some() || self.is_zip64 != is_used {
            return Err(refuse("to give a size twice"));
        }
        Ok(())
    }

    fn check_flags(&self) -> Result<(), ZipError> {
        let name = || shown(self.name);
        if self.flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED) != 0 {
            return Err(ZipError::Encrypted { name: name() });
        }
        if self.flags & !KNOWN_FLAGS != 0 {
            return Err(ZipError::Flags { name: name(), flags: self.flags });
        }
        Ok(())
    }
}
