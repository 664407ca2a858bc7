//! The extra fields of an entry.
#![forbid(unsafe_code)]

use super::record::shown;
use crate::ZipError;

/// The extra fields that affect what readers see.
#[derive(Debug, Default)]
pub(super) struct Extra<'a> {
    /// The sizes and the offset of ZIP64, in the order of the format.
    pub(super) zip64: Option<Vec<u64>>,
    /// The checksum of the stored name, and the name in UTF-8.
    pub(super) unicode_name: Option<(u32, &'a [u8])>,
}

/// Reads the extra fields of one header, and refuses fields that readers disagree on, and fields of invalid length.
pub(super) fn read<'a>(name: &[u8], extra: &'a [u8]) -> Result<Extra<'a>, ZipError> {
    let mut found = Extra::default();
    let mut rest = extra;
    while !rest.is_empty() {
        let (id, content) = match rest {
            [a, b, c, d, content @ ..] => {
                let length = usize::from(u16::from_le_bytes([*c, *d]));
                (u16::from_le_bytes([*a, *b]), content.split_at_checked(length))
            }
            _ => (0, None),
        };
        let refuse = |rule| Err(ZipError::Extra { name: shown(name), id, rule });
        let Some((content, after)) = content else { return refuse("that is longer than its place") };
        match id {
            0x0001 if found.zip64.is_some() => return refuse("twice"),
            0x0001 => match content.as_chunks() {
                (values, []) => found.zip64 = Some(values.iter().map(|value| u64::from_le_bytes(*value)).collect()),
                _ => return refuse("of another length than ZIP64 has"),
            },
            0x7075 if found.unicode_name.is_some() => return refuse("twice"),
            0x7075 => match content {
                [1, a, b, c, d, unicode @ ..] => {
                    found.unicode_name = Some((u32::from_le_bytes([*a, *b, *c, *d]), unicode));
                }
                _ => return refuse("that is not a name in UTF-8"),
            },
            0x0017 | 0x9901 => return refuse("that announces encryption"),
            // PKWARE's and ASi's fields for Unix, and one of libarchive in front of the data.
            0x000d | 0x756e | 0x6c78 => return refuse("that gives other attributes or a link"),
            0x0008 | 0x2605 | 0x2705 => return refuse("that gives a second name"),
            0x000f => return refuse("that announces a patch"),
            _ => {}
        }
        rest = after;
    }
    Ok(found)
}
