//! Checks that every name in an archive is unique.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::entry::Entry;
use crate::ZipError;

/// The used names, as seen by a file system that ignores case and Unicode forms.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashMap<String, Taken>,
}

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    File,
    /// A folder with its own entry.
    Folder,
    /// A folder that contains other entries.
    Parent,
}

impl Names {
    /// Adds the name of an entry and of its parent folders.
    pub(crate) fn take(&mut self, entry: &Entry<'_>) -> Result<(), ZipError> {
        let folded = entry.path.folded();
        let both = |name: &str| Err(ZipError::FileAndFolder { name: name.to_owned() });
        for (at, _) in folded.match_indices('/') {
            let parent = &folded[..at];
            match self.taken.get(parent) {
                Some(Taken::File) => return both(parent),
                Some(_) => {}
                None => _ = self.taken.insert(parent.to_owned(), Taken::Parent),
            }
        }
        match (self.taken.get(&folded), entry.is_folder) {
            (None, false) => _ = self.taken.insert(folded, Taken::File),
            (None | Some(Taken::Parent), true) => _ = self.taken.insert(folded, Taken::Folder),
            (Some(Taken::File), false) | (Some(Taken::Folder), true) => {
                return Err(ZipError::Duplicate { name: entry.path.to_string() });
            }
            (Some(_), _) => return both(entry.path.as_str()),
        }
        Ok(())
    }
}
