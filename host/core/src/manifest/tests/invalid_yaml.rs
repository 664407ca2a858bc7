//! A corpus of small texts that are not valid YAML. Some parsers accept several of them, each with another meaning.

use super::scanner::lines_agree;

/// Invalid texts, each after a valid text that differs from it as little as possible.
const PAIRS: &[(&str, &str, &str)] = &[
    // === tabs ===
    ("a tab indents a key", "a:\n  b: c\n", "a:\n\tb: c\n"),
    ("a tab after spaces indents a key", "a:\n  b: c\n  d: e\n", "a:\n  b: c\n \td: e\n"),
    ("a tab indents a list entry", "a:\n  - b\n", "a:\n\t- b\n"),
    ("a tab follows a dash", "-  - a\n", "-\t- a\n"),
    ("a tab follows a dash and a space", "- - a\n", "- \t- a\n"),
    ("a tab indents text in quotes", "a: \"b\n c\"\n", "a: \"b\n\tc\"\n"),
    ("a tab indents text in single quotes", "a: 'b\n c'\n", "a: 'b\n\tc'\n"),
    ("a tab indents a further line of a text", "a: b\n c\n", "a: b\n\tc\n"),
    ("a tab indents an entry in brackets", "a: [\n b]\n", "a: [\n\tb]\n"),
    ("a tab indents a key in braces", "a:\n  b: {\n   c: d}\n", "a:\n  b: {\n\tc: d}\n"),
    ("a tab indents a block text", "a: |\n  b\n", "a: |\n\tb\n"),
    ("a tab is the first line of a block text", "a: |\n \nb: c\n", "a: |\n\t\nb: c\n"),
    // === indentation ===
    ("a key has less indentation than its siblings", "a:\n  b: c\n  d: e\n", "a:\n  b: c\n d: e\n"),
    ("a key has more indentation than its siblings", "a: b\nc: d\n", "a: b\n c: d\n"),
    ("a list entry has less indentation than its siblings", "a:\n   - b\n   - c\n", "a:\n   - b\n  - c\n"),
    ("a list entry has the indentation of no list", "- a: b\n- c\n", "- a: b\n - c\n"),
    ("a key follows a list at its indentation", "- a\n- b\n", "- a\nb: c\n"),
    ("a text follows a mapping", "a:\n  b: c\nd: e\n", "a:\n  b: c\nd\n"),
    ("a text follows a list", "a:\n - b\nc: d\n", "a:\n - b\nc\n"),
    ("a list starts on the line of its key", "a:\n- b\n- c\n", "a: - b\n   - c\n"),
    ("an entry in brackets is not indented", "a: [b,\n c]\n", "a: [b,\nc]\n"),
    ("text in brackets is not indented", "a: [b\n c]\n", "a: [b\nc]\n"),
    ("a comma in brackets is not indented", "a: [b\n , c]\n", "a: [b\n, c]\n"),
    ("brackets in a list are not indented", "- [\n a]\n", "- [\na]\n"),
    ("a value in braces is not indented", "a: {b:\n c}\n", "a: {b:\nc}\n"),
    ("text in quotes is not indented", "a: \"b\n c\"\n", "a: \"b\nc\"\n"),
    ("the closing quote is not indented", "a: \"b\n \"\n", "a: \"b\n\"\n"),
    ("quotes in a list of a list are not indented enough", "- - \"a\n   b\"\n", "- - \"a\n  b\"\n"),
    ("a block text starts with longer blank lines", "a: |\n  \n  b\n", "a: |\n   \n  b\n"),
    ("a folded text starts with longer blank lines", "a: >\n  \n  b\n", "a: >\n    \n  b\n"),
    ("a comment follows longer blank lines of a block text", "a: >\n \n # b\n", "a: >\n   \n # b\n"),
    ("a block text has less indentation in its second line", "a: |\n  b\n  c\n", "a: |\n  b\n c\n"),
    // === directives and markers ===
    ("a directive stands alone", "a: b\n", "%YAML 1.2\n"),
    ("a directive stands before a document", "---\na: b\n", "%YAML 1.2\n---\na: b\n"),
    ("a directive has an unknown word", "---\na: b\n", "%YAML 1.2 x\n---\na: b\n"),
    ("a directive is repeated", "---\na: b\n", "%YAML 1.2\n%YAML 1.2\n---\na: b\n"),
    ("a directive follows the document", "---\na: b\n", "a: b\n%YAML 1.2\n---\n"),
    ("a mapping starts on the line of the marker", "---\na: b\n", "--- a: b\n"),
    ("a block text after the marker has indentation 0", "--- # a\na: b\n", "--- |0\n"),
    ("text follows the end marker", "---\na: b\n", "---\na: b\n... c\n"),
    ("a marker is inside quotes", "a: \"b\n ---\n c\"\n", "a: \"b\n---\n c\"\n"),
    ("an end marker is inside single quotes", "a: 'b\n ...\n c'\n", "a: 'b\n...\n c'\n"),
    ("markers are inside brackets", "a: [\n b]\n", "[\n--- ,\n...\n]\n"),
    // === brackets ===
    ("a bracket is never closed", "a: [[b], c]\n", "a: [[b], c\n"),
    ("a bracket is closed twice", "a: [b]\n", "a: [b]]\n"),
    ("brackets of two kinds are mixed", "a: [b]\n", "a: [b}\n"),
    ("a list starts with a comma", "a: [b]\n", "a: [, b]\n"),
    ("two commas follow each other", "a: [b, c]\n", "a: [b,, c]\n"),
    ("a comma is missing after a comment", "a: [b, # x\n c]\n", "a: [b # x\n c]\n"),
    ("a comma is missing between keys", "a: {b: c,\n d: e}\n", "a: {b: c\n d: e}\n"),
    ("text follows a bracket", "a: {b: c}\nd: e\n", "a: {b: c}d: e\n"),
    ("text follows a list in brackets", "a: [b]\n", "a: [b]\nc\n"),
    ("a comment follows a bracket without a space", "a: [b] #c\n", "a: [b]#c\n"),
    ("a comment follows a comma without a space", "a: [b, #c\n ]\n", "a: [b,#c\n ]\n"),
    ("a dash is an entry", "a: [-1]\n", "a: [-]\n"),
    ("dashes are entries", "a: [-b, -c]\n", "a: [-, -]\n"),
    ("a dash and a space start an entry", "a: [-b]\n", "a: [- b]\n"),
    ("a dash is a key in braces", "a: {-b: c}\n", "a: {-}\n"),
    ("a key in brackets continues on the next line", "a: [{b: c}]\n", "a: [b\n : c]\n"),
    ("a key in quotes in brackets continues on the next line", "a: [{\"b\": c}]\n", "a: [\"b\"\n :c]\n"),
    ("a list in brackets is a key on two lines", "[a]\n", "[a\n]: b\n"),
    // === keys and values ===
    ("a value has a second colon", "a: b:c\n", "a: b: c\n"),
    ("a value in quotes has a second colon", "a: 'b'\n", "a: 'b': c\n"),
    ("text follows quotes", "a: \"b\"\n", "a: \"b\" c\n"),
    ("a comment follows quotes without a space", "a: \"b\" #c\n", "a: \"b\"#c\n"),
    ("quotes are never closed", "a: \"b\"\n", "a: \"b\n"),
    ("an escape is unknown", "a: \"\\t\"\n", "a: \"\\.\"\n"),
    ("a single quote is escaped", "a: 'b''c'\n", "a: \"b\\'c\"\n"),
    ("a key has two lines", "a b: c\n", "a\n b: c\n"),
    ("a key in quotes has two lines", "'a b': c\n", "'a\n b': c\n"),
    ("a comment is inside a text", "a: b\n c\n", "a: b\n# x\n c\n"),
    ("a comment ends a line of a text", "a: b\n c # x\n", "a: b # x\n c\n"),
    ("a line looks like a key behind a comment", "a: b\nc: #d: e\n", "a: b\nc #d: e\n"),
    ("text follows the sign of a block text", "a: |\n b\n", "a: | b\n c\n"),
    ("a comment follows the sign of a block text", "a: | # b\n c\n", "a: |# b\n c\n"),
    ("a block text has two digits", "a: |2\n  b\n", "a: |22\n  b\n"),
    ("a value starts with a reserved character", "a: '@b'\n", "a: @b\n"),
];

#[test]
fn invalid_yaml_is_refused_and_valid_yaml_like_it_is_accepted() {
    for (what, valid, invalid) in PAIRS {
        assert!(lines_agree(valid.as_bytes()), "{what}: the valid text is refused:\n{valid}");
        assert!(!lines_agree(invalid.as_bytes()), "{what}: the invalid text is accepted:\n{invalid}");
    }
}

#[test]
fn common_ways_of_writing_are_accepted() {
    for text in [
        "tags: [\n  a,\n  b,\n]\n",
        "tags: [\n]\nlabels: {\n}\n",
        "tags:\n  [a,\n   b]\n",
        "labels: {\n  # comment\n# comment\n  a: b,\n\n  c: d\n}\n",
        "a:\n  b: [\n    c\n  ]\n",
        "- [a,\n   b,\n  ]\n",
        "{\n\t\"a\": 1,\n\t\"b\": [2,\n3]\n}\n",
        "a: \"b\n\n  c\n\t\n  d\"\n",
        "a: >-\n  b\n\n    c\n  d\n",
        "a: |+\n\n  b\n   \n  c\n",
        "a: |\n  b\n # comment\nc: d\n",
        "a: [\"b\n  c\", d]\n",
        "a: b  \t# comment\n",
        "a:\t b\n",
    ] {
        assert!(lines_agree(text.as_bytes()), "{text}");
    }
}
