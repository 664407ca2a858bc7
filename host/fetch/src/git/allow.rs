//! The list of allowed repositories.

/// Returns whether `host[:port]/path` matches a pattern. Without patterns, every repository on port 443 is allowed.
/// Case-insensitive. `**` at the end of a pattern matches one or more parts of the path.
pub(crate) fn is_allowed(patterns: &[String], slug: &str) -> bool {
    let slug = slug.to_ascii_lowercase();
    let parts: Vec<_> = slug.split('/').collect();
    let has_port = parts[0].contains(':');
    if patterns.is_empty() {
        return !has_port;
    }
    patterns.iter().any(|pattern| {
        let pattern = pattern.to_ascii_lowercase();
        let pattern: Vec<_> = pattern.split('/').collect();
        let is_long_enough = match pattern.last() {
            Some(&"**") => parts.len() >= pattern.len(),
            _ => parts.len() == pattern.len(),
        };
        // A port is a part of the address that an operator must have named.
        let names_port = !has_port || pattern[0].contains(':');
        is_long_enough && names_port && pattern.iter().zip(&parts).all(|(pattern, part)| matches(pattern, part))
    })
}

/// Returns whether `text` matches `pattern`, in which `*` matches any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(before) else { return false };
    let mut pieces = after.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        // The first place that fits is the best: it leaves the most for the pieces that follow.
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_part_by_part() {
        for (patterns, slug, expected) in [
            (&[][..], "example.org/a/b", true),
            (&["github.com/acme/hello"], "github.com/acme/hello", true),
            (&["GitHub.com/Acme/*"], "github.com/acme/hello", true),
            (&["github.com/acme/plugin-*"], "github.com/acme/plugin-x", true),
            (&["github.com/*/*-plugin"], "github.com/acme/my-plugin", true),
            (&["github.com/acme/a*b*c"], "github.com/acme/a-b-b-c", true),
            (&["github.com/acme/a*b*c"], "github.com/acme/a-c-b", false),
            (&["github.com/acme/ab*ba"], "github.com/acme/aba", false),
            (&["github.com/acme/*"], "github.com/other/hello", false),
            (&["github.com/*"], "github.com/acme/hello", false),
            (&["*"], "github.com/acme/hello", false),
            (&["github.com/acme/*"], "evil.org/github.com/acme", false),
            (&["gitlab.example.org/group/*"], "gitlab.example.org/group/sub/hello", false),
            (&["gitlab.example.org/group/*/hello"], "gitlab.example.org/group/sub/hello", true),
            (&["gitlab.example.org/group/**"], "gitlab.example.org/group/sub/hello", true),
            (&["gitlab.example.org/group/**"], "gitlab.example.org/group/hello", true),
            (&["gitlab.example.org/group/**"], "gitlab.example.org/group", false),
            (&["gitlab.example.org/group/**"], "gitlab.example.org/other/hello", false),
            (&[], "git.example.org:8443/acme/hello", false),
            (&["*/acme/hello"], "git.example.org:8443/acme/hello", false),
            (&["git.example.org/acme/hello"], "git.example.org:8443/acme/hello", false),
            (&["git.example.org:8443/acme/*"], "git.example.org:8443/acme/hello", true),
            (&["git.example.org:*/acme/*"], "git.example.org:8443/acme/hello", true),
        ] {
            let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            assert_eq!(is_allowed(&patterns, slug), expected, "{patterns:?} {slug}");
        }
    }
}
