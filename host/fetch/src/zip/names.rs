//! Does every name in an archive stand for one thing?
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::ZipError;
use super::strict::Entry;

/// Which names are taken, as a file system would see them that knows neither case nor Unicode forms.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashMap<String, Taken>,
}

#[derive(Clone, Copy, PartialEq)]
enum Taken {
    File,
    /// A folder with an entry of its own.
    Folder,
    /// A folder that other entries lie in.
    Parent,
}

impl Names {
    /// Takes the name of one more entry, and of the folders that it lies in.
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
