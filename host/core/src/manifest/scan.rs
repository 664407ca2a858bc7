//! One linear walk over the YAML text, before the YAML parser sees it.
//!
//! The parser's cost on hostile nesting is quadratic, it resolves aliases, and it reports few lines. Therefore only a
//! subset of YAML reaches it: block and flow collections at most 16 deep, plain, quoted and block scalars, text keys on
//! one line. The scanner refuses everything else; it never guesses. It also records the line of every key and list
//! entry.

mod cursor;
mod flow;
mod scalar;
mod slips;

use super::lines::{Lines, Place};
use super::problem::Problem;
use crate::look_alikes;
use crate::shown;
use scalar::Scalar;
pub(super) use slips::{is_with_value, remedy};

/// The maximum nesting of collections.
const MAX_NESTING: usize = 16;
/// The maximum length of a key; the YAML parser accepts up to 1024 characters.
const MAX_KEY_BYTES: usize = 1000;

/// The lines of a text that is plain YAML.
///
/// # Errors
/// The first construct outside the subset, or all repeated keys of a mapping and numbers that are too large.
pub(super) fn scan(text: &str) -> Result<Lines, Vec<Problem>> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        line: 1,
        line_start: 0,
        lines: Lines::new(),
        blocks: Vec::new(),
        started: false,
        problems: Vec::new(),
    };
    scanner.document().map_err(|problem| vec![problem])?;
    if !scanner.problems.is_empty() {
        return Err(scanner.problems);
    }
    if !scanner.started {
        return Err(vec![Problem::text(0, "is empty")]);
    }
    Ok(scanner.lines)
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// The next byte.
    at: usize,
    /// Its line, counted from 1.
    line: usize,
    /// The start of that line.
    line_start: usize,
    lines: Lines,
    /// The open block collections, outermost first; the columns never shrink inwards.
    blocks: Vec<Block>,
    /// Whether the value of the document has started.
    started: bool,
    /// Repeated keys and numbers that are too large.
    problems: Vec<Problem>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    List,
}

struct Block {
    kind: Kind,
    column: usize,
    place: Place,
    /// The newest key or entry, while it has no value yet.
    open: Option<Place>,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Problem> {
        self.document_start();
        while let Some(column) = self.next_content()? {
            self.close_blocks(column);
            self.content(column)?;
        }
        Ok(())
    }

    /// Steps over one `---` before all content.
    fn document_start(&mut self) {
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            at += line.len();
            self.line += 1;
            let line = line.split(" #").next().unwrap_or_default().trim_end();
            match line {
                "---" => {
                    (self.at, self.line_start) = (at, at);
                    return;
                }
                _ if line.is_empty() || line.starts_with('#') => {}
                _ => break,
            }
        }
        self.line = 1;
    }

    /// Skips blank lines and comments and returns the column of the next content.
    fn next_content(&mut self) -> Result<Option<usize>, Problem> {
        loop {
            self.refuse_marker()?;
            while self.peek() == Some(b' ') {
                self.at += 1;
            }
            match self.peek() {
                None => return Ok(None),
                Some(b'\n') => self.newline(),
                Some(b'#') => self.skip_to_line_end(),
                Some(b'\t') => return self.refuse("is indented with a tab; use spaces"),
                Some(b'%') if self.column() == 0 => {
                    return self.refuse("has a YAML directive (`%`), which is not supported; remove the line");
                }
                Some(_) => return Ok(Some(self.column())),
            }
        }
    }

    /// Closes the collections that do not contain a line at `column`.
    fn close_blocks(&mut self, column: usize) {
        while self.blocks.last().is_some_and(|block| block.column > column) {
            self.blocks.pop();
        }
        // A list may start in the column of its key; the next key ends it.
        if let [.., outer, inner] = &self.blocks[..]
            && outer.column == column
            && inner.column == column
            && !self.at_dash()
        {
            self.blocks.pop();
        }
    }

    /// One line of content: dashes and at most one key, then at most one value, which may span lines.
    fn content(&mut self, mut column: usize) -> Result<(), Problem> {
        while self.at_dash() {
            let list = self.block(Kind::List, column)?;
            let entry = self.lines.add_item(self.blocks[list].place, self.line);
            self.blocks[list].open = Some(entry);
            self.at += 1;
            while self.peek() == Some(b' ') {
                self.at += 1;
            }
            if self.peek() == Some(b'\t') {
                return self.refuse("has a tab after `-`; use a space");
            }
            if self.line_is_over() {
                return self.end_line();
            }
            column = self.column();
        }
        match self.peek() {
            Some(b'[' | b'{' | b'|' | b'>') => self.value(),
            _ => {
                let scalar = self.scalar(false)?;
                self.skip_blanks();
                if self.peek() != Some(b':') || !self.is_blank(self.at + 1) {
                    self.note(&scalar)?;
                    return self.end_line();
                }
                let map = self.block(Kind::Map, column)?;
                let value = self.key(self.blocks[map].place, &scalar)?;
                self.blocks[map].open = Some(value);
                self.at += 1;
                self.skip_blanks();
                if self.line_is_over() { self.end_line() } else { self.value() }
            }
        }
    }

    /// Reads a scalar or flow collection, on the line of its key or dash or on its own line.
    fn value(&mut self) -> Result<(), Problem> {
        match self.peek() {
            _ if self.at_dash() => self.refuse("has a list on the line of its key; start the list on the next line"),
            Some(b'[' | b'{') => {
                let place = self.take_open()?;
                self.flow(place)?;
                self.end_line()
            }
            Some(b'|' | b'>') => {
                self.take_open()?;
                self.block_scalar()
            }
            _ => {
                let scalar = self.scalar(false)?;
                self.note(&scalar)?;
                self.end_line()
            }
        }
    }

    /// The open collection that content at `column` is part of, which may begin here.
    fn block(&mut self, kind: Kind, column: usize) -> Result<usize, Problem> {
        if let Some(top) = self.blocks.last() {
            if top.column == column && top.kind == kind {
                return Ok(self.blocks.len() - 1);
            }
            let list_of_a_key = top.column == column && kind == Kind::List;
            if top.column >= column && !list_of_a_key {
                return self.refuse("mixes list entries and keys at the same indentation");
            }
        }
        let place = self.take_open()?;
        self.refuse_nesting(1)?;
        self.blocks.push(Block { kind, column, place, open: None });
        Ok(self.blocks.len() - 1)
    }

    /// Returns the place of the next value.
    fn take_open(&mut self) -> Result<Place, Problem> {
        let open = match self.blocks.last_mut() {
            Some(top) => top.open.take(),
            None if !self.started => Some(self.lines.root()),
            None => None,
        };
        self.started = true;
        match open {
            Some(place) => Ok(place),
            None => self.refuse_line(self.line_start, self.line, "belongs to no key or list; check the indentation"),
        }
    }

    fn note(&mut self, scalar: &Scalar) -> Result<(), Problem> {
        let place = self.take_open()?;
        self.note_at(place, scalar);
        Ok(())
    }

    fn note_at(&mut self, place: Place, scalar: &Scalar) {
        if scalar.plain && scalar.line == self.line {
            self.lines.set_written(place, scalar.start..scalar.end);
            let text = &self.text[scalar.start..scalar.end];
            if is_too_large(text) {
                let problem = Problem::text(self.line, "has a number that is too large; write it in quotes");
                self.problems.push(Problem { found: shown(text, 80), ..problem });
            }
        }
    }

    /// Notes `scalar` as a key of the mapping at `place`; the next byte is its colon.
    fn key(&mut self, place: Place, scalar: &Scalar) -> Result<Place, Problem> {
        let written = &self.text[scalar.start..scalar.end];
        if scalar.line != self.line {
            let rule = "has a key that spans several lines, or a value that contains `: `; put the value in quotes";
            let line_start = self.text[..scalar.start].rfind('\n').map_or(0, |newline| newline + 1);
            if remedy(self.line_at(line_start)).is_some() {
                return self.refuse_line(line_start, scalar.line, rule);
            }
            return self.refuse(rule);
        }
        if scalar.plain && written.starts_with(look_alikes::is_blank) {
            return self.refuse("has a key after a blank that is not an ordinary space");
        }
        if self.at - scalar.start > MAX_KEY_BYTES {
            return self.refuse("has a key longer than 1000 bytes");
        }
        let name = match written.as_bytes() {
            [b'"', ..] if written.contains('\\') => {
                return self.refuse("has a key with an escape sequence (`\\`); write the key without escapes");
            }
            [b'"', .., b'"'] => written[1..written.len() - 1].to_owned(),
            [b'\'', .., b'\''] => written[1..written.len() - 1].replace("''", "'"),
            b"<<" => return self.refuse("has a merge key (`<<`), which is not supported; write the keys out"),
            _ => written.to_owned(),
        };
        let found = shown(&name, 80);
        let (value, first) = self.lines.add_key(place, name, self.line);
        if let Some(first) = first {
            let rule = format!("repeats a key that is in line {first} of the same mapping; keep one of them");
            self.problems.push(Problem { found, ..Problem::text(self.line, rule) });
        }
        Ok(value)
    }
}

/// Returns whether a plain scalar is a whole number that has more than 64 bits. The YAML parser would refuse it without
/// a line, or read it as another number.
fn is_too_large(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        // A text with leading zeros, such as a telephone number.
        [b'0', _, ..] => return false,
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| char::from(byte).is_digit(radix)) {
        return false;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => text.starts_with('-') && number > i64::MIN.unsigned_abs(),
        Err(_) => true,
    }
}
