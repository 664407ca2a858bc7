//! The set of hooks of a plugin's code.

use plugin_sdk_abi::hook;

/// The hooks that a plugin's code has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hooks(u32);

impl Hooks {
    /// The hooks listed in a description; a newer SDK may list unknown ones.
    pub(crate) fn named(names: &[String]) -> Hooks {
        let known = hook::NAMES.iter().filter(|(_, name)| names.iter().any(|named| named == name));
        Hooks(known.fold(0, |bits, (number, _)| bits | 1 << number))
    }

    pub(crate) fn has(self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }
}
