use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::configuration::MASK;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn schema(schema: Value) -> Schema {
    Schema::compile(schema.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str, expected: Expect) {
    let error = match Schema::compile(text.as_bytes()) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error,
    };
    let text = match &error {
        SchemaError::Refused { problems } => problems.iter().map(|problem| format!("{problem}\n")).collect(),
        other => format!("{other}\n"),
    };
    expected.assert_eq(&format!("{}\n{text}", error.code()));
}

fn violations(schema: &Schema, configuration: Value) -> String {
    let violations = schema.check(&object(configuration)).err().unwrap_or_default();
    violations.iter().map(|violation| format!("{violation}\n")).collect()
}

#[test]
fn an_invalid_schema_is_refused_with_every_reason() {
    refused(
        "{",
        expect![[r#"
        schema_not_an_object
        the schema is not a JSON object: EOF while parsing an object at line 1 column 1
    "#]],
    );
    refused(
        "true",
        expect![[r#"
            schema_not_an_object
            the schema is not a JSON object: it is a different JSON value
        "#]],
    );
    refused(
        &format!("{{\"title\": \"{}\"}}", "x".repeat(Schema::MAX_BYTES)),
        expect![[r#"
            schema_too_large
            the schema is larger than 256 KiB
        "#]],
    );
    let deep = |n: usize| format!("{}true{}", "{\"not\":".repeat(n), "}".repeat(n));
    assert!(Schema::compile(deep(64).as_bytes()).is_ok());
    refused(
        &deep(65),
        expect![[r#"
            schema_too_deep
            the schema is nested more than 64 levels deep; hint: move parts into `$defs` and refer to them
        "#]],
    );
    refused(
        r##"{
            "$schema": "http://json-schema.org/draft-07/schema#",
            "required": "name",
            "properties": {
                "port": {"type": "nubmer", "minimum": "1"},
                "name": {"$ref": "https://example.org/name.json"},
                "file": {"$ref": "file:///etc/passwd"},
                "near": {"$ref": "other.json#/$defs/a"},
                "gone": {"$ref": "#/$defs/gone"},
                "text": {"$ref": "#/title"},
                "anchor": {"$ref": "#nowhere"},
                "dynamic": {"$dynamicRef": "https://example.org/#node"},
                "back": {"pattern": "(a)\\1"},
                "ahead": {"patternProperties": {"(?=a)b": true}},
                "huge": {"pattern": "((a{500}){500}){500}"},
                "inner": {"$id": "https://example.org/inner", "$schema": "https://json-schema.org/draft/2019-09/schema"},
                "twice": {"anyOf": [{"$anchor": "a"}, {"$anchor": "a"}]}
            },
            "title": "A",
            "default": {"$ref": "https://example.org/is-data"},
            "enum": [{"$ref": 1}]
        }"##,
        expect![[r#"
            schema_refused
            `/$schema`: "http://json-schema.org/draft-07/schema#" is not supported; the only supported draft is `https://json-schema.org/draft/2020-12/schema`
            `/properties/ahead/patternProperties/(?=a)b`: `(?=a)b` is not a supported pattern: look-around, back references and very large patterns are not supported
            `/properties/anchor/$ref`: `#nowhere` refers to no schema in the document
            `/properties/back/pattern`: `(a)\1` is not a supported pattern: look-around, back references and very large patterns are not supported
            `/properties/dynamic/$dynamicRef`: `https://example.org/#node` refers to another document; put the schema into `$defs` and refer to it as `#/$defs/…`
            `/properties/file/$ref`: `file:///etc/passwd` refers to another document; put the schema into `$defs` and refer to it as `#/$defs/…`
            `/properties/gone/$ref`: `#/$defs/gone` refers to no schema in the document
            `/properties/huge/pattern`: `((a{500}){500}){500}` is not a supported pattern: look-around, back references and very large patterns are not supported
            `/properties/inner/$id`: is allowed only at the top of the schema
            `/properties/inner/$schema`: "https://json-schema.org/draft/2019-09/schema" is not supported; the only supported draft is `https://json-schema.org/draft/2020-12/schema`
            `/properties/name/$ref`: `https://example.org/name.json` refers to another document; put the schema into `$defs` and refer to it as `#/$defs/…`
            `/properties/near/$ref`: `other.json#/$defs/a` refers to another document; put the schema into `$defs` and refer to it as `#/$defs/…`
            `/properties/port/minimum`: "1" is not of type "number"
            `/properties/port/type`: "nubmer" is not `array`, `boolean`, `integer`, `null`, `number`, `object`, `string`, or a list of them
            `/properties/text/$ref`: `#/title` refers to no schema in the document
            `/properties/twice/anyOf/0/$anchor`: `a` occurs twice in the schema
            `/required`: "name" is not of type "array"
        "#]],
    );
}

#[test]
fn references_that_never_end_are_refused() {
    for text in [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#"}]}"##,
        r##"{"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}"##,
        r##"{"$defs": {"a": {"$anchor": "a", "not": {"if": {"$ref": "#a"}}}}}"##,
    ] {
        let error = Schema::compile(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("refers to itself for the same value, which never ends"), "{text}: {error}");
    }
    // A value ends, so going into it does.
    let list = schema(json!({
        "properties": {"value": {"type": "integer"}, "next": {"$ref": "#"}, "all": {"items": {"$ref": "#"}}},
        "patternProperties": {"^x-": {"$ref": "#"}}
    }));
    let deep = json!({"next": {"next": {"value": "1"}}, "all": [{"x-a": {"value": "2"}}]});
    assert_eq!(
        violations(&list, deep),
        "`/all/0/x-a/value`: the text is not of type \"integer\"\n`/next/next/value`: the text is not of type \"integer\"\n"
    );
}

#[test]
fn references_inside_the_document_are_followed() {
    let schema = schema(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/configuration",
        "properties": {
            "by_name": {"$ref": "#/$defs/a~1b%20c"},
            "by_anchor": {"$ref": "#port"},
            "dynamic": {"$dynamicRef": "#port"},
            "elsewhere": {"$ref": "#/x-parts/number"},
            "older": {"$ref": "#/definitions/number"}
        },
        "$defs": {"a/b c": {"type": "integer"}, "port": {"$dynamicAnchor": "port", "maximum": 65535}},
        "definitions": {"number": {"type": "integer"}},
        "x-parts": {"number": {"type": "integer"}}
    }));
    let wrong = json!({"by_name": "x", "by_anchor": 70_000, "dynamic": 80_000, "elsewhere": "y", "older": 1.5});
    expect![[r#"
        `/by_anchor`: 70000 is greater than the maximum of 65535
        `/by_name`: the text is not of type "integer"
        `/dynamic`: 80000 is greater than the maximum of 65535
        `/elsewhere`: the text is not of type "integer"
        `/older`: 1.5 is not of type "integer"
    "#]]
    .assert_eq(&violations(&schema, wrong));
    assert_eq!(schema.check(&object(json!({"by_name": 1, "by_anchor": 2, "dynamic": 3}))), Ok(()));
}

#[test]
fn all_violations_are_reported_with_their_pointers_and_without_values() {
    let schema = schema(json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "port": {"type": "integer", "maximum": 65535},
            "host": {"type": "string", "format": "ipv4"},
            "mode": {"enum": ["fast", "safe"]},
            "kind": {"const": "a"},
            "tags": {"type": "array", "uniqueItems": true, "items": {"maxLength": 3}},
            "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "word": {"pattern": "^[a-z]+$"},
            "a/b": {"type": "boolean"},
            "never": false,
            "names": {"propertyNames": {"maxLength": 2}},
            "deep": {"unevaluatedProperties": false, "properties": {"a": true}}
        }
    }));
    expect![[r#"
        "name" is a required property
        Additional properties are not allowed ('x\ny' was unexpected)
        `/a~1b`: null is not of type "boolean"
        `/deep`: Unevaluated properties are not allowed ('b' was unexpected)
        `/either`: the object is not valid under any of the schemas listed in the 'oneOf' keyword
        `/host`: the text is not a "ipv4"
        `/kind`: "a" was expected
        `/mode`: the text is not one of "fast" or "safe"
        `/names`: "long" is longer than 2 characters
        `/never`: False schema does not allow the text
        `/port`: 70000.5 is greater than the maximum of 65535
        `/port`: 70000.5 is not of type "integer"
        `/tags`: the list has non-unique elements
        `/tags/0`: the text is longer than 3 characters
        `/tags/1`: the text is longer than 3 characters
        `/word`: the text does not match "^[a-z]+$"
    "#]]
    .assert_eq(&violations(
        &schema,
        json!({
            "port": 70_000.5, "host": "hidden one", "mode": "hidden two", "kind": ["hidden three"],
            "tags": ["hidden four", "hidden four"], "either": {"hidden": "five"}, "word": "HIDDEN six\n",
            "a/b": null, "never": "hidden seven", "names": {"long": 1}, "deep": {"b": 1}, "x\ny": 1
        }),
    ));
}

#[test]
fn a_violation_never_contains_a_part_of_a_secret() {
    let secret = json!({"type": "integer", "maximum": 9, "writeOnly": true});
    let schema = schema(json!({
        "properties": {
            "pin": secret,
            "pins": {"items": {"$ref": "#/properties/pin"}},
            "whole": {"x-secret": true, "properties": {"pin": {"maximum": 9}}}
        },
        "maxProperties": 2
    }));
    let text = violations(&schema, json!({"pin": 1234, "pins": [5678, true], "whole": {"pin": 4321}}));
    expect![[r#"
        the object has more than 2 properties
        `/pin`: the value is greater than the maximum of 9
        `/pins/0`: the value is greater than the maximum of 9
        `/pins/1`: the value is not of type "integer"
        `/whole/pin`: the value is greater than the maximum of 9
    "#]]
    .assert_eq(&text);
}

#[test]
fn at_most_a_hundred_violations_are_reported() {
    let schema = schema(json!({"additionalProperties": {"type": "string"}}));
    let many = (0..500).map(|n| (format!("k{n}"), json!(n))).collect();
    assert_eq!(schema.check(&many).unwrap_err().len(), 100);
}

#[test]
fn secrets_are_found_in_every_part_of_a_schema() {
    let secret = json!({"writeOnly": true});
    let configuration = json!({
        "plain": "a", "written": "b", "password": "c", "marked": {"a": 1}, "absent": null, "list": ["d", "e"],
        "pair": ["f", "g", "h"], "named": {"x": "i", "y": {"z": "j"}}, "s-one": "k", "t-two": "l", "branch": "m",
        "tree": {"key": "n", "child": {"key": "o", "child": {"name": "p"}}}, "false": "q", "a/b": "r"
    });
    for (part, expected) in [
        (json!({}), &[][..]),
        (json!({"properties": {"written": secret, "missing": secret, "absent": secret}}), &["/written"]),
        (json!({"properties": {"password": {"format": "password"}}}), &["/password"]),
        (json!({"properties": {"marked": {"x-secret": true, "properties": {"a": secret}}}}), &["/marked"]),
        (json!({"properties": {"false": {"writeOnly": false, "x-secret": "yes", "format": "uri"}}}), &[]),
        (json!({"properties": {"list": {"items": secret}}}), &["/list/0", "/list/1"]),
        (json!({"properties": {"pair": {"prefixItems": [true, secret], "items": true}}}), &["/pair/1"]),
        (json!({"properties": {"pair": {"prefixItems": [true], "items": secret}}}), &["/pair/1", "/pair/2"]),
        (
            json!({"properties": {"named": {"properties": {"x": true}, "additionalProperties": {"additionalProperties": secret}}}}),
            &["/named/y/z"],
        ),
        (json!({"patternProperties": {"^s-": secret}}), &["/s-one"]),
        (
            json!({"patternProperties": {"^t-": true}, "properties": {"marked": {"additionalProperties": secret}}}),
            &["/marked/a"],
        ),
        (json!({"anyOf": [{"properties": {"branch": secret}}, {"properties": {"plain": true}}]}), &["/branch"]),
        (json!({"oneOf": [{"allOf": [{"properties": {"branch": secret}}]}]}), &["/branch"]),
        (
            json!({"if": true, "then": {"properties": {"branch": secret}}, "else": {"properties": {"plain": secret}}}),
            &["/branch", "/plain"],
        ),
        (json!({"dependentSchemas": {"nothing": {"properties": {"branch": secret}}}}), &["/branch"]),
        (
            json!({
                "properties": {"tree": {"$ref": "#/$defs/tree"}},
                "$defs": {"tree": {"properties": {"key": {"$ref": "#key"}, "child": {"$ref": "#/$defs/tree"}}}, "key": {"$anchor": "key", "writeOnly": true}}
            }),
            &["/tree/child/key", "/tree/key"],
        ),
        (json!({"properties": {"a/b": secret}}), &["/a~1b"]),
        (json!({"propertyNames": secret}), &[]),
    ] {
        assert_eq!(schema(part.clone()).secrets(&object(configuration.clone())), expected, "{part}");
    }
    let whole = schema(json!({"writeOnly": true, "properties": {"a": {"writeOnly": true}}}));
    assert_eq!(whole.secrets(&object(json!({"a": 1, "b": {"c": 2}}))), ["/a", "/b"]);
    let masked = whole.mask(&object(json!({"a": 1, "b": {"c": 2}})));
    assert_eq!(Value::Object(masked), json!({"a": MASK, "b": MASK}));
}

#[test]
fn the_steps_of_a_schema_with_exponential_cost_are_limited() {
    // Each refers twice to the next: a page of text, and 2^60 subschemas to go through.
    let mut defs = object(json!({"d60": {"type": "object"}}));
    for n in 0..60 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        defs.insert(format!("d{n}"), json!({"anyOf": [next, next]}));
    }
    for part in [json!({"$ref": "#/$defs/d0"}), json!({"properties": {"a": {"propertyNames": {"$ref": "#/$defs/d0"}}}})]
    {
        let mut all = object(part);
        all.insert("$defs".to_owned(), Value::Object(defs.clone()));
        let schema = schema(Value::Object(all));
        let configuration = object(json!({"a": {"b": "c"}}));
        let violations = schema.check(&configuration).unwrap_err();
        assert!(violations[0].message.contains("takes more than 250000 steps"), "{violations:?}");
        assert_eq!(schema.secrets(&configuration), ["/a"], "what cannot be looked through counts as secret");
    }
    // A chain that is longer than a stack is deep.
    let chain = |n: usize| {
        let mut defs = object(json!({format!("d{n}"): {"type": "object"}}));
        defs.extend((0..n).map(|n| (format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}))));
        schema(json!({"$ref": "#/$defs/d0", "$defs": defs}))
    };
    assert_eq!(chain(400).check(&Map::new()), Ok(()));
    assert!(chain(5_000).check(&Map::new()).is_err());
    // Patterns run in linear time.
    let pattern = schema(json!({"properties": {"a": {"pattern": "^(a|a)*(a+)+$"}}}));
    assert!(pattern.check(&object(json!({"a": format!("{}b", "a".repeat(10_000))}))).is_err());
    let many: Map<_, _> = (0..200).map(|n| (format!("^{n}$"), json!(true))).collect();
    refused(
        &json!({"patternProperties": many}).to_string(),
        expect![[r#"
            schema_refused
            the schema has 200 different patterns; at most 128 are allowed
        "#]],
    );
}

#[test]
fn a_missing_schema_accepts_everything_and_tells_secrets_by_the_names_of_keys() {
    let configuration = object(json!({"password": "x", "deep": [{"a": null, "api/token": ["y"]}], "secret": null}));
    assert_eq!(Schema::any().check(&configuration), Ok(()));
    assert_eq!(Schema::any().secrets(&configuration), ["/deep/0/api~1token", "/password"]);
    let masked = json!({"password": MASK, "deep": [{"a": null, "api/token": MASK}], "secret": null});
    assert_eq!(Value::Object(Schema::any().mask(&configuration)), masked);
    let empty = schema(json!({}));
    assert_eq!(empty.mask(&configuration), configuration, "a schema names its secrets exactly");
}
