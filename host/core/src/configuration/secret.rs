//! The mask of secrets in configurations.

use serde_json::{Map, Value};

use super::pointer;

/// Replaces a secret wherever a configuration is shown. Sent back in the place of a secret it means "unchanged", so it
/// cannot be a secret itself.
pub const MASK: &str = "********";

/// Returns the configuration with [`MASK`] in place of the values at these JSON pointers. The empty pointer and
/// pointers without a value are ignored.
pub fn mask(configuration: &Map<String, Value>, pointers: &[String]) -> Map<String, Value> {
    let mut masked = Value::Object(configuration.clone());
    for pointer in pointers.iter().filter(|pointer| !pointer.is_empty()) {
        if let Some(value) = masked.pointer_mut(pointer) {
            *value = MASK.into();
        }
    }
    match masked {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns the configuration with [`MASK`] in place of the values of keys that look like secrets, at every depth. Used
/// where there is no schema; a schema names its secrets exactly.
pub fn mask_by_name(configuration: &Map<String, Value>) -> Map<String, Value> {
    mask(configuration, &secrets_by_name(configuration))
}

/// The JSON pointers to the values of keys that look like secrets, at every depth.
pub(super) fn secrets_by_name(configuration: &Map<String, Value>) -> Vec<String> {
    fn search(map: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
        for (key, value) in map {
            let place = pointer::join(at, key);
            if is_secret(key, value) { found.push(place) } else { search_value(value, &place, found) }
        }
    }
    fn search_value(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => search(map, at, found),
            Value::Array(list) => {
                let items = list.iter().enumerate();
                items.for_each(|(index, item)| search_value(item, &pointer::join(at, &index.to_string()), found));
            }
            _ => {}
        }
    }
    let mut found = vec![];
    search(configuration, "", &mut found);
    found
}

/// Returns whether a value may be a secret: by the name of its key, or as an address with a password. `true`, `false`
/// and null never are.
fn is_secret(key: &str, value: &Value) -> bool {
    let is_named = looks_secret(key) && !value.is_null() && !value.is_boolean();
    is_named || value.as_str().is_some_and(has_password)
}

/// Returns whether a text is an address such as `postgres://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()))
}

/// Returns whether the name of a key suggests a secret. Used where there is no schema; a schema names its secrets
/// exactly.
fn looks_secret(key: &str) -> bool {
    const PARTS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "credential",
        "authorization",
        "cookie",
        "pwd",
        "bearer",
        "passwort",
        "connectionstring",
        "licensekey",
        "sessionkey",
    ];
    let key: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    PARTS.iter().any(|part| key.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_hides_whole_values_and_leaves_the_rest() {
        let configuration = json!({"a": {"key": [1, 2], "b": 1}, "list": [{"x": "y"}]});
        let pointers = ["/a/key", "/list/0/x", "/nothing/there", "/a/b/c", ""].map(str::to_owned);
        let masked = mask(configuration.as_object().unwrap(), &pointers);
        assert_eq!(Value::Object(masked), json!({"a": {"key": MASK, "b": 1}, "list": [{"x": MASK}]}));
    }

    #[test]
    fn secrets_are_masked_by_the_names_of_their_keys() {
        let value = json!({"token": "x", "a": [{"password": {"b": 1}, "c": 2}], "secret": null, "cookies": true});
        let shown = mask_by_name(value.as_object().unwrap());
        let masked = json!({"token": MASK, "a": [{"password": MASK, "c": 2}], "secret": null, "cookies": true});
        assert_eq!(Value::Object(shown), masked);
    }

    #[test]
    fn key_names_that_suggest_a_secret_are_recognised() {
        for key in
            ["password", "DB_PASSWORD", "apiKey", "api-key", "client_secret", "accessToken", "Private_Key", "pwd"]
        {
            assert!(looks_secret(key), "{key}");
        }
        for text in ["postgres://u:p@h/d", "https://:p@h"] {
            assert!(is_secret("dsn", &json!(text)), "{text}");
        }
        for text in ["https://h/a:b@c", "https://u@h", "https://u:@h", "u:p@h", "x"] {
            assert!(!is_secret("dsn", &json!(text)), "{text}");
        }
        for key in ["greeting", "key", "passes", "host", "author", "limits"] {
            assert!(!looks_secret(key), "{key}");
        }
    }
}
