//! Collections in brackets.

use super::{Kind, Place, Scanner};
use crate::manifest::Problem;

/// A collection in brackets that is still open.
struct Flow {
    kind: Kind,
    place: Place,
    next: Next,
}

/// The next expected token of a flow collection.
#[derive(Clone, Copy)]
enum Next {
    /// An entry or key, or the end.
    Entry,
    /// The value of a key, or nothing.
    Value(Place),
    /// A comma or the end.
    Comma,
}

impl Scanner<'_> {
    /// Steps over a collection in brackets and all that is in it.
    pub(super) fn flow(&mut self, place: Place) -> Result<(), Problem> {
        let first_line = self.line;
        let mut open = vec![self.flow_start(place, 0)?];
        while let Some(depth) = open.len().checked_sub(1) {
            self.flow_blanks()?;
            if self.is_outdented(first_line) {
                let rule = format!("is inside the bracket that is opened in line {first_line}");
                return self.refuse(&format!("{rule}; indent the line more, or close the bracket"));
            }
            let top = &mut open[depth];
            match (top.next, self.peek()) {
                (_, None) => return self.refuse("has an opening bracket that is never closed"),
                (_, Some(b']')) if top.kind == Kind::List => self.flow_end(&mut open),
                (_, Some(b'}')) if top.kind == Kind::Map => self.flow_end(&mut open),
                (Next::Comma | Next::Value(_), Some(b',')) => {
                    top.next = Next::Entry;
                    self.at += 1;
                }
                (Next::Comma, Some(b':')) => {
                    return self.refuse(match top.kind {
                        Kind::List => "has a key and a value in a list in brackets; write `{key: value}`",
                        Kind::Map => {
                            "has a second `:` after a key; put a comma before the next key, or quotes around the value"
                        }
                    });
                }
                (Next::Comma, _) => return self.refuse("is missing a comma or a closing bracket"),
                (Next::Entry, Some(b'[' | b'{')) if top.kind == Kind::Map => {
                    return self.refuse("has a list or mapping as a key; keys must be text");
                }
                (Next::Entry, found) if top.kind == Kind::List => {
                    let entry = self.lines.add_item(top.place, self.line);
                    top.next = Next::Comma;
                    self.flow_value(entry, found, &mut open)?;
                }
                (Next::Entry, _) => {
                    let scalar = self.scalar(true)?;
                    self.skip_blanks();
                    let value = self.key(top.place, &scalar)?;
                    top.next = Next::Comma;
                    if self.peek() == Some(b':') {
                        top.next = Next::Value(value);
                        self.at += 1;
                    }
                }
                (Next::Value(value), found) => {
                    top.next = Next::Comma;
                    self.flow_value(value, found, &mut open)?;
                }
            }
        }
        Ok(())
    }

    fn flow_value(&mut self, place: Place, found: Option<u8>, open: &mut Vec<Flow>) -> Result<(), Problem> {
        if let Some(b'[' | b'{') = found {
            open.push(self.flow_start(place, open.len())?);
            return Ok(());
        }
        let scalar = self.scalar(true)?;
        self.note_at(place, &scalar);
        Ok(())
    }

    fn flow_start(&mut self, place: Place, depth: usize) -> Result<Flow, Problem> {
        self.refuse_nesting(depth + 1)?;
        let kind = if self.peek() == Some(b'[') { Kind::List } else { Kind::Map };
        self.at += 1;
        Ok(Flow { kind, place, next: Next::Entry })
    }

    fn flow_end(&mut self, open: &mut Vec<Flow>) {
        open.pop();
        self.at += 1;
    }

    /// Returns whether the next content starts a line at the indentation of the block collection around the brackets.
    /// A closing bracket may stand there: YAML does not allow it, but most parsers accept this common style.
    fn is_outdented(&self, first_line: usize) -> bool {
        let is_at_line_start = self.bytes[self.line_start..self.at].iter().all(|byte| *byte == b' ');
        self.line > first_line
            && is_at_line_start
            && self.column() < self.least_column()
            && !matches!(self.peek(), None | Some(b']' | b'}'))
    }

    /// Steps over blanks, line breaks and comments.
    fn flow_blanks(&mut self) -> Result<(), Problem> {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'\n') => {
                    self.newline();
                    self.refuse_marker()?;
                    self.refuse_tab_indentation()?;
                }
                Some(b'#') if self.line_is_over() => self.skip_to_line_end(),
                _ => return Ok(()),
            }
        }
    }
}
