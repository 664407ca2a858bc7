//! The prediction of a build.

use std::sync::atomic::Ordering;

use host_core::{Digest, Manifest, TreePath};
use host_store::{Artifact, Tree};

use super::{Builder, blocking};
use crate::inspect::{Code, inspect};
use crate::{Error, prebuilt, schema};

/// The predicted result of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// How the artifact would be created.
    pub kind: BuildKind,
    /// The predicted artifact; `None` if only a build can tell.
    pub artifact: Option<Digest>,
    /// The prebuilt library in the tree.
    pub library: Option<TreePath>,
    /// The schema of the configuration.
    pub configuration_schema: Option<Vec<u8>>,
}

/// How an artifact is created from a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildKind {
    /// cargo builds the artifact.
    Cargo,
    /// An earlier build has created the artifact.
    Cached,
    /// The tree contains a prebuilt library.
    Library,
}

impl Builder {
    /// Predicts what [`Builder::build`] would do, without running a program or writing anything.
    ///
    /// # Errors
    /// Problems of the tree that are found before a build.
    pub async fn forecast(&self, tree: &Tree, manifest: &Manifest) -> Result<Forecast, Error> {
        let (builder, tree, manifest) = (self.clone(), tree.clone(), manifest.clone());
        blocking(move || {
            let inner = &builder.0;
            let code = inspect(&tree, &manifest)?;
            let schemas = schema::read(&tree, &manifest)?;
            let mut library = None;
            let (kind, artifact) = match code {
                Code::Crate { .. } => {
                    let fingerprint = inner.fingerprint(&tree, &schemas, &inner.build_of(&manifest));
                    let remembered = inner.store.remembered(&fingerprint)?;
                    match remembered.filter(|_| !inner.ignores_cache.load(Ordering::Relaxed)) {
                        Some(artifact) => (BuildKind::Cached, Some(artifact.digest())),
                        None => (BuildKind::Cargo, None),
                    }
                }
                Code::Library { .. } => {
                    let file = prebuilt::library(&tree)?;
                    library = Some(file.path.clone());
                    (BuildKind::Library, Some(Artifact::digest_of(file.digest, &tree.manifest_text()?, schemas.kept())))
                }
            };
            Ok(Forecast { kind, artifact, library, configuration_schema: schemas.configuration })
        })
        .await
    }
}
