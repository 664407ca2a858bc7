//! From serde's account of a failure to the JSON pointer of the field that does not fit.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::Error;

/// `refused` with `message`, what serde said when `T` did not fit, and the field it is about.
///
/// The input is read `again`, this time noting where the reader is: noting it costs an allocation for each key, which
/// the input that fits should not pay for.
pub(super) fn locate<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    again: D,
    refused: Error,
    message: String,
) -> Error {
    let failure = serde_path_to_error::deserialize::<D, T>(again).err();
    let pointer = failure.map_or_else(String::new, |failure| pointer(failure.path(), &message));
    let detail = match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("{pointer}: {message}"),
    };
    refused.with_detail(detail).with_field(pointer, message)
}

/// The JSON pointer of the field at `path`. serde reports a missing field at the object that should have it,
/// so its name is taken from the message, which serde words alike for every type.
fn pointer(path: &Path, message: &str) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    let missing = message.strip_prefix("missing field `");
    if let Some((name, _)) = missing.and_then(|rest| rest.split_once('`')) {
        push(&mut pointer, name);
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
