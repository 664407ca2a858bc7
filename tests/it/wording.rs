//! The wording of texts for people: documents, messages and doc comments avoid words that make them hard to read, and
//! comments fit the page.
//!
//! An exception is marked on its line, or on the line above, with `wording: <reason>`.

use std::fmt::Write as _;

use crate::plugins::{files, repository};

/// Phrases that a reader has to decode, and what to write instead.
const DENIED: &[(&str, &str)] = &[
    ("is none", "is not a …, is invalid"),
    ("are none", "are not …"),
    ("is no ", "is not a …"),
    ("one that", "repeat the noun"),
    ("those that", "repeat the noun"),
    ("those who", "repeat the noun"),
    ("whoever", "name the actor"),
    ("whom", "name the actor"),
    ("who may", "is allowed to"),
    ("of which", "a plain relative clause"),
    (" lies", "is stored, is in"),
    ("gives back", "returns"),
    ("goes on", "continues"),
    ("go on", "continue"),
    ("let in", "accepted, installed"),
    ("anew", "again, a new …"),
    ("meanwhile", "in the meantime, during …"),
    ("at all times", "always"),
    ("thrice", "three times"),
    ("reason for which", "reason why"),
    ("reasons for which", "reasons why"),
    ("the next host", "the host after a restart"),
    ("the most bytes", "the maximum number of bytes"),
    ("every permission there is", "all permissions"),
];

/// Words that do not start a doc comment, because it then answers a question instead of naming the thing.
const DENIED_STARTS: &[&str] = &["What", "Who", "Whose", "Whom", "Why", "Whichever", "Whatever", "Those"];

/// The longest line of a comment, in columns.
const MAX_COMMENT_COLUMNS: usize = 120;

#[test]
fn texts_for_people_use_plain_words() {
    let mut problems = String::new();
    for (path, text) in texts() {
        let is_document = path.ends_with(".md");
        let mut previous = "";
        for (number, line) in text.lines().enumerate() {
            if line.contains("wording: ") || previous.contains("wording: ") {
                previous = line;
                continue;
            }
            let shown = if is_document { line.to_owned() } else { for_people(line) };
            let is_first = !is_doc(previous) && is_doc(line);
            previous = line;
            let first = shown.trim_start_matches(['/', '!', ' ']).split(' ').next().unwrap_or_default();
            if is_first && DENIED_STARTS.contains(&first) {
                writeln!(problems, "{path}:{}: starts with `{first}` (write: a noun phrase or a verb)", number + 1)
                    .unwrap();
            }
            for (phrase, instead) in DENIED {
                if has_phrase(&shown, phrase) {
                    writeln!(problems, "{path}:{}: `{phrase}` (write: {instead})", number + 1).unwrap();
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn comments_fit_the_page() {
    let mut problems = String::new();
    for (path, text) in texts().into_iter().filter(|(path, _)| path.ends_with(".rs")) {
        for (number, line) in text.lines().enumerate() {
            // The rows of a table cannot be wrapped, nor can an address.
            let comment = line.trim_start().strip_prefix("//").map(|text| text.trim_start_matches(['/', '!', ' ']));
            let is_comment = comment.is_some_and(|text| !text.starts_with('|') && !text.contains("://"));
            let columns = line.chars().count();
            if is_comment && columns > MAX_COMMENT_COLUMNS {
                writeln!(problems, "{path}:{}: {columns} columns", number + 1).unwrap();
            }
        }
    }
    assert!(problems.is_empty(), "comments have at most {MAX_COMMENT_COLUMNS} columns:\n{problems}");
}

fn is_doc(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("///") || line.starts_with("//!")
}

/// The documents and the sources of the product, without unit tests and the tests' own plugins.
fn texts() -> Vec<(String, String)> {
    let root = repository();
    let mut texts = vec![];
    for folder in ["docs", "host", "plugin-sdk", "examples"] {
        for (path, bytes) in files(&root.join(folder)) {
            let is_text = path.ends_with(".md") || path.ends_with(".rs");
            if is_text && !path.contains("/target/") && !path.contains("tests/") && !path.ends_with("tests.rs") {
                texts.push((format!("{folder}/{path}"), String::from_utf8(bytes).unwrap()));
            }
        }
    }
    for file in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        texts.push((file.to_owned(), std::fs::read_to_string(root.join(file)).unwrap()));
    }
    assert!(texts.len() > 300, "only {} texts were found", texts.len());
    texts
}

/// The parts of a line of Rust that people read: comments and string literals.
fn for_people(line: &str) -> String {
    if let Some(comment) = line.trim_start().strip_prefix("//") {
        return comment.to_owned();
    }
    let mut text = String::new();
    let mut is_string = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if is_string => drop(chars.next()),
            '"' => {
                is_string = !is_string;
                text.push(' ');
            }
            c if is_string => text.push(c),
            _ => {}
        }
    }
    text
}

/// Returns whether a text contains a phrase as whole words, in any case.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let text = text.to_lowercase();
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(phrase).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        // "is no longer", "there is no …" and "there are none" are plain.
        if text[at..].starts_with("is no longer") || (phrase.starts_with(['i', 'a']) && text[..at].ends_with("there "))
        {
            return false;
        }
        (found.starts_with(' ') || !is_letter(before)) && (found.ends_with(' ') || !is_letter(after))
    })
}

#[test]
fn phrases_are_found_in_comments_and_strings_only() {
    assert!(has_phrase(&for_people("    /// The one that serves."), "one that"));
    assert!(has_phrase(&for_people(r#"let text = "a \" it is none";"#), "is none"));
    assert!(!has_phrase(&for_people("if found.is_none() { let whom = 1; }"), "whom"));
    assert!(!has_phrase("a phone that rings", "one that"));
    assert!(has_phrase("it is no route", "is no "));
    assert!(!has_phrase("it is no longer used", "is no ") && !has_phrase("there is no route", "is no "));
    assert!(has_phrase("It lies there", " lies") && !has_phrase("it applies", " lies"));
}
