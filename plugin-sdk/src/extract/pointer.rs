//! From serde's account of a failure to the JSON pointer of the field that does not fit.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::Error;

/// Adds serde's `message` and the field it refers to to the error `refused`.
///
/// The input is read `again`, this time noting where the reader is: noting it costs an allocation for each key, which
/// the input that fits should not pay for.
pub(super) fn locate<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    again: D,
    refused: Error,
    message: String,
) -> Error {
    let failure = serde_path_to_error::deserialize::<D, T>(again).err();
    let mut pointer = failure.map_or_else(String::new, |failure| pointer(failure.path()));
    if let Some(name) = missing(&message) {
        push(&mut pointer, name);
    }
    told(refused, pointer, message)
}

/// `refused` with `message` about the field `name`, or about all of it when the message names no field either.
pub(super) fn with_field(refused: Error, name: Option<&str>, message: String) -> Error {
    let mut pointer = String::new();
    if let Some(name) = name.or_else(|| missing(&message)) {
        push(&mut pointer, name);
    }
    told(refused, pointer, message)
}

fn told(refused: Error, pointer: String, message: String) -> Error {
    let detail = match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("{pointer}: {message}"),
    };
    refused.with_detail(detail).with_field(pointer, message)
}

/// The field that is missing, which serde reports at the object that should have it; its message is worded alike for
/// every type.
fn missing(message: &str) -> Option<&str> {
    Some(message.strip_prefix("missing field `")?.split_once('`')?.0)
}

/// The JSON pointer of the field at `path`.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Adds a part to a JSON pointer, escaped as RFC 6901 wants it.
fn push(pointer: &mut String, part: &str) {
    pointer.push('/');
    for c in part.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}
