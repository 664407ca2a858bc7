//! Prebuilt libraries.

use host_core::{Digest, Manifest};
use host_store::{Artifact, Provenance, Store, Tree, TreeFile};

use crate::{Error, schema};

/// Returns the single library at the root of a tree.
pub(crate) fn library(tree: &Tree) -> Result<&TreeFile, Error> {
    let at_root = |file: &&TreeFile| !file.path.as_str().contains('/') && file.path.as_str().ends_with(".so");
    let libraries: Vec<&TreeFile> = tree.files().iter().filter(at_root).collect();
    match libraries.as_slice() {
        [library] => Ok(library),
        others => {
            let is_go = tree.files().iter().any(|file| matches!(file.path.as_str(), "main.go" | "go.mod"));
            Err(Error::NothingToBuild { n_libraries: others.len(), is_go })
        }
    }
}

/// Stores the library with the schemas. A checksum in the manifest is compared with the stored bytes.
pub(crate) fn import(
    store: &Store,
    tree: &Tree,
    manifest: &Manifest,
    provenance: &Provenance,
) -> Result<Artifact, Error> {
    let library = library(tree)?;
    compare(library, manifest, library.digest)?;
    let schemas = schema::read(tree, manifest)?;
    let path = tree.path().join(library.path.as_str());
    let artifact = store.put_artifact(&path, &tree.manifest_text()?, schemas.kept(), provenance)?;
    compare(library, manifest, artifact.library_digest())?;
    Ok(artifact)
}

/// Checks the library's digest against the manifest, if it has one.
pub(crate) fn compare(library: &TreeFile, manifest: &Manifest, actual: Digest) -> Result<(), Error> {
    match manifest.security.checksum {
        Some(expected) if expected != actual => {
            Err(Error::Checksum { path: library.path.to_string(), expected, actual })
        }
        _ => Ok(()),
    }
}
