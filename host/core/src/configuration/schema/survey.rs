//! Collects the subschemas of a document and the problems of its references.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::DRAFT;
use crate::configuration::{Violation, pointer};

/// Keywords that refer to a schema that then applies to the same value.
pub(super) const REFERENCES: &[&str] = &["$ref", "$dynamicRef"];
/// Keywords that hold a schema.
const SCHEMAS: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "items",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "contentSchema",
];
/// Keywords that hold a list of schemas.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords that hold schemas by name.
const MAPS: &[&str] = &["$defs", "dependentSchemas", "properties", "patternProperties"];
/// The keywords above whose schemas apply to the same value as their parent schema.
const IN_PLACE: &[&str] = &["not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"];

/// The content of a document.
#[derive(Default)]
pub(super) struct Survey<'a> {
    /// All schemas, by pointer.
    schemas: BTreeMap<String, &'a Value>,
    references: Vec<Reference<'a>>,
    anchors: HashMap<&'a str, String>,
    /// All patterns with their first location.
    pub(super) patterns: BTreeMap<&'a str, Pattern>,
    pub(super) problems: Vec<Violation>,
}

/// A `$ref` or `$dynamicRef`.
struct Reference<'a> {
    /// The location of the schema that contains the reference.
    place: String,
    keyword: &'static str,
    text: &'a str,
}

/// The use of a pattern.
pub(super) struct Pattern {
    pub(super) pointer: String,
    /// Whether property names are compared with the pattern.
    pub(super) is_of_names: bool,
}

impl<'a> Survey<'a> {
    /// Walks a document, including targets of references outside of known keywords.
    pub(super) fn new(root: &'a Value) -> Survey<'a> {
        let mut survey = Survey::default();
        let mut waiting = vec![(String::new(), root)];
        while let Some((place, schema)) = waiting.pop() {
            if survey.schemas.insert(place.clone(), schema).is_some() {
                continue;
            }
            let Some(object) = schema.as_object() else { continue };
            let n_references = survey.references.len();
            survey.look_at(&place, object);
            for reference in &survey.references[n_references..] {
                let found = pointer_of(reference.text).and_then(|pointer| Some((root.pointer(&pointer)?, pointer)));
                if let Some((schema, pointer)) = found.filter(|(schema, _)| is_schema(schema)) {
                    waiting.push((pointer, schema));
                }
            }
            waiting.extend(subschemas(&place, object).map(|(_, place, schema)| (place, schema)));
        }
        survey
    }

    fn look_at(&mut self, place: &str, schema: &'a Map<String, Value>) {
        let at = |keyword: &str| pointer::join(place, keyword);
        if let Some(draft) = schema.get("$schema")
            && draft.as_str().is_none_or(|draft| draft.strip_suffix('#').unwrap_or(draft) != DRAFT)
        {
            self.problems.push(Violation::new(
                at("$schema"),
                format!("{draft} is not supported; the only supported draft is `{DRAFT}`"),
            ));
        }
        if schema.contains_key("$id") {
            self.problems.push(Violation::new(at("$id"), "is allowed only at the top of the schema"));
        }
        for keyword in REFERENCES {
            if let Some(text) = schema.get(*keyword).and_then(Value::as_str) {
                self.references.push(Reference { place: place.to_owned(), keyword, text });
            }
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            let Some(name) = schema.get(keyword).and_then(Value::as_str) else { continue };
            if self.anchors.insert(name, place.to_owned()).is_some_and(|other| other != place) {
                self.problems.push(Violation::new(at(keyword), format!("`{name}` occurs twice in the schema")));
            }
        }
        let pattern = |is_of_names| move |pointer| Pattern { pointer, is_of_names };
        if let Some(text) = schema.get("pattern").and_then(Value::as_str) {
            self.patterns.entry(text).or_insert_with(|| pattern(false)(at("pattern")));
        }
        for text in schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            let place = pointer::join(&at("patternProperties"), text);
            self.patterns.entry(text).or_insert_with(|| pattern(true)(place)).is_of_names = true;
        }
    }

    /// Resolves each reference, by its text. Unresolvable references become problems.
    pub(super) fn targets(&mut self) -> HashMap<String, String> {
        let mut targets = HashMap::new();
        for Reference { place, keyword, text } in &self.references {
            let target = match text.strip_prefix('#') {
                Some("") => Some(String::new()),
                Some(rest) if rest.starts_with('/') => pointer_of(text),
                Some(anchor) => self.anchors.get(anchor).cloned(),
                None => {
                    let rule = "refers to another document; put the schema into `$defs` and refer to it as `#/$defs/…`";
                    self.problems.push(Violation::new(pointer::join(place, keyword), format!("`{text}` {rule}")));
                    continue;
                }
            };
            match target.filter(|target| self.schemas.get(target).is_some_and(|schema| is_schema(schema))) {
                Some(target) => drop(targets.insert((*text).to_owned(), target)),
                None => {
                    let rule = "refers to no schema in the document";
                    self.problems.push(Violation::new(pointer::join(place, keyword), format!("`{text}` {rule}")));
                }
            }
        }
        targets
    }

    /// Finds schemas that apply themselves to the same value endlessly. A walk through a property or item ends, because
    /// values are finite.
    pub(super) fn find_loops(&mut self, targets: &HashMap<String, String>) {
        let mut next: HashMap<&str, Vec<String>> = HashMap::new();
        for (place, schema) in &self.schemas {
            let in_place = schema.as_object().into_iter().flat_map(|schema| subschemas(place, schema));
            let in_place = in_place.filter(|(keyword, ..)| IN_PLACE.contains(keyword));
            next.insert(place, in_place.map(|(_, place, _)| place).collect());
        }
        for Reference { place, text, .. } in &self.references {
            next.entry(place).or_default().extend(targets.get(*text).cloned());
        }
        // Done, or on the path to where the search is now. Not recursive: a document may be a long chain.
        let mut is_done: HashMap<&str, bool> = HashMap::new();
        for start in self.schemas.keys() {
            let mut path: Vec<(&str, std::slice::Iter<'_, String>)> = vec![];
            let mut step = (!is_done.contains_key(start.as_str())).then_some(start.as_str());
            loop {
                if let Some(place) = step.take() {
                    is_done.insert(place, false);
                    path.push((place, next.get(place).map_or_else(Default::default, |next| next.iter())));
                }
                let Some((place, rest)) = path.last_mut() else { break };
                match rest.next() {
                    None => {
                        is_done.insert(place, true);
                        path.pop();
                    }
                    Some(target) => match is_done.get(target.as_str()) {
                        None => step = Some(target),
                        Some(true) => {}
                        Some(false) => {
                            let rule = "refers to itself for the same value, which never ends";
                            self.problems.push(Violation::new(*place, rule));
                        }
                    },
                }
            }
        }
    }
}

/// The schemas inside a schema: keyword, pointer and schema.
fn subschemas<'a>(
    place: &str,
    schema: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'static str, String, &'a Value)> {
    let mut found = vec![];
    for keyword in SCHEMAS {
        found.extend(schema.get(*keyword).map(|schema| (*keyword, pointer::join(place, keyword), schema)));
    }
    for keyword in LISTS {
        let list = schema.get(*keyword).and_then(Value::as_array).into_iter().flatten().enumerate();
        found.extend(list.map(|(n, schema)| (*keyword, format!("{place}/{keyword}/{n}"), schema)));
    }
    for keyword in MAPS {
        let map = schema.get(*keyword).and_then(Value::as_object).into_iter().flatten();
        let at = pointer::join(place, keyword);
        found.extend(map.map(|(name, schema)| (*keyword, pointer::join(&at, name), schema)));
    }
    found.into_iter()
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

/// Returns the pointer of a reference such as `#/$defs/a`, which may be percent-encoded.
fn pointer_of(reference: &str) -> Option<String> {
    let encoded = reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16));
                decoded.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok()
}
