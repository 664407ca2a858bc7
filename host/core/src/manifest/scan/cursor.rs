//! The position of the scanner, and refusals at that position.

use super::{MAX_NESTING, Scanner, remedy};
use crate::look_alikes;
use crate::manifest::Problem;
use crate::shown;

impl Scanner<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Returns whether a blank, a line break or the end is at `at`.
    pub(super) fn is_blank(&self, at: usize) -> bool {
        matches!(self.bytes.get(at), None | Some(b' ' | b'\t' | b'\n'))
    }

    pub(super) fn at_dash(&self) -> bool {
        self.peek() == Some(b'-') && self.is_blank(self.at + 1)
    }

    /// The column of the next byte; only spaces and dashes precede it.
    pub(super) fn column(&self) -> usize {
        self.at - self.line_start
    }

    /// The least indentation of the further lines of a value that starts here.
    pub(super) fn least_column(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.column + 1)
    }

    pub(super) fn rest_of_line_is_blank(&self) -> bool {
        let rest = self.bytes[self.at..].iter().take_while(|byte| **byte != b'\n');
        rest.into_iter().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// Refuses a tab among the spaces that indent a further line of a value; called at the beginning of the line.
    pub(super) fn refuse_tab_indentation(&self) -> Result<(), Problem> {
        let spaces = self.bytes[self.at..].iter().take_while(|byte| **byte == b' ').count();
        let is_tab = self.bytes.get(self.at + spaces) == Some(&b'\t');
        if is_tab && spaces < self.least_column() && !self.rest_of_line_is_blank() {
            return self.refuse("is indented with a tab; use spaces");
        }
        Ok(())
    }

    pub(super) fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn skip_to_line_end(&mut self) {
        while !matches!(self.peek(), None | Some(b'\n')) {
            self.at += 1;
        }
    }

    /// Returns whether only a comment can follow; blanks have been skipped.
    pub(super) fn line_is_over(&self) -> bool {
        match self.peek() {
            None | Some(b'\n') => true,
            Some(b'#') => self.at > 0 && self.is_blank(self.at - 1),
            Some(_) => false,
        }
    }

    pub(super) fn end_line(&mut self) -> Result<(), Problem> {
        self.skip_blanks();
        if !self.line_is_over() {
            return self.refuse_line(
                self.line_start,
                self.line,
                if self.peek() == Some(b':') {
                    "has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation"
                } else {
                    "has text after the end of the value; if it belongs to the value, put the whole value in quotes"
                },
            );
        }
        self.skip_to_line_end();
        if self.peek().is_some() {
            self.newline();
        }
        Ok(())
    }

    /// Refuses a second document; called at the beginning of each line.
    pub(super) fn refuse_marker(&self) -> Result<(), Problem> {
        if self.marker_at(self.at) {
            return self.refuse("has a document marker (`---` or `...`); the file must be a single YAML document");
        }
        Ok(())
    }

    pub(super) fn marker_at(&self, at: usize) -> bool {
        let rest = &self.bytes[at..];
        (rest.starts_with(b"---") || rest.starts_with(b"...")) && self.is_blank(at + 3)
    }

    pub(super) fn refuse_nesting(&self, more: usize) -> Result<(), Problem> {
        if self.blocks.len() + more > MAX_NESTING {
            return self.refuse("is nested more than 16 levels deep");
        }
        Ok(())
    }

    pub(super) fn refuse<T>(&self, rule: &str) -> Result<T, Problem> {
        let line = self.line_at(self.line_start);
        let rule = format!("{rule}{}", self.look_alike(line));
        Err(Problem { found: shown(line.trim_matches(' '), 80), ..Problem::text(self.line, rule) })
    }

    pub(super) fn line_at(&self, line_start: usize) -> &str {
        self.text[line_start..].lines().next().unwrap_or_default()
    }

    /// Refuses the line that starts there: with its remedy if it is nearly a key and a value, and else with `rule`.
    pub(super) fn refuse_line<T>(&self, line_start: usize, line: usize, rule: &str) -> Result<T, Problem> {
        let text = self.line_at(line_start);
        let Some(remedy) = remedy(text) else { return self.refuse(rule) };
        let rule = format!("is not a key and a value; {remedy}");
        Err(Problem { found: shown(text.trim_matches(' '), 80), ..Problem::text(line, rule) })
    }

    /// Names a character that may be the cause of a refusal: one in the line, or in the line before it, whose content
    /// may continue here.
    pub(super) fn look_alike(&self, line: &str) -> String {
        let before = self.text[..self.line_start].trim_end().lines().next_back().unwrap_or_default();
        let named = |line: &str| {
            let (column, c) = look_alikes::find_structural(line)?;
            Some((column, look_alikes::described(c)?))
        };
        match (named(line), named(before)) {
            (Some((column, name)), _) => format!("; note that column {column} has {name}"),
            (None, Some((column, name))) => format!("; note that column {column} of the line before has {name}"),
            (None, None) => String::new(),
        }
    }
}
