//! Reads texts, booleans and numbers, and values as JSON.

use std::ops::RangeInclusive;

use serde_yaml::Value;

use super::Reader;
use crate::Size;
use crate::look_alikes;
use crate::text::is_hidden;

/// The longest text.
const MAX_TEXT_BYTES: usize = 4096;

impl<'a> Reader<'a> {
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
            self.problem_of_text(format!("must be at most {} long", Size::from_usize(MAX_TEXT_BYTES)));
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
            let rule = if least == most {
                format!("must be {least}")
            } else {
                format!("must be a whole number from {least} to {most}")
            };
            let is_meant = |digits: &str| digits.parse::<u64>().is_ok_and(|number| (least..=most).contains(&number));
            match self.as_text().map(|text| (text, text.trim().replace('_', ""))) {
                Some((text, digits)) if is_meant(&digits) && self.is_quoted() => {
                    self.problem_of_quotes(format!("{rule}, not a text; write {digits} without quotes"), text);
                }
                Some((_, digits)) if is_meant(&digits) => {
                    self.problem(format!("{rule}; write {digits}"));
                }
                _ => self.problem(format!("{rule}{}", self.instead())),
            }
        }
        number.and_then(|number| T::try_from(number).ok())
    }

    /// The value, if it is a whole number. Records nothing.
    pub(crate) fn whole_number(&self) -> Option<u64> {
        self.value?.as_u64()
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
}
