//! The metadata section of a plugin that was built with ABI 0.9, and nothing else.

const JSON: &str = r#"{"abi":"0.9","sdk":"0.0.9","panic":"unwind","package":"older-abi","version":"1.0.0"}"#;

#[used]
#[unsafe(link_section = ".plugin.meta")]
static METADATA: [u8; 16 + JSON.len()] = section();

/// The magic, the length as a little-endian number, the JSON.
const fn section() -> [u8; 16 + JSON.len()] {
    let mut bytes = [0; 16 + JSON.len()];
    let (head, length) = (b"PLUGINMETA\0\0", (JSON.len() as u32).to_le_bytes());
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = match at {
            0..12 => head[at],
            12..16 => length[at - 12],
            _ => JSON.as_bytes()[at - 16],
        };
        at += 1;
    }
    bytes
}
