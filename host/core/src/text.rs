//! Texts of others in messages, and bytes as text.

use std::fmt::Write as _;

use crate::look_alikes::is_invisible;

/// Returns the beginning of a text for a message: one line of at most `max_chars` characters, with control characters
/// and invisible characters as escapes.
pub fn shown(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    let mut characters = text.chars();
    for c in characters.by_ref().take(max_chars) {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) || is_invisible(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Returns whether a character breaks lines or changes the direction of a text.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c as u32, 0x61C | 0x200E | 0x200F | 0x2028..=0x202E | 0x2066..=0x2069 | 0xFEFF | 0xFFFE | 0xFFFF)
}

/// Returns the lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_text_is_one_line_without_invisible_characters() {
        for (text, expected) in [
            ("hello", "hello"),
            ("Grüße ✓", "Grüße ✓"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\u{202e}b\u{200b}c", "a\\u{202e}b\\u{200b}c"),
            ("0123456789abcdef", "0123456789abcdef"),
            ("0123456789abcdefg", "0123456789abcdef…"),
        ] {
            assert_eq!(shown(text, 16), expected);
        }
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
