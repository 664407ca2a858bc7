//! Texts that are made to break the parser, and that everything before it understands the text as the parser does.

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
        ("{a: ", "is nested more than 16 deep"),
        ("{\"a\":", "is nested more than 16 deep"),
        ("- ", "is nested more than 16 deep"),
        ("[", "is nested more than 16 deep"),
        ("[\n", "is nested more than 16 deep"),
        ("? ", "has a complex key (`?`); keys are plain text"),
        ("a: ", "has something after the value; quote the value if it is part of it"),
        ("!", "has a tag (`!`); quote the value if it begins that way"),
        ("&a ", "has an anchor or alias (`&`, `*`); write the value out, or quote it"),
    ] {
        let text = unit.repeat(Manifest::MAX_BYTES / unit.len());
        let problems = Manifest::check(text.as_bytes(), Mode::Normal).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.rule.as_str()).collect::<Vec<_>>(), [rule], "{unit:?}");
    }
    let by_lines: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(
        by_lines.as_bytes(),
        expect![[r#"
            plugin.yaml:17: is nested more than 16 deep, found `a:`
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
            plugin.yaml:11: is nested more than 16 deep, found `- [[[[[[[[[[[[]]]]]]]]]]]]`
        "#]],
    );
}

#[test]
fn bytes_that_are_no_plain_text_are_refused() {
    check(
        &vec![b'a'; Manifest::MAX_BYTES + 1],
        expect![[r#"
            plugin.yaml: must have at most 65536 bytes, found `65537 bytes`
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
            plugin.yaml:2: must be UTF-8; save the file in that encoding
        "#]],
    );
    check(
        b"\xff\xfei\0d\0",
        expect![[r#"
            plugin.yaml:1: must be UTF-8; save the file in that encoding
        "#]],
    );
    check(
        b"id: a\0b\n",
        expect![[r#"
            plugin.yaml:1: has a control or invisible character, found `U+0000`
        "#]],
    );
    check(
        "id: a\nname: \u{202e}b\n".as_bytes(),
        expect![[r#"
            plugin.yaml:2: has a control or invisible character, found `U+202E`
        "#]],
    );
    check(
        "id: \u{feff}a\n".as_bytes(),
        expect![[r#"
            plugin.yaml:1: has a control or invisible character, found `U+FEFF`
        "#]],
    );
    check(
        "id: a\u{85}name: b\n".as_bytes(),
        expect![[r#"
            plugin.yaml:1: has a control or invisible character, found `U+0085`
        "#]],
    );
    check(
        b"id: a\rname: b\n",
        expect![[r#"
            plugin.yaml:1: has a carriage return that does not end a line, found `U+000D`
        "#]],
    );
}

#[test]
fn a_mark_at_the_beginning_and_carriage_returns_before_line_breaks_are_fine() {
    let text = format!("\u{feff}{LEAST}").replace('\n', "\r\n");
    assert_eq!(says(text.as_bytes(), Mode::Normal), "ok\n");
}

#[test]
fn yaml_beyond_the_plain_subset_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "id: a\n---\nid: b\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file is one document, found `---`
            "#]],
        ),
        (
            "---\n---\nid: a\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file is one document, found `---`
            "#]],
        ),
        (
            "id: a\n...\n",
            expect![[r#"
                plugin.yaml:2: has a document marker (`---` or `...`); the file is one document, found `...`
            "#]],
        ),
        (
            "%YAML 1.1\n---\nid: a\n",
            expect![[r#"
                plugin.yaml:1: has a directive (`%`); none is accepted, found `%YAML 1.1`
            "#]],
        ),
        (
            "id: &x a\n",
            expect![[r#"
                plugin.yaml:1: has an anchor or alias (`&`, `*`); write the value out, or quote it, found `id: &x a`
            "#]],
        ),
        (
            "id: *x\n",
            expect![[r#"
                plugin.yaml:1: has an anchor or alias (`&`, `*`); write the value out, or quote it, found `id: *x`
            "#]],
        ),
        (
            "id: !!str a\n",
            expect![[r#"
                plugin.yaml:1: has a tag (`!`); quote the value if it begins that way, found `id: !!str a`
            "#]],
        ),
        (
            "labels: [!x a]\n",
            expect![[r#"
                plugin.yaml:1: has a tag (`!`); quote the value if it begins that way, found `labels: [!x a]`
            "#]],
        ),
        (
            "? id\n: a\n",
            expect![[r#"
                plugin.yaml:1: has a complex key (`?`); keys are plain text, found `? id`
            "#]],
        ),
        (
            "labels: {? a : b}\n",
            expect![[r#"
                plugin.yaml:1: has a complex key (`?`); keys are plain text, found `labels: {? a : b}`
            "#]],
        ),
        (
            "[a]: b\n",
            expect![[r#"
                plugin.yaml:1: has something after the value; quote the value if it is part of it, found `[a]: b`
            "#]],
        ),
        (
            "{a: b}: c\n",
            expect![[r#"
                plugin.yaml:1: has something after the value; quote the value if it is part of it, found `{a: b}: c`
            "#]],
        ),
        (
            "labels: {{a: b}: c}\n",
            expect![[r#"
                plugin.yaml:1: has a collection as a key; keys are plain text, found `labels: {{a: b}: c}`
            "#]],
        ),
        (
            "labels:\n  <<: {a: b}\n",
            expect![[r#"
                plugin.yaml:2: has a merge key (`<<`); write the keys out, found `<<: {a: b}`
            "#]],
        ),
        (
            "tags: [a: b]\n",
            expect![[r#"
                plugin.yaml:1: has a key where none can stand; use `{}`, found `tags: [a: b]`
            "#]],
        ),
        (
            "id: a: b\n",
            expect![[r#"
                plugin.yaml:1: has something after the value; quote the value if it is part of it, found `id: a: b`
            "#]],
        ),
        (
            "id: - a\n",
            expect![[r#"
                plugin.yaml:1: has a list on the line of its key; begin it on the next line, found `id: - a`
            "#]],
        ),
        (
            "id: a\n  name: b\n",
            expect![[r#"
                plugin.yaml:2: has something after the value; quote the value if it is part of it, found `name: b`
            "#]],
        ),
        (
            "id: a\n name: b\n",
            expect![[r#"
                plugin.yaml:2: has something after the value; quote the value if it is part of it, found `name: b`
            "#]],
        ),
        (
            "a:\n  b: c\n d: e\n",
            expect![[r#"
                plugin.yaml:3: is indented in a way that belongs to no key; check the spaces at the line's beginning, found `d: e`
            "#]],
        ),
        (
            "id:\n- a\nb\n",
            expect![[r#"
                plugin.yaml:3: is indented in a way that belongs to no key; check the spaces at the line's beginning, found `b`
            "#]],
        ),
        (
            "id:\n\ta: b\n",
            expect![[r#"
                plugin.yaml:2: has a tab in the indentation; use spaces, found `a: b`
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
                plugin.yaml:1: has a quote that is never closed, found `id: "abc`
            "#]],
        ),
        (
            "id: 'abc\nname: b\n",
            expect![[r#"
                plugin.yaml:1: has a quote that is never closed, found `id: 'abc`
            "#]],
        ),
        (
            "tags: [a, b\nid: c\n",
            expect![[r#"
                plugin.yaml:2: has a key where none can stand; use `{}`, found `id: c`
            "#]],
        ),
        (
            "tags: [a, b}\n",
            expect![[r#"
                plugin.yaml:1: lacks a comma or a closing bracket, found `tags: [a, b}`
            "#]],
        ),
        (
            "tags: a]\nid: ]\n",
            expect![[r#"
                plugin.yaml:2: has a character that cannot begin a value; quote the value, found `id: ]`
            "#]],
        ),
        (
            "id: \"a\" b\n",
            expect![[r#"
                plugin.yaml:1: has something after the value; quote the value if it is part of it, found `id: "a" b`
            "#]],
        ),
        (
            "id: @a\n",
            expect![[r#"
                plugin.yaml:1: has a character that cannot begin a value; quote the value, found `id: @a`
            "#]],
        ),
        (
            "id: `a`\n",
            expect![[r#"
                plugin.yaml:1: has a character that cannot begin a value; quote the value, found `id: `a``
            "#]],
        ),
        (
            "id: %a\n",
            expect![[r#"
                plugin.yaml:1: has a character that cannot begin a value; quote the value, found `id: %a`
            "#]],
        ),
        (
            "\"i\\u0064\": a\n",
            expect![[r#"
                plugin.yaml:1: has a key with an escape; write it plainly, found `"i\u0064": a`
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
                plugin.yaml:1: has a block text with too many signs, found `id: |9+-`
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
fn a_repeated_key_is_refused_in_any_spelling() {
    for (text, expected) in [
        (
            "id: a\nname: b\nid: c\n\"name\": d\n",
            expect![[r#"
                plugin.yaml:3: has a key that is already in line 1 of the same mapping; keep one, found `id`
                plugin.yaml:4: has a key that is already in line 2 of the same mapping; keep one, found `name`
            "#]],
        ),
        (
            "labels: {a: b, 'a': c}\n",
            expect![[r#"
                plugin.yaml:1: has a key that is already in line 1 of the same mapping; keep one, found `a`
            "#]],
        ),
        (
            "endpoints:\n- path: /\n  path: /\n",
            expect![[r#"
                plugin.yaml:3: has a key that is already in line 2 of the same mapping; keep one, found `path`
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
fn keys_are_short() {
    check(
        format!("{}: a\n", "k".repeat(1001)).as_bytes(),
        expect![[r#"
            plugin.yaml:1: has a key of more than 1000 bytes, found `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…`
        "#]],
    );
}

#[test]
fn a_problem_is_safe_to_print() {
    check(
        b"id: \"a\\e[31m\\u202e\"\n",
        expect![[r#"
            plugin.yaml: `name` is required
            plugin.yaml: `version` is required
            plugin.yaml: `endpoints` is required
            plugin.yaml:1: `id` must not hold control or invisible characters, found `a\u{1b}[31m\u{202e}`
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
fn mutated_manifests_never_panic_and_their_lines_are_those_of_the_parser() {
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

/// Whether both the scan and the parser took the text; panics when they saw different things in it.
fn lines_agree(bytes: &[u8]) -> bool {
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
    "a: [b, c:d,\n ]\ne: {-f, 'h':i, j#k, l : m #n\n, \"o\": [p\n  q, [], {}]}\nr: [\n]\n",
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
