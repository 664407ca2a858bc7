//! The first pass over a plugin.yaml or plugins.yaml: size, encoding and characters, before anything reads it as YAML.

use std::borrow::Cow;

use super::problem::{Problem, is_hidden};

/// The text without a byte order mark and with `\n` as the only line break.
pub(super) fn text(bytes: &[u8], max_bytes: usize) -> Result<Cow<'_, str>, Problem> {
    if bytes.len() > max_bytes {
        let found = format!("{} bytes", bytes.len());
        return Err(Problem { found, ..Problem::text(0, format!("must have at most {max_bytes} bytes")) });
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = line_of(&bytes[..error.valid_up_to()]);
        Problem::text(line, "must be UTF-8; save the file in that encoding")
    })?;
    // Editors of one system put the mark there and it means nothing; anywhere else it would be an invisible character.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);

    for (at, c) in text.char_indices() {
        let before_newline = || text.as_bytes().get(at + 1) == Some(&b'\n');
        match c {
            '\n' | '\t' => {}
            '\r' if before_newline() => {}
            '\r' => return Err(refused(text, at, "has a carriage return that does not end a line", c)),
            c if is_hidden(c) => return Err(refused(text, at, "has a control or invisible character", c)),
            _ => {}
        }
    }
    Ok(if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) })
}

fn refused(text: &str, at: usize, rule: &str, found: char) -> Problem {
    let line = line_of(&text.as_bytes()[..at]);
    Problem { found: format!("U+{:04X}", found as u32), ..Problem::text(line, rule) }
}

fn line_of(before: &[u8]) -> usize {
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}
