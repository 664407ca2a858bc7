//! The scanner and the YAML parser see the same keys and entries in every text that both accept.

use std::collections::HashSet;

use serde_yaml::Value;

use super::{FULL, LEAST, Random, says};
use crate::Manifest;
use crate::manifest::lines::{Lines, Place};
use crate::manifest::{Mode, precheck, scan};

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
