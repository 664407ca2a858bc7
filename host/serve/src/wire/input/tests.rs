use super::*;

#[test]
fn an_unknown_field_is_named_with_its_remedy() {
    let fix = |body: &str| {
        let refused = read::<host_api::LoadRequest>(body.as_bytes()).unwrap_err();
        assert_eq!((refused.status.as_u16(), &*refused.code), (400, "body_does_not_fit"));
        (refused.errors[0].pointer.clone(), refused.fix.unwrap_or_default())
    };
    const FIELDS: &str = "the fields are `source`, `version`, `path`, `tag_pattern`, `config`, `start`, `replace`";
    let revision = "`version` selects a branch, tag or commit";
    for (field, expected) in [
        ("ref", revision),
        ("tag", revision),
        ("branch", revision),
        ("commit", revision),
        ("rev", revision),
        ("Tag", revision),
        ("Version", "did you mean `version`?"),
        ("verzion", "did you mean `version`?"),
        ("configuration", "did you mean `config`?"),
        ("colour", FIELDS),
    ] {
        let body = format!(r#"{{"source": "https://github.com/o/r", "{field}": "v1"}}"#);
        assert_eq!(fix(&body), (field.to_owned(), expected.to_owned()));
    }
    assert_eq!(fix(r#"{"source": 1}"#), ("source".to_owned(), String::new()));
}

#[test]
fn a_value_of_another_type_is_named_and_a_body_that_is_not_json_has_a_remedy() {
    let refused = |body: &str| read::<host_api::LoadRequest>(body.as_bytes()).unwrap_err();
    let mut table = String::new();
    for body in [
        r#"{"source": ["a"]}"#,
        r#"{"source": "x", "version": 1.0}"#,
        r#"{"source": "x", "start": "true"}"#,
        r#"{"source": "x", "config": "a=b"}"#,
        "{}",
        "{'source': 'x'}",
        r#"{"source": "x",}"#,
        r#"{"source": "x"} x"#,
        r#"{"source": "#,
        "source=/srv/x",
        "\u{feff}{}",
        "",
    ] {
        let refused = refused(body);
        let pointers: Vec<_> = refused.errors.iter().map(|error| error.pointer.as_str()).collect();
        table += &format!("{}: {} {pointers:?}", refused.code, refused.detail);
        table += &refused.fix.map(|fix| format!("; fix: {fix}")).unwrap_or_default();
        table.push('\n');
    }
    expect_test::expect![[r#"
        body_does_not_fit: invalid request body: `source`: invalid type: list, expected a string ["source"]
        body_does_not_fit: invalid request body: `version`: invalid type: floating point `1.0`, expected a string ["version"]
        body_does_not_fit: invalid request body: `start`: invalid type: string "true", expected a boolean ["start"]
        body_does_not_fit: invalid request body: `config`: invalid type: string "a=b", expected an object ["config"]
        body_does_not_fit: invalid request body: missing field `source` [""]; fix: add `source`
        body_not_json: invalid request body: key must be a string at line 1 column 2 [""]; fix: JSON has double quotes around names and texts, and no comma after the last value
        body_not_json: invalid request body: trailing comma at line 1 column 16 [""]; fix: JSON has double quotes around names and texts, and no comma after the last value
        body_not_json: invalid request body: trailing characters at line 1 column 17 [""]; fix: JSON has double quotes around names and texts, and no comma after the last value
        body_not_json: invalid request body: EOF while parsing a value at line 1 column 11 [""]; fix: send the whole body: it ends too early
        body_not_json: invalid request body: expected value at line 1 column 1 [""]; fix: send a JSON object, such as `{"name": "value"}`
        body_not_json: invalid request body: expected value at line 1 column 1 [""]; fix: remove the byte order mark at the start of the body: save it as UTF-8 without BOM
        body_not_json: invalid request body: EOF while parsing a value at line 1 column 0 [""]; fix: send a JSON object, such as `{"name": "value"}`
    "#]].assert_eq(&table);
}

#[test]
fn a_query_parameter_is_named_with_its_rule() {
    for (text, expected) in [
        ("Failed to deserialize query string: limit: invalid digit found in string", "`limit` must be a whole number"),
        ("Failed to deserialize query string: limit: number too large to fit in target type", "`limit` is too large"),
        (
            "Failed to deserialize query string: force: provided string was not `true` or `false`",
            "`force` must be `true` or `false`",
        ),
        ("Failed to deserialize query string: missing field `id`", "missing field `id`"),
    ] {
        assert_eq!(query_problem(text), expected);
    }
}

#[test]
fn a_list_is_not_read_as_the_fields_of_an_object() {
    let refused = read::<host_api::LoadRequest>(b" [\"https://github.com/o/r\"]").unwrap_err();
    assert_eq!(
        (&*refused.code, &*refused.detail),
        ("body_does_not_fit", "invalid request body: it is a list, expected an object")
    );
}

#[tokio::test]
async fn bodies_with_other_content_types_are_rejected() {
    let read = async |kind: Option<&str>, body: &'static str| {
        let mut request = http::Request::post("/x");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(axum::body::Body::from(body)).unwrap();
        let read = OptionalJson::<serde_json::Value>::from_request(request, &()).await;
        read.map(|_| ()).map_err(|refused| refused.code.into_owned())
    };
    assert_eq!(read(None, "{}").await, Ok(()));
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
        "application/x-www-form-urlencoded",
        "text/plain;charset=UTF-8",
    ] {
        assert_eq!(read(Some(kind), "{}").await, Ok(()), "{kind}");
    }
    for kind in ["application/xml", "multipart/form-data; boundary=x", "text/html", "application/yaml", "nonsense"] {
        assert_eq!(read(Some(kind), "{}").await, Err("body_type".to_owned()), "{kind}");
        assert_eq!(read(Some(kind), "").await, Ok(()), "{kind}, but no body");
    }
}
