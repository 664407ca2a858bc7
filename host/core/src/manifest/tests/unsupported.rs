//! YAML features outside the accepted subset.

use expect_test::expect;

use super::hostile::check;

#[test]
fn yaml_features_outside_the_supported_subset_are_refused_with_their_line() {
    for (text, expected) in [
        (
            "id: a\n---\nid: b\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file must be a single YAML document, found `---`
            "#]],
        ),
        (
            "---\n---\nid: a\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file must be a single YAML document, found `---`
            "#]],
        ),
        (
            "id: a\n...\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file must be a single YAML document, found `...`
            "#]],
        ),
        (
            "%YAML 1.1\n---\nid: a\n",
            expect![[r#"
                plugin.yaml:1: has a YAML directive (`%`), which is not supported; remove the line, found `%YAML 1.1`
            "#]],
        ),
        (
            "id: &x a\n",
            expect![[r#"
                plugin.yaml:1: has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes, found `id: &x a`
            "#]],
        ),
        (
            "id: *x\n",
            expect![[r#"
                plugin.yaml:1: has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes, found `id: *x`
            "#]],
        ),
        (
            "id: !!str a\n",
            expect![[r#"
                plugin.yaml:1: has a YAML tag (`!`), which is not supported; put the value in quotes if it starts with `!`, found `id: !!str a`
            "#]],
        ),
        (
            "labels: [!x a]\n",
            expect![[r#"
                plugin.yaml:1: has a YAML tag (`!`), which is not supported; put the value in quotes if it starts with `!`, found `labels: [!x a]`
            "#]],
        ),
        (
            "? id\n: a\n",
            expect![[r#"
                plugin.yaml:1: has a complex key (`?`), which is not supported; keys must be text, found `? id`
            "#]],
        ),
        (
            "labels: {? a : b}\n",
            expect![[r#"
                plugin.yaml:1: has a complex key (`?`), which is not supported; keys must be text, found `labels: {? a : b}`
            "#]],
        ),
        (
            "[a]: b\n",
            expect![[r#"
                plugin.yaml:1: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation, found `[a]: b`
            "#]],
        ),
        (
            "{a: b}: c\n",
            expect![[r#"
                plugin.yaml:1: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation, found `{a: b}: c`
            "#]],
        ),
        (
            "labels: {{a: b}: c}\n",
            expect![[r#"
                plugin.yaml:1: has a list or mapping as a key; keys must be text, found `labels: {{a: b}: c}`
            "#]],
        ),
        (
            "labels:\n  <<: {a: b}\n",
            expect![[r#"
                plugin.yaml:2: has a merge key (`<<`), which is not supported; write the keys out, found `<<: {a: b}`
            "#]],
        ),
        (
            "tags: [a: b]\n",
            expect![[r#"
                plugin.yaml:1: has a key and a value in a list in brackets; write `{key: value}`, found `tags: [a: b]`
            "#]],
        ),
        (
            "id: a: b\n",
            expect![[r#"
                plugin.yaml:1: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation, found `id: a: b`
            "#]],
        ),
        (
            "id: - a\n",
            expect![[r#"
                plugin.yaml:1: has a list on the line of its key; start the list on the next line, found `id: - a`
            "#]],
        ),
        (
            "id: a\n  name: b\n",
            expect![[r#"
                plugin.yaml:2: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation, found `name: b`
            "#]],
        ),
        (
            "id: a\n name: b\n",
            expect![[r#"
                plugin.yaml:2: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation, found `name: b`
            "#]],
        ),
        (
            "a:\n  b: c\n d: e\n",
            expect![[r#"
                plugin.yaml:3: belongs to no key or list; check the indentation, found `d: e`
            "#]],
        ),
        (
            "id:\n- a\nb\n",
            expect![[r#"
                plugin.yaml:3: belongs to no key or list; check the indentation, found `b`
            "#]],
        ),
        (
            "id:\n\ta: b\n",
            expect![[r#"
                plugin.yaml:2: is indented with a tab; use spaces, found `\ta: b`
            "#]],
        ),
        (
            "tags:\n-\ta\n",
            expect![[r#"
                plugin.yaml:2: has a tab after `-`; use a space, found `-\ta`
            "#]],
        ),
        (
            "id: \"abc\n",
            expect![[r#"
                plugin.yaml:1: has an opening quote that is never closed, found `id: "abc`
            "#]],
        ),
        (
            "id: 'abc\nname: b\n",
            expect![[r#"
                plugin.yaml:2: is inside the quotes that are opened in line 1; indent the line more, or close the quotes, found `name: b`
            "#]],
        ),
        (
            "tags: [a, b\nid: c\n",
            expect![[r#"
                plugin.yaml:2: is inside the bracket that is opened in line 1; indent the line more, or close the bracket, found `id: c`
            "#]],
        ),
        (
            "tags: [a, b}\n",
            expect![[r#"
                plugin.yaml:1: is missing a comma or a closing bracket, found `tags: [a, b}`
            "#]],
        ),
        (
            "tags: a]\nid: ]\n",
            expect![[r#"
                plugin.yaml:2: has a value that starts with a reserved character; put the value in quotes, found `id: ]`
            "#]],
        ),
        (
            "id: \"a\" b\n",
            expect![[r#"
                plugin.yaml:1: has text after the end of the value; if it belongs to the value, put the whole value in quotes, found `id: "a" b`
            "#]],
        ),
        (
            "id: @a\n",
            expect![[r#"
                plugin.yaml:1: has a value that starts with a reserved character; put the value in quotes, found `id: @a`
            "#]],
        ),
        (
            "id: `a`\n",
            expect![[r#"
                plugin.yaml:1: has a value that starts with a reserved character; put the value in quotes, found `id: `a``
            "#]],
        ),
        (
            "id: %a\n",
            expect![[r#"
                plugin.yaml:1: has a value that starts with a reserved character; put the value in quotes, found `id: %a`
            "#]],
        ),
        (
            "\"i\\u0064\": a\n",
            expect![[r#"
                plugin.yaml:1: has a key with an escape sequence (`\`); write the key without escapes, found `"i\u0064": a`
            "#]],
        ),
        (
            ": a\n",
            expect![[r#"
                plugin.yaml:1: has a value without a key, found `: a`
            "#]],
        ),
        (
            "id: |9+-\n  a\n",
            expect![[r#"
                plugin.yaml:1: has too many characters after `|` or `>`; at most one digit and one of `+` and `-` can follow, found `id: |9+-`
            "#]],
        ),
        (
            "just text\n",
            expect![[r#"
                plugin.yaml: must be a mapping of keys and values, found `just text`
            "#]],
        ),
        (
            "- a\n- b\n",
            expect![[r#"
                plugin.yaml: must be a mapping of keys and values
            "#]],
        ),
        (
            "id: \"\\q\"\n",
            expect![[r#"
                plugin.yaml:1: is not valid YAML: found unknown escape character
            "#]],
        ),
    ] {
        check(text.as_bytes(), expected);
    }
}
