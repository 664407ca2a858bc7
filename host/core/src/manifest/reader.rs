//! A reader for values of a plugin.yaml or plugins.yaml, with their locations and the problems found.

mod collections;
mod problems;
mod scalars;

use std::cell::RefCell;
use std::time::Duration;

use serde_yaml::Value;

use super::lines::{Lines, Place};
use super::{Mode, Problem};

/// The kind of file.
#[derive(Clone, Copy)]
pub(crate) enum File {
    /// A plugin.yaml.
    Manifest {
        mode: Mode,
        /// The longest `timeout_ms` of an endpoint that the host allows.
        max_timeout: Duration,
    },
    /// The operator's plugins.yaml, in which unknown keys are refused.
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

    /// The first line of the file that is not empty.
    pub(super) fn first_line(&self) -> Option<&str> {
        self.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))
    }

    /// The number of recorded problems.
    pub(crate) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The longest `timeout_ms` of an endpoint that the host allows.
    pub(super) fn max_timeout(&self) -> Duration {
        match self.file {
            File::Manifest { max_timeout, .. } => max_timeout,
            File::Plugins => Duration::MAX,
        }
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

    /// Returns whether the key or entry is in the file, perhaps without a value.
    pub(crate) fn is_written(&self) -> bool {
        self.place.is_some()
    }

    /// Returns whether the value is a list without entries.
    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(self.value, Some(Value::Sequence(list)) if list.is_empty())
    }

    /// Returns whether the value is a mapping with a value that is not empty.
    pub(crate) fn has_values(&self) -> bool {
        matches!(self.value, Some(Value::Mapping(mapping)) if mapping.values().any(|value| !value.is_null()))
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
