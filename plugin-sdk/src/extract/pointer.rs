//! Converts deserialization errors of serde to JSON pointers of the invalid fields.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::Error;

/// Adds serde's `message`, and the field that the message is about, to the error `refused`.
///
/// The input is read `again` while its position is recorded. Recording costs an allocation per key, so it is not done
/// for valid input.
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
    with_pointer(refused, pointer, message)
}

/// Adds `message` to `refused` for the field `name`, or for the whole input if the message names no field either.
pub(super) fn with_field(refused: Error, name: Option<&str>, message: String) -> Error {
    let mut pointer = String::new();
    if let Some(name) = name.or_else(|| missing(&message)) {
        push(&mut pointer, name);
    }
    with_pointer(refused, pointer, message)
}

fn with_pointer(refused: Error, pointer: String, message: String) -> Error {
    let detail = match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("{pointer}: {message}"),
    };
    refused.with_detail(detail).with_field(pointer, message)
}

/// Returns the name of a missing field. serde reports it at the object that lacks the field, with the same wording for
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

/// Adds a part to a JSON pointer, escaped as defined by RFC 6901.
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
