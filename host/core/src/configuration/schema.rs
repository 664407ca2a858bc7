//! The JSON Schema of a configuration or of a body: draft 2020-12, one document that refers to nothing but itself.
//!
//! A schema comes with a plugin and is compiled before any code of the plugin runs, so nothing in it may cost much: its size,
//! depth and patterns are bounded, patterns run in time linear to the text, and how many subschemas a check goes
//! through is counted before the check is made.

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

use super::{Violation, mask, pointer};
use applied::{Applied, MAX_STEPS, TooMuch};
use document::Document;

/// The one draft that is taken.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What one compiled pattern may take in memory, and what its matching may cache.
const MAX_PATTERN_BYTES: usize = 512 << 10;
/// What takes no more steps holds up nobody.
const LIGHT_STEPS: usize = 5_000;
/// As many problems are reported at once.
const MAX_VIOLATIONS: usize = 100;

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    document: Document,
    validator: Validator,
}

/// Why a text is not the schema of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum SchemaError {
    /// It is too long.
    #[error("the schema has more than {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
    /// It is no JSON, or no object.
    #[error("the schema is not a JSON object: {reason}")]
    NotAnObject { reason: String },
    /// Its objects and lists lie too deep inside each other.
    #[error("the schema is nested more than {max_depth} deep; hint: move parts into `$defs` and refer to them")]
    TooDeep { max_depth: usize },
    /// It breaks rules of its draft, or of this host.
    #[error("the schema is refused: {list}", list = list(problems))]
    Refused {
        /// All of them, at most 100. The pointers lead into the schema.
        problems: Vec<Violation>,
    },
}

impl Schema {
    /// A longer schema is refused.
    pub const MAX_BYTES: usize = 256 << 10;
    /// Objects and lists may lie as deep inside each other.
    pub const MAX_DEPTH: usize = 64;
    /// As many different patterns may be in a schema.
    pub const MAX_PATTERNS: usize = 128;

    /// Reads and compiles a schema.
    ///
    /// `$ref` and `$dynamicRef` lead to `#…` only: nothing is ever fetched or read. `$schema` is draft 2020-12 or not there. `$id`
    /// stands at the top or nowhere, and has no effect. Patterns are those of the crate `regex`, which has neither
    /// look-around nor back references. Formats are checked; those that are not known, `password` among them, are not.
    ///
    /// # Errors
    /// Every problem of the schema at once, where it is a JSON object of a bearable size.
    pub fn compile(text: &[u8]) -> Result<Schema, SchemaError> {
        let document = Document::read(text)?;
        let validator = options().build(document.root()).map_err(|error| SchemaError::Refused {
            problems: vec![Violation::new(error.instance_path().as_str(), error.to_string())],
        })?;
        Ok(Schema(Arc::new(Inner { document, validator })))
    }

    /// The schema of a plugin that has none: it takes everything and knows no secrets.
    pub fn any() -> Schema {
        Schema::compile(b"{}").expect("the empty schema is one")
    }

    /// The schema as it was read.
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

    /// The same where it takes few steps; `None` where it takes more, or more than may be taken.
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

    /// Where the secrets of a configuration lie: pointers to all values, null excepted, to which a subschema applies that says
    /// `writeOnly: true`, `format: password` or `x-secret: true`. A subschema counts whether or not it is the one of
    /// several that fits. What lies inside a secret is not listed; when the whole is secret, each of its keys is.
    ///
    /// Of a configuration that is too large to be checked, each key is secret.
    pub fn secrets(&self, configuration: &Map<String, Value>) -> Vec<String> {
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
    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            SchemaError::TooLarge { .. } => "schema_too_large",
            SchemaError::NotAnObject { .. } => "schema_not_an_object",
            SchemaError::TooDeep { .. } => "schema_too_deep",
            SchemaError::Refused { .. } => "schema_refused",
        }
    }
}

/// How every schema is compiled.
fn options() -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        // Nothing leads out of a document that was read; this says it to the crate too.
        .offline()
}

/// What the validator says, without what must not be repeated.
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
