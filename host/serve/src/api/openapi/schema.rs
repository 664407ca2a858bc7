//! Embeds the JSON Schema of a plugin in the OpenAPI document.
//!
//! In the plugin's file `#/$defs/x` refers to the file itself; in the document it would refer to the host's
//! components. References are therefore replaced by the schemas they refer to. A schema that is recursive, refers to
//! other documents, or becomes too large is omitted.

use serde_json::{Map, Value};

/// Maximum number of nodes of the result: definitions that refer to each other twice double it at each step.
const MAX_NODES: usize = 5_000;
/// Maximum depth of references and objects.
const MAX_DEPTH: usize = 64;
/// Keywords that change the base of references or refer to other documents. They do not affect validation.
const LEFT_OUT: [&str; 10] = [
    "$id",
    "$schema",
    "$anchor",
    "$dynamicAnchor",
    "$recursiveAnchor",
    "$vocabulary",
    "$comment",
    "discriminator",
    "externalDocs",
    "xml",
];
/// Keywords with data as values, which is copied unchanged.
const DATA: [&str; 5] = ["const", "enum", "default", "examples", "example"];
/// Keywords with schemas under names chosen by the author.
const NAMED: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "dependentRequired"];

/// Returns the schema without references; `None` if that is not possible.
pub(super) fn inlined(schema: &Value) -> Option<Value> {
    let mut work = Work { root: schema, left: MAX_NODES };
    // A property or a data value may be named `$ref`, and not every reader of the document can tell it from a
    // reference.
    work.schema(schema, 0).filter(|made| !has_reference(made))
}

struct Work<'a> {
    root: &'a Value,
    left: usize,
}

impl Work<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let object = match schema {
            Value::Object(object) => object,
            Value::Array(list) => {
                let list: Option<Vec<_>> = list.iter().map(|schema| self.schema(schema, depth + 1)).collect();
                return list.map(Value::Array);
            }
            other => return Some(other.clone()),
        };
        if object.contains_key("$dynamicRef") || object.contains_key("$recursiveRef") {
            return None;
        }
        let mut made = Map::new();
        for (key, value) in object {
            let value = match key.as_str() {
                "$ref" | "$defs" | "definitions" => continue,
                key if LEFT_OUT.contains(&key) => continue,
                key if DATA.contains(&key) => self.data(value, depth)?,
                key if NAMED.contains(&key) => self.named(value, depth)?,
                _ => self.schema(value, depth + 1)?,
            };
            made.insert(key.clone(), value);
        }
        let Some(reference) = object.get("$ref") else { return Some(Value::Object(made)) };
        let pointer = reference.as_str()?.strip_prefix('#')?;
        let root = self.root;
        // URI escapes in a reference are not decoded; such a reference is not found.
        let meant = self.schema(root.pointer(pointer)?, depth + 1)?;
        if made.is_empty() {
            return Some(meant);
        }
        // Keywords beside a reference apply as well.
        Some(serde_json::json!({ "allOf": [meant, made] }))
    }

    fn named(&mut self, schemas: &Value, depth: usize) -> Option<Value> {
        let Value::Object(schemas) = schemas else { return self.schema(schemas, depth + 1) };
        let mut made = Map::new();
        for (name, schema) in schemas {
            made.insert(name.clone(), self.schema(schema, depth + 1)?);
        }
        Some(Value::Object(made))
    }

    fn data(&mut self, value: &Value, depth: usize) -> Option<Value> {
        self.left = self.left.checked_sub(size(value, depth)?)?;
        Some(value.clone())
    }
}

/// Returns the number of values in a value; `None` if it is too deep.
fn size(value: &Value, depth: usize) -> Option<usize> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Array(list) => list.iter().try_fold(1, |sum: usize, value| Some(sum + size(value, depth + 1)?)),
        Value::Object(map) => map.values().try_fold(1, |sum: usize, value| Some(sum + size(value, depth + 1)?)),
        _ => Some(1),
    }
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_reference),
        Value::Object(map) => map.contains_key("$ref") || map.values().any(has_reference),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_replaced_by_their_targets() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://evil.example/x",
            "type": "object",
            "properties": {
                "a": { "$ref": "#/$defs/word" },
                "b": { "$ref": "#/$defs/word", "maxLength": 5 },
                "c": { "const": { "$id": 1 }, "discriminator": { "mapping": { "a": "https://evil.example/y" } } }
            },
            "$defs": { "word": { "type": "string", "pattern": "^[a-z]+$" } }
        });
        let word = json!({ "type": "string", "pattern": "^[a-z]+$" });
        let expected = json!({
            "type": "object",
            "properties": {
                "a": word,
                "b": { "allOf": [word, { "maxLength": 5 }] },
                "c": { "const": { "$id": 1 } }
            }
        });
        assert_eq!(inlined(&schema), Some(expected));
        assert_eq!(inlined(&json!(true)), Some(json!(true)));
    }

    #[test]
    fn recursive_external_and_oversized_schemas_are_omitted() {
        let doubling: Map<String, Value> = (0..40)
            .map(|n| {
                let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
                (format!("d{n}"), json!({ "allOf": [next, next] }))
            })
            .chain([("d40".to_owned(), json!({}))])
            .collect();
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({ "items": deep });
        }
        for schema in [
            json!({ "$ref": "https://evil.example/schema.json" }),
            json!({ "$ref": "//evil.example/x" }),
            json!({ "$ref": "other.json#/a" }),
            json!({ "$ref": "#/components/schemas/Problem" }),
            json!({ "$ref": "#anchor" }),
            json!({ "$ref": 7 }),
            json!({ "const": { "$ref": "#/components/schemas/Problem" } }),
            json!({ "properties": { "$ref": { "type": "string" } } }),
            json!({ "$ref": "#" }),
            json!({ "properties": { "a": { "$ref": "#/properties/a" } } }),
            json!({ "properties": { "a": { "$dynamicRef": "#node" } } }),
            json!({ "$ref": "#/$defs/d0", "$defs": doubling }),
            json!({ "enum": vec![0; MAX_NODES] }),
            deep,
        ] {
            assert_eq!(inlined(&schema), None, "{schema}");
        }
    }
}
