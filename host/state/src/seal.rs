//! Encryption of stored secrets with a key that is not in the database.
//!
//! ChaCha20-Poly1305 with a random nonce. A sealed text can only be opened in the context for which it was sealed, so
//! that someone with write access to the database cannot pass one plugin's secret to another.

use std::fmt;

use host_core::configuration::pointer;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Map, Value, json};

use crate::Error;

/// The prefix of sealed texts; another scheme gets another prefix.
const PREFIX: &str = "sealed:v1:";
/// The only key of the object that replaces a secret.
const KEY: &str = "$sealed";

/// Seals and opens values. Cheap to clone; its `Debug` output does not show the key.
#[derive(Clone)]
pub struct Sealer(LessSafeKey);

impl Sealer {
    /// Creates a sealer with the key of the plugin folder.
    pub fn new(key: [u8; 32]) -> Sealer {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a key of this algorithm has 32 bytes");
        Sealer(LessSafeKey::new(key))
    }

    /// Seals bytes for a context, such as `configuration of hello`. Equal bytes produce different texts.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<String, Error> {
        let mut nonce = [0; NONCE_LEN];
        // Random nonces of 96 bits may be used some billions of times with one key before two are likely to be equal.
        getrandom::fill(&mut nonce).map_err(|error| Error::Random { reason: error.to_string() })?;
        let mut sealed = plain.to_vec();
        let (aad, n) = (Aad::from(context.as_bytes()), Nonce::assume_unique_for_key(nonce));
        self.0.seal_in_place_append_tag(n, aad, &mut sealed).expect("it is far shorter than the algorithm can take");
        let bytes = nonce.iter().chain(&sealed);
        Ok(PREFIX.chars().chain(bytes.flat_map(|byte| [byte >> 4, byte & 15]).map(digit)).collect())
    }

    /// Opens a text sealed for `context`.
    ///
    /// # Errors
    /// [`Error::Sealed`]: it was sealed with another key or context, or was modified.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, Error> {
        let refused = |reason| refused(context, reason);
        let hex = sealed.strip_prefix(PREFIX).ok_or_else(|| refused("its format is unknown to this host"))?;
        let bytes = bytes(hex).ok_or_else(|| refused("it is damaged"))?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(|| refused("it is damaged"))?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(context.as_bytes()), &mut plain);
        let n_plain = opened
            .map_err(|_| refused("it was encrypted with another key or for another place, or was modified"))?
            .len();
        plain.truncate(n_plain);
        Ok(plain)
    }

    /// Returns the configuration with the values at these pointers sealed, as `{"$sealed": "…"}`. Pointers without a
    /// value are ignored.
    ///
    /// # Errors
    /// [`Error::LooksSealed`] if the configuration contains the key `$sealed`, which could not be distinguished from a
    /// sealed value. [`Error::Random`].
    pub fn seal_secrets(
        &self,
        context: &str,
        configuration: &Map<String, Value>,
        pointers: &[String],
    ) -> Result<Map<String, Value>, Error> {
        if let Some(pointer) = sealed_in(configuration).into_iter().next() {
            return Err(Error::LooksSealed { pointer });
        }
        let mut sealed = Value::Object(configuration.clone());
        for pointer in pointers.iter().filter(|pointer| !pointer.is_empty()) {
            if let Some(value) = sealed.pointer_mut(pointer) {
                let text = self.seal(&place(context, pointer), value.to_string().as_bytes())?;
                *value = json!({ KEY: text });
            }
        }
        Ok(object(sealed))
    }

    /// The configuration with all sealed values opened.
    ///
    /// # Errors
    /// [`Error::Sealed`] for the first value that cannot be decrypted.
    pub fn open_secrets(&self, context: &str, configuration: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let mut opened = Value::Object(configuration.clone());
        for pointer in sealed_in(configuration) {
            let context = place(context, &pointer);
            let damaged = || refused(&context, "it is damaged");
            let value = opened.pointer_mut(&pointer).filter(|_| !pointer.is_empty()).ok_or_else(damaged)?;
            let sealed = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get(KEY)?.as_str());
            let plain = self.open(&context, sealed.ok_or_else(damaged)?)?;
            *value = serde_json::from_slice(&plain).map_err(|_| damaged())?;
        }
        Ok(object(opened))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// Returns the context of one value. The separator does not occur in pointers and ids.
fn place(context: &str, pointer: &str) -> String {
    format!("{context}\0{pointer}")
}

fn refused(context: &str, reason: &'static str) -> Error {
    Error::Sealed { context: context.replace('\0', " "), reason }
}

/// The pointers of objects with the key of sealed values. Their content is not examined.
fn sealed_in(configuration: &Map<String, Value>) -> Vec<String> {
    fn inside(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => object(map, at, found),
            Value::Array(list) => {
                for (n, value) in list.iter().enumerate() {
                    inside(value, format!("{at}/{n}"), found);
                }
            }
            _ => {}
        }
    }
    fn object(map: &Map<String, Value>, at: String, found: &mut Vec<String>) {
        if map.contains_key(KEY) {
            found.push(at);
            return;
        }
        for (key, value) in map {
            inside(value, pointer::join(&at, key), found);
        }
    }
    let mut found = vec![];
    object(configuration, String::new(), &mut found);
    found
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn digit(half: u8) -> char {
    char::from_digit(u32::from(half), 16).expect("half a byte is a hex digit")
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| (c as char).to_digit(16);
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::try_from(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new([byte; 32])
    }

    fn refused_reason<T: fmt::Debug>(result: Result<T, Error>) -> String {
        match result {
            Err(error @ Error::Sealed { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sealed_text_opens_only_with_the_same_key_and_context() {
        for plain in [&b""[..], b"x", b"\0\xff", &[7; 5000]] {
            let sealed = sealer(1).seal("here", plain).unwrap();
            assert!(sealed.starts_with("sealed:v1:") && sealed.is_ascii());
            assert_eq!(sealer(1).open("here", &sealed).unwrap(), plain);
            assert_ne!(sealer(1).seal("here", plain).unwrap(), sealed, "each has a nonce of its own");
            refused_reason(sealer(2).open("here", &sealed));
            refused_reason(sealer(1).open("there", &sealed));
        }
    }

    #[test]
    fn a_changed_text_does_not_open() {
        let sealed = sealer(1).seal("here", b"hunter2").unwrap();
        for at in PREFIX.len()..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            refused_reason(sealer(1).open("here", &String::from_utf8(bytes).unwrap()));
        }
        for text in [
            "",
            "hunter2",
            "sealed:v2:00",
            "sealed:v1:",
            "sealed:v1:0",
            "sealed:v1:zz",
            &sealed[..sealed.len() - 2],
            "sealed:v1:é",
        ] {
            let message = refused_reason(sealer(1).open("here", text));
            assert!(
                message.contains("`here`") && message.contains("hint: ") && !message.contains("hunter"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_secrets_of_a_configuration_are_sealed_in_place_and_come_back() {
        let configuration = json!({
            "key": "hunter2", "pin": 1234, "whole": {"a": [1, null]}, "plain": "x", "a/b": {"c~d": "deep"},
            "list": [{"key": "one"}, {"key": "two"}]
        });
        let configuration = configuration.as_object().unwrap();
        let pointers = ["/key", "/pin", "/whole", "/a~1b/c~0d", "/list/1/key", "/not/there"].map(str::to_owned);
        let sealed = sealer(1).seal_secrets("hello", configuration, &pointers).unwrap();
        let text = Value::Object(sealed.clone()).to_string();
        for secret in ["hunter2", "1234", "deep", "two", "null"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains(r#""plain":"x""#) && text.contains(r#"{"key":"one"}"#), "{text}");
        assert_eq!(&sealer(1).open_secrets("hello", &sealed).unwrap(), configuration);
        let message = refused_reason(sealer(1).open_secrets("other", &sealed));
        assert!(message.contains("other /a~1b/c~0d"), "{message}");

        // A value that was moved or modified.
        let mut moved = sealed.clone();
        moved.insert("pin".to_owned(), sealed["key"].clone());
        refused_reason(sealer(1).open_secrets("hello", &moved));
        for broken in
            [json!({"$sealed": 1}), json!({"$sealed": "x"}), json!({"$sealed": sealed["key"]["$sealed"], "more": 1})]
        {
            let mut changed = sealed.clone();
            changed.insert("key".to_owned(), broken);
            refused_reason(sealer(1).open_secrets("hello", &changed));
        }
        let whole = json!({"$sealed": "x"});
        refused_reason(sealer(1).open_secrets("hello", whole.as_object().unwrap()));
    }

    #[test]
    fn a_value_that_looks_sealed_is_refused() {
        for (configuration, expected) in [
            (json!({"a": {"$sealed": "x"}}), "/a"),
            (json!({"a": [1, {"b": {"$sealed": 1, "c": 2}}]}), "/a/1/b"),
            (json!({"$sealed": "x"}), ""),
        ] {
            match sealer(1).seal_secrets("hello", configuration.as_object().unwrap(), &[]) {
                Err(Error::LooksSealed { pointer }) => assert_eq!(pointer, expected),
                other => panic!("{other:?}"),
            }
        }
        let text = json!({"a": "$sealed"});
        assert!(sealer(1).seal_secrets("hello", text.as_object().unwrap(), &[]).is_ok());
        assert_eq!(format!("{:?}", sealer(7)), "Sealer");
    }
}
