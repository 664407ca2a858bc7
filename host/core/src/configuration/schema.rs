//! The JSON Schema of a configuration or request body: draft 2020-12, a single document without external references.
//!
//! A schema comes with a plugin and is compiled before any code of the plugin runs, so its cost must be bounded: size,
//! depth and patterns are limited, patterns run in linear time, and the number of subschema applications is counted
//! before each validation.

mod applied;
mod document;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::{Map, Value};

use super::secret::secrets_by_name;
use super::{Violation, mask, pointer};
use crate::Size;
use applied::{Applied, MAX_STEPS, TooMuch};
use document::Document;

/// The supported draft.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The memory limit of a compiled pattern and of its matching cache.
const MAX_PATTERN_BYTES: usize = 512 << 10;
/// A validation with at most this many steps may run on a shared thread.
const LIGHT_STEPS: usize = 5_000;
/// The maximum number of reported problems.
const MAX_VIOLATIONS: usize = 100;

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    document: Document,
    validator: Validator,
    /// Whether the plugin has no schema, so that only the names of keys tell secrets.
    is_missing: bool,
}

/// The reason why a text is not a valid configuration schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum SchemaError {
    /// The text is too long.
    #[error("the schema is larger than {}", Size::from_usize(*max_bytes))]
    TooLarge { max_bytes: usize },
    /// The text is not JSON, or not an object.
    #[error("the schema is not a JSON object: {reason}")]
    NotAnObject { reason: String },
    /// Objects and lists are nested too deeply.
    #[error("the schema is nested more than {max_depth} levels deep; hint: move parts into `$defs` and refer to them")]
    TooDeep { max_depth: usize },
    /// It violates rules of JSON Schema or of this host.
    #[error("the schema is invalid: {list}", list = list(problems))]
    Refused {
        /// All problems, at most 100. Their pointers refer to the schema.
        problems: Vec<Violation>,
    },
}

impl Schema {
    /// The maximum size of a schema.
    pub const MAX_BYTES: usize = 256 << 10;
    /// The maximum nesting depth of objects and lists.
    pub const MAX_DEPTH: usize = 64;
    /// The maximum number of different patterns in a schema.
    pub const MAX_PATTERNS: usize = 128;

    /// Reads and compiles a schema.
    ///
    /// `$ref` and `$dynamicRef` must point to `#…`: nothing is ever fetched or read. `$schema` must be draft 2020-12 or
    /// missing. `$id` may only be at the top and has no effect. Patterns use the syntax of the crate `regex`, without
    /// look-around and back references. Known formats are validated; unknown ones, such as `password`, are not.
    ///
    /// # Errors
    /// Every problem of the schema at once, if it is a JSON object of an acceptable size.
    pub fn compile(text: &[u8]) -> Result<Schema, SchemaError> {
        let document = Document::read(text)?;
        let validator = options().build(document.root()).map_err(|error| SchemaError::Refused {
            problems: vec![Violation::new(error.instance_path().as_str(), error.to_string())],
        })?;
        Ok(Schema(Arc::new(Inner { document, validator, is_missing: false })))
    }

    /// The schema of a plugin without one: it accepts everything. Secrets are the values under keys with the names of
    /// secrets, such as `password`.
    pub fn any() -> Schema {
        let Schema(inner) = Schema::compile(b"{}").expect("the empty schema is one");
        let inner = Arc::into_inner(inner).expect("nobody else has it yet");
        Schema(Arc::new(Inner { is_missing: true, ..inner }))
    }

    /// The JSON of the schema, without `$id`.
    pub fn as_value(&self) -> &Value {
        self.0.document.root()
    }

    /// Checks a configuration.
    ///
    /// # Errors
    /// All violations, at most 100, ordered by pointer.
    pub fn check(&self, configuration: &Map<String, Value>) -> Result<(), Vec<Violation>> {
        self.check_value(&Value::Object(configuration.clone()))
    }

    /// Checks any value, such as the body of a request.
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn check_value(&self, value: &Value) -> Result<(), Vec<Violation>> {
        match Applied::to(&self.0.document, value, MAX_STEPS) {
            Ok(applied) => self.validate(value, &applied),
            Err(too_much) => Err(vec![Violation::new("", too_much.to_string())]),
        }
    }

    /// Validates only if that takes few steps; `None` if it takes more steps, or more than the limit.
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn check_light(&self, value: &Value) -> Option<Result<(), Vec<Violation>>> {
        let applied = Applied::to(&self.0.document, value, LIGHT_STEPS).ok()?;
        Some(self.validate(value, &applied))
    }

    fn validate(&self, value: &Value, Applied { secrets, .. }: &Applied<'_>) -> Result<(), Vec<Violation>> {
        let errors = self.0.validator.iter_errors(value).take(MAX_VIOLATIONS);
        let violations: BTreeSet<_> = errors.map(|error| violation(&error, secrets)).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations.into_iter().collect()) }
    }

    /// Returns the locations of the secrets of a configuration: pointers to all values, except null, to which a
    /// subschema with `writeOnly: true`, `format: password` or `x-secret: true` applies. A subschema counts even if
    /// another alternative matches. Values inside a secret are not listed; if the whole configuration is secret, each
    /// of its keys is.
    ///
    /// If the configuration is too large to be analysed, each key is secret.
    pub fn secrets(&self, configuration: &Map<String, Value>) -> Vec<String> {
        if self.0.is_missing {
            return secrets_by_name(configuration);
        }
        let keys = || configuration.keys().map(|key| pointer::join("", key)).collect();
        match Applied::to(&self.0.document, &Value::Object(configuration.clone()), MAX_STEPS) {
            Ok(applied) if applied.secrets.contains("") => keys(),
            Err(TooMuch) => keys(),
            Ok(Applied { secrets, .. }) => {
                let is_inside = |secret: &&String| {
                    secret.match_indices('/').any(|(at, _)| at > 0 && secrets.contains(&secret[..at]))
                };
                secrets.iter().filter(|secret| !is_inside(secret)).cloned().collect()
            }
        }
    }

    /// The configuration with [`super::MASK`] in the place of every secret.
    pub fn mask(&self, configuration: &Map<String, Value>) -> Map<String, Value> {
        mask(configuration, &self.secrets(configuration))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(self.0.document.root()).finish()
    }
}

impl SchemaError {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaError::TooLarge { .. } => "schema_too_large",
            SchemaError::NotAnObject { .. } => "schema_not_an_object",
            SchemaError::TooDeep { .. } => "schema_too_deep",
            SchemaError::Refused { .. } => "schema_refused",
        }
    }
}

/// The options for compiling every schema.
fn options() -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        // References out of the document were refused while reading it; this makes the crate refuse them, too.
        .offline()
}

/// Converts a validation error, omitting texts that must not be repeated.
fn violation(error: &jsonschema::ValidationError<'_>, secrets: &BTreeSet<String>) -> Violation {
    let pointer = error.instance_path().as_str();
    let found = error.instance();
    let is_secret = secrets.iter().any(|secret| pointer::is_within(pointer, secret));
    let shown = match &**found {
        _ if is_secret => "the value".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => found.to_string(),
        Value::String(_) => "the text".to_owned(),
        Value::Array(_) => "the list".to_owned(),
        Value::Object(_) => "the object".to_owned(),
    };
    Violation::new(pointer, error.masked_with(shown).to_string())
}

fn list(problems: &[Violation]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
