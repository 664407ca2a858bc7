//! Differences between two configurations.

use serde_json::{Map, Value};

use super::pointer;
use super::{MASK, Schema, mask};

/// One difference between two configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The place as a JSON pointer.
    pub pointer: String,
    /// The old value; `None` if there was none.
    pub before: Option<Value>,
    /// The new value; `None` if there is none.
    pub after: Option<Value>,
}

/// Compares two configurations and returns the changes ordered by pointer. Objects are compared key by key, other
/// values as a whole: a list that differs anywhere is one change.
///
/// Secrets are shown as they are; [`Schema::diff`] masks them.
pub fn diff(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let mut changes = vec![];
    collect(before, after, "", &mut changes);
    changes.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    changes
}

/// Like `diff`, with [`MASK`] in place of the secrets. `old` and `new` are pointers to the secrets of each side. A
/// changed secret is reported as a change from mask to mask.
pub fn diff_masked(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    old: &[String],
    new: &[String],
) -> Vec<Change> {
    let mut changes = diff(&mask(before, old), &mask(after, new));
    let (before, after) = (Value::Object(before.clone()), Value::Object(after.clone()));
    for secret in new.iter().filter(|secret| old.contains(secret)) {
        let is_told = changes.iter().any(|change| pointer::is_within(secret, &change.pointer));
        if !is_told && before.pointer(secret) != after.pointer(secret) {
            let masked = Some(Value::from(MASK));
            changes.push(Change { pointer: secret.clone(), before: masked.clone(), after: masked });
        }
    }
    changes.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    changes
}

impl Schema {
    /// Masks the secrets of existing changes, like [`diff_masked`].
    pub fn diff(&self, before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
        diff_masked(before, after, &self.secrets(before), &self.secrets(after))
    }
}

fn collect(before: &Map<String, Value>, after: &Map<String, Value>, at: &str, changes: &mut Vec<Change>) {
    let added = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(added) {
        let pointer = pointer::join(at, key);
        match (before.get(key), after.get(key)) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => collect(before, after, &pointer, changes),
            (before, after) if before != after => {
                changes.push(Change { pointer, before: before.cloned(), after: after.cloned() });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(schema: Value, before: Value, after: Value, expected: Expect) {
        let schema = Schema::compile(schema.to_string().as_bytes()).unwrap();
        let shown = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
        let mut text = String::new();
        for Change { pointer, before, after } in schema.diff(before.as_object().unwrap(), after.as_object().unwrap()) {
            writeln!(text, "{pointer}: {} -> {}", shown(before), shown(after)).unwrap();
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn objects_are_compared_by_key_and_lists_as_a_whole() {
        check(
            json!({}),
            json!({"same": 1, "gone": 1, "kind": 1, "deep": {"a": 1, "b/c": 2}, "list": [1, 2], "null": null}),
            json!({"same": 1, "new": {"x": 1}, "kind": "1", "deep": {"a": 1, "b/c": 3}, "list": [1, 2, 3], "null": 0}),
            expect![[r#"
                /deep/b~1c: 2 -> 3
                /gone: 1 -> nothing
                /kind: 1 -> "1"
                /list: [1,2] -> [1,2,3]
                /new: nothing -> {"x":1}
                /null: null -> 0
            "#]],
        );
    }

    #[test]
    fn a_changed_secret_is_reported_without_its_value() {
        let secret = json!({"writeOnly": true});
        check(
            json!({"properties": {
                "same": secret, "new": secret, "gone": secret, "changed": secret,
                "servers": {"items": {"properties": {"key": secret}}},
                "moved": {"items": {"properties": {"key": secret}}}
            }}),
            json!({
                "same": "a", "gone": "b", "changed": {"x": "c"}, "servers": [{"key": "d"}], "moved": [{"key": "e"}]
            }),
            json!({
                "same": "a", "new": "f", "changed": {"x": "g"}, "servers": [{"key": "h"}],
                "moved": [{"key": "i"}, {"name": 1}]
            }),
            expect![[r#"
                /changed: "********" -> "********"
                /gone: "********" -> nothing
                /moved: [{"key":"********"}] -> [{"key":"********"},{"name":1}]
                /new: nothing -> "********"
                /servers/0/key: "********" -> "********"
            "#]],
        );
    }
}
