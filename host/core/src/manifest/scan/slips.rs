//! Lines of other formats: keys without a space after `:`, `key = value`, and comments of other languages.

/// The remedy for a line that is not plain YAML but nearly is. It repeats no value, which may be a secret.
pub(in crate::manifest) fn remedy(line: &str) -> Option<&'static str> {
    let mut line = line.trim();
    while let Some(rest) = line.strip_prefix("- ") {
        line = rest.trim_start();
    }
    if line.starts_with("//") || line.starts_with("/*") {
        return Some("comments start with `#`");
    }
    let rest = after_key(line)?;
    if lacks_space(rest) {
        return Some("write a space after the `:`");
    }
    rest.trim_start().strip_prefix('=').map(|_| "write `: ` instead of `=`")
}

/// Returns whether `key` is the known key `name` with a colon and a value, but without the space between them.
pub(in crate::manifest) fn is_with_value(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(lacks_space)
}

/// Returns whether a text starts with a colon and a value directly after it. An address such as `https://` does not.
fn lacks_space(text: &str) -> bool {
    let value = text.strip_prefix(':').filter(|value| !value.starts_with("//"));
    value.is_some_and(|value| value.starts_with(|c: char| c.is_ascii_graphic()))
}

/// The text after a word that can be a key, with or without quotes.
fn after_key(line: &str) -> Option<&str> {
    let is_quote = |c: &char| matches!(c, '"' | '\'');
    let quote = line.chars().next().filter(is_quote);
    let word = quote.map_or(line, |_| &line[1..]);
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).filter(|end| *end > 0)?;
    match quote {
        Some(quote) => word[end..].strip_prefix(quote),
        None => Some(&word[end..]),
    }
}
