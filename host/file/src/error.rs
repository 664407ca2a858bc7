//! The reason why a file was not read.

use std::io;

use host_core::Size;

/// The reason why a file was not read. The messages name what the file must be; the caller names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path leads to something other than a regular file.
    #[error("it is a {kind}; it must be a regular file of at most {}", Size::new(*max_bytes))]
    NotAFile {
        /// The kind of the file, such as `folder`.
        kind: &'static str,
        /// The size limit.
        max_bytes: u64,
    },
    /// The file is too large.
    #[error("{}; it must be a regular file of at most {}", size(*found), Size::new(*max_bytes))]
    TooLarge {
        /// The size; `None` if the file system does not know it.
        found: Option<u64>,
        /// The size limit.
        max_bytes: u64,
    },
    /// The file contains a byte sequence that is not UTF-8.
    #[error("byte {} is not valid UTF-8; it must be a text file in UTF-8", *at + 1)]
    NotText {
        /// The number of valid bytes before that sequence.
        at: usize,
    },
}

impl ReadError {
    /// Returns whether nothing exists at the path.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

fn size(found: Option<u64>) -> String {
    found.map_or_else(|| "it is too large".to_owned(), |bytes| format!("it has {}", Size::new(bytes).rounded()))
}
