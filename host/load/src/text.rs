//! Texts of a plugin, where they are copied into the host.

use std::borrow::Cow;

/// Converts a text to one line with escaped control characters: it may contain input of a caller that would otherwise
/// look like another log line.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && c != '\t';
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_control(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_escapes() {
        assert!(matches!(one_line("plain\ttext: Zo\u{eb}"), Cow::Borrowed(_)));
        assert_eq!(one_line("a\nb\r\0c\u{1b}[31m\u{85}"), r"a\nb\r\u{0}c\u{1b}[31m\u{85}");
    }
}
