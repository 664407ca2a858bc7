//! JSON documents as YAML.

use serde_yaml::Value;

use super::text::is_escaped;

/// Returns a JSON document as YAML; `None` if it is not JSON.
///
/// A document with characters that a reader cannot see stays JSON, which is YAML too: they are escaped when they are
/// printed, YAML has escapes only in double quotes, and serde_yaml writes texts without quotes.
pub(super) fn from_json(json: &str) -> Option<String> {
    let document: Value = serde_json::from_str(json).ok()?;
    let mut yaml = serde_yaml::to_string(&document).ok()?;
    if yaml.contains(is_escaped) {
        yaml = serde_json::to_string_pretty(&document).ok()?;
    }
    Some(format!("---\n{yaml}"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::output::text::escaped_yaml;

    #[test]
    fn a_document_keeps_its_values_and_unseen_characters_are_escaped_in_double_quotes() {
        let visible = serde_json::json!({ "text": "two\nlines", "n": 1 }).to_string();
        assert_eq!(from_json(&visible).unwrap(), "---\nn: 1\ntext: |-\n  two\n  lines\n");
        let json = serde_json::json!({
            "a\u{202e}b": "x\u{200b}\"y\\",
            "list": ["\u{e0041}", "line\nline\u{202e}\tend", "\u{1b}[31m"],
            "n": 1,
        })
        .to_string();
        let yaml = from_json(&json).unwrap();
        let shown = escaped_yaml(&yaml);
        expect![[r#"
            ---
            {
              "a\u202eb": "x\u200b\"y\\",
              "list": [
                "\U000e0041",
                "line\nline\u202e\tend",
                "\u001b[31m"
              ],
              "n": 1
            }"#]]
        .assert_eq(&shown);
        let read: serde_json::Value = serde_yaml::from_str(&shown).unwrap();
        assert_eq!(read, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        assert_eq!(from_json("{"), None);
    }
}
