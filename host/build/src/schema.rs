//! The schema of a plugin's configuration, which travels with the artifact.

use host_core::Manifest;
use host_core::configuration::{Schema, SchemaError};
use host_store::Tree;

use crate::Error;

/// The schema that a manifest names, as it stands in the tree; `None` when it names none. It is compiled, and thrown away: the
/// artifact holds its text.
pub(crate) fn read(tree: &Tree, manifest: &Manifest) -> Result<Option<Vec<u8>>, Error> {
    let Some(path) = &manifest.configuration_schema else { return Ok(None) };
    let refused = |source| Error::SchemaRefused { path: path.to_string(), source };
    let text = tree.read(path, Schema::MAX_BYTES as u64).map_err(|error| match error {
        host_store::Error::NoSuchFile { .. } => Error::SchemaMissing { path: path.to_string() },
        host_store::Error::FileTooLarge { .. } => refused(SchemaError::TooLarge { max_bytes: Schema::MAX_BYTES }),
        other => Error::Store(other),
    })?;
    Schema::compile(&text).map_err(refused)?;
    Ok(Some(text))
}
