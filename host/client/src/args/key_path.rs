//! Paths to keys of a configuration: `a`, `a.b`, `a."b.c"`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// A path to a key. Keys are separated by dots; a key in double quotes may contain dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPath(Vec<String>);

/// `KEY=JSON`: a key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyValue {
    path: KeyPath,
    value: Value,
}

impl KeyValue {
    /// Refuses a key that is set twice, since one of both values would be lost.
    pub(crate) fn refuse_repeated(set: &[KeyValue]) -> Result<(), String> {
        let is_repeated = |(at, one): &(usize, &KeyValue)| set[..*at].iter().any(|other| other.path == one.path);
        match set.iter().enumerate().find(is_repeated) {
            Some((_, one)) => Err(format!("`{}` is set twice", one.path)),
            None => Ok(()),
        }
    }

    /// The path of the key.
    pub(crate) fn path(&self) -> &KeyPath {
        &self.path
    }
}

impl KeyPath {
    /// Reads a path from the beginning of a text and returns the rest.
    fn parse(text: &str) -> Result<(KeyPath, &str), String> {
        let mut keys = vec![];
        let mut rest = text;
        loop {
            let (key, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
                None => rest.split_at(rest.find(['.', '=']).unwrap_or(rest.len())),
            };
            if key.is_empty() {
                return Err(format!("a key of `{text}` is empty"));
            }
            let is_entry = key.contains(['[', ']']) || key.ends_with('+');
            if is_entry && !rest.starts_with('"') {
                return Err(format!(
                    "`{key}` names an entry of a list, and lists are replaced as a whole: write `KEY=[1,2]`; a key with \
                     such characters needs double quotes"
                ));
            }
            keys.push(key.to_owned());
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None => return Ok((KeyPath(keys), after)),
            }
        }
    }

    /// Removes the key; returns false if it does not exist. Objects that become empty are removed, too.
    pub(crate) fn remove(&self, settings: &mut Map<String, Value>) -> bool {
        fn remove(settings: &mut Map<String, Value>, keys: &[String]) -> bool {
            match keys {
                [] => false,
                [last] => settings.remove(last).is_some(),
                [first, rest @ ..] => {
                    let Some(Value::Object(inner)) = settings.get_mut(first) else { return false };
                    let removed = remove(inner, rest);
                    if removed && inner.is_empty() {
                        settings.remove(first);
                    }
                    removed
                }
            }
        }
        remove(settings, &self.0)
    }
}

impl FromStr for KeyPath {
    type Err = String;

    fn from_str(text: &str) -> Result<KeyPath, String> {
        match KeyPath::parse(text)? {
            (path, "") => Ok(path),
            (_, rest) => Err(format!("unexpected `{rest}` after the key")),
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let quote = if key.contains(['.', '=']) { "\"" } else { "" };
            write!(f, "{dot}{quote}{key}{quote}")?;
        }
        Ok(())
    }
}

impl KeyValue {
    /// Sets the key. Missing objects on the path are created.
    ///
    /// # Errors
    /// A key on the path has a value that is not an object.
    pub(crate) fn set(self, settings: &mut Map<String, Value>) -> Result<(), String> {
        let KeyValue { path, value } = self;
        let Some((last, parents)) = path.0.split_last() else { return Ok(()) };
        let mut inner = settings;
        for (depth, key) in parents.iter().enumerate() {
            let entry = inner.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(object) = entry else {
                let parent = KeyPath(path.0[..=depth].to_vec());
                return Err(format!("`{path}` cannot be set, because `{parent}` is not an object"));
            };
            inner = object;
        }
        inner.insert(last.clone(), value);
        Ok(())
    }
}

impl FromStr for KeyValue {
    type Err = String;

    fn from_str(text: &str) -> Result<KeyValue, String> {
        if !text.contains('=') {
            return Err("expected `KEY=JSON`, but there is no `=`".to_owned());
        }
        let (path, rest) = KeyPath::parse(text)?;
        let value = rest.strip_prefix('=').ok_or_else(|| format!("expected `=` after the key, found `{rest}`"))?;
        let value = match serde_json::from_str(value) {
            Ok(value) => value,
            Err(error) if value.trim_start().starts_with(['{', '[', '"']) => {
                return Err(format!(
                    "the value is not valid JSON: {error}; texts in JSON have double quotes, such as `'{path}=[\"a\", \"b\"]'`"
                ));
            }
            Err(_) => value.into(),
        };
        Ok(KeyValue { path, value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(settings: Value, texts: &[&str]) -> Result<Value, String> {
        let Value::Object(mut settings) = settings else { panic!("not an object") };
        for text in texts {
            text.parse::<KeyValue>()?.set(&mut settings)?;
        }
        Ok(settings.into())
    }

    #[test]
    fn keys_are_nested_at_dots_outside_of_quotes() {
        let limits = json!({ "limits": { "guests": 1, "rooms": 2 } });
        assert_eq!(set(limits, &["limits.guests=3"]), Ok(json!({ "limits": { "guests": 3, "rooms": 2 } })));
        assert_eq!(set(json!({}), &["a.b.c=true", "a.d=x y"]), Ok(json!({ "a": { "b": { "c": true }, "d": "x y" } })));
        assert_eq!(set(json!({}), &[r#""a.b".c=1"#, r#""x=y"=2"#]), Ok(json!({ "a.b": { "c": 1 }, "x=y": 2 })));
        assert_eq!(set(json!({}), &[r#""a[0]"=1"#]), Ok(json!({ "a[0]": 1 })));
        assert_eq!(set(json!({}), &["a=b=c", "e=", "n=null"]), Ok(json!({ "a": "b=c", "e": "", "n": null })));
        assert_eq!(
            set(json!({ "a": { "b": 1 } }), &["a.b.c=2"]),
            Err("`a.b.c` cannot be set, because `a.b` is not an object".to_owned())
        );
        for text in ["a", "=1", "a.=1", ".a=1", "a[0]=1", "a.b+=1", "\"a=1", "\"a\"b=1", "a={", "a=\"x"] {
            assert!(set(json!({}), &[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_removed_key_leaves_no_empty_object() {
        let Value::Object(mut settings) = json!({ "a": { "b": { "c": 1 } }, "x.y": 2 }) else { unreachable!() };
        let mut remove = |text: &str| text.parse::<KeyPath>().unwrap().remove(&mut settings);
        assert!(!remove("a.x"));
        assert!(!remove("a.b.c.d"));
        assert!(remove("a.b.c"));
        assert!(remove("\"x.y\""));
        assert!(settings.is_empty(), "{settings:?}");
        assert!("a=b".parse::<KeyPath>().is_err());
        assert_eq!("a.\"b.c\"".parse::<KeyPath>().unwrap().to_string(), "a.\"b.c\"");
    }
}
