//! HTML pages: the API reference and the error reference. They are part of the program and load no external
//! resources. Texts of plugins are inserted as text, never as markup.

mod errors;

use std::sync::LazyLock;

use axum::response::Response;

use crate::wire::page::{Caching, included};

const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");
static ERRORS: LazyLock<String> = LazyLock::new(errors::page);

pub(crate) async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE)
}

pub(crate) async fn script() -> Response {
    answer("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn style() -> Response {
    answer("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn errors() -> Response {
    answer("text/html; charset=utf-8", &ERRORS)
}

fn answer(content_type: &'static str, text: &'static str) -> Response {
    included(content_type, text, Caching::Revalidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_load_no_external_resources_and_insert_no_markup() {
        for (text, name) in [(PAGE, "html"), (SCRIPT, "js"), (STYLE, "css"), (&ERRORS, "errors")] {
            for word in ["http://", "//cdn", "@import", "url(", "<iframe"] {
                assert!(!text.contains(word), "{name}: {word}");
            }
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "Storage",
            "cookie",
        ] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
        for (page, name) in [(PAGE, "page"), (&ERRORS, "errors")] {
            for word in ["<style", " style=", " onclick", "javascript:"] {
                assert!(!page.contains(word), "{name}: {word}, which the policy forbids");
            }
            assert_eq!(
                page.matches("<script").count(),
                page.matches("<script src=\"/docs/page.js\" defer>").count(),
                "{name}"
            );
        }
    }
}
