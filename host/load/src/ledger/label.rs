//! The label of a library: text that a signal handler can read.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of words: enough for the longest id of a plugin, `#`, and the largest number of a generation.
const N_WORDS: usize = 9;
/// The number of bytes; shorter labels are followed by zeros.
pub(crate) const MAX_LABEL: usize = N_WORDS * size_of::<u64>();

/// The plugin's id, `#`, and the number of the generation. It is read without locks or allocations.
#[derive(Debug)]
pub(super) struct Label([AtomicU64; N_WORDS]);

impl Label {
    pub(super) const fn new() -> Label {
        Label([const { AtomicU64::new(0) }; N_WORDS])
    }

    /// Stores the first [`MAX_LABEL`] bytes of `text`.
    pub(super) fn set(&self, text: &str) {
        let mut bytes = [0; MAX_LABEL];
        let length = text.len().min(MAX_LABEL);
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        let (words, _) = bytes.as_chunks();
        for (word, bytes) in self.0.iter().zip(words) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
    }

    pub(super) fn bytes(&self) -> [u8; MAX_LABEL] {
        let mut bytes = [0; MAX_LABEL];
        let (words, _) = bytes.as_chunks_mut();
        for (word, bytes) in self.0.iter().zip(words) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_the_longest_id_and_number() {
        let label = Label::new();
        let longest = format!("{}#{}", "p".repeat(50), u64::MAX);
        for text in ["", "a#1", &longest] {
            label.set(text);
            assert_eq!(label.bytes().split(|byte| *byte == 0).next(), Some(text.as_bytes()));
        }
        label.set(&"x".repeat(MAX_LABEL + 1));
        assert_eq!(label.bytes(), [b'x'; MAX_LABEL]);
    }
}
