//! The subschemas that apply to each value of a configuration.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::Document;
use super::survey::REFERENCES;
use crate::configuration::pointer;

/// The maximum number of subschemas that are applied to all values together. Without a limit, a short schema whose
/// references fan out at each level would need exponential time.
pub(super) const MAX_STEPS: usize = 250_000;
/// The maximum nesting depth of subschemas and values. The validator and this walk need stack for each level.
const MAX_DEPTH: usize = 512;

/// The results of walking all applicable subschemas.
pub(super) struct Applied<'d> {
    /// The pointers of secret values.
    pub(super) secrets: BTreeSet<String>,
    document: &'d Document,
    steps_left: usize,
    /// The current pointer in the configuration.
    place: String,
    depth: usize,
}

/// The check exceeds the limit of steps or of nesting.
#[derive(Debug, thiserror::Error)]
#[error("checking the value takes more than {MAX_STEPS} steps or {MAX_DEPTH} levels of nesting")]
pub(super) struct TooMuch;

impl<'d> Applied<'d> {
    /// Walks all subschemas that apply to a configuration, as often as each applies: at least as often as a validator
    /// without shortcuts. All alternatives count.
    pub(super) fn to(document: &'d Document, configuration: &Value, max_steps: usize) -> Result<Applied<'d>, TooMuch> {
        let (secrets, place) = Default::default();
        let mut applied = Applied { secrets, document, steps_left: max_steps, place, depth: 0 };
        applied.schema(document.root(), configuration)?;
        Ok(applied)
    }

    fn schema(&mut self, schema: &Value, value: &Value) -> Result<(), TooMuch> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(TooMuch)?;
        let Value::Object(schema) = schema else { return Ok(()) };
        if self.depth == MAX_DEPTH {
            return Err(TooMuch);
        }
        self.depth += 1;
        if is_secret(schema) && !value.is_null() {
            self.secrets.insert(self.place.clone());
        }
        self.in_place(schema, value)?;
        match value {
            Value::Object(map) => self.properties(schema, map)?,
            Value::Array(list) => self.items(schema, list)?,
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn in_place(&mut self, schema: &Map<String, Value>, value: &Value) -> Result<(), TooMuch> {
        let document = self.document;
        for keyword in REFERENCES {
            let target = schema.get(*keyword).and_then(Value::as_str).and_then(|text| document.target(text));
            target.map_or(Ok(()), |target| self.schema(target, value))?;
        }
        for keyword in ["not", "if", "then", "else"] {
            schema.get(keyword).map_or(Ok(()), |schema| self.schema(schema, value))?;
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for schema in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.schema(schema, value)?;
            }
        }
        for (_, schema) in schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten() {
            self.schema(schema, value)?;
        }
        Ok(())
    }

    fn properties(&mut self, schema: &Map<String, Value>, map: &Map<String, Value>) -> Result<(), TooMuch> {
        let by_name = schema.get("properties").and_then(Value::as_object);
        let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
        for (key, value) in map {
            let mut is_known = false;
            let name = Value::from(key.as_str());
            if let Some(schema) = by_name.and_then(|schemas| schemas.get(key)) {
                is_known = true;
                self.part(schema, key, value)?;
            }
            for (pattern, schema) in by_pattern.into_iter().flatten() {
                self.steps_left = self.steps_left.checked_sub(1).ok_or(TooMuch)?;
                if self.document.fits(pattern, &name) {
                    is_known = true;
                    self.part(schema, key, value)?;
                }
            }
            match schema.get("additionalProperties") {
                Some(schema) if !is_known => self.part(schema, key, value)?,
                _ => {}
            }
            schema.get("unevaluatedProperties").map_or(Ok(()), |schema| self.part(schema, key, value))?;
            if let Some(schema) = schema.get("propertyNames") {
                // A property name is not a value and therefore not secret.
                let secrets = std::mem::take(&mut self.secrets);
                let walked = self.schema(schema, &name);
                self.secrets = secrets;
                walked?;
            }
        }
        Ok(())
    }

    fn items(&mut self, schema: &Map<String, Value>, list: &[Value]) -> Result<(), TooMuch> {
        let prefix = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (n, value) in list.iter().enumerate() {
            let key = n.to_string();
            let first = prefix.get(n).or_else(|| schema.get("items"));
            first.map_or(Ok(()), |schema| self.part(schema, &key, value))?;
            for keyword in ["contains", "unevaluatedItems"] {
                schema.get(keyword).map_or(Ok(()), |schema| self.part(schema, &key, value))?;
            }
        }
        Ok(())
    }

    /// Walks a part of the current value.
    fn part(&mut self, schema: &Value, key: &str, value: &Value) -> Result<(), TooMuch> {
        let length = self.place.len();
        pointer::push(&mut self.place, key);
        let walked = self.schema(schema, value);
        self.place.truncate(length);
        walked
    }
}

/// Returns whether a schema marks its value as secret.
fn is_secret(schema: &Map<String, Value>) -> bool {
    let is_true = |keyword| schema.get(keyword) == Some(&Value::Bool(true));
    is_true("writeOnly") || is_true("x-secret") || schema.get("format").and_then(Value::as_str) == Some("password")
}
