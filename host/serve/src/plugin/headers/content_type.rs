//! Content types that browsers never execute.

use http::header::{self, HeaderMap};

/// Returns whether no browser executes a body of this type. Unknown types are not inert.
pub(super) fn is_inert(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(first) = types.next() else {
        // Without a type, browsers may sniff the content.
        return false;
    };
    if types.next().is_some() {
        return false;
    }
    if first == "application/json" {
        return true;
    }
    let Ok(text) = first.to_str() else { return false };
    // Browsers use the last of several types in one header.
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
