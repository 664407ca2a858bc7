//! The entries of an archive in front of the directory: local header, data, data descriptor.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::directory::{FLAG_DESCRIPTOR, Header};
use super::extra;
use super::record::{PLAIN_VERSION, Record, ZIP64_VERSION, shown};
use crate::ZipError;

const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const STORED: u16 = 0;

/// Checks that the entries fill the archive up to the directory, and returns the place of the compressed data of each.
pub(super) fn tile(archive: &[u8], headers: &[Header<'_>], directory: usize) -> Result<Vec<Range<usize>>, ZipError> {
    let bytes = archive.get(..directory).unwrap_or_default();
    let mut order: Vec<usize> = (0..headers.len()).collect();
    order.sort_by_key(|index| headers[*index].offset);
    let mut packed = vec![0..0; headers.len()];
    let mut expected = 0;
    for (place, index) in order.iter().enumerate() {
        let header = &headers[*index];
        let found = header.offset as usize;
        if found != expected {
            let record = format!("`{}`", shown(header.name));
            return Err(ZipError::Tiling { record, expected: expected as u64, found: found as u64 });
        }
        let next = order.get(place + 1).map_or(directory, |next| headers[*next].offset as usize);
        let (data, end) = read_local(bytes, header, next)?;
        packed[*index] = data;
        expected = end;
    }
    if expected != directory {
        let record = "the directory".to_owned();
        return Err(ZipError::Tiling { record, expected: expected as u64, found: directory as u64 });
    }
    Ok(packed)
}

/// Compares the local header and the data descriptor with the directory. Returns the place of the data and the required
/// start of the next entry.
fn read_local(bytes: &[u8], header: &Header<'_>, next: usize) -> Result<(Range<usize>, usize), ZipError> {
    let mut record = Record::at(bytes, header.offset as usize, "the header of an entry");
    record.signature(LOCAL)?;
    let version = record.u16()?;
    let (flags, method, time) = (record.u16()?, record.u16()?, record.u32()?);
    let (crc, packed_bytes, n_bytes) = (record.u32()?, record.u32()?, record.u32()?);
    let (name_bytes, extra_bytes) = (record.u16()?, record.u16()?);
    let name = record.bytes(name_bytes.into())?;
    let extra = record.bytes(extra_bytes.into())?;
    let mismatch = |field, local: String, central: String| {
        Err(ZipError::Mismatch { name: shown(header.name), field, local, central })
    };
    if name != header.name {
        return mismatch("the name", shown(name), shown(header.name));
    }
    let extra = extra::read(name, extra)?;
    if let Some(unicode) = extra.unicode_name
        && extra.unicode_name != header.unicode_name
    {
        let central = header.unicode_name.map(|(_, name)| shown(name)).unwrap_or_default();
        return mismatch("the name in UTF-8", shown(unicode.1), central);
    }
    let has_descriptor = flags & FLAG_DESCRIPTOR != 0;
    for (field, local, central) in [
        ("the flags", flags.into(), header.flags.into()),
        ("the method", method.into(), header.method.into()),
        ("the time", time, header.time),
    ] {
        if local != central {
            return mismatch(field, local.to_string(), central.to_string());
        }
    }
    let is_zip64 = extra.zip64.is_some();
    let (packed_bytes, n_bytes) = local_sizes(name, packed_bytes, n_bytes, extra.zip64)?;
    check_versions(header, version, is_zip64)?;
    for (field, local, central) in [
        ("the checksum", u64::from(crc), header.crc),
        ("the packed size", packed_bytes, header.packed_bytes),
        ("the size", n_bytes, header.bytes),
    ] {
        // A writer to a pipe learns these only afterwards, and leaves them at zero here.
        if local != u64::from(central) && !(has_descriptor && local == 0) {
            return mismatch(field, local.to_string(), central.to_string());
        }
    }
    let start = record.at;
    let packed = record.bytes(header.packed_bytes as usize)?;
    let end = record.at;
    if !has_descriptor {
        return Ok((start..end, end));
    }
    check_descriptor(header, is_zip64, packed, bytes.get(end..next).unwrap_or_default())?;
    Ok((start..end, next))
}

/// Checks the declared format version: some readers skip an entry with a newer version than they know, others ignore
/// it.
fn check_versions(header: &Header<'_>, local: u16, is_zip64: bool) -> Result<(), ZipError> {
    let needed = if is_zip64 || header.is_zip64 { ZIP64_VERSION } else { PLAIN_VERSION };
    match [local, header.version].into_iter().find(|version| *version > needed) {
        // A method that the host does not read is the better reason.
        Some(version) if matches!(header.method, 0 | 8) => {
            Err(ZipError::Version { name: shown(header.name), version, needed })
        }
        _ => Ok(()),
    }
}

/// Returns the packed and unpacked size from a local header, or from its ZIP64 field, which has both or none.
fn local_sizes(name: &[u8], packed: u32, bytes: u32, zip64: Option<Vec<u64>>) -> Result<(u64, u64), ZipError> {
    let refuse = |rule| Err(ZipError::Zip64 { place: format!("`{}`", shown(name)), rule });
    match (zip64.as_deref(), (packed, bytes)) {
        (Some([bytes, packed]), (u32::MAX, u32::MAX)) => Ok((*packed, *bytes)),
        (Some(_), (u32::MAX, u32::MAX)) => refuse("without both sizes in front of the data"),
        (Some(_), _) => refuse("to give a size twice"),
        (None, (u32::MAX, _) | (_, u32::MAX)) => refuse("without the field for it"),
        (None, (packed, bytes)) => Ok((packed.into(), bytes.into())),
    }
}

/// Checks the data descriptor. Readers of a stream find the end of stored data by its signature, so the signature must
/// be there and occur once.
fn check_descriptor(header: &Header<'_>, is_zip64: bool, packed: &[u8], found: &[u8]) -> Result<(), ZipError> {
    let name = || shown(header.name);
    let sizes = [header.packed_bytes, header.bytes];
    let sizes: Vec<u8> = if is_zip64 {
        sizes.into_iter().flat_map(|size| u64::from(size).to_le_bytes()).collect()
    } else {
        sizes.into_iter().flat_map(u32::to_le_bytes).collect()
    };
    let values = [&header.crc.to_le_bytes()[..], &sizes].concat();
    let signature = DESCRIPTOR.to_le_bytes();
    let is_signed = found.strip_prefix(&signature).is_some_and(|found| found == values);
    // A checksum that looks like the signature makes readers look for the values four bytes further.
    let is_plain = found == values && header.crc != DESCRIPTOR && header.method != STORED;
    if !is_signed && !is_plain {
        return Err(ZipError::Descriptor { name: name() });
    }
    let looks_like_a_record = |bytes: &[u8]| matches!(bytes, b"PK\x07\x08" | b"PK\x03\x04" | b"PK\x01\x02");
    if header.method == STORED && packed.windows(4).any(looks_like_a_record) {
        return Err(ZipError::SignatureInside { name: name() });
    }
    Ok(())
}
