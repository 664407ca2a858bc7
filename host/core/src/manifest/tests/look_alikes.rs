//! Manifests with characters that are mistaken for others, as copying from a web page or a chat produces them.

use expect_test::{Expect, expect};

use super::{LEAST, says};
use crate::manifest::Mode;

/// Checks the smallest manifest with one replacement.
fn check(from: &str, to: &str, expected: Expect) {
    assert!(LEAST.contains(from));
    expected.assert_eq(&says(LEAST.replacen(from, to, 1).as_bytes(), Mode::Normal));
}

#[test]
fn spaces_that_are_not_ascii_are_named_with_their_column() {
    check(
        "id: my",
        "id:\u{a0}my",
        expect![[r#"
            plugin.yaml:2: has a key that spans several lines, or a value that contains `: `; put the value in quotes; note that column 4 of the line before has U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `name: My Plugin`
        "#]],
    );
    check(
        "  - {path",
        "\u{a0}\u{a0}- {path",
        expect![[r#"
            plugin.yaml:7: has a key after a blank that is not an ordinary space; note that column 1 has U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `  - {path: /hello, method: GET, handler: Hello}`
        "#]],
    );
    check(
        "method: GET",
        "\u{a0}method: GET",
        expect![[r#"
            plugin.yaml:7: has a key after a blank that is not an ordinary space; note that column 20 has U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `- {path: /hello,  method: GET, handler: Hello}`
        "#]],
    );
    check(
        "my-plugin",
        "my-plugin\u{a0}",
        expect![[r#"
            plugin.yaml:1: `id` must contain only A-Z, a-z, 0-9, `_` and `-`; character 10 is U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `my-plugin `
        "#]],
    );
    check(
        "1.0.0",
        "1.0.0\u{3000}",
        expect![[r#"
            plugin.yaml:3: `version` must be a version with three numbers; write 1.0.0; character 6 is U+3000 IDEOGRAPHIC SPACE; remove it, or write an ordinary space, found `1.0.0　`
        "#]],
    );
    let block =
        LEAST.replace("{path: /hello, method: GET, handler: Hello}", "path: /hello\n\u{a0}\u{a0}  method: GET\n");
    expect![[r#"
        plugin.yaml:8: has a key after a blank that is not an ordinary space; note that column 1 has U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `    method: GET`
    "#]]
    .assert_eq(&says(block.as_bytes(), Mode::Normal));
}

#[test]
fn curly_quotes_are_named() {
    check(
        "1.0.0",
        "\u{201c}1.0.0\u{201d}",
        expect![[r#"
            plugin.yaml:3: `version` must be a version with three numbers, such as 1.0.0: unexpected character '“' while parsing major version number; character 1 is U+201C LEFT DOUBLE QUOTATION MARK; write `"`, found `“1.0.0”`
        "#]],
    );
    check(
        "My Plugin",
        "\u{201c}My Plugin\u{201d}",
        expect![[r#"
            ok, but
            plugin.yaml:2: `name` is in typographic quotation marks, which become part of the text; write ASCII quotes, found `“My Plugin”`
        "#]],
    );
    check(
        "method: GET",
        "method: \u{2018}GET\u{2019}",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].method` must be one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS; character 1 is U+2018 LEFT SINGLE QUOTATION MARK; write `'`, found `‘GET’`
    "#]],
    );
    check(
        "description: d",
        "description: the \u{201c}first\u{201d} plugin\u{2019}s text",
        expect![[r#"
        ok
    "#]],
    );
}

#[test]
fn full_width_characters_are_named() {
    check(
        "id:",
        "id\u{ff1a}",
        expect![[r#"
            plugin.yaml:2: has a key that spans several lines, or a value that contains `: `; put the value in quotes; note that column 3 of the line before has U+FF1A, the full-width form of `:`; write `:`, found `name: My Plugin`
        "#]],
    );
    check(
        "author:",
        "author\u{ff1a}",
        expect![[r#"
            plugin.yaml:5: belongs to no key or list; check the indentation; note that column 7 has U+FF1A, the full-width form of `:`; write `:`, found `author： a`
        "#]],
    );
    check(
        "method: GET",
        "method\u{ff1a} GET",
        expect![[r#"
            plugin.yaml:7: `endpoints[0].method` is required; `method： GET` in line 7 is not a known key; character 7 is U+FF1A, the full-width form of `:`; write `:`
        "#]],
    );
    check(
        "my-plugin",
        "my\u{2013}plugin",
        expect![[r#"
        plugin.yaml:1: `id` must contain only A-Z, a-z, 0-9, `_` and `-`; character 3 is U+2013 EN DASH; write `-`, found `my–plugin`
    "#]],
    );
    check(
        "/hello",
        "\u{ff0f}hello",
        expect![[r#"
        plugin.yaml:7: `endpoints[0].path` must start with `/`; character 1 is U+FF0F, the full-width form of `/`; write `/`, found `／hello`
    "#]],
    );
}

#[test]
fn invisible_characters_are_named() {
    check(
        "my-plugin",
        "my\u{200b}-plugin",
        expect![[r#"
            plugin.yaml:1: `id` must contain only A-Z, a-z, 0-9, `_` and `-`; character 3 is U+200B ZERO WIDTH SPACE, which is invisible; remove it, found `my\u{200b}-plugin`
        "#]],
    );
    check(
        "my-plugin",
        "my\u{feff}-plugin",
        expect![[r#"
        plugin.yaml:1: has an invalid character in column 7: U+FEFF ZERO WIDTH NO-BREAK SPACE (a byte order mark), which is invisible; remove it
    "#]],
    );
    check(
        "author: a",
        "author: a\u{202e}",
        expect![[r#"
        plugin.yaml:5: has an invalid character in column 10: U+202E RIGHT-TO-LEFT OVERRIDE, which is invisible; remove it
    "#]],
    );
    check(
        "author:",
        "auth\u{ad}or:",
        expect![[r#"
            ok, but
            plugin.yaml: `author` is missing; the host shows it to people who choose a plugin
            plugin.yaml:5: `[auth\u{ad}or]` is not a known key and has no effect; character 5 is U+00AD SOFT HYPHEN, which is invisible; remove it; did you mean `author`?
        "#]],
    );
}

#[test]
fn letters_of_other_alphabets_are_named() {
    check(
        "my-plugin",
        "my-\u{440}lugin",
        expect![[r#"
        plugin.yaml:1: `id` must contain only A-Z, a-z, 0-9, `_` and `-`; character 4 is U+0440, a Cyrillic letter that looks like `p`; write `p`, found `my-рlugin`
    "#]],
    );
    check(
        "name:",
        "n\u{430}me:",
        expect![[r#"
            plugin.yaml: `name` is required; `nаme` in line 2 is not a known key; character 2 is U+0430, a Cyrillic letter that looks like `a`; write `a`
        "#]],
    );
    check(
        "my-plugin",
        "my-plügin",
        expect![[r#"
        plugin.yaml:1: `id` must contain only A-Z, a-z, 0-9, `_` and `-`, found `my-plügin`
    "#]],
    );
}

#[test]
fn texts_in_other_languages_are_accepted() {
    check(
        "name: My Plugin",
        "name: Мой плагин — 「プラグイン」 👩\u{200d}💻",
        expect![[r#"
        ok
    "#]],
    );
    check(
        "description: d",
        "description: l\u{2019}été\u{a0}: « bonjour »",
        expect![[r#"
            plugin.yaml:4: has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation; note that column 19 has U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space, found `description: l’été : « bonjour »`
        "#]],
    );
}
