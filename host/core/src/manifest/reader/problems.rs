//! Records problems and warnings with their locations.

use std::fmt::Write as _;

use serde_yaml::Value;

use super::{File, Reader, Step};
use crate::look_alikes;
use crate::manifest::scan::is_with_value;
use crate::manifest::words::NOT_ENFORCED;
use crate::manifest::{Mode, Problem};
use crate::spelling::suggestion;
use crate::text::shown;

impl<'a> Reader<'a> {
    /// Records a problem with the value, which is shown. A character of the value that is easily mistaken for another
    /// is named.
    pub(crate) fn problem(&self, rule: impl Into<String>) {
        let note = self.as_text().filter(|_| !self.may_be_secret()).map(look_alikes::note).unwrap_or_default();
        self.problem_of_text(rule.into() + &note);
    }

    /// Records a problem with a free text, in which no character is a likely mistake.
    pub(super) fn problem_of_text(&self, rule: impl Into<String>) {
        self.report.problems.borrow_mut().push(self.make(rule.into(), self.shown()));
    }

    /// Records a problem with a text in the file that must not be one, such as `"true"`.
    pub(super) fn problem_of_quotes(&self, rule: String, text: &str) {
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
            File::Manifest { mode: Mode::Normal | Mode::Permissive, .. } => self.warn(rule),
            File::Manifest { mode: Mode::Strict, .. } | File::Plugins => self.problem(rule),
        }
    }

    /// Records an unknown key that seems to be a restriction: a problem, in permissive mode a warning.
    pub(super) fn unknown_restriction(&self, rule: String) {
        match self.report.file {
            File::Manifest { mode: Mode::Permissive, .. } => self.warn(rule),
            File::Manifest { mode: Mode::Normal | Mode::Strict, .. } | File::Plugins => self.problem(rule),
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
        let mut note = look_alikes::note(key);
        if is_with_value(key, name) {
            note = "; write a space after the `:`".to_owned();
        }
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

    pub(super) fn written(&self, value: &Value) -> String {
        let written = self.place.and_then(|place| self.report.lines.written(place));
        match (written.and_then(|range| self.report.text.get(range)), value) {
            (Some(text), _) => shown(text, 80),
            (None, Value::Number(number)) => number.to_string(),
            (None, Value::Bool(flag)) => flag.to_string(),
            (None, _) => String::new(),
        }
    }

    /// Such as `endpoints[1].path`, or `endpoints[].path` without indices.
    pub(super) fn path(&self, indices: bool) -> String {
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
}

fn is_word(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
