//! Validation of JSON request bodies: required fields and a schema.

use serde_json::Value;

use crate::configuration::{Schema, Violation, pointer};

/// The requirements of an endpoint for its JSON body.
#[derive(Clone, Debug, Default)]
pub struct BodyRules {
    /// The required fields of the body; a field with the value null counts as present.
    pub required: Vec<String>,
    /// The schema of the body.
    pub schema: Option<Schema>,
}

/// The reason for refusing a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyProblem {
    /// The body is not JSON; the reason, with line and column.
    NotJson(String),
    /// All violations, at most 100, ordered by pointer. They do not repeat texts of the body.
    DoesNotFit(Vec<Violation>),
}

/// The maximum number of reported problems.
const MAX_PROBLEMS: usize = 100;

impl BodyRules {
    /// Checks a body.
    ///
    /// Takes time in proportion to the body, plus at most 250,000 steps for a schema that fans out. If the thread has
    /// other work, check large bodies elsewhere.
    ///
    /// # Errors
    /// [`BodyProblem`].
    pub fn check(&self, body: &[u8]) -> Result<(), BodyProblem> {
        let value = read(body)?;
        self.verdict(&value, self.schema.as_ref().map_or(Ok(()), |schema| schema.check_value(&value)))
    }

    /// Checks only if the schema requires few steps; otherwise returns `None`.
    ///
    /// # Errors
    /// [`BodyProblem`].
    pub fn check_light(&self, body: &[u8]) -> Option<Result<(), BodyProblem>> {
        let value = match read(body) {
            Ok(value) => value,
            Err(problem) => return Some(Err(problem)),
        };
        let checked = self.schema.as_ref().map_or(Some(Ok(())), |schema| schema.check_light(&value))?;
        Some(self.verdict(&value, checked))
    }

    fn verdict(&self, value: &Value, checked: Result<(), Vec<Violation>>) -> Result<(), BodyProblem> {
        let mut problems = match value {
            Value::Object(fields) => {
                let missing = self.required.iter().filter(|name| !fields.contains_key(*name));
                missing.map(|name| Violation::new(pointer::join("", name), "is required")).collect()
            }
            _ if self.required.is_empty() => vec![],
            _ => vec![Violation::new("", "must be an object")],
        };
        problems.extend(checked.err().unwrap_or_default());
        problems.sort();
        problems.truncate(MAX_PROBLEMS);
        if problems.is_empty() { Ok(()) } else { Err(BodyProblem::DoesNotFit(problems)) }
    }
}

fn read(body: &[u8]) -> Result<Value, BodyProblem> {
    serde_json::from_slice(body).map_err(|error| {
        BodyProblem::NotJson(if body.trim_ascii().is_empty() {
            "it is empty".to_owned()
        } else if body.starts_with(b"\xef\xbb\xbf") {
            "it starts with a byte order mark; send UTF-8 without BOM".to_owned()
        } else if error.is_eof() {
            format!("it ends too early ({error})")
        } else {
            error.to_string()
        })
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(schema: Option<&str>, body: &str, expected: Expect) {
        let schema = schema.map(|text| Schema::compile(text.as_bytes()).unwrap());
        let rules = BodyRules { required: vec!["name".to_owned(), "a/b".to_owned()], schema };
        let told = match rules.check(body.as_bytes()) {
            Ok(()) => "taken".to_owned(),
            Err(BodyProblem::NotJson(reason)) => format!("not JSON: {reason}"),
            Err(BodyProblem::DoesNotFit(problems)) => {
                problems.iter().map(|problem| format!("`{}` {}\n", problem.pointer, problem.message)).collect()
            }
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        check(None, r#"{"name": null, "a/b": 1, "more": 2}"#, expect!["taken"]);
        check(None, "", expect!["not JSON: it is empty"]);
        check(None, "\u{feff}{}", expect!["not JSON: it starts with a byte order mark; send UTF-8 without BOM"]);
        check(None, "{", expect!["not JSON: it ends too early (EOF while parsing an object at line 1 column 1)"]);
        check(None, "{} {}", expect!["not JSON: trailing characters at line 1 column 4"]);
        check(
            None,
            "[1]",
            expect![[r#"
                `` must be an object
            "#]],
        );
        let schema =
            r#"{"properties": {"name": {"type": "string"}, "n": {"maximum": 9}}, "additionalProperties": false}"#;
        check(
            Some(schema),
            r#"{"name": 5, "n": 10, "a/c": 0}"#,
            expect![[r#"
                `` Additional properties are not allowed ('a/c' was unexpected)
                `/a~1b` is required
                `/n` 10 is greater than the maximum of 9
                `/name` 5 is not of type "string"
            "#]],
        );
    }

    #[test]
    fn a_schema_with_many_steps_is_not_light() {
        let twice = r##"{"$defs": {"n": {"items": {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}}, "$ref": "#/$defs/n"}"##;
        let rules = BodyRules { required: vec![], schema: Some(Schema::compile(twice.as_bytes()).unwrap()) };
        let body = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (depth, is_light) in [(1, true), (5, true), (14, false), (60, false)] {
            let light = rules.check_light(body(depth).as_bytes());
            assert_eq!(light.is_some(), is_light, "{depth}");
            assert_eq!(light.unwrap_or_else(|| rules.check(body(depth).as_bytes())).is_ok(), depth < 60, "{depth}");
        }
        assert!(matches!(rules.check_light(b"{"), Some(Err(BodyProblem::NotJson(_)))));
    }

    #[test]
    fn a_body_that_is_deep_or_broad_is_refused_or_bounded() {
        let rules = BodyRules { required: vec![], schema: Some(Schema::any()) };
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(matches!(rules.check(deep.as_bytes()), Err(BodyProblem::NotJson(_))));
        let fields = (0..1_000).map(|n| format!("\"k{n}\": {n}")).collect::<Vec<_>>().join(", ");
        let texts = Schema::compile(br#"{"additionalProperties": {"type": "string"}}"#).unwrap();
        let rules = BodyRules { required: vec![], schema: Some(texts) };
        let Err(BodyProblem::DoesNotFit(problems)) = rules.check(format!("{{{fields}}}").as_bytes()) else { panic!() };
        assert_eq!(problems.len(), MAX_PROBLEMS);
    }
}
