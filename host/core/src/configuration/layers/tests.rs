use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn merge_patches_match_the_examples_of_the_rfc() {
    for (target, patch, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let mut merged = target.clone();
        merge_patch(&mut merged, &patch);
        assert_eq!(merged, expected, "{target} with {patch}");
    }
}

#[test]
fn a_higher_layer_overrides_a_lower_layer_at_every_depth() {
    for (defaults, host_file, operator, expected) in [
        (json!({"a": 1}), json!({}), json!({}), json!({"a": 1})),
        (json!({"a": 1}), json!({"a": 2}), json!({}), json!({"a": 2})),
        (json!({"a": 1}), json!({"a": 2}), json!({"a": 3}), json!({"a": 3})),
        (
            json!({"a": {"b": 1, "c": 1}}),
            json!({"a": {"b": 2}}),
            json!({"a": {"d": 3}}),
            json!({"a": {"b": 2, "c": 1, "d": 3}}),
        ),
        (json!({"a": [1, 2]}), json!({"a": [3]}), json!({}), json!({"a": [3]})),
        (json!({"a": 1, "b": 1}), json!({"a": 2}), json!({"a": null}), json!({"b": 1})),
        (json!({"a": {"b": 1}}), json!({}), json!({"a": 2}), json!({"a": 2})),
        (json!({"a": 1}), json!({"a": {"b": 2}}), json!({"a": {"b": null}}), json!({"a": {}})),
        // A null of plugin.yaml is a value, as it is in the document that a patch is applied to.
        (json!({"a": null}), json!({}), json!({}), json!({"a": null})),
    ] {
        let text = format!("{defaults} {host_file} {operator}");
        let layers = Layers { defaults: object(defaults), host_file: object(host_file), operator: object(operator) };
        assert_eq!(Value::Object(layers.effective()), expected, "{text}");
    }
}

fn schema() -> Schema {
    let secret = json!({"type": "string", "format": "password"});
    let schema = json!({"properties": {
        "key": secret,
        "database": {"properties": {"password": secret, "host": {"type": "string"}}},
        "tokens": {"items": secret},
        "servers": {"items": {"properties": {"key": secret, "deep": {"items": {"properties": {"key": secret}}}}}}
    }});
    Schema::compile(schema.to_string().as_bytes()).unwrap()
}

/// The operator's layer after a change.
fn unmasked(layers: &Layers, new: Value) -> Result<Value, String> {
    let changed = layers.with_operator(&schema(), object(new));
    let text = |violations: Vec<Violation>| {
        violations
            .iter()
            .map(|violation| violation.to_string().replace("; send the secret itself", ""))
            .collect::<Vec<_>>()
    };
    changed.map(|layers| Value::Object(layers.operator)).map_err(|violations| text(violations).join("\n"))
}

#[test]
fn a_mask_that_is_sent_back_keeps_the_secret() {
    let layers = Layers {
        defaults: object(json!({"tokens": ["d"]})),
        host_file: object(json!({"database": {"password": "file", "host": "a"}})),
        operator: object(json!({"key": "own", "note": MASK})),
    };
    for (new, expected) in [
        (json!({"key": MASK}), json!({"key": "own"})),
        (json!({"key": "new"}), json!({"key": "new"})),
        (json!({}), json!({})),
        // A value of a lower layer stays in that layer.
        (json!({"database": {"password": MASK, "host": "b"}}), json!({"database": {"host": "b"}})),
        // A list is stored whole in each layer.
        (json!({"tokens": [MASK, "new"]}), json!({"tokens": ["d", "new"]})),
        // Outside of secrets, the mask is ordinary text.
        (json!({"note": MASK, "database": {"host": MASK}}), json!({"note": MASK, "database": {"host": MASK}})),
    ] {
        assert_eq!(unmasked(&layers, new.clone()), Ok(expected), "{new}");
    }
}

#[test]
fn a_mask_without_a_secret_is_refused() {
    let layers = Layers { operator: object(json!({"database": {"host": "a"}, "key": null})), ..Layers::default() };
    let new = json!({"key": MASK, "database": {"password": MASK}, "tokens": [MASK]});
    let expected = "`/database/password`: `********` stands for a secret, but no secret is set\n\
                    `/key`: `********` stands for a secret, but no secret is set\n\
                    `/tokens/0`: `********` stands for a secret in a list entry that is new or was changed";
    assert_eq!(unmasked(&layers, new), Err(expected.to_owned()));
    // The operator has removed the value of the file, so no mask was shown.
    let layers = Layers { host_file: object(json!({"key": "file"})), ..layers };
    assert!(unmasked(&layers, json!({"key": MASK})).is_err());
}

#[test]
fn list_entries_with_masks_are_identified_by_their_other_fields() {
    let servers = |servers: Value| Layers { operator: object(json!({"servers": servers})), ..Layers::default() };
    let layers = servers(json!([{"name": "a", "key": "1"}, {"name": "b", "key": "2"}, {"key": "3"}, {"key": "4"}]));
    let (a, b, other) = (json!({"name": "a", "key": MASK}), json!({"name": "b", "key": MASK}), json!({"key": MASK}));
    for (new, expected) in [
        (json!([b, a]), Ok(json!([{"name": "b", "key": "2"}, {"name": "a", "key": "1"}]))),
        (json!([{"name": "c", "key": "5"}, b]), Ok(json!([{"name": "c", "key": "5"}, {"name": "b", "key": "2"}]))),
        // As many entries as before, so they keep their order.
        (json!([other, b, other]), Ok(json!([{"key": "3"}, {"name": "b", "key": "2"}, {"key": "4"}]))),
        (json!([other]), Err("`/servers/0/key`: `********` could stand for more than one secret")),
        (
            json!([{"name": "z", "key": MASK}]),
            Err("`/servers/0/key`: `********` stands for a secret in a list entry that is new or was changed"),
        ),
    ] {
        let result = unmasked(&layers, json!({"servers": new}));
        assert_eq!(result, expected.map(|servers| json!({"servers": servers})).map_err(str::to_owned), "{new}");
    }
    let layers = servers(json!([{"deep": [{"key": "1"}]}]));
    let same = json!({"servers": [{"deep": [{"key": MASK}]}]});
    assert_eq!(unmasked(&layers, same), Ok(json!({"servers": [{"deep": [{"key": "1"}]}]})));
    // Equal secrets are interchangeable, so their number may change.
    let layers = servers(json!([{"key": "1"}, {"key": "1"}]));
    assert_eq!(unmasked(&layers, json!({"servers": [other]})), Ok(json!({"servers": [{"key": "1"}]})));
}

#[test]
fn a_patch_changes_only_its_own_keys() {
    let layers = Layers {
        defaults: object(json!({"retries": 3})),
        host_file: Map::new(),
        operator: object(json!({"key": "own", "retries": 5, "database": {"password": "p", "host": "a"}})),
    };
    for (patch, expected) in [
        (json!({"retries": null}), json!({"key": "own", "database": {"password": "p", "host": "a"}})),
        (
            json!({"database": {"host": "b", "password": MASK}}),
            json!({"key": "own", "retries": 5, "database": {"password": "p", "host": "b"}}),
        ),
        (json!({"key": "new", "database": null}), json!({"key": "new", "retries": 5})),
        (json!({}), Value::Object(layers.operator.clone())),
    ] {
        let patched = layers.with_patch(&schema(), patch.as_object().unwrap()).unwrap();
        assert_eq!(Value::Object(patched.operator), expected, "{patch}");
        assert_eq!(patched.defaults, layers.defaults);
    }
    assert!(layers.with_patch(&schema(), &object(json!({"tokens": [MASK]}))).is_err());
}
