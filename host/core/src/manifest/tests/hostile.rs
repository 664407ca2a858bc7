//! Texts that are made to break the YAML parser, and comparisons of the scanner with the parser on random texts.

use std::collections::HashSet;

use expect_test::{Expect, expect};
use serde_yaml::Value;

use super::{FULL, LEAST, Random, says};
use crate::Manifest;
use crate::manifest::lines::{Lines, Place};
use crate::manifest::{Mode, precheck, scan};

fn check(text: &[u8], expected: Expect) {
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

/// Pieces of YAML that change how their surroundings are read.
const PIECES: &[&str] = &[
    " ",
    "  ",
    "\n",
    "\n  ",
    "\n- ",
    "\n  - ",
    "\n    ",
    "- ",
    ": ",
    ":",
    "?",
    "? ",
    "[",
    "]",
    "{",
    "}",
    "{a: ",
    ", ",
    "#",
    " # ",
    "|",
    ">",
    "|\n",
    ">-\n",
    "|2\n",
    "\"",
    "'",
    "''",
    "\\",
    "\\\n",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "%",
    "@",
    "`",
    "~",
    "---\n",
    "...\n",
    "\n---\n",
    "<<: ",
    "\t",
    "\u{feff}",
    "\r\n",
    "\r",
    "é",
    "\u{2028}",
    "0x1",
    "1.0",
    ".nan",
    "yes",
    "null",
    "id: ",
    "a: b\n",
    "path: /x\n",
    "- - - ",
    "[[[[[[[[[[[[[[[[[[",
    "99999999999999999999999",
    "-",
    "--",
    ".",
];

#[test]
fn mutated_manifests_never_panic_and_scanner_and_parser_agree() {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut understood = 0;
    for round in 0..6_000 {
        let base = if round % 4 == 0 { FULL } else { SHAPES[random.below(SHAPES.len())] };
        let mut bytes = base.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() + 1);
            let end = (at + random.below(12)).min(bytes.len());
            let piece = PIECES[random.below(PIECES.len())].as_bytes();
            match random.below(6) {
                0 => drop(bytes.drain(at..end)),
                1 => drop(bytes.splice(at..end, piece.iter().copied())),
                2 => bytes.truncate(at),
                3 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                4 => {
                    let copy = bytes[at..end].to_vec();
                    let to = random.below(bytes.len() + 1);
                    drop(bytes.splice(to..to, copy));
                }
                _ => drop(bytes.splice(at..at, piece.iter().copied())),
            }
        }
        let mode = [Mode::Strict, Mode::Normal, Mode::Permissive][random.below(3)];
        says(&bytes, mode);
        understood += usize::from(lines_agree(&bytes));
    }
    assert!(understood > 1000, "too few mutations were still YAML to learn from: {understood}");
}

/// Returns whether the scanner and the parser both accept the text; panics if they see different keys or entries in it.
pub(super) fn lines_agree(bytes: &[u8]) -> bool {
    let Ok(text) = precheck::text(bytes, Manifest::MAX_BYTES) else { return false };
    let Ok(lines) = scan::scan(&text) else { return false };
    let Ok(value) = serde_yaml::from_str::<Value>(&text) else { return false };
    same_shape(&text, &lines, lines.root(), &value);
    true
}

fn same_shape(text: &str, lines: &Lines, place: Place, value: &Value) {
    let sizes = match value {
        Value::Mapping(mapping) => (mapping.len(), 0),
        Value::Sequence(list) => (0, list.len()),
        _ => (0, 0),
    };
    assert_eq!(lines.sizes(place), sizes, "{value:?} in\n{text}");
    match value {
        Value::Mapping(mapping) => {
            for (key, value) in mapping {
                // The scan has keys as written, the parser has some as numbers and the like.
                if let Value::String(key) = key {
                    let place = lines.key(place, key).unwrap_or_else(|| panic!("no {key:?} in\n{text}"));
                    let line = text.lines().nth(lines.line(place) - 1).unwrap();
                    let written = key.replace('\'', "''");
                    assert!(line.contains(key) || line.contains(&written), "{key:?} is not in {line:?} of\n{text}");
                    same_shape(text, lines, place, value);
                }
            }
        }
        Value::Sequence(list) => {
            for (index, value) in list.iter().enumerate() {
                let place = lines.item(place, index).unwrap_or_else(|| panic!("no entry {index} in\n{text}"));
                same_shape(text, lines, place, value);
            }
        }
        _ => {}
    }
}

/// Small texts in which one change turns much around.
const SHAPES: &[&str] = &[
    LEAST,
    "a:\n- b\n- c: d\n  e:\n  - f\n  - - g\n    - h\ni: j\n",
    "a: {b: c, d: [e, {f: g}], \"h\": i, j: }\nk:\n  {l: m,\n n: o}\n",
    "a: |\n  b\n\n   c\n  - d: e\nf: >-\n    g\n      # h\n\ni:\n- |\n j\n",
    "a: |2\n   b\n  c\nd: >+\n\n    e\n\nf: |-\ng: h\n",
    "a: b\n  c d\n\n  e # f\ng: \"h\n  i: j\n  \\\n  k\"\n'l''m': 'n\n  o: p'\n",
    "- a\n-\n  b: c\n  d:\n    - e\n-   f: g\n    h: i\n- - j\n  - k: l\n    m: n\n",
    "---\n# a\n\nb :  c\n\"d\" : e\n'f':\n  g\nh:\n  i:\n\n  # j\n  k: l\n",
    "a: [b, c:d,\n ]\ne: {-f, 'h':i, j#k, l : m #n\n , \"o\": [p\n  q, [], {}]}\nr: [\n]\n",
];

#[test]
fn every_line_of_the_full_manifest_is_the_line_of_its_field() {
    assert!(lines_agree(FULL.as_bytes()));
    for shape in SHAPES {
        assert!(lines_agree(shape.as_bytes()), "{shape}");
    }
    let lines = scan::scan(FULL).unwrap();
    let mut seen = HashSet::new();
    for key in ["id", "description", "author", "tags", "labels", "endpoints", "checksums"] {
        let line = lines.line(lines.key(lines.root(), key).unwrap());
        assert!(FULL.lines().nth(line - 1).unwrap().starts_with(&format!("{key}:")), "{key} in line {line}");
        assert!(seen.insert(line));
    }
}
