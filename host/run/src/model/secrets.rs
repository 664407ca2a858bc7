//! The secrets in the operator's settings: found, left out of exports, and put back.

use host_core::configuration::{MASK, Schema};
use serde_json::{Map, Value};

use crate::model::{Error, Setup};

/// The JSON pointers to the secrets of a configuration. A list that contains a secret counts as one secret, because a
/// part of a list cannot be put back.
pub(crate) fn secrets_in(schema: &Schema, configuration: &Map<String, Value>) -> Vec<String> {
    let found = schema.secrets(configuration);
    let root = Value::Object(configuration.clone());
    let mut secrets: Vec<String> = found.iter().map(|pointer| outermost_list(&root, pointer)).collect();
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The configuration without the values at these pointers.
pub(crate) fn without(configuration: &Map<String, Value>, secrets: &[String]) -> Map<String, Value> {
    let mut left = configuration.clone();
    for (parents, key) in secrets.iter().filter_map(|pointer| split(pointer)) {
        let mut at = Some(&mut left);
        for parent in parents {
            at = at.and_then(|map| map.get_mut(&parent)?.as_object_mut());
        }
        at.and_then(|map| map.remove(&key));
    }
    left
}

/// `wanted` with the `secrets` of `before` that it does not mention. A secret with another value or null is mentioned.
pub(crate) fn with_secrets(
    wanted: &Map<String, Value>,
    before: &Map<String, Value>,
    secrets: &[String],
) -> Map<String, Value> {
    let mut whole = wanted.clone();
    let before = Value::Object(before.clone());
    for pointer in secrets {
        let (Some(secret), Some((parents, key))) = (before.pointer(pointer), split(pointer)) else { continue };
        let mut at = Some(&mut whole);
        for parent in parents {
            at = at.and_then(|map| map.entry(parent).or_insert_with(|| Map::new().into()).as_object_mut());
        }
        if let Some(map) = at {
            map.entry(key).or_insert_with(|| secret.clone());
        }
    }
    whole
}

impl Setup {
    /// The JSON pointers to the secrets in the operator's settings.
    pub(crate) fn secrets(&self) -> Vec<String> {
        secrets_in(&self.build.schema, &self.layers.operator)
    }

    /// The settings `wanted`, completed with the current secrets that they do not mention.
    pub(crate) fn settings_with_secrets(&self, wanted: &Map<String, Value>) -> Map<String, Value> {
        with_secrets(wanted, &self.layers.operator, &self.secrets())
    }

    /// A text that the plugin's code has written, such as the reason of a refusal, with [`MASK`] in the place of every
    /// secret of the configuration. Values of fewer than four characters stay: they occur in any text.
    pub(crate) fn mask_text(&self, text: &str) -> String {
        let root = Value::Object(self.configuration.clone());
        let mut secrets = vec![];
        for pointer in self.build.schema.secrets(&self.configuration) {
            root.pointer(&pointer).into_iter().for_each(|value| leaves(value, &mut secrets));
        }
        mask_all(text, secrets)
    }

    /// An error of the plugin's code without the secrets of the configuration.
    pub(crate) fn mask_error(&self, error: impl Into<Error>) -> Error {
        use host_load::Error as Load;
        match error.into() {
            Error::Load(Load::ConfigurationRefused { reason }) => {
                Load::ConfigurationRefused { reason: self.mask_text(&reason) }.into()
            }
            Error::Load(Load::StartFailed { message }) => {
                Load::StartFailed { message: self.mask_text(&message) }.into()
            }
            Error::Load(Load::StartPanicked(panicked)) => {
                let message = self.mask_text(&panicked.message);
                Load::StartPanicked(host_load::Panicked { message, ..panicked }).into()
            }
            Error::Hook { hook, reason } => Error::Hook { hook, reason: self.mask_text(&reason) },
            Error::Unhealthy { reason } => Error::Unhealthy { reason: self.mask_text(&reason) },
            error => error,
        }
    }
}

/// The texts and numbers inside a value.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            found.push(text.clone());
            // As `{:?}` and JSON write it.
            found.push(format!("{text:?}").trim_matches('"').to_owned());
        }
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, found)),
        Value::Object(map) => map.values().for_each(|value| leaves(value, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn mask_all(text: &str, mut secrets: Vec<String>) -> String {
    secrets.retain(|secret| secret.chars().count() >= 4);
    // A secret may contain another one.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
}

/// The pointer to the first list on the path to a value, or the pointer itself.
fn outermost_list(root: &Value, pointer: &str) -> String {
    let ends = pointer.match_indices('/').map(|(at, _)| at).skip(1);
    let on_the_way = ends.map(|end| &pointer[..end]);
    let list = on_the_way.into_iter().find(|pointer| root.pointer(pointer).is_some_and(Value::is_array));
    list.unwrap_or(pointer).to_owned()
}

/// The keys of the parents of a value, and its own key.
fn split(pointer: &str) -> Option<(Vec<String>, String)> {
    let mut keys: Vec<_> =
        pointer.strip_prefix('/')?.split('/').map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let own = keys.pop()?;
    Some((keys, own))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn secrets_are_found_by_schema_or_else_by_name() {
        let configuration = map(json!({
            "password": "a", "key": "b", "deep": {"api/token": "c", "none": {}, "secret": null},
            "servers": [{"name": "x"}, {"deeper": [{"password": "d"}]}], "names": ["e"]
        }));
        assert_eq!(secrets_in(&Schema::any(), &configuration), ["/deep/api~1token", "/password", "/servers"]);
        let schema = json!({"properties": {"key": {"writeOnly": true}, "names": {"items": {"format": "password"}}}});
        let schema = Schema::compile(schema.to_string().as_bytes()).unwrap();
        assert_eq!(secrets_in(&schema, &configuration), ["/key", "/names"]);
    }

    #[test]
    fn secrets_are_masked_in_texts_of_the_plugin() {
        let mut secrets = vec![];
        leaves(&json!({"a": ["tiger", "tiger-42", "no"], "b": 12345, "c": true, "d": "a\"b\nc"}), &mut secrets);
        let text = r#"invalid type: string "tiger-42", tiger or 12345 or "a\"b\nc", no true"#;
        let masked = r#"invalid type: string "********", ******** or ******** or "********", no true"#;
        assert_eq!(mask_all(text, secrets), masked);
    }

    #[test]
    fn secrets_that_settings_do_not_mention_are_kept() {
        let before = map(json!({
            "greeting": "Hi", "password": "a", "deep": {"token": "b", "host": "x"}, "gone/too": {"secret": "c"}
        }));
        let secrets = secrets_in(&Schema::any(), &before);
        let shown = without(&before, &secrets);
        assert_eq!(Value::Object(shown.clone()), json!({"greeting": "Hi", "deep": {"host": "x"}, "gone/too": {}}));
        assert_eq!(with_secrets(&shown, &before, &secrets), before);
        let wanted = map(json!({"password": null, "deep": {"token": "new"}, "gone/too": 7}));
        assert_eq!(with_secrets(&wanted, &before, &secrets), wanted);
        let without_parents = with_secrets(&map(json!({})), &before, &secrets);
        let kept = json!({"password": "a", "deep": {"token": "b"}, "gone/too": {"secret": "c"}});
        assert_eq!(Value::Object(without_parents), kept);
    }
}
