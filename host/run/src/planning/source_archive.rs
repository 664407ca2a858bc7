//! The source of an installed plugin as an archive.

use std::fs::File;

use host_fetch::{ArchiveWriter, TOP_FOLDER};
use host_store::TempDir;

use crate::model::Error;
use crate::state::Host;

/// An archive with the source of a plugin, in a temporary file.
#[derive(Debug)]
pub struct SourceArchive {
    /// The file, at its start.
    pub file: File,
    /// The size of the archive.
    pub bytes: u64,
    /// Removes the file when it is dropped.
    pub folder: TempDir,
}

impl Host {
    /// Writes the tree that the current version of a plugin was built from as a ZIP archive. Blocks.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`]; [`Error::NoSource`] if the tree is not stored; [`Error::Store`] or [`Error::Fetch`] if
    /// it cannot be read or the archive cannot be written.
    pub fn source_archive(&self, id: &str) -> Result<SourceArchive, Error> {
        let unknown = || Error::UnknownPlugin { id: host_core::shown(id, 60) };
        let plugin = self.0.plugins.get(id).map(|plugin| plugin.value().clone()).ok_or_else(unknown)?;
        let artifact = plugin.state().installed.as_ref().map(|installed| installed.desired.current.artifact);
        let artifact = artifact.ok_or_else(unknown)?;
        let store = &self.0.store;
        let tree = store.tree_of(&artifact).map(|digest| store.tree(&digest)).transpose()?.flatten();
        let tree = tree.ok_or_else(|| Error::NoSource { id: plugin.id.clone() })?;
        let folder = store.temp_dir()?;
        let path = folder.path().join("source.zip");
        let io = |action| {
            let path = path.clone();
            move |source| Error::Fetch(host_fetch::Error::Io { action, path, source })
        };
        let mut archive = ArchiveWriter::new(File::create_new(&path).map_err(io("create"))?);
        archive.add_tree(TOP_FOLDER, &tree)?;
        drop(archive.finish().map_err(io("write"))?);
        let file = File::open(&path).map_err(io("open"))?;
        let bytes = file.metadata().map_err(io("open"))?.len();
        Ok(SourceArchive { file, bytes, folder })
    }
}
