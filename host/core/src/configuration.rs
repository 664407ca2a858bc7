//! A plugin's configuration: the schema it must fit, the layers it is made of, what of it is secret, how two differ.
//!
//! What a plugin is started with is the *effective* configuration of its [`Layers`]. Whatever changes a layer checks the
//! effective configuration with the plugin's [`Schema`] before the plugin itself is asked.

mod diff;
mod layers;
pub mod pointer;
mod schema;
mod secret;

use std::fmt;

pub use diff::{Change, diff, diff_masked};
pub use layers::{Layers, merge_patch};
pub use schema::{Schema, SchemaError};
pub use secret::{MASK, looks_secret, mask};

/// One thing that is wrong with a configuration or a schema.
///
/// Of a configuration it never repeats a text, and of a secret no value at all. It has no hint of its own: many of them may
/// stand in one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What is wrong there: one line, at most 300 characters.
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
