//! A parsed schema document with the targets of its references and its compiled patterns.

use std::collections::HashMap;

use jsonschema::Validator;
use jsonschema::draft202012::meta;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use super::survey::Survey;
use super::{MAX_VIOLATIONS, Schema, SchemaError, options};
use crate::configuration::{Violation, pointer};

/// The valid values of `type`.
const TYPES: &str = "`array`, `boolean`, `integer`, `null`, `number`, `object`, `string`, or a list of them";

/// A document that was checked.
pub(super) struct Document {
    root: Value,
    /// The pointer that each reference leads to, by its text.
    targets: HashMap<String, String>,
    /// The patterns of `patternProperties`.
    patterns: HashMap<String, Validator>,
}

impl Document {
    /// Reads a document and checks all that can be checked without compiling it.
    pub(super) fn read(text: &[u8]) -> Result<Document, SchemaError> {
        if text.len() > Schema::MAX_BYTES {
            return Err(SchemaError::TooLarge { max_bytes: Schema::MAX_BYTES });
        }
        let mut root = match serde_json::from_slice(text) {
            Ok(Value::Object(root)) => root,
            Ok(_) => return Err(SchemaError::NotAnObject { reason: "it is a different JSON value".to_owned() }),
            Err(error) => return Err(SchemaError::NotAnObject { reason: error.to_string() }),
        };
        // A single document needs no id, and an id equal to another document's would change the meaning of references.
        root.remove("$id");
        let root = Value::Object(root);
        if pointer::depth(&root) > Schema::MAX_DEPTH {
            return Err(SchemaError::TooDeep { max_depth: Schema::MAX_DEPTH });
        }
        let mut survey = Survey::new(&root);
        let targets = survey.targets();
        survey.find_loops(&targets);
        let mut problems = std::mem::take(&mut survey.problems);
        let broken = meta::validator();
        let broken = broken.iter_errors(&root).take(MAX_VIOLATIONS);
        problems.extend(broken.map(|error| match error.kind() {
            // The draft expresses this as one schema of several, which makes a poor message.
            ValidationErrorKind::AnyOf { .. } if error.instance_path().as_str().ends_with("/type") => {
                Violation::new(error.instance_path().as_str(), format!("{} is not {TYPES}", error.instance()))
            }
            _ => Violation::new(error.instance_path().as_str(), error.to_string()),
        }));
        let patterns = patterns(&survey, &mut problems);
        if problems.is_empty() {
            return Ok(Document { root, targets, patterns });
        }
        problems.sort();
        problems.dedup();
        problems.truncate(MAX_VIOLATIONS);
        Err(SchemaError::Refused { problems })
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// The schema that a reference leads to.
    pub(super) fn target(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(self.targets.get(reference)?)
    }

    /// Returns whether a pattern of `patternProperties` matches a property name.
    pub(super) fn fits(&self, pattern: &str, name: &Value) -> bool {
        self.patterns.get(pattern).is_some_and(|validator| validator.is_valid(name))
    }
}

/// Compiles all patterns, reporting the problem of each, and keeps the patterns for property names.
fn patterns(survey: &Survey<'_>, problems: &mut Vec<Violation>) -> HashMap<String, Validator> {
    let mut kept = HashMap::new();
    if survey.patterns.len() > Schema::MAX_PATTERNS {
        let (found, most) = (survey.patterns.len(), Schema::MAX_PATTERNS);
        problems
            .push(Violation::new("", format!("the schema has {found} different patterns; at most {most} are allowed")));
        return kept;
    }
    for (pattern, place) in &survey.patterns {
        match options().build(&json!({ "pattern": pattern })) {
            Ok(validator) if place.is_of_names => drop(kept.insert((*pattern).to_owned(), validator)),
            Ok(_) => {}
            Err(_) => {
                let rule = "is not a supported pattern: look-around, back references and very large patterns are not supported";
                problems.push(Violation::new(place.pointer.clone(), format!("`{pattern}` {rule}")));
            }
        }
    }
    kept
}
