//! The list of allowed repositories.

/// Returns whether `host/owner/name` matches a pattern, or there are no patterns. Case-insensitive.
pub(crate) fn is_allowed(patterns: &[String], slug: &str) -> bool {
    let slug = slug.to_ascii_lowercase();
    patterns.is_empty()
        || patterns.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            pattern.split('/').count() == slug.split('/').count()
                && pattern.split('/').zip(slug.split('/')).all(|(pattern, part)| matches(pattern, part))
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
        ] {
            let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            assert_eq!(is_allowed(&patterns, slug), expected, "{patterns:?} {slug}");
        }
    }
}
