//! The first pass over a plugin.yaml or plugins.yaml: size, encoding and characters, before anything reads it as YAML.

use std::borrow::Cow;

use super::problem::Problem;
use crate::Size;
use crate::look_alikes::described;
use crate::text::is_hidden;

/// The text without a byte order mark and with `\n` as the only line break.
pub(super) fn text(bytes: &[u8], max_bytes: usize) -> Result<Cow<'_, str>, Problem> {
    if bytes.len() > max_bytes {
        // The size is not shown: callers read such a file only up to the limit.
        let max = Size::from_usize(max_bytes);
        return Err(Problem::text(0, format!("is larger than {max}, the limit for this file")));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = line_of(&bytes[..error.valid_up_to()]);
        Problem::text(line, "is not UTF-8; save the file in the encoding UTF-8")
    })?;
    // Editors of one system put the mark there and it means nothing; anywhere else it would be an invisible character.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);

    for (at, c) in text.char_indices() {
        let before_newline = || text.as_bytes().get(at + 1) == Some(&b'\n');
        match c {
            '\n' | '\t' => {}
            '\r' if before_newline() => {}
            '\r' => {
                return Err(refused(text, at, "U+000D CARRIAGE RETURN, which does not end a line here; remove it"));
            }
            c if is_hidden(c) => {
                let name = described(c).unwrap_or_else(|| format!("U+{:04X}; remove it", c as u32));
                return Err(refused(text, at, &name));
            }
            _ => {}
        }
    }
    Ok(if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) })
}

/// A problem with the character at `at`.
fn refused(text: &str, at: usize, what: &str) -> Problem {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = 1 + before[line_start..].chars().count();
    Problem::text(line_of(before.as_bytes()), format!("has an invalid character in column {column}: {what}"))
}

fn line_of(before: &[u8]) -> usize {
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}
