//! JSON documents as YAML.

use serde_yaml::Value;

use super::text::is_escaped;

/// Returns a JSON document as YAML; `None` if it is not JSON.
///
/// YAML knows escapes only in double quotes, but serde_yaml writes texts with characters that a reader cannot see
/// without quotes, and cannot be told otherwise. It writes a placeholder for each of these texts, which is then
/// replaced by the text in double quotes.
pub(super) fn from_json(json: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(json).ok()?;
    let mut yaml = serde_yaml::to_string(&document).ok()?;
    if yaml.contains(is_escaped) {
        let mark = (0_u32..).map(|n| format!("unseen{n}-")).find(|mark| !yaml.contains(mark))?;
        let mut texts = vec![];
        replace(&mut document, &mark, &mut texts);
        yaml = serde_yaml::to_string(&document).ok()?;
        let mut parts = yaml.split(&mark);
        let mut quoted = parts.next()?.to_owned();
        for part in parts {
            let (number, rest) = part.split_once('-')?;
            let text = texts.get(number.parse::<usize>().ok()?)?;
            quoted.extend([&serde_json::to_string(text).ok()?, rest]);
        }
        yaml = quoted;
    }
    Some(format!("---\n{yaml}"))
}

/// Moves the texts with a character that a reader cannot see to `texts`. A placeholder with their index remains.
fn replace(value: &mut Value, mark: &str, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(is_escaped) => {
            let placeholder = format!("{mark}{}-", texts.len());
            texts.push(std::mem::replace(text, placeholder));
        }
        Value::Sequence(list) => list.iter_mut().for_each(|value| replace(value, mark, texts)),
        Value::Mapping(entries) => {
            for (mut key, mut value) in std::mem::take(entries) {
                replace(&mut key, mark, texts);
                replace(&mut value, mark, texts);
                entries.insert(key, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::output::text::escaped_yaml;

    #[test]
    fn texts_keep_their_values_and_unseen_characters_are_escaped_in_double_quotes() {
        let json = serde_json::json!({
            "plain": "unseen0-0- \"x\"",
            "a\u{202e}b": "x\u{200b}\"y\\",
            "a\u{200b}b": ["\u{e0041}", "line\nline\u{202e}\tend", "\u{1b}[31m", "two\nlines"],
            "n": 1,
        })
        .to_string();
        let yaml = from_json(&json).unwrap();
        let shown = escaped_yaml(&yaml);
        expect![[r#"
            ---
            "a\u200bb":
            - "\U000e0041"
            - "line\nline\u202e\tend"
            - "\u001b[31m"
            - |-
              two
              lines
            "a\u202eb": "x\u200b\"y\\"
            n: 1
            plain: unseen0-0- "x"
        "#]]
        .assert_eq(&shown);
        let read: serde_json::Value = serde_yaml::from_str(&shown).unwrap();
        assert_eq!(read, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        assert_eq!(from_json("{"), None);
    }
}
