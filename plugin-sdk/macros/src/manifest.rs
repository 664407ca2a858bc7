//! The endpoints of plugin.yaml.
//!
//! Only the endpoints are read: the host checks the whole file, with every rule and all problems at once. The parser is
//! libyaml-safer because it is libyaml, like the host's parser, so both read a text in the same way; because it reports
//! lines; and because it has no dependencies. Compiled as this crate is (unoptimised, for the build machine) it takes
//! 0.7 s of CPU time, granit-parser 1.0 s, yaml-rust2 1.5 s, saphyr-parser 1.7 s, serde_yaml 5.3 s.

use std::path::{Path, PathBuf};

use libyaml_safer::{Event, EventData, Parser};

/// The largest file that the host accepts; larger files are left to the host's check.
const MAX_BYTES: u64 = 64 * 1024;

/// An endpoint of plugin.yaml.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The first line, from 1.
    pub(crate) line: u64,
    /// The method in upper case.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) handler: String,
}

/// The manifest beside the code.
pub(crate) struct Found {
    /// The path, relative to the folder of Cargo.toml.
    pub(crate) name: String,
    /// Whether the file exists; a file named by the attribute may not.
    pub(crate) exists: bool,
    /// The endpoints, or the reason why they cannot be read.
    pub(crate) endpoints: Result<Vec<Endpoint>, String>,
}

/// The manifest in `folder`: the file `name`, or plugin.yaml or plugin.yml if there is one.
pub(crate) fn find(folder: &Path, name: Option<&str>) -> Option<Found> {
    let names: &[&str] = match &name {
        Some(name) => &[*name],
        None => &["plugin.yaml", "plugin.yml"],
    };
    let exists = |name: &&&str| folder.join(name).is_file();
    let found = names.iter().find(exists).copied();
    let name = found.or(name)?;
    Some(Found { name: name.to_owned(), exists: found.is_some(), endpoints: read(&folder.join(name)) })
}

fn read(path: &PathBuf) -> Result<Vec<Endpoint>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    endpoints(&text)
}

/// The endpoints of a manifest, in its order.
fn endpoints(text: &str) -> Result<Vec<Endpoint>, String> {
    let mut input = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut events = Events { parser };
    loop {
        match events.next()?.data {
            EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
            EventData::MappingStart { .. } => break,
            _ => return Err("it is not a mapping of keys and values".to_owned()),
        }
    }
    let mut found = None;
    events.mapping(|events, key, value| {
        match (key, &value.data) {
            ("endpoints", EventData::SequenceStart { .. }) => found = Some(list(events)?),
            ("endpoints", _) => return Err(format!("line {}: `endpoints` must be a list", line(&value))),
            _ => events.skip(&value)?,
        }
        Ok(())
    })?;
    found.ok_or_else(|| "it has no `endpoints`".to_owned())
}

fn list(events: &mut Events<'_, '_>) -> Result<Vec<Endpoint>, String> {
    let mut endpoints = Vec::new();
    loop {
        let event = events.next()?;
        match event.data {
            EventData::SequenceEnd => return Ok(endpoints),
            EventData::MappingStart { .. } => endpoints.push(endpoint(events, line(&event))?),
            _ => {
                return Err(format!(
                    "line {}: an endpoint must be a mapping with `path`, `method` and `handler`",
                    line(&event)
                ));
            }
        }
    }
}

fn endpoint(events: &mut Events<'_, '_>, line: u64) -> Result<Endpoint, String> {
    let (mut method, mut path, mut handler) = (None, None, None);
    events.mapping(|events, key, value| {
        match (key, &value.data) {
            ("method", EventData::Scalar { value, .. }) => method = Some(value.to_ascii_uppercase()),
            ("path", EventData::Scalar { value, .. }) => path = Some(value.clone()),
            ("handler", EventData::Scalar { value, .. }) => handler = Some(value.clone()),
            _ => events.skip(&value)?,
        }
        Ok(())
    })?;
    let missing = |key| format!("line {line}: the endpoint has no `{key}`");
    Ok(Endpoint {
        line,
        method: method.ok_or_else(|| missing("method"))?,
        path: path.ok_or_else(|| missing("path"))?,
        handler: handler.ok_or_else(|| missing("handler"))?,
    })
}

fn line(event: &Event) -> u64 {
    event.start_mark.line + 1
}

/// The YAML events of the text, in order.
struct Events<'r, 't> {
    parser: Parser<&'r mut &'t [u8]>,
}

impl Events<'_, '_> {
    fn next(&mut self) -> Result<Event, String> {
        self.parser.parse().map_err(|error| match error.problem_mark() {
            Some(mark) => format!("line {}: {}", mark.line + 1, error.problem()),
            None => error.to_string(),
        })
    }

    /// Reads a mapping after its start event; `each` reads the value that starts with the given event.
    fn mapping(&mut self, mut each: impl FnMut(&mut Self, &str, Event) -> Result<(), String>) -> Result<(), String> {
        loop {
            let key = self.next()?;
            let name = match key.data {
                EventData::MappingEnd => return Ok(()),
                EventData::Scalar { value, .. } => value,
                _ => {
                    self.skip(&key)?;
                    String::new()
                }
            };
            let value = self.next()?;
            each(self, &name, value)?;
        }
    }

    /// Skips the rest of the value that starts with `first`.
    fn skip(&mut self, first: &Event) -> Result<(), String> {
        let mut depth = depth(first);
        while depth > 0 {
            depth += self::depth(&self.next()?);
        }
        Ok(())
    }
}

fn depth(event: &Event) -> i64 {
    match event.data {
        EventData::SequenceStart { .. } | EventData::MappingStart { .. } => 1,
        EventData::SequenceEnd | EventData::MappingEnd => -1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(line: u64, method: &str, path: &str, handler: &str) -> Endpoint {
        Endpoint { line, method: method.to_owned(), path: path.to_owned(), handler: handler.to_owned() }
    }

    #[test]
    fn endpoints_are_read_with_their_lines() {
        let text = "id: cats\nlabels: {a: [b, {c: d}]}\n? [odd, key]\n: 1\n\nendpoints:\n  - path: /a/:b\n    method: get\n    \
                    handler: one\n    auth: {required: true}\n  # a comment\n  - {handler: two, path: \"/c\", method: POST}\n";
        assert_eq!(endpoints(text), Ok(vec![endpoint(7, "GET", "/a/:b", "one"), endpoint(12, "POST", "/c", "two")]));
        assert_eq!(endpoints("endpoints: []"), Ok(vec![]));
    }

    #[test]
    fn unreadable_parts_are_reported_with_their_line() {
        for (text, wanted) in [
            ("", "it is not a mapping of keys and values"),
            ("- a", "it is not a mapping of keys and values"),
            ("id: a", "it has no `endpoints`"),
            ("endpoints: 7", "line 1: `endpoints` must be a list"),
            ("endpoints:\n- 7", "line 2: an endpoint must be a mapping with `path`, `method` and `handler`"),
            ("endpoints:\n- path: /a\n  method: GET", "line 2: the endpoint has no `handler`"),
            ("endpoints:\n- path: *x\n  method: GET\n  handler: a", "line 2: the endpoint has no `path`"),
            ("a: [", "line 2: did not find expected node content"),
            ("a: b: c", "line 1: mapping values are not allowed in this context"),
        ] {
            assert_eq!(endpoints(text).unwrap_err(), wanted, "{text}");
        }
    }
}
