//! Checks of the files: what they refer to exists, and nothing in them can run text of others as markup or script.

use std::collections::BTreeSet;

use super::*;

/// The text in quotes after each occurrence of `before`.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_file_that_the_page_or_a_module_refers_to_exists_and_every_file_is_used() {
    let start = format!("/console/assets/{}/", version());
    let mut used: BTreeSet<&str> = quoted(page(), &format!("\"{start}")).into_iter().collect();
    assert!(used.contains("app.js"), "{}", page());
    for asset in ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
        used.extend(quoted(asset.content, "from \"./"));
        used.extend(quoted(asset.content, "import(\"./"));
    }
    let existing: BTreeSet<&str> = ASSETS.iter().map(|asset| asset.name).collect();
    assert_eq!(used, existing);
}

#[test]
fn files_are_found_only_under_the_current_version() {
    assert!(asset(version(), "app.js").is_some());
    for (asked, name) in
        [("0000000000000000", "app.js"), ("", "app.js"), (version(), "nope.js"), (version(), "../Cargo.toml")]
    {
        assert!(asset(asked, name).is_none(), "{asked} {name}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_texts_never_become_markup() {
    for asset in ASSETS.iter().filter(|asset| asset.name != "icon.svg") {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "localStorage",
            "document.cookie",
            "javascript:",
            "//cdn",
            "@import",
            "url(",
        ] {
            assert!(!asset.content.contains(word), "{}: {word}", asset.name);
        }
        let links = quoted(asset.content, "href: \"");
        assert!(links.iter().all(|link| link.starts_with('/') || link.starts_with('#')), "{}: {links:?}", asset.name);
    }
    for word in [" style=", "<style", " onclick", "http://", "https://"] {
        assert!(!page().contains(word), "{word}");
    }
}
