//! Content types that browsers never execute.

use http::header::{self, HeaderMap};

/// Whether no browser runs anything of such a body. What is not known is not.
pub(super) fn is_inert(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(first) = types.next() else {
        // Without a type nothing is sniffed, and an empty body is nothing.
        return false;
    };
    if types.next().is_some() {
        return false;
    }
    if first == "application/json" {
        return true;
    }
    let Ok(text) = first.to_str() else { return false };
    // Of two types in one header browsers take the last.
    if text.contains(',') {
        return false;
    }
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("image", subtype)) => !subtype.contains("xml"),
        Some(("audio" | "video" | "font", _)) => true,
        Some(("text", subtype)) => matches!(subtype, "plain" | "css" | "csv" | "event-stream" | "markdown"),
        Some(("application", subtype)) => {
            subtype.ends_with("+json")
                || matches!(
                    subtype,
                    "json"
                        | "x-ndjson"
                        | "octet-stream"
                        | "zip"
                        | "gzip"
                        | "yaml"
                        | "toml"
                        | "x-www-form-urlencoded"
                        | "cbor"
                )
        }
        _ => false,
    }
}
