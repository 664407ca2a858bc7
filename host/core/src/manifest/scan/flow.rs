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
        let mut open = vec![self.flow_start(place, 0)?];
        while let Some(depth) = open.len().checked_sub(1) {
            self.flow_blanks()?;
            let top = &mut open[depth];
            match (top.next, self.peek()) {
                (_, None) => return self.refuse("has a bracket that is never closed"),
                (_, Some(b']')) if top.kind == Kind::List => self.flow_end(&mut open),
                (_, Some(b'}')) if top.kind == Kind::Map => self.flow_end(&mut open),
                (Next::Comma | Next::Value(_), Some(b',')) => {
                    top.next = Next::Entry;
                    self.at += 1;
                }
                (Next::Comma, Some(b':')) => return self.refuse("has a key where none can stand; use `{}`"),
                (Next::Comma, _) => return self.refuse("lacks a comma or a closing bracket"),
                (Next::Entry, Some(b'[' | b'{')) if top.kind == Kind::Map => {
                    return self.refuse("has a collection as a key; keys are plain text");
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

    /// Steps over blanks, line breaks and comments.
    fn flow_blanks(&mut self) -> Result<(), Problem> {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'\n') => {
                    self.newline();
                    self.refuse_marker()?;
                }
                Some(b'#') if self.line_is_over() => self.skip_to_line_end(),
                _ => return Ok(()),
            }
        }
    }
}
