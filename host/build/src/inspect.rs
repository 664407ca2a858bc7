//! The checks of a build before cargo runs, also used for predictions.

use host_core::Manifest;
use host_store::Tree;

use crate::{Error, cargo_toml, checksums, prebuilt, schema, sdk};

/// The buildable content of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A crate, to be built.
    Crate {
        /// Its name.
        package: String,
    },
    /// A finished library.
    Library {
        /// Its path in the tree.
        path: String,
    },
}

/// Checks a tree before cargo runs: the checksums, the schemas, the Cargo.toml and its SDK version, or that there is
/// exactly one library with the right digest. Blocks.
///
/// # Errors
/// The same errors as [`crate::Builder::build`].
pub fn inspect(tree: &Tree, manifest: &Manifest) -> Result<Code, Error> {
    checksums::check(tree, &manifest.checksums)?;
    schema::read(tree, manifest)?;
    if !cargo_toml::is_in(tree) {
        let library = prebuilt::library(tree)?;
        prebuilt::compare(library, manifest, library.digest)?;
        return Ok(Code::Library { path: library.path.to_string() });
    }
    Ok(Code::Crate { package: cargo_toml::check(tree, &sdk::version())?.name })
}
