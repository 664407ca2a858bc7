//! Plain, quoted and block scalars.

use super::Scanner;
use crate::manifest::Problem;

/// A scalar that was stepped over.
pub(super) struct Scalar {
    /// The start, including the quote.
    pub(super) start: usize,
    /// The end, including the quote.
    pub(super) end: usize,
    /// The first line.
    pub(super) line: usize,
    /// Whether it is unquoted.
    pub(super) plain: bool,
}

impl Scanner<'_> {
    /// Steps over a plain or quoted scalar, inside (`flow`) or outside of `[]` and `{}`.
    pub(super) fn scalar(&mut self, flow: bool) -> Result<Scalar, Problem> {
        let (start, line) = (self.at, self.line);
        let before_blank = self.is_blank(self.at + 1);
        let plain = match self.peek() {
            Some(b'"' | b'\'') => {
                self.quoted()?;
                false
            }
            Some(b'&' | b'*') => {
                return self.refuse("has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes");
            }
            Some(b'!') => {
                return self.refuse(
                    "has a YAML tag (`!`), which is not supported; put the value in quotes if it starts with `!`",
                );
            }
            Some(b'?') if flow || before_blank => {
                return self.refuse("has a complex key (`?`), which is not supported; keys must be text");
            }
            Some(b':') if flow || before_blank => return self.refuse("has a value without a key"),
            Some(b'-')
                if flow && (before_blank || matches!(self.bytes[self.at + 1], b',' | b'[' | b']' | b'{' | b'}')) =>
            {
                return self.refuse(
                    "has a single `-` inside brackets; separate the entries by commas, or put the `-` in quotes",
                );
            }
            Some(b'|' | b'>') => {
                return self.refuse("has a block text (`|` or `>`) inside brackets; put the text in quotes");
            }
            Some(b',' | b'[' | b']' | b'{' | b'}' | b'%' | b'@' | b'`' | b'#') | None => {
                return self.refuse("has a value that starts with a reserved character; put the value in quotes");
            }
            Some(_) => {
                self.plain(flow)?;
                true
            }
        };
        Ok(Scalar { start, end: self.at, line, plain })
    }

    /// Steps over the text between two quotes.
    fn quoted(&mut self) -> Result<(), Problem> {
        let quote = self.peek();
        let begin = (self.line, self.line_start);
        let least_column = self.least_column();
        self.at += 1;
        loop {
            match self.peek() {
                None => {
                    (self.line, self.line_start) = begin;
                    return self.refuse("has an opening quote that is never closed");
                }
                Some(b'\n') => {
                    self.newline();
                    self.refuse_marker()?;
                    self.refuse_tab_indentation()?;
                    while self.peek() == Some(b' ') {
                        self.at += 1;
                    }
                    if self.column() < least_column && !self.rest_of_line_is_blank() {
                        let rule = format!("is inside the quotes that are opened in line {}", begin.0);
                        return self.refuse(&format!("{rule}; indent the line more, or close the quotes"));
                    }
                }
                // An escaped line break is left to the next round, which counts it.
                Some(b'\\') if quote == Some(b'"') => {
                    self.at += if self.bytes.get(self.at + 1) == Some(&b'\n') { 1 } else { 2 };
                }
                Some(b'\'') if quote == Some(b'\'') && self.bytes.get(self.at + 1) == Some(&b'\'') => self.at += 2,
                found => {
                    self.at += 1;
                    if found == quote {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Skips an unquoted scalar, which may continue on further lines.
    fn plain(&mut self, flow: bool) -> Result<(), Problem> {
        let least_column = self.least_column();
        let mut end = (self.at, self.line, self.line_start);
        loop {
            while !self.is_blank(self.at) && !self.ends_plain(flow)? {
                self.at += 1;
                end = (self.at, self.line, self.line_start);
            }
            if !self.is_blank(self.at) || !self.continues(least_column)? {
                (self.at, self.line, self.line_start) = end;
                return Ok(());
            }
        }
    }

    /// Returns whether the next byte, which is not blank, ends a plain scalar.
    fn ends_plain(&self, flow: bool) -> Result<bool, Problem> {
        match self.bytes[self.at] {
            b':' if self.is_blank(self.at + 1) => Ok(true),
            b':' if flow && matches!(self.bytes[self.at + 1], b',' | b'?' | b'[' | b']' | b'{' | b'}') => {
                self.refuse("has `:` without a space after it; add one, or quote the value")
            }
            b',' | b'[' | b']' | b'{' | b'}' => Ok(flow),
            _ => Ok(false),
        }
    }

    /// Steps over blanks and line breaks inside a plain scalar; false when the scalar ended before them.
    fn continues(&mut self, least_column: usize) -> Result<bool, Problem> {
        self.skip_blanks();
        if self.peek() != Some(b'\n') {
            return Ok(!matches!(self.peek(), None | Some(b'#')));
        }
        loop {
            self.newline();
            if self.marker_at(self.at) {
                return Ok(false);
            }
            while self.peek() == Some(b' ') {
                self.at += 1;
            }
            match self.peek() {
                None | Some(b'#') => return Ok(false),
                Some(b'\n') => {}
                Some(b'\t') => return self.refuse("is indented with a tab; use spaces"),
                // In brackets, content that is not indented enough is refused by the caller.
                Some(_) => return Ok(self.column() >= least_column),
            }
        }
    }

    /// Steps over a block text from its `|` or `>` to the beginning of the first line that is not part of it.
    pub(super) fn block_scalar(&mut self) -> Result<(), Problem> {
        self.at += 1;
        let outer = self.blocks.last().map(|block| block.column);
        let mut indent = None;
        let mut signs = 0;
        while let Some(sign @ (b'+' | b'-' | b'1'..=b'9')) = self.peek() {
            signs += 1;
            if sign.is_ascii_digit() {
                indent = Some(outer.unwrap_or(0) + usize::from(sign - b'0'));
            }
            self.at += 1;
        }
        if signs > usize::from(indent.is_some()) + 1 {
            return self.refuse(
                "has too many characters after `|` or `>`; at most one digit and one of `+` and `-` can follow",
            );
        }
        self.end_line()?;

        let indent = match indent {
            Some(indent) => indent,
            None => {
                let least = outer.map_or(1, |column| column + 1);
                self.block_indent(least)?.max(least)
            }
        };
        loop {
            while self.column() < indent && self.peek() == Some(b' ') {
                self.at += 1;
            }
            match self.peek() {
                None => return Ok(()),
                Some(b'\n') => self.newline(),
                Some(b'\t') if self.column() < indent => {
                    return self.refuse("is indented with a tab; use spaces");
                }
                Some(_) if self.column() < indent => {
                    self.at = self.line_start;
                    return Ok(());
                }
                Some(_) => {
                    self.skip_to_line_end();
                    if self.peek().is_some() {
                        self.newline();
                    }
                }
            }
        }
    }

    /// The indentation of a block text: that of its first line with content. Blank lines before it may not have more
    /// spaces, because parsers differ about such a text.
    fn block_indent(&self, least: usize) -> Result<usize, Problem> {
        let mut longest = 0;
        for line in self.text[self.at..].split('\n') {
            let content = line.trim_start_matches(' ');
            let indent = line.len() - content.len();
            if content.starts_with('\t') {
                return self.refuse("has a tab in the indentation of a block text; use spaces");
            }
            if !content.is_empty() {
                if indent >= least && indent < longest {
                    return self.refuse(
                        "starts a block text with a blank line that has more spaces than the first line of the text; \
                         remove the spaces",
                    );
                }
                return Ok(indent.max(longest));
            }
            longest = longest.max(indent);
        }
        Ok(longest)
    }
}
