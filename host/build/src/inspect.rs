//! What a build looks at before it starts cargo, for those who only want to know whether it would.

use host_core::Manifest;
use host_store::Tree;

use crate::{Error, cargo_toml, checksums, prebuilt, schema, sdk};

/// What a tree holds that can become an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A crate, to be built.
    Crate {
        /// Its name.
        package: String,
    },
    /// A finished library.
    Library {
        /// Where it lies in the tree.
        path: String,
    },
}

/// Checks what is known of a build before cargo runs: the list of checksums, the schemas, the Cargo.toml
/// and the SDK it asks for, or that there is one library and it is the right one. Blocks.
///
/// # Errors
/// What [`crate::Builder::build`] would refuse for the same reasons.
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
