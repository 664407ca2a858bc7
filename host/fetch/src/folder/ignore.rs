//! The rules of `.gitignore` files, as git applies them to untracked files.

/// The number of bytes of a `.gitignore` that are read.
pub(super) const MAX_BYTES: u64 = 64 << 10;
const MAX_PATTERN_BYTES: usize = 1 << 10;

/// The rules of one `.gitignore`.
#[derive(Debug, Default)]
pub(super) struct IgnoreRules {
    /// The folder of the file, with a `/` at its end; empty at the root.
    base: String,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Vec<Token>,
    /// Whether the rule includes files that an earlier rule excludes (`!`).
    includes: bool,
    only_folders: bool,
    /// Whether the whole path below the `.gitignore` is compared, and not only the name.
    is_path: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Char(char),
    /// `?`
    AnyChar,
    /// `*`, within one name.
    Star,
    /// `**/`: any number of folders.
    Folders,
    /// `**` at the end: everything in a folder.
    Rest,
    /// `[…]`: ranges, and whether a character outside them matches.
    Class(Vec<(char, char)>, bool),
}

impl IgnoreRules {
    /// Reads the text of a `.gitignore` in the folder `base`.
    pub(super) fn parse(base: &str, text: &str) -> IgnoreRules {
        IgnoreRules { base: base.to_owned(), rules: text.lines().filter_map(Rule::parse).collect() }
    }

    /// Returns whether `path` is excluded; `None` if no rule matches it.
    fn judge(&self, path: &str, is_folder: bool) -> Option<bool> {
        let path = path.strip_prefix(self.base.as_str())?;
        let rule = self.rules.iter().rev().find(|rule| rule.matches(path, is_folder))?;
        Some(!rule.includes)
    }
}

/// Returns whether a path is excluded. The rules are those of the folders above it, outermost first.
pub(super) fn is_ignored(rules: &[IgnoreRules], path: &str, is_folder: bool) -> bool {
    rules.iter().rev().find_map(|rules| rules.judge(path, is_folder)).unwrap_or(false)
}

impl Rule {
    fn parse(line: &str) -> Option<Rule> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // A blank at the end counts only after a backslash.
        let trimmed = line.trim_end_matches(' ');
        let line = if trimmed.len() < line.len() && trimmed.ends_with('\\') {
            line.get(..=trimmed.len()).unwrap_or(line)
        } else {
            trimmed
        };
        if line.is_empty() || line.starts_with('#') || line.len() > MAX_PATTERN_BYTES {
            return None;
        }
        let (line, includes) = line.strip_prefix('!').map_or((line, false), |line| (line, true));
        let (line, only_folders) = line.strip_suffix('/').map_or((line, false), |line| (line, true));
        let is_path = line.contains('/');
        let pattern = tokens(line.strip_prefix('/').unwrap_or(line))?;
        Some(Rule { pattern, includes, only_folders, is_path })
    }

    fn matches(&self, path: &str, is_folder: bool) -> bool {
        if self.only_folders && !is_folder {
            return false;
        }
        let text = if self.is_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        matches(&self.pattern, &text.chars().collect::<Vec<_>>())
    }
}

/// The tokens of a pattern; `None` for a pattern that git ignores because it matches nothing.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut tokens = vec![];
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        match c {
            '\\' => {
                tokens.push(Token::Char(*chars.get(at)?));
                at += 1;
            }
            '?' => tokens.push(Token::AnyChar),
            '*' => {
                let starts_a_part = at == 1 || chars.get(at - 2) == Some(&'/');
                let n_stars = 1 + chars[at..].iter().take_while(|c| **c == '*').count();
                at += n_stars - 1;
                match chars.get(at) {
                    Some('/') if n_stars == 2 && starts_a_part => {
                        tokens.push(Token::Folders);
                        at += 1;
                    }
                    None if n_stars == 2 && starts_a_part => tokens.push(Token::Rest),
                    _ => tokens.push(Token::Star),
                }
            }
            '[' => {
                let (class, next) = class(&chars, at)?;
                tokens.push(class);
                at = next;
            }
            c => tokens.push(Token::Char(c)),
        }
    }
    Some(tokens)
}

/// The class that starts behind the bracket before `at`, and the position behind its end.
fn class(chars: &[char], mut at: usize) -> Option<(Token, usize)> {
    let is_negated = matches!(chars.get(at), Some('!' | '^'));
    at += usize::from(is_negated);
    let mut ranges = vec![];
    let start = at;
    loop {
        let mut from = *chars.get(at)?;
        at += 1;
        match from {
            ']' if at - 1 > start => return Some((Token::Class(ranges, is_negated), at)),
            '\\' => {
                from = *chars.get(at)?;
                at += 1;
            }
            _ => {}
        }
        let mut to = from;
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']') {
            to = *chars.get(at + 1)?;
            at += 2;
        }
        ranges.push((from, to));
    }
}

/// Compares in time proportional to the product of both lengths, for any pattern.
fn matches(pattern: &[Token], text: &[char]) -> bool {
    // `reached[j]`: the tokens from the present one on match the text from `j` on.
    let mut reached = vec![false; text.len() + 1];
    reached[text.len()] = true;
    for token in pattern.iter().rev() {
        let mut next = vec![false; text.len() + 1];
        let mut behind_a_folder = false;
        for j in (0..=text.len()).rev() {
            let c = text.get(j).copied();
            let and_then = reached.get(j + 1).copied().unwrap_or(false);
            next[j] = match token {
                Token::Char(expected) => and_then && c == Some(*expected),
                Token::AnyChar => and_then && c != Some('/'),
                Token::Class(ranges, is_negated) => {
                    let is_in = |c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                    and_then && c.is_some_and(|c| c != '/' && is_in(c) != *is_negated)
                }
                Token::Star => reached[j] || (c.is_some_and(|c| c != '/') && next[j + 1]),
                Token::Folders => {
                    behind_a_folder |= c == Some('/') && and_then;
                    reached[j] || behind_a_folder
                }
                Token::Rest => j < text.len(),
            };
        }
        reached = next;
    }
    reached[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_git() {
        for (pattern, path, is_folder, expected) in [
            ("*.log", "a/b.log", false, true),
            ("*.log", "b.log.txt", false, false),
            ("target", "x/target", true, true),
            ("target/", "target", false, false),
            ("target/", "x/target", true, true),
            ("/target", "x/target", true, false),
            ("/target", "target", true, true),
            ("a/b", "a/b", false, true),
            ("a/b", "x/a/b", false, false),
            ("**/b", "x/y/b", false, true),
            ("**/b", "b", false, true),
            ("a/**/b", "a/b", false, true),
            ("a/**/b", "a/x/y/b", false, true),
            ("a/**/b", "ax/b", false, false),
            ("a/**", "a/x/y", false, true),
            ("a/**", "a", true, false),
            ("a/*", "a/x", false, true),
            ("a/*", "a/x/y", false, false),
            ("?.rs", "a.rs", false, true),
            ("?.rs", "ab.rs", false, false),
            ("[a-c]x", "bx", false, true),
            ("[!a-c]x", "bx", false, false),
            ("[]]x", "]x", false, true),
            ("[", "[", false, false),
            ("\\#a", "#a", false, true),
            ("\\!a", "!a", false, true),
            ("a\\ ", "a ", false, true),
            ("a  ", "a", false, true),
            ("a**b", "axxb", false, true),
            ("#a", "#a", false, false),
            ("ü*", "über", false, true),
        ] {
            let rules = [IgnoreRules::parse("", pattern)];
            assert_eq!(is_ignored(&rules, path, is_folder), expected, "`{pattern}` and `{path}`");
        }
    }

    #[test]
    fn the_last_rule_of_the_innermost_file_decides() {
        let rules =
            [IgnoreRules::parse("", "*.txt\n!keep.txt\r\n"), IgnoreRules::parse("sub/", "/a.txt\n!b.txt\nkeep.txt")];
        let ignored = |path| is_ignored(&rules, path, false);
        assert_eq!(
            ["a.txt", "keep.txt", "sub/a.txt", "sub/b.txt", "sub/keep.txt", "sub/x/a.txt", "a.rs"].map(ignored),
            [true, false, true, false, true, true, false]
        );
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        let rules = [IgnoreRules::parse("", &"*a".repeat(400))];
        assert!(!is_ignored(&rules, &"a".repeat(399), false));
        assert!(is_ignored(&rules, &"a".repeat(400), false));
    }
}
