//! JSON pointers (RFC 6901).

/// Adds a part to a pointer.
pub(super) fn push(pointer: &mut String, part: &str) {
    pointer.push('/');
    for c in part.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Returns the pointer extended by one part: the key of an object or the index of a list entry.
pub fn join(pointer: &str, part: &str) -> String {
    let mut joined = pointer.to_owned();
    push(&mut joined, part);
    joined
}

/// Returns whether `pointer` equals `above` or points into it.
pub(super) fn is_within(pointer: &str, above: &str) -> bool {
    pointer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the nesting depth of a value.
pub(super) fn depth(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_escaped_and_parents_are_distinguished_from_similar_names() {
        assert_eq!(join("/a", "b/c~d"), "/a/b~1c~0d");
        for (pointer, above, expected) in
            [("/a/b", "/a", true), ("/a", "/a", true), ("/a", "", true), ("/ab", "/a", false), ("/a", "/a/b", false)]
        {
            assert_eq!(is_within(pointer, above), expected, "{pointer} {above}");
        }
    }
}
