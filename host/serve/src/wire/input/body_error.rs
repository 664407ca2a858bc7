//! The errors about a JSON body: where it is wrong, and what to send instead.

use host_api::FieldError;
use host_core::spelling::suggestion;
use http::StatusCode;

use crate::wire::problem::ApiError;

/// The error for a key that an object contains twice.
pub(super) fn repeated(pointer: String, key: &str) -> ApiError {
    let message = format!("`{}` is given twice", host_core::shown(key, 80));
    let detail = format!("invalid request body: {message}");
    let mut refused = ApiError::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail);
    refused.errors = vec![FieldError { pointer, message }];
    refused.fix("leave one of them out")
}

/// Describes a body that was not read. `place` is the path of the value in it.
pub(super) fn does_not_fit(bytes: &[u8], place: &str, error: &serde_json::Error) -> ApiError {
    let code = if error.is_data() { "body_does_not_fit" } else { "body_not_json" };
    let mut message = error.to_string();
    // The place of a value in the text of the body is of no use beside its path.
    if let Some((rule, _)) = message.rsplit_once(" at line ").filter(|_| error.is_data()) {
        message = rule.to_owned();
    }
    let message = plain_words(&message);
    let (pointer, fix) = match unknown_field(&message) {
        Some((field, fix)) if place.is_empty() || place == field => (field.to_owned(), Some(fix)),
        Some((field, fix)) if place.ends_with(&format!(".{field}")) => (place.to_owned(), Some(fix)),
        Some((field, fix)) => (format!("{place}.{field}"), Some(fix)),
        None if error.is_eof() && !bytes.is_empty() => {
            (String::new(), Some("send the whole body: it ends too early".to_owned()))
        }
        None if message.contains("unicode") => (String::new(), Some("encode the body as UTF-8".to_owned())),
        None if message.contains("recursion limit") => {
            (String::new(), Some("nest objects and lists at most 127 times".to_owned()))
        }
        None if code == "body_not_json" => (String::new(), Some(json_fix(bytes).to_owned())),
        None if place.is_empty() && message.ends_with("expected an object") => {
            (String::new(), Some("send a JSON object, such as `{\"name\": \"value\"}`".to_owned()))
        }
        None => (place.to_owned(), missing_field(&message).map(|field| format!("add `{field}`"))),
    };
    let named =
        if unknown_field(&message).is_none() && !pointer.is_empty() { format!("`{pointer}`: ") } else { String::new() };
    let mut refused = ApiError::new(StatusCode::BAD_REQUEST, code, format!("invalid request body: {named}{message}"));
    refused.errors = vec![FieldError { pointer, message }];
    match fix {
        Some(fix) => refused.fix(fix),
        None => refused,
    }
}

/// A message of serde in the words of JSON, without names of Rust types.
fn plain_words(message: &str) -> String {
    let message = message
        .replace("invalid type: sequence", "invalid type: list")
        .replace("invalid type: map", "invalid type: object")
        .replace("expected a map", "expected an object")
        .replace("expected a sequence", "expected a list");
    let Some((found, expected)) = message.rsplit_once("expected ") else { return message };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, which may be negative",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("struct ") => "an object",
        _ => return message,
    };
    format!("{found}expected {expected}")
}

/// The field in a message of serde about a missing field.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The remedy for a body that is not JSON.
pub(super) fn json_fix(bytes: &[u8]) -> &'static str {
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    if bytes.starts_with(b"\xef\xbb\xbf") {
        "remove the byte order mark at the start of the body: save it as UTF-8 without BOM"
    } else if is_object {
        "JSON has double quotes around names and texts, and no comma after the last value"
    } else {
        "send a JSON object, such as `{\"name\": \"value\"}`"
    }
}

/// Other names for a branch, tag or commit, which requests call `version`.
const REVISION_NAMES: [&str; 6] = ["ref", "tag", "branch", "commit", "rev", "revision"];

/// The unknown field in a message of serde, and the remedy.
fn unknown_field(message: &str) -> Option<(&str, String)> {
    let (field, expected) = message.strip_prefix("unknown field `")?.split_once("`, ")?;
    let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
    let fix = if known.contains(&"version") && REVISION_NAMES.contains(&field.to_ascii_lowercase().as_str()) {
        "`version` selects a branch, tag or commit".to_owned()
    } else if let Some(known) = suggestion(field, &known) {
        format!("did you mean `{known}`?")
    } else if known.is_empty() {
        "send an empty object".to_owned()
    } else {
        // The message of a body with a password is not shown.
        format!("the fields are `{}`", known.join("`, `"))
    };
    Some((field, fix))
}
