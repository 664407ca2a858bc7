//! Symbolic links of archives and repositories, which are followed by their text.

/// The number of links that are followed to one file.
pub(crate) const MAX_LINKS: usize = 8;
/// The number of bytes of a target that are read.
pub(crate) const MAX_TARGET_BYTES: u64 = 4096;

/// Returns the target of a link as a path from the root of the source; `None` if it is outside or the root itself.
pub(crate) fn resolve(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_path_of_the_source_or_nowhere() {
        for (link, target, expected) in [
            ("LICENSE", "licenses/MIT", Some("licenses/MIT")),
            ("a/LICENSE", "../LICENSE", Some("LICENSE")),
            ("a/b/c", ".././x/", Some("a/x")),
            ("a/b", "../../x", None),
            ("a", "/etc/passwd", None),
            ("a", "..", None),
            ("a/b", "..", None),
            ("a", "", None),
        ] {
            assert_eq!(resolve(link, target).as_deref(), expected, "{link} -> {target}");
        }
    }
}
