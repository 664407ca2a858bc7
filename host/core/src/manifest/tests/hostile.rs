//! Texts that are made to break the YAML parser.

use expect_test::{Expect, expect};

use super::{LEAST, says};
use crate::Manifest;
use crate::manifest::Mode;

pub(super) fn check(text: &[u8], expected: Expect) {
    expected.assert_eq(&says(text, Mode::Normal));
}

#[test]
fn deep_nesting_is_refused_before_the_parser_sees_it() {
    for (unit, rule) in [
        ("{a: ", "is nested more than 16 levels deep"),
        ("{\"a\":", "is nested more than 16 levels deep"),
        ("- ", "is nested more than 16 levels deep"),
        ("[", "is nested more than 16 levels deep"),
        ("[\n", "is nested more than 16 levels deep"),
        ("? ", "has a complex key (`?`), which is not supported; keys must be text"),
        ("a: ", "has a `: ` inside a value; put the value in quotes or, if it is a key, correct its indentation"),
        ("!", "has a YAML tag (`!`), which is not supported; put the value in quotes if it starts with `!`"),
        (
            "&a ",
            "has a YAML anchor or alias (`&`, `*`), which is not supported; write the value out, or put it in quotes",
        ),
    ] {
        let text = unit.repeat(Manifest::MAX_BYTES / unit.len());
        let problems = Manifest::check(text.as_bytes(), Mode::Normal).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.rule.as_str()).collect::<Vec<_>>(), [rule], "{unit:?}");
    }
    let by_lines: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(
        by_lines.as_bytes(),
        expect![[r#"
            plugin.yaml:17: is nested more than 16 levels deep, found `a:`
        "#]],
    );
}

#[test]
fn nesting_is_counted_through_blocks_and_brackets() {
    let nested = |brackets: usize| {
        format!("{LEAST}configuration:\n  a:\n  - b:\n      - {}{}\n", "[".repeat(brackets), "]".repeat(brackets))
    };
    assert_eq!(says(nested(11).as_bytes(), Mode::Normal), "ok\n");
    check(
        nested(12).as_bytes(),
        expect![[r#"
            plugin.yaml:11: is nested more than 16 levels deep, found `- [[[[[[[[[[[[]]]]]]]]]]]]`
        "#]],
    );
}

#[test]
fn bytes_that_are_not_plain_text_are_refused() {
    check(
        &vec![b'a'; Manifest::MAX_BYTES + 1],
        expect![[r#"
            plugin.yaml: is larger than 64 KiB, the limit for this file
        "#]],
    );
    check(
        b"",
        expect![[r#"
            plugin.yaml: is empty
        "#]],
    );
    check(
        b"# only a comment\n\n",
        expect![[r#"
            plugin.yaml: is empty
        "#]],
    );
    check(
        b"id: a\nname: \xff\n",
        expect![[r#"
            plugin.yaml:2: is not UTF-8; save the file in the encoding UTF-8
        "#]],
    );
    check(
        b"\xff\xfei\0d\0",
        expect![[r#"
            plugin.yaml:1: is not UTF-8; save the file in the encoding UTF-8
        "#]],
    );
    check(
        b"id: a\0b\n",
        expect![[r#"
            plugin.yaml:1: has an invalid character in column 6: U+0000, a control character; remove it
        "#]],
    );
    check(
        "id: a\nname: \u{202e}b\n".as_bytes(),
        expect![[r#"
            plugin.yaml:2: has an invalid character in column 7: U+202E RIGHT-TO-LEFT OVERRIDE, which is invisible; remove it
        "#]],
    );
    check(
        "id: \u{feff}a\n".as_bytes(),
        expect![[r#"
            plugin.yaml:1: has an invalid character in column 5: U+FEFF ZERO WIDTH NO-BREAK SPACE (a byte order mark), which is invisible; remove it
        "#]],
    );
    check(
        "id: a\u{85}name: b\n".as_bytes(),
        expect![[r#"
            plugin.yaml:1: has an invalid character in column 6: U+0085, a control character; remove it
        "#]],
    );
    check(
        b"id: a\rname: b\n",
        expect![[r#"
            plugin.yaml:1: has an invalid character in column 6: U+000D CARRIAGE RETURN, which does not end a line here; remove it
        "#]],
    );
}

#[test]
fn a_byte_order_mark_at_the_beginning_and_windows_line_breaks_are_accepted() {
    let text = format!("\u{feff}{LEAST}").replace('\n', "\r\n");
    assert_eq!(says(text.as_bytes(), Mode::Normal), "ok\n");
}

#[test]
fn a_repeated_key_is_refused_with_and_without_quotes() {
    for (text, expected) in [
        (
            "id: a\nname: b\nid: c\n\"name\": d\n",
            expect![[r#"
                plugin.yaml:3: repeats a key that is in line 1 of the same mapping; keep one of them, found `id`
                plugin.yaml:4: repeats a key that is in line 2 of the same mapping; keep one of them, found `name`
            "#]],
        ),
        (
            "labels: {a: b, 'a': c}\n",
            expect![[r#"
                plugin.yaml:1: repeats a key that is in line 1 of the same mapping; keep one of them, found `a`
            "#]],
        ),
        (
            "endpoints:\n- path: /\n  path: /\n",
            expect![[r#"
                plugin.yaml:3: repeats a key that is in line 2 of the same mapping; keep one of them, found `path`
            "#]],
        ),
    ] {
        check(text.as_bytes(), expected);
    }
    let same_key_elsewhere = format!("{LEAST}labels: {{id: a, name: b}}\nconfiguration:\n- id: a\n- id: b\n");
    check(
        same_key_elsewhere.as_bytes(),
        expect![[r#"
            plugin.yaml:9: `configuration` must be a mapping of keys and values, not a list
        "#]],
    );
}

#[test]
fn a_key_longer_than_1000_bytes_is_refused() {
    check(
        format!("{}: a\n", "k".repeat(1001)).as_bytes(),
        expect![[r#"
            plugin.yaml:1: has a key longer than 1000 bytes, found `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…`
        "#]],
    );
}

#[test]
fn control_characters_of_the_file_are_escaped_in_messages() {
    check(
        b"id: \"a\\e[31m\\u202e\"\n",
        expect![[r#"
            plugin.yaml: `name` is required
            plugin.yaml: `version` is required
            plugin.yaml: `endpoints` is required
            plugin.yaml:1: `id` must not contain invisible characters; character 2 is U+001B, a control character; remove it, found `a\u{1b}[31m\u{202e}`
        "#]],
    );
}
