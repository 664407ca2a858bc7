//! A reader for values of a plugin.yaml or plugins.yaml, with their locations and the problems found.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_yaml::Value;

use super::lines::{Lines, Place};
use super::problem::{is_hidden, shown};
use super::words::{NOT_ENFORCED, OLDER_KEYS};
use super::{Mode, Problem};
use crate::spelling::suggestion;

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

    /// Notes a problem with the value, which is shown.
    pub(crate) fn problem(&self, rule: impl Into<String>) {
        self.report.problems.borrow_mut().push(self.make(rule.into(), self.shown()));
    }

    /// Notes a warning about the value, which is shown.
    pub(crate) fn warn(&self, rule: impl Into<String>) {
        self.report.warnings.borrow_mut().push(self.make(rule.into(), self.shown()));
    }

    /// Notes something that only older manifests have: a problem in strict mode.
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
            self.problem("is required");
        }
        self
    }

    fn make(&self, rule: String, found: String) -> Problem {
        Problem { line: self.line, field: self.path(true), rule, found }
    }

    /// The value for a message: as written for a plain scalar; empty for a collection or a possible secret.
    fn shown(&self) -> String {
        match self.value {
            _ if self.may_be_secret() => String::new(),
            Some(Value::String(text)) => shown(text),
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
            (Some(text), _) => shown(text),
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
                Step::Key(key) if !is_word(key) => write!(path, "[{}]", shown(key)),
                Step::Key(key) if path.is_empty() => write!(path, "{}", shown(key)),
                Step::Key(key) => write!(path, ".{}", shown(key)),
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
                    (false, true) => reader.warn("is empty and counts as not given"),
                    (false, false) => reader.problem("is empty; give it a value, or leave it out"),
                }
                continue;
            }
            let path = reader.path(false);
            let older = OLDER_KEYS.iter().find(|(key, _)| is_manifest && *key == path);
            let sentence = older.map(|(_, sentence)| (*sentence).to_owned()).unwrap_or_else(|| {
                let effect = if is_manifest { " and has no effect" } else { "" };
                match suggestion(name, known) {
                    Some(nearest) => format!("is not a known key{effect}; did you mean `{nearest}`?"),
                    None => format!("is not a known key{effect}"),
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
                    self.problem("must not have a key with control or invisible characters");
                }
                Value::String(name) => entries.push((name.as_str(), self.field(name))),
                Value::Number(number) => self.problem(format!("must have text as keys; write \"{number}\" in quotes")),
                Value::Bool(flag) => self.problem(format!("must have text as keys; write \"{flag}\" in quotes")),
                _ => self.problem("must have text as keys"),
            }
        }
        entries
    }

    /// The entries of a list.
    pub(crate) fn items(&'a self) -> Vec<Reader<'a>> {
        let list = match self.value {
            None => return Vec::new(),
            Some(Value::Sequence(list)) => list,
            Some(_) => {
                self.problem(format!("must be a list{}", self.instead()));
                return Vec::new();
            }
        };
        let max = match self.report.file {
            File::Manifest(_) => 256,
            File::Plugins => 1000,
        };
        if list.len() > max {
            self.bare().problem(format!("must have at most {max} entries, and has {}", list.len()));
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

    /// One line of text.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let text = self.prose()?;
        if text.contains(['\n', '\t']) {
            self.problem("must be one line without tabs");
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
        if text.len() > MAX_TEXT_BYTES {
            self.problem(format!("must have at most {MAX_TEXT_BYTES} bytes"));
        } else if text.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')) {
            self.problem("must not hold control or invisible characters");
        } else {
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
            _ => self.problem(format!("must be true or false{}", self.instead())),
        }
        None
    }

    /// A whole number; `None` if it is missing.
    pub(crate) fn number<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let number = self.value?.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.problem(format!("must be a whole number from {least} to {most}{}", self.instead()));
        }
        number.and_then(|number| T::try_from(number).ok())
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
                    self.problem("must be a number that JSON can hold");
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
