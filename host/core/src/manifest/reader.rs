//! A reader for values of a plugin.yaml or plugins.yaml, with their locations and the problems found.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_yaml::Value;

use super::lines::{Lines, Place};
use super::words::{NOT_ENFORCED, OLDER_KEYS};
use super::{Mode, Problem};
use crate::Size;
use crate::look_alikes;
use crate::spelling::suggestion;
use crate::text::{is_hidden, shown};

const MAX_TEXT_BYTES: usize = 4096;

/// The kind of file.
#[derive(Clone, Copy)]
pub(crate) enum File {
    /// A plugin.yaml.
    Manifest(Mode),
    /// The operator's plugins.yaml, in which nothing is overlooked.
    Plugins,
}

/// The state shared by the readers of one file.
pub(crate) struct Report<'a> {
    text: &'a str,
    lines: &'a Lines,
    file: File,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

/// A value, or its absence, with its location. All methods record problems and return a best-effort result, so one pass
/// finds everything.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    report: &'a Report<'a>,
    parent: Option<&'a Reader<'a>>,
    step: Step<'a>,
    value: Option<&'a Value>,
    place: Option<Place>,
    line: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, lines: &'a Lines, file: File) -> Report<'a> {
        Report { text, lines, file, problems: RefCell::default(), warnings: RefCell::default() }
    }

    /// A reader of the whole file.
    pub(crate) fn root(&'a self, value: &'a Value) -> Reader<'a> {
        let place = Some(self.lines.root());
        Reader { report: self, parent: None, step: Step::Root, value: Some(value), place, line: 0 }
    }

    /// Returns the result if no problems were recorded.
    pub(super) fn only_without_problems<T>(self, made: Option<T>) -> Result<T, Vec<Problem>> {
        let (problems, _) = self.finish();
        match made {
            Some(made) if problems.is_empty() => Ok(made),
            _ => Err(problems),
        }
    }

    /// The number of recorded problems.
    pub(crate) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The problems and the warnings, each ordered by line.
    pub(crate) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        problems.sort_by_key(|problem| problem.line);
        warnings.sort_by_key(|problem| problem.line);
        (problems, warnings)
    }
}

impl<'a> Reader<'a> {
    /// Returns whether there is a value.
    pub(crate) fn is_given(&self) -> bool {
        self.value.is_some()
    }

    /// Returns whether the value is a mapping.
    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.value, Some(Value::Mapping(_)))
    }

    /// Returns whether the value is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Some(Value::Sequence(_)))
    }

    /// The line of the value, or of the parent if it is missing.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    // === problems ===

    /// Records a problem with the value, which is shown. A character of the value that is easily mistaken for another
    /// is named.
    pub(crate) fn problem(&self, rule: impl Into<String>) {
        let note = self.as_text().filter(|_| !self.may_be_secret()).map(look_alikes::note).unwrap_or_default();
        self.problem_of_text(rule.into() + &note);
    }

    /// Records a problem with a free text, in which every character may be meant.
    fn problem_of_text(&self, rule: impl Into<String>) {
        self.report.problems.borrow_mut().push(self.make(rule.into(), self.shown()));
    }

    /// Records a problem with a text in the file that must not be one, such as `"true"`.
    fn problem_of_quotes(&self, rule: String, text: &str) {
        let found = if self.may_be_secret() { String::new() } else { format!("\"{}\"", shown(text, 80)) };
        self.report.problems.borrow_mut().push(self.make(rule, found));
    }

    /// Records a warning about the value, which is shown.
    pub(crate) fn warn(&self, rule: impl Into<String>) {
        self.report.warnings.borrow_mut().push(self.make(rule.into(), self.shown()));
    }

    /// Records an older manifest format or an unknown word: a problem in strict mode, otherwise a warning.
    pub(crate) fn older(&self, rule: impl Into<String>) {
        match self.report.file {
            File::Manifest(Mode::Normal | Mode::Permissive) => self.warn(rule),
            File::Manifest(Mode::Strict) | File::Plugins => self.problem(rule),
        }
    }

    /// Warns when the field has no effect in this version of the host.
    pub(crate) fn warn_unless_enforced(&self) {
        let path = self.path(false);
        if let Some((_, sentence)) = NOT_ENFORCED.iter().find(|(field, _)| *field == path) {
            self.report.warnings.borrow_mut().push(self.make((*sentence).to_owned(), String::new()));
        }
    }

    /// Records a problem if there is no value.
    pub(crate) fn required(self) -> Reader<'a> {
        if self.value.is_none() {
            self.problem(format!("is required{}", self.misspelled()));
        }
        self
    }

    /// A sentence about the key beside this missing field that is most likely a misspelling of it; empty if there is
    /// none.
    fn misspelled(&self) -> String {
        let (Step::Key(name), Some(parent)) = (self.step, self.parent) else { return String::new() };
        let Some(mapping) = parent.value.and_then(Value::as_mapping) else { return String::new() };
        let is_meant = |key: &&str| {
            // A colon that is not ASCII makes the value a part of the key.
            let ascii = look_alikes::to_ascii(key);
            let ascii = ascii.split(':').next().unwrap_or_default().trim();
            ascii == name || suggestion(key, &[name]).is_some()
        };
        let mut keys = mapping.keys().filter_map(Value::as_str).filter(|key| *key != name);
        let Some(key) = keys.find(is_meant) else { return String::new() };
        let line = parent.field(key).line;
        let place = if line > 0 { format!("line {line}") } else { "the same mapping".to_owned() };
        let note = look_alikes::note(key);
        let remedy = if note.is_empty() { format!("; rename it to `{name}`") } else { note };
        format!("; `{}` in {place} is not a known key{remedy}", shown(key, 80))
    }

    fn make(&self, rule: String, found: String) -> Problem {
        Problem { line: self.line, field: self.path(true), rule, found }
    }

    /// The value for a message: as written for a plain scalar; empty for a collection or a possible secret.
    fn shown(&self) -> String {
        match self.value {
            _ if self.may_be_secret() => String::new(),
            Some(Value::String(text)) => shown(text, 80),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => self.written(value),
            _ => String::new(),
        }
    }

    /// Returns whether the value is part of the operator's configuration, which may contain secrets.
    fn may_be_secret(&self) -> bool {
        let is_set = |reader: &&Reader<'_>| matches!(reader.step, Step::Key("configuration"));
        let mut readers = std::iter::successors(Some(self), |reader| reader.parent);
        matches!(self.report.file, File::Plugins) && readers.any(|reader| is_set(&reader))
    }

    fn written(&self, value: &Value) -> String {
        let written = self.place.and_then(|place| self.report.lines.written(place));
        match (written.and_then(|range| self.report.text.get(range)), value) {
            (Some(text), _) => shown(text, 80),
            (None, Value::Number(number)) => number.to_string(),
            (None, Value::Bool(flag)) => flag.to_string(),
            (None, _) => String::new(),
        }
    }

    /// Such as `endpoints[1].path`, or `endpoints[].path` without indices.
    fn path(&self, indices: bool) -> String {
        let mut steps = Vec::new();
        let mut reader = Some(self);
        while let Some(step) = reader {
            steps.push(step.step);
            reader = step.parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            // Writing to a string does not fail.
            let _ = match step {
                Step::Root => Ok(()),
                Step::Item(index) if indices => write!(path, "[{index}]"),
                Step::Item(_) => write!(path, "[]"),
                Step::Key(key) if !is_word(key) => write!(path, "[{}]", shown(key, 80)),
                Step::Key(key) if path.is_empty() => write!(path, "{}", shown(key, 80)),
                Step::Key(key) => write!(path, ".{}", shown(key, 80)),
            };
        }
        path
    }

    // === collections ===

    /// The value of a key. An empty value counts as none.
    pub(crate) fn field(&'a self, name: &'a str) -> Reader<'a> {
        let value = self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null());
        let place = self.place.and_then(|place| self.report.lines.key(place, name));
        let line = place.map_or(self.line, |place| self.report.lines.line(place));
        Reader { report: self.report, parent: Some(self), step: Step::Key(name), value, place, line }
    }

    /// Records a problem if the value is not a mapping, and for each key that is not `known`.
    pub(crate) fn keys(&'a self, known: &[&str]) {
        for (name, reader) in self.entries() {
            let is_manifest = matches!(self.report.file, File::Manifest(_));
            if known.contains(&name) {
                match (reader.is_given(), is_manifest) {
                    (true, _) => {}
                    (false, true) => reader.warn("is empty, which has the same effect as leaving the key out"),
                    (false, false) => reader.problem("is empty; add a value, or leave the key out"),
                }
                continue;
            }
            let path = reader.path(false);
            let older = OLDER_KEYS.iter().find(|(key, _)| is_manifest && *key == path);
            let sentence = older.map(|(_, sentence)| (*sentence).to_owned()).unwrap_or_else(|| {
                let effect = if is_manifest { " and has no effect" } else { "" };
                let note = look_alikes::note(name);
                match suggestion(name, known) {
                    Some(nearest) => format!("is not a known key{effect}{note}; did you mean `{nearest}`?"),
                    None => format!("is not a known key{effect}{note}"),
                }
            });
            reader.bare().older(sentence);
        }
    }

    /// The keys and values of a mapping.
    pub(crate) fn entries(&'a self) -> Vec<(&'a str, Reader<'a>)> {
        let mapping = match self.value {
            None => return Vec::new(),
            Some(Value::Mapping(mapping)) => mapping,
            Some(_) => {
                self.problem(format!("must be a mapping of keys and values{}", self.instead()));
                return Vec::new();
            }
        };
        let mut entries = Vec::with_capacity(mapping.len());
        for key in mapping.keys() {
            match key {
                Value::String(name) if name.is_empty() => self.problem("must not have an empty key"),
                Value::String(name) if name.contains(is_hidden) => {
                    self.problem("must not have a key that contains control or invisible characters");
                }
                Value::String(name) => entries.push((name.as_str(), self.field(name))),
                Value::Number(number) => {
                    self.problem(format!("must have text as keys; write the key in quotes: \"{number}\""))
                }
                Value::Bool(flag) => {
                    self.problem(format!("must have text as keys; write the key in quotes: \"{flag}\""))
                }
                _ => self.problem("must have text as keys"),
            }
        }
        entries
    }

    /// The entries of a list with at most 256 entries; 1000 in plugins.yaml.
    pub(crate) fn items(&'a self) -> Vec<Reader<'a>> {
        self.items_within(
            0..=match self.report.file {
                File::Manifest(_) => 256,
                File::Plugins => 1000,
            },
        )
    }

    /// The entries of a list whose number of entries is in `range`; none if the list has a problem.
    pub(crate) fn items_within(&'a self, range: RangeInclusive<usize>) -> Vec<Reader<'a>> {
        let list = match self.value {
            None => return Vec::new(),
            Some(Value::Sequence(list)) => list,
            Some(_) => {
                self.problem(format!("must be a list{}", self.instead()));
                return Vec::new();
            }
        };
        if !range.contains(&list.len()) {
            let (found, max) = (list.len(), range.end());
            self.bare().problem(match range.start() {
                0 => format!("must have at most {max} entries, but has {found}"),
                min => format!("must have {min} to {max} entries, but has {found}"),
            });
            return Vec::new();
        }
        let item = |(index, value): (usize, &'a Value)| {
            let place = self.place.and_then(|place| self.report.lines.item(place, index));
            let line = place.map_or(self.line, |place| self.report.lines.line(place));
            let (step, value) = (Step::Item(index), Some(value).filter(|value| !value.is_null()));
            Reader { report: self.report, parent: Some(self), step, value, place, line }
        };
        list.iter().enumerate().map(item).collect()
    }

    // === scalars ===

    /// Returns the text without recording a problem.
    pub(crate) fn as_text(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// A number as written in the file; `None` for other values. Records no problem.
    pub(crate) fn as_number(&self) -> Option<String> {
        self.value.filter(|value| value.is_number()).map(|number| self.written(number))
    }

    /// One line of text.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let text = self.prose()?;
        if text.contains(['\n', '\t']) {
            self.problem_of_text("must be a single line without tabs");
            return None;
        }
        Some(text)
    }

    /// Text that may have line breaks and tabs.
    pub(crate) fn prose(&self) -> Option<&'a str> {
        let text = match self.value? {
            Value::String(text) => text,
            value @ (Value::Number(_) | Value::Bool(_)) => {
                self.problem(format!("must be text; write it in quotes: \"{}\"", self.written(value)));
                return None;
            }
            _ => {
                self.problem(format!("must be text{}", self.instead()));
                return None;
            }
        };
        let hidden = |(_, c): &(usize, char)| is_hidden(*c) && !matches!(c, '\n' | '\t');
        if text.len() > MAX_TEXT_BYTES {
            self.problem_of_text(format!("must be at most {} long", Size::of_usize(MAX_TEXT_BYTES)));
        } else if let Some((index, c)) = text.chars().enumerate().find(hidden) {
            let name = look_alikes::described(c).unwrap_or_else(|| format!("U+{:04X}", c as u32));
            self.problem_of_text(format!("must not contain invisible characters; character {} is {name}", index + 1));
        } else {
            if look_alikes::is_in_curly_quotes(text) && !self.is_quoted() {
                self.warn("is in typographic quotation marks, which become part of the text; write ASCII quotes");
            }
            return Some(text);
        }
        None
    }

    /// Parses one line of text with `parse`.
    pub(crate) fn parsed<T, E: ToString>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        parse(self.text()?).map_err(|rule| self.problem(rule.to_string())).ok()
    }

    /// Parses each entry of a list with `parse`.
    pub(crate) fn parsed_items<T, E: ToString>(&self, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let items = self.items();
        items.iter().filter_map(|item| item.required().parsed(&parse)).collect()
    }

    /// A boolean; `None` if it is missing.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value? {
            Value::Bool(flag) => return Some(*flag),
            Value::String(text) if matches!(text.trim(), "true" | "false") && self.is_quoted() => {
                let rule = format!("must be true or false, not a text; write {} without quotes", text.trim());
                self.problem_of_quotes(rule, text);
            }
            Value::String(text) => {
                let meant = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" => "; write true",
                    "no" | "off" | "false" => "; write false",
                    _ => "",
                };
                self.problem(format!("must be true or false{meant}"));
            }
            _ => self.problem(format!("must be true or false{}", self.instead())),
        }
        None
    }

    /// A whole number; `None` if it is missing.
    pub(crate) fn number<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let number = self.value?.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let rule = format!("must be a whole number from {least} to {most}");
            match self.as_text().map(|text| (text, text.trim().replace('_', ""))) {
                Some((text, digits)) if digits.parse::<u64>().is_ok() && self.is_quoted() => {
                    self.problem_of_quotes(format!("{rule}, not a text; write {digits} without quotes"), text);
                }
                Some((_, digits)) if digits.parse::<u64>().is_ok() => {
                    self.problem(format!("{rule}; write {digits}"));
                }
                _ => self.problem(format!("{rule}{}", self.instead())),
            }
        }
        number.and_then(|number| T::try_from(number).ok())
    }

    /// Returns whether the value is a text because of its quotes: in JSON, every text.
    fn is_quoted(&self) -> bool {
        matches!(self.value, Some(Value::String(_)))
            && self.place.and_then(|place| self.report.lines.written(place)).is_none()
    }

    /// The value as JSON has it.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        match self.value {
            None => Some(serde_json::Value::Null),
            Some(Value::Bool(flag)) => Some((*flag).into()),
            Some(Value::String(_)) => self.prose().map(Into::into),
            Some(Value::Sequence(_)) => {
                self.items().iter().map(Reader::json).collect::<Option<Vec<_>>>().map(Into::into)
            }
            Some(Value::Number(number)) => {
                let json = match (number.as_u64(), number.as_i64()) {
                    (Some(number), _) => Some(number.into()),
                    (None, Some(number)) => Some(number.into()),
                    (None, None) => number.as_f64().and_then(serde_json::Number::from_f64),
                };
                if json.is_none() {
                    self.problem("must be a finite number, because the configuration is passed to the plugin as JSON");
                }
                json.map(serde_json::Value::Number)
            }
            Some(Value::Mapping(_) | Value::Tagged(_) | Value::Null) => self.json_object().map(Into::into),
        }
    }

    /// The mapping as JSON; empty if it is missing.
    pub(crate) fn json_object(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        let entries = self.entries();
        let entries: Vec<_> = entries.iter().map(|(key, value)| ((*key).to_owned(), value.json())).collect();
        entries.into_iter().map(|(key, value)| Some((key, value?))).collect()
    }

    /// A description of the value if its text is not shown.
    fn instead(&self) -> &'static str {
        match self.value {
            Some(Value::Sequence(_)) => ", not a list",
            Some(Value::Mapping(_)) => ", not a mapping",
            _ => "",
        }
    }

    /// A reader at the same location without the value, for problems of the key.
    pub(crate) fn bare(self) -> Reader<'a> {
        Reader { value: None, ..self }
    }
}

fn is_word(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
