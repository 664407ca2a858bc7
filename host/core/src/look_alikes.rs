//! Look-alikes: characters that are mistaken for ASCII characters, such as no-break spaces, curly quotes and letters of
//! other alphabets.
//!
//! Editors, web pages and chat programs put them into copied text, where they look like the characters that YAML and
//! the rules of plugin.yaml expect.

use std::ops::RangeInclusive;

/// Characters with their Unicode names and the text that was probably meant: empty for invisible characters.
const NAMED: &[(char, &str, &str)] = &[
    ('\u{a0}', "NO-BREAK SPACE", " "),
    ('\u{1680}', "OGHAM SPACE MARK", " "),
    ('\u{2000}', "EN QUAD", " "),
    ('\u{2001}', "EM QUAD", " "),
    ('\u{2002}', "EN SPACE", " "),
    ('\u{2003}', "EM SPACE", " "),
    ('\u{2004}', "THREE-PER-EM SPACE", " "),
    ('\u{2005}', "FOUR-PER-EM SPACE", " "),
    ('\u{2006}', "SIX-PER-EM SPACE", " "),
    ('\u{2007}', "FIGURE SPACE", " "),
    ('\u{2008}', "PUNCTUATION SPACE", " "),
    ('\u{2009}', "THIN SPACE", " "),
    ('\u{200a}', "HAIR SPACE", " "),
    ('\u{202f}', "NARROW NO-BREAK SPACE", " "),
    ('\u{205f}', "MEDIUM MATHEMATICAL SPACE", " "),
    ('\u{3000}', "IDEOGRAPHIC SPACE", " "),
    ('\u{ad}', "SOFT HYPHEN", ""),
    ('\u{34f}', "COMBINING GRAPHEME JOINER", ""),
    ('\u{61c}', "ARABIC LETTER MARK", ""),
    ('\u{180e}', "MONGOLIAN VOWEL SEPARATOR", ""),
    ('\u{200b}', "ZERO WIDTH SPACE", ""),
    ('\u{200c}', "ZERO WIDTH NON-JOINER", ""),
    ('\u{200d}', "ZERO WIDTH JOINER", ""),
    ('\u{200e}', "LEFT-TO-RIGHT MARK", ""),
    ('\u{200f}', "RIGHT-TO-LEFT MARK", ""),
    ('\u{2028}', "LINE SEPARATOR", ""),
    ('\u{2029}', "PARAGRAPH SEPARATOR", ""),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING", ""),
    ('\u{202b}', "RIGHT-TO-LEFT EMBEDDING", ""),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING", ""),
    ('\u{202d}', "LEFT-TO-RIGHT OVERRIDE", ""),
    ('\u{202e}', "RIGHT-TO-LEFT OVERRIDE", ""),
    ('\u{2060}', "WORD JOINER", ""),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE", ""),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE", ""),
    ('\u{2068}', "FIRST STRONG ISOLATE", ""),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE", ""),
    ('\u{3164}', "HANGUL FILLER", ""),
    ('\u{fe0f}', "VARIATION SELECTOR-16", ""),
    ('\u{feff}', "ZERO WIDTH NO-BREAK SPACE (a byte order mark)", ""),
    ('\u{ab}', "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK", "\""),
    ('\u{b4}', "ACUTE ACCENT", "'"),
    ('\u{bb}', "RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK", "\""),
    ('\u{2018}', "LEFT SINGLE QUOTATION MARK", "'"),
    ('\u{2019}', "RIGHT SINGLE QUOTATION MARK", "'"),
    ('\u{201a}', "SINGLE LOW-9 QUOTATION MARK", "'"),
    ('\u{201b}', "SINGLE HIGH-REVERSED-9 QUOTATION MARK", "'"),
    ('\u{201c}', "LEFT DOUBLE QUOTATION MARK", "\""),
    ('\u{201d}', "RIGHT DOUBLE QUOTATION MARK", "\""),
    ('\u{201e}', "DOUBLE LOW-9 QUOTATION MARK", "\""),
    ('\u{201f}', "DOUBLE HIGH-REVERSED-9 QUOTATION MARK", "\""),
    ('\u{2032}', "PRIME", "'"),
    ('\u{2033}', "DOUBLE PRIME", "\""),
    ('\u{2010}', "HYPHEN", "-"),
    ('\u{2011}', "NON-BREAKING HYPHEN", "-"),
    ('\u{2012}', "FIGURE DASH", "-"),
    ('\u{2013}', "EN DASH", "-"),
    ('\u{2014}', "EM DASH", "-"),
    ('\u{2015}', "HORIZONTAL BAR", "-"),
    ('\u{2212}', "MINUS SIGN", "-"),
    ('\u{2044}', "FRACTION SLASH", "/"),
    ('\u{2215}', "DIVISION SLASH", "/"),
    ('\u{2217}', "ASTERISK OPERATOR", "*"),
    ('\u{2024}', "ONE DOT LEADER", "."),
    ('\u{2026}', "HORIZONTAL ELLIPSIS", "..."),
    ('\u{3002}', "IDEOGRAPHIC FULL STOP", "."),
    ('\u{60c}', "ARABIC COMMA", ","),
    ('\u{3001}', "IDEOGRAPHIC COMMA", ","),
    ('\u{2236}', "RATIO", ":"),
    ('\u{a789}', "MODIFIER LETTER COLON", ":"),
    ('\u{fe55}', "SMALL COLON", ":"),
];

/// Letters that look like Latin ones, each followed by the Latin letter.
const CYRILLIC: &str = "АAВBЕEЅSІIЈJКKМMНHОOРPСCТTУYХXаaеeоoрpсcуyхxѕsіiјjһhԁdԛqԝw";
const GREEK: &str = "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaιiνvοoρp";

/// The full-width forms of `!` to `~`, as East Asian keyboards produce them.
const FULL_WIDTH: RangeInclusive<char> = '\u{ff01}'..='\u{ff5e}';
const ASCII: &str =
    r##"!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~"##;

/// Returns the first look-alike in `text`, with its position counted from 1.
pub(crate) fn find(text: &str) -> Option<(usize, char)> {
    let mut characters = text.chars().enumerate();
    characters.find(|(_, c)| !c.is_ascii() && described(*c).is_some()).map(|(index, c)| (index + 1, c))
}

/// Describes the first look-alike in a value, to be appended to a message: `; character 3 is U+00A0 NO-BREAK SPACE; …`.
/// Empty if the value has no look-alike.
pub(crate) fn note(text: &str) -> String {
    note_of(find(text))
}

/// Describes the first look-alike that may change the structure of a line, to be appended to a message:
/// `; character 3 is U+00A0 NO-BREAK SPACE; …`. Empty if the line has no such character.
pub fn look_alike_note(line: &str) -> String {
    note_of(find_structural(line))
}

fn note_of(found: Option<(usize, char)>) -> String {
    let described = found.and_then(|(position, c)| Some((position, described(c)?)));
    described.map_or_else(String::new, |(position, sentence)| format!("; character {position} is {sentence}"))
}

/// Returns the first look-alike that may change the structure of a line of YAML: a blank, a quote at the start of a
/// word, or a punctuation mark. Letters and apostrophes do not change it.
pub(crate) fn find_structural(line: &str) -> Option<(usize, char)> {
    let mut before = ' ';
    for (index, c) in line.chars().enumerate() {
        let is_structural = match meant(c) {
            Some("\"" | "'") => matches!(before, ' ' | ':' | '[' | '{' | ','),
            Some(meant) => !meant.starts_with(|c: char| c.is_ascii_alphanumeric()),
            None => false,
        };
        if is_structural {
            return Some((index + 1, c));
        }
        before = c;
    }
    None
}

/// Returns the text with each look-alike replaced by the ASCII character that was probably meant.
pub(crate) fn to_ascii(text: &str) -> String {
    let replaced = |c: char| meant(c).map_or_else(|| c.to_string(), str::to_owned);
    text.chars().map(replaced).collect()
}

/// Returns whether `c` is a space other than the ASCII one, or an invisible character.
pub(crate) fn is_blank(c: char) -> bool {
    meant(c).is_some_and(|meant| meant.trim().is_empty())
}

/// Returns whether `c` is invisible.
pub(crate) fn is_invisible(c: char) -> bool {
    meant(c) == Some("")
}

/// Returns whether a text begins and ends with typographic quotation marks.
pub(crate) fn is_in_curly_quotes(text: &str) -> bool {
    let is_quote = |c: char| matches!(meant(c), Some("\"" | "'"));
    text.chars().count() > 1 && text.starts_with(is_quote) && text.ends_with(is_quote)
}

/// The code point and name of a character that is easily mistaken for another, and what to do about it.
pub(crate) fn described(c: char) -> Option<String> {
    let code = format!("U+{:04X}", c as u32);
    if c.is_control() {
        return Some(format!("{code}, a control character; remove it"));
    }
    let meant = meant(c)?;
    let named = NAMED.iter().find(|(named, ..)| *named == c);
    Some(match (named, meant) {
        (Some((_, name, _)), "") => format!("{code} {name}, which is invisible; remove it"),
        (Some((_, name, _)), " ") => format!("{code} {name}; remove it, or write an ordinary space"),
        (Some((_, name, _)), meant) => format!("{code} {name}; write `{meant}`"),
        (None, meant) if FULL_WIDTH.contains(&c) => {
            format!("{code}, the full-width form of `{meant}`; write `{meant}`")
        }
        (None, meant) => {
            let alphabet = if CYRILLIC.contains(c) { "Cyrillic" } else { "Greek" };
            format!("{code}, a {alphabet} letter that looks like `{meant}`; write `{meant}`")
        }
    })
}

/// The ASCII text that was probably meant by `c`: empty for an invisible character, `None` if `c` has no such text.
fn meant(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return None;
    }
    if let Some((.., meant)) = NAMED.iter().find(|(named, ..)| *named == c) {
        return Some(meant);
    }
    if FULL_WIDTH.contains(&c) {
        let index = c as usize - *FULL_WIDTH.start() as usize;
        return ASCII.get(index..=index);
    }
    // In both lists, the Latin letter follows the other one.
    [CYRILLIC, GREEK].into_iter().find_map(|letters| {
        let at = letters.find(c)? + c.len_utf8();
        letters.get(at..=at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_alike_is_named_with_its_position() {
        for (text, expected) in [
            ("hello, Grüße 👍", ""),
            ("id\u{a0}x", "; character 3 is U+00A0 NO-BREAK SPACE; remove it, or write an ordinary space"),
            ("\u{201c}a\u{201d}", "; character 1 is U+201C LEFT DOUBLE QUOTATION MARK; write `\"`"),
            ("a\u{200b}", "; character 2 is U+200B ZERO WIDTH SPACE, which is invisible; remove it"),
            ("id：", "; character 3 is U+FF1A, the full-width form of `:`; write `:`"),
            ("p\u{430}th", "; character 2 is U+0430, a Cyrillic letter that looks like `a`; write `a`"),
            ("\u{391}", "; character 1 is U+0391, a Greek letter that looks like `A`; write `A`"),
            ("1\u{2013}2", "; character 2 is U+2013 EN DASH; write `-`"),
            ("a\u{85}", "; character 2 is U+0085, a control character; remove it"),
        ] {
            assert_eq!(note(text), expected, "{text:?}");
        }
    }

    #[test]
    fn each_character_is_listed_once_and_none_is_ascii() {
        let named = NAMED.iter().map(|(c, ..)| *c);
        let letters = CYRILLIC.chars().step_by(2).chain(GREEK.chars().step_by(2));
        let mut all: Vec<char> = named.chain(letters).collect();
        assert!(all.iter().all(|c| !c.is_ascii() && !FULL_WIDTH.contains(c)));
        let latin = CYRILLIC.chars().skip(1).step_by(2).chain(GREEK.chars().skip(1).step_by(2));
        assert!(latin.into_iter().all(|c| c.is_ascii_alphabetic()));
        let n_listed = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n_listed);
    }
}
