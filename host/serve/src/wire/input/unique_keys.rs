//! Finds keys that an object contains twice. A JSON parser would keep the last value without a word.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Checks the objects of a JSON text. A text that is not JSON is left to the parser.
///
/// # Errors
/// The path of the first repeated key, such as `a.b[1].c`, and the key.
pub(super) fn check(json: &[u8]) -> Result<(), (String, String)> {
    let mut found = None;
    let read = Value(&mut found).deserialize(&mut serde_json::Deserializer::from_slice(json));
    match (read, found) {
        (Err(_), Some(Repeated { key, steps })) => {
            let path: String = steps.into_iter().rev().collect();
            Err((path.trim_start_matches('.').to_owned(), key))
        }
        _ => Ok(()),
    }
}

struct Repeated {
    key: String,
    /// The steps to the key, the innermost first: `.a` or `[1]`.
    steps: Vec<String>,
}

struct Value<'f>(&'f mut Option<Repeated>);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index: usize = 0;
        loop {
            match list.next_element_seed(Value(self.0)) {
                Ok(Some(())) => index += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.0.iter_mut().for_each(|found| found.steps.push(format!("[{index}]")));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            if seen.contains(&key) {
                *self.0 = Some(Repeated { steps: vec![format!(".{key}")], key });
                return Err(serde::de::Error::custom("a repeated key"));
            }
            object.next_value_seed(Value(self.0)).inspect_err(|_| {
                self.0.iter_mut().for_each(|found| found.steps.push(format!(".{key}")));
            })?;
            seen.insert(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_named_with_its_path() {
        let found = |json: &str| check(json.as_bytes()).err().map(|(path, key)| format!("{path} {key}"));
        assert_eq!(found(r#"{"a": 1, "a": 2}"#).as_deref(), Some("a a"));
        assert_eq!(found(r#"{"a": {"b": [1, {"c": 1, "\u0063": 2}]}}"#).as_deref(), Some("a.b[1].c c"));
        for json in
            [r#"{"a": {"a": {"a": 1}}, "b": [{"a": 1.5}, {"a": null}]}"#, "[]", "{", "x", "", "18446744073709551616"]
        {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
