//! Converts the output of a program to printable lines.

/// An output stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of output.
///
/// Safe to show on a terminal or a web page: escape sequences and control characters other than tab are removed, and
/// invalid UTF-8 is replaced by U+FFFD. A line longer than the limit is truncated and ends with `[cut]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The stream of the line.
    pub stream: Stream,
    /// The line without its line end.
    pub text: String,
}

/// Splits the bytes of one stream into lines.
pub(crate) struct Lines {
    stream: Stream,
    max_bytes: usize,
    pending: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    pub(crate) fn new(stream: Stream, max_bytes: usize) -> Lines {
        Lines { stream, max_bytes, pending: Vec::new(), is_cut: false }
    }

    /// Adds bytes and passes every completed line to `on_line`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(Line)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            self.emit(on_line);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// Passes the text after the last line end to `on_line`, if any.
    pub(crate) fn finish(mut self, on_line: &mut impl FnMut(Line)) {
        if !self.pending.is_empty() {
            self.emit(on_line);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.max_bytes - self.pending.len();
        self.is_cut |= bytes.len() > room;
        self.pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn emit(&mut self, on_line: &mut impl FnMut(Line)) {
        let mut text = readable(&String::from_utf8_lossy(&self.pending));
        if self.is_cut {
            text.push_str(" [cut]");
        }
        self.pending.clear();
        self.is_cut = false;
        on_line(Line { stream: self.stream, text });
    }
}

/// Returns the text without escape sequences and control characters.
fn readable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Skips the rest of an escape sequence: a control sequence to its final byte, a string to its terminator, or one
/// character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            chars.find(|c| matches!(c, '\u{40}'..='\u{7e}'));
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                match c {
                    '\u{7}' => break,
                    '\u{1b}' => {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(max_bytes: usize, chunks: &[&[u8]]) -> Vec<String> {
        let mut texts = Vec::new();
        let mut on_line = |line: Line| texts.push(line.text);
        let mut lines = Lines::new(Stream::Stdout, max_bytes);
        for chunk in chunks {
            lines.push(chunk, &mut on_line);
        }
        lines.finish(&mut on_line);
        texts
    }

    #[test]
    fn lines_are_assembled_from_chunks() {
        assert_eq!(lines(99, &[b"a", b"b\nc\n\nd", b"e"]), ["ab", "c", "", "de"]);
        assert_eq!(lines(99, &[b"a\r\n"]), ["a"]);
        assert_eq!(lines(99, &[b"\xc3", b"\xbc\n"]), ["ü"]);
        assert!(lines(99, &[]).is_empty());
    }

    #[test]
    fn a_long_line_is_truncated_and_the_next_line_is_complete() {
        assert_eq!(lines(4, &[b"abc", b"def\nabcd\nx\n"]), ["abcd [cut]", "abcd", "x"]);
    }

    #[test]
    fn escape_sequences_and_control_characters_are_removed() {
        for (written, shown) in [
            (&b"\x1b[1;31merror\x1b[0m: x"[..], "error: x"),
            (b"\x1b]8;;https://x\x1b\\link\x1b]8;;\x07!", "link!"),
            (b"a\x1b(Bb\tc\x08\x00\x7f", "aBb\tc"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("\u{9b}2J".as_bytes(), "2J"),
            (b"\x1b", ""),
            (b"\x1b[12", ""),
            (b"\x1b]never ends", ""),
        ] {
            assert_eq!(lines(99, &[written]), [shown], "{written:?}");
        }
    }
}
