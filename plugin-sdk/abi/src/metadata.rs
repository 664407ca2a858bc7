//! The metadata of a library: an ELF section that the host reads from the file before any of its code runs.
//!
//! The section starts with 16 bytes that never change: the magic `PLUGINMETA`, two zero bytes, and the length of
//! the rest as `u32` little-endian. The rest is a JSON object; unknown keys are ignored:
//! `{"abi": "1.0", "sdk": "0.1.0", "panic": "unwind", "package": "hello", "version": "1.0.0"}`.

/// Name of the ELF section.
pub const SECTION: &str = ".plugin.meta";
/// The first 12 bytes of the section.
pub const MAGIC: [u8; 12] = *b"PLUGINMETA\0\0";

/// The bytes of the section for `json`. `N` must be 16 + `json.len()`.
pub const fn section<const N: usize>(json: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let json = json.as_bytes();
    assert!(N == 16 + json.len(), "N is 16 and the length of the JSON");
    let length = (json.len() as u32).to_le_bytes();
    let mut at = 0;
    while at < N {
        bytes[at] = match at {
            0..12 => MAGIC[at],
            12..16 => length[at - 12],
            _ => json[at - 16],
        };
        at += 1;
    }
    bytes
}

/// Returns the JSON text of a section; `None` if it is invalid.
pub fn read(section: &[u8]) -> Option<&str> {
    let rest = section.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    std::str::from_utf8(rest.get(..u32::from_le_bytes(*length) as usize)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_as_it_was_written() {
        const JSON: &str = r#"{"abi":"1.0"}"#;
        const SECTION: [u8; 16 + JSON.len()] = section(JSON);
        assert_eq!(read(&SECTION), Some(JSON));
        assert_eq!(read(&SECTION[..20]), None);
        assert_eq!(read(b"PLUGINMETA"), None);
        assert_eq!(read(b""), None);
    }
}
