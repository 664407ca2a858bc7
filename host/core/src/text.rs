//! Escapes and shortens untrusted texts for messages and logs, and formats bytes as hex.

use std::borrow::Cow;
use std::fmt::Display;

use crate::look_alikes::is_invisible;

/// Returns the beginning of a text for a message: one line of at most `max_chars` characters, with control characters
/// and invisible characters as escapes.
pub fn shown(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    let mut characters = text.chars();
    for c in characters.by_ref().take(max_chars) {
        if c == '\t' || is_unseen(c) { push_escaped(&mut shown, c) } else { shown.push(c) }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a text of others with control characters and invisible characters as escapes, such as `\u{202e}`. Tabs and
/// line feeds are kept.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_unseen(c))
}

/// Returns a text of others as one line: like [`visible`], with line feeds as `\n`.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unseen)
}

/// Returns whether a reader cannot see a character, or sees the text around it in another order or on another line.
/// Spaces and tabs are seen.
pub fn is_unseen(c: char) -> bool {
    // Deprecated formatting characters, anchors of annotations, tags and variation selectors.
    let is_format = |c: char| matches!(c as u32, 0x2060..=0x206F | 0xFFF9..=0xFFFB | 0xE0000..=0xE0FFF);
    c != '\t' && !matches!(c, ' '..='~') && (is_hidden(c) || is_invisible(c) || is_format(c))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_escaped(c) { push_escaped(&mut escaped, c) } else { escaped.push(c) }
    }
    Cow::Owned(escaped)
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        '\n' | '\r' | '\t' => text.extend(c.escape_default()),
        c => text.extend(c.escape_unicode()),
    }
}

/// Returns whether a character breaks lines or changes the direction of a text.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c as u32, 0x61C | 0x200E | 0x200F | 0x2028..=0x202E | 0x2066..=0x2069 | 0xFEFF | 0xFFFE | 0xFFFF)
}

/// Returns the lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    write_hex(&mut digits, bytes);
    digits.into_iter().map(char::from).collect()
}

/// Fills `digits` with two lower-case hex digits for each byte.
pub fn write_hex(digits: &mut [u8], bytes: &[u8]) {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
    let (pairs, _) = digits.as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(*byte)];
    }
}

/// Returns the first names of a list in backticks, and the number of the others: "`a`, `b`, 3 more".
pub fn shown_list(names: impl IntoIterator<Item = impl Display>, max_names: usize) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<_> = names.by_ref().take(max_names).map(|name| format!("`{name}`")).collect();
    let n_more = names.count();
    if n_more > 0 {
        shown.push(format!("{n_more} more"));
    }
    shown.join(", ")
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

    #[test]
    fn control_characters_and_invisible_characters_become_escapes() {
        assert!(matches!(visible("plain\n\ttext: Zo\u{eb}"), Cow::Borrowed(_)));
        assert_eq!(visible("a\nb\r\0c\u{1b}[31m\u{85}"), "a\nb\\r\\u{0}c\\u{1b}[31m\\u{85}");
        assert_eq!(visible_line("a\nb\tc"), "a\\nb\tc");
        for c in
            ['\u{200b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{2028}', '\u{ad}', '\u{7f}', '\u{e0041}']
        {
            assert_eq!(visible_line(&format!("a{c}b")), format!("a\\u{{{:x}}}b", c as u32));
        }
    }

    #[test]
    fn a_list_names_its_first_items_and_counts_the_others() {
        for (n, expected) in [(0, ""), (1, "`1`"), (2, "`1`, `2`"), (4, "`1`, `2`, 2 more")] {
            assert_eq!(shown_list(1..=n, 2), expected);
        }
    }
}
