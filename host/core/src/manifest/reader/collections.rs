//! Reads mappings and lists.

use std::ops::RangeInclusive;

use serde_yaml::Value;

use super::{File, Reader, Step};
use crate::look_alikes;
use crate::manifest::Mode;
use crate::manifest::scan::is_with_value;
use crate::manifest::words::{MISPLACED_RESTRICTIONS, OLDER_KEYS, OTHER_NAMES_IN_PLUGINS, OTHER_PLACES, RESTRICTIONS};
use crate::spelling::suggestion;
use crate::text::is_hidden;

impl<'a> Reader<'a> {
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
            let is_manifest = matches!(self.report.file, File::Manifest { .. });
            if known.contains(&name) {
                match (reader.is_given(), is_manifest) {
                    (true, _) => {}
                    (false, true) => reader.warn("is empty, which has the same effect as leaving the key out"),
                    (false, false) if name == "plugins" => {
                        reader.problem("is empty; write `plugins: []` for no plugins")
                    }
                    (false, false) => reader.problem("is empty; add a value, or leave the key out"),
                }
                continue;
            }
            let path = reader.path(false);
            let older = OLDER_KEYS.iter().find(|(key, _)| is_manifest && *key == path);
            if let Some((_, sentence)) = older {
                reader.bare().older(*sentence);
                continue;
            }
            if let Some(known) = known.iter().find(|known| is_with_value(name, known)) {
                let sentence = format!("is not a known key; write a space after the `:` of `{known}`");
                if self.is_restriction(Some(known)) {
                    reader.bare().unknown_restriction(sentence);
                } else {
                    reader.bare().older(sentence);
                }
                continue;
            }
            let misplaced = MISPLACED_RESTRICTIONS.iter().find(|(key, _)| *key == path).map(|(_, right)| *right);
            let other = OTHER_NAMES_IN_PLUGINS.iter().find(|(key, _)| !is_manifest && *key == path);
            let elsewhere = OTHER_PLACES.iter().find(|(key, _)| is_manifest && *key == path);
            let other = other.or(elsewhere);
            let nearest = misplaced.or(other.map(|(_, right)| *right)).or_else(|| suggestion(name, known));
            let is_restriction = misplaced.is_some() || self.is_restriction(nearest);
            let effect = match self.report.file {
                File::Manifest { mode: Mode::Normal | Mode::Strict, .. } if is_restriction => {
                    ", and unknown restrictions are refused"
                }
                File::Manifest { .. } => " and has no effect",
                File::Plugins => "",
            };
            let note = look_alikes::note(name);
            let sentence = match nearest {
                Some(nearest) => format!("is not a known key{effect}{note}; did you mean `{nearest}`?"),
                None => format!("is not a known key{effect}{note}"),
            };
            if is_restriction {
                reader.bare().unknown_restriction(sentence);
            } else {
                reader.bare().older(sentence);
            }
        }
    }

    /// Returns whether an unknown key of this mapping seems to be a restriction: the mapping is one of
    /// [`RESTRICTIONS`], or the nearest known key is.
    fn is_restriction(&self, nearest: Option<&str>) -> bool {
        let path = self.path(false);
        let nearest = nearest.map(|key| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") });
        RESTRICTIONS.iter().any(|restriction| *restriction == path || nearest.as_deref() == Some(restriction))
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
                File::Manifest { .. } => 256,
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
}
