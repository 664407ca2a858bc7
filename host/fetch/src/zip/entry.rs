//! An entry of an archive.
#![forbid(unsafe_code)]

use host_core::TreePath;

/// A file or folder of an archive.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The position in the directory.
    pub(crate) index: usize,
    pub(crate) path: TreePath,
    /// The name in UTF-8, with `./` and the `/` of a folder.
    pub(crate) raw_name: &'a [u8],
    pub(crate) is_folder: bool,
    /// Whether the data is the target of a symbolic link.
    pub(crate) is_link: bool,
    pub(crate) executable: bool,
    pub(crate) method: Method,
    pub(crate) crc: u32,
    /// The declared size of the unpacked data.
    pub(crate) bytes: u64,
    pub(crate) packed: &'a [u8],
}

/// The compression method of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflated,
}
