//! Storing and finding artifacts.

#[cfg(test)]
pub(crate) mod tests;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Weak};

use host_core::Digest;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, ArtifactInner, Index, Provenance, Schemas};
use crate::atomic::remove;
use crate::cleaning::stored;
use crate::error::IoContext as _;
use crate::layout::{ARTIFACT, BODY_SCHEMAS, CONFIGURATION_SCHEMA, LIBRARY, MANIFEST, make_dir};
use crate::library::{copy_library, library_digest};
use crate::shelf::Shelf;
use crate::{Error, Store, atomic};

/// The content of a fingerprint file.
#[derive(Serialize, Deserialize)]
struct Remembered {
    #[serde(with = "crate::digest_text")]
    artifact: Digest,
}

impl Store {
    /// Copies `library`, `manifest` and the plugin's schemas into the store. An existing artifact is returned
    /// unchanged, with its original provenance.
    ///
    /// # Errors
    /// [`Error::NotAFile`] when `library` is a link or anything else that is not a regular file.
    pub fn put_artifact(
        &self,
        library: &Path,
        manifest: &[u8],
        schemas: Schemas<'_>,
        provenance: &Provenance,
    ) -> Result<Artifact, Error> {
        let temp = self.temp_dir()?;
        let folder = temp.path().join("artifact");
        make_dir(&folder)?;
        let (library_digest, library_bytes) = copy_library(library, &folder.join(LIBRARY))?;
        let index = Index {
            library: library_digest,
            library_bytes,
            manifest: Digest::compute(manifest),
            configuration_schema: schemas.configuration.map(Digest::compute),
            body_schemas: schemas.bodies.map(Digest::compute),
            provenance: provenance.clone(),
        };
        let digest = index.digest();

        let mut shelf = self.shelf();
        match self.artifact_on(&mut shelf, &digest) {
            Ok(Some(artifact)) => return Ok(artifact),
            Ok(None) => {}
            // The new bytes are valid, so they replace the damaged ones.
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let text = serde_json::to_vec_pretty(&index).expect("strings and numbers always have a JSON form");
        let kept = [(CONFIGURATION_SCHEMA, schemas.configuration), (BODY_SCHEMAS, schemas.bodies)];
        let kept = kept.into_iter().filter_map(|(name, schema)| Some((name, schema?)));
        for (name, bytes) in [(MANIFEST, manifest), (ARTIFACT, text.as_slice())].into_iter().chain(kept) {
            let path = folder.join(name);
            atomic::write(&path, bytes, 0o444).context("write", &path)?;
        }
        let place = self.0.layout.artifact(&digest);
        if place.exists() {
            remove(&place)?;
        }
        host_fail::point("store.artifact_written");
        fs::rename(&folder, &place).context("put in place", &place)?;
        host_fail::point("store.artifact_placed");
        atomic::sync_dir(&self.0.layout.artifacts()).context("sync", &place)?;
        Ok(shelf.keep_artifact(ArtifactInner {
            digest,
            library: place.join(LIBRARY),
            manifest: manifest.to_vec(),
            configuration_schema: schemas.configuration.map(<[u8]>::to_vec),
            body_schemas: schemas.bodies.map(<[u8]>::to_vec),
            index,
        }))
    }

    /// Returns the artifact with this digest, if it exists. Its library and manifest are hashed unless it is in use.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the stored files are damaged.
    pub fn artifact(&self, digest: &Digest) -> Result<Option<Artifact>, Error> {
        self.artifact_on(&mut self.shelf(), digest)
    }

    /// The digests of all stored artifacts, complete or not, in order.
    pub fn artifacts(&self) -> Result<Vec<Digest>, Error> {
        let mut digests = stored(&self.0.layout.artifacts())?;
        digests.sort();
        Ok(digests)
    }

    /// Records `artifact` as the result of a build with this fingerprint.
    pub fn remember(&self, fingerprint: &Digest, artifact: &Artifact) -> Result<(), Error> {
        make_dir(&self.0.layout.fingerprints())?;
        let path = self.0.layout.fingerprint(fingerprint);
        let text = serde_json::to_vec(&Remembered { artifact: artifact.digest() })
            .expect("strings and numbers always have a JSON form");
        atomic::write(&path, &text, 0o600).context("write", &path)
    }

    /// Returns the artifact of a build with this fingerprint, if both the entry and the artifact exist and are
    /// readable.
    pub fn remembered(&self, fingerprint: &Digest) -> Result<Option<Artifact>, Error> {
        let Some(artifact) = self.remembered_as(&self.0.layout.fingerprint(fingerprint)) else { return Ok(None) };
        match self.artifact(&artifact) {
            Ok(artifact) => Ok(artifact),
            Err(error) => {
                // The next build creates the entry again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the artifact of an earlier build cannot be read or is damaged; the plugin is built again"
                );
                Ok(None)
            }
        }
    }

    /// The artifact in the cache entry of a build.
    pub(crate) fn remembered_as(&self, note: &Path) -> Option<Digest> {
        Some(serde_json::from_slice::<Remembered>(&fs::read(note).ok()?).ok()?.artifact)
    }

    /// Reads the provenance of an artifact without checking its other files.
    pub(crate) fn provenance(&self, digest: &Digest) -> Option<Provenance> {
        let text = fs::read(self.0.layout.artifact(digest).join(ARTIFACT)).ok()?;
        Some(serde_json::from_slice::<Index>(&text).ok()?.provenance)
    }

    fn artifact_on(&self, shelf: &mut Shelf, digest: &Digest) -> Result<Option<Artifact>, Error> {
        let folder = self.0.layout.artifact(digest);
        if !folder.is_dir() {
            return Ok(None);
        }
        if let Some(held) = shelf.artifacts.get(digest).and_then(Weak::upgrade) {
            return Ok(Some(Artifact(held)));
        }
        let corrupt = |reason: String| Error::Corrupt { path: folder.clone(), reason };
        let read = |name: &str| fs::read(folder.join(name)).map_err(|error| corrupt(format!("`{name}`: {error}")));
        let index: Index = serde_json::from_slice(&read(ARTIFACT)?)
            .map_err(|error| corrupt(format!("`{ARTIFACT}` does not parse: {error}")))?;
        let manifest = read(MANIFEST)?;
        let configuration_schema = index.configuration_schema.map(|_| read(CONFIGURATION_SCHEMA)).transpose()?;
        let body_schemas = index.body_schemas.map(|_| read(BODY_SCHEMAS)).transpose()?;
        let library = folder.join(LIBRARY);
        let found = library_digest(&library).map_err(|error| corrupt(error.to_string()))?;
        let expected = (index.library, index.library_bytes);
        if found != expected {
            let reason = format!(
                "`{LIBRARY}` has digest {} and {} bytes, expected {} and {}",
                found.0, found.1, expected.0, expected.1
            );
            return Err(corrupt(reason));
        }
        for (name, found, expected) in [
            (CONFIGURATION_SCHEMA, &configuration_schema, index.configuration_schema),
            (BODY_SCHEMAS, &body_schemas, index.body_schemas),
        ] {
            if found.as_deref().map(Digest::compute) != expected {
                return Err(corrupt(format!("`{name}` does not match its digest")));
            }
        }
        if Digest::compute(&manifest) != index.manifest || index.digest() != *digest {
            return Err(corrupt(format!("`{MANIFEST}` does not match its digest")));
        }
        let digest = *digest;
        let artifact = ArtifactInner { digest, library, manifest, configuration_schema, body_schemas, index };
        Ok(Some(shelf.keep_artifact(artifact)))
    }
}

impl Shelf {
    fn keep_artifact(&mut self, artifact: ArtifactInner) -> Artifact {
        let artifact = Arc::new(artifact);
        self.artifacts.retain(|_, held| held.strong_count() > 0);
        self.artifacts.insert(artifact.digest, Arc::downgrade(&artifact));
        Artifact(artifact)
    }
}
