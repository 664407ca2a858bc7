//! The `Location` header of a plugin's response.

use crate::wire::PLUGIN_ENDPOINTS;

/// Returns whether a `Location` stays below the plugin's prefix, as an absolute path or relative to the requested
/// path.
pub(super) fn is_own_place(place: &[u8], id: &str, asked: &str) -> bool {
    let Ok(place) = std::str::from_utf8(place) else { return false };
    let end = place.find(['?', '#']).unwrap_or(place.len());
    let path = &place[..end];
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    let lower = path.to_ascii_lowercase();
    let climbs =
        path.split('/').any(|part| matches!(part, "." | "..")) || lower.contains("%2e") || lower.contains("%2f");
    if place.chars().any(is_odd) || climbs || path.contains("%5") {
        return false;
    }
    match path.strip_prefix('/') {
        Some(_) => {
            let rest = path.strip_prefix(PLUGIN_ENDPOINTS).and_then(|rest| rest.strip_prefix(id));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        // Relative to the prefix without a trailing slash, it would replace the plugin id.
        None if !path.is_empty() && asked.strip_prefix(PLUGIN_ENDPOINTS) == Some(id) => false,
        // `a:b` would be a URL with another scheme.
        None => !path.split('/').next().unwrap_or_default().contains(':'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_can_redirect_only_to_their_own_paths() {
        for (place, expected) in [
            ("/api/plugin-endpoints/hello", true),
            ("/api/plugin-endpoints/hello/a?to=/../b#/..", true),
            ("next", true),
            ("next/one?x=https://a", true),
            ("?page=2", true),
            ("", true),
            ("/api/plugin-endpoints/hello-2/a", false),
            ("/api/plugin-endpoints/hello/../other", false),
            ("/api/plugin-endpoints/hello/%2e%2e/other", false),
            ("/api/plugins", false),
            ("/", false),
            ("//evil.example/api/plugin-endpoints/hello", false),
            ("https://evil.example/", false),
            ("javascript:alert(1)", false),
            ("..", false),
            ("a/../../b", false),
            ("/\\evil.example", false),
        ] {
            assert_eq!(is_own_place(place.as_bytes(), "hello", "/api/plugin-endpoints/hello/x"), expected, "{place}");
        }
        // A browser resolves a relative location against the last slash of the requested path.
        for (place, at_root, at_id) in [("other/x", true, false), ("?a=1", true, true), ("", true, true)] {
            let is_own = |asked: &str| is_own_place(place.as_bytes(), "hello", asked);
            assert_eq!(is_own("/api/plugin-endpoints/hello/"), at_root, "{place}");
            assert_eq!(is_own("/api/plugin-endpoints/hello"), at_id, "{place}");
        }
    }
}
