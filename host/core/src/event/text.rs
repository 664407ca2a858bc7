//! The texts of events: short, and safe to show.

use std::fmt;

/// One line of at most [`Text::MAX_BYTES`] without control characters. Longer texts are cut and end with `…`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// The maximum length, which bounds the size of the journal.
    pub const MAX_BYTES: usize = 1024;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if line.len() > Text::MAX_BYTES {
            let mut end = Text::MAX_BYTES - '…'.len_utf8();
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            line.push('…');
        }
        Text(line.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        text.as_str().into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shortened_to_one_line() {
        assert_eq!(Text::from("a\r\nb\u{1b}[31m").as_str(), "a  b [31m");
        let long = Text::from("é".repeat(Text::MAX_BYTES));
        assert_eq!(long.as_str().len(), Text::MAX_BYTES - 1);
        assert!(long.as_str().ends_with("é…"));
        assert_eq!(Text::from(long.as_str()), long, "it reads what it writes");
        assert_eq!(Text::from("x".repeat(Text::MAX_BYTES)).as_str(), "x".repeat(Text::MAX_BYTES));
    }
}
