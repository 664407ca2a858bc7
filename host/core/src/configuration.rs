//! Plugin configurations: schema, layers, secrets and differences.
//!
//! A plugin is started with the *effective* configuration of its [`Layers`]. Every change of a layer validates the
//! effective configuration with the plugin's [`Schema`] before the plugin is asked.

mod diff;
mod layers;
pub mod pointer;
mod schema;
mod secret;

use std::fmt;

pub use diff::{Change, diff, diff_masked};
pub use layers::{Layers, merge_patch};
pub use schema::{Schema, SchemaError};
pub use secret::{MASK, mask, mask_by_name};

/// One problem of a configuration or a schema.
///
/// A violation never repeats text from a configuration, and no value of a secret. It has no hint, since several
/// violations may be shown on one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The place as a JSON pointer; empty for the whole value.
    pub pointer: String,
    /// The message: one line of at most 300 characters.
    pub message: String,
}

impl Violation {
    /// Shortens the message and shows control characters as escapes.
    pub(crate) fn new(pointer: impl Into<String>, message: impl AsRef<str>) -> Violation {
        let mut shown = String::new();
        let mut characters = message.as_ref().chars();
        for c in characters.by_ref().take(300) {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        if characters.next().is_some() {
            shown.push('…');
        }
        Violation { pointer: pointer.into(), message: shown }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "`{}`: {}", pointer.escape_debug(), self.message),
        }
    }
}
