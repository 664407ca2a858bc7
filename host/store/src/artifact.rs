//! Artifacts: built libraries with their manifests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::{Digest, DigestWriter};
use serde::{Deserialize, Serialize};

/// A library in the store. Cheap to clone. [`Store::remove_unused`](crate::Store::remove_unused) does not remove the
/// files of an artifact that is in use.
#[derive(Clone, Debug)]
pub struct Artifact(pub(crate) Arc<ArtifactInner>);

#[derive(Debug)]
pub(crate) struct ArtifactInner {
    pub(crate) digest: Digest,
    pub(crate) library: PathBuf,
    pub(crate) manifest: Vec<u8>,
    pub(crate) configuration_schema: Option<Vec<u8>>,
    pub(crate) body_schemas: Option<Vec<u8>>,
    pub(crate) index: Index,
}

/// JSON Schemas stored with a library, opaque to the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schemas<'a> {
    /// The schema of the plugin's configuration.
    pub configuration: Option<&'a [u8]>,
    /// The schemas of endpoint bodies: one JSON object, from the path in plugin.yaml to the schema's text.
    pub bodies: Option<&'a [u8]>,
}

/// The origin of an artifact. Not part of its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The source as requested.
    pub source: String,
    /// The git commit, when the source is a repository.
    #[serde(default)]
    pub commit: Option<String>,
    /// The tree it was built from.
    #[serde(default, with = "crate::digest_text::option")]
    pub tree: Option<Digest>,
    /// The fingerprint of the build.
    #[serde(default, with = "crate::digest_text::option")]
    pub fingerprint: Option<Digest>,
    /// The version text of the compiler.
    #[serde(default)]
    pub rustc: Option<String>,
    /// The time of the build, in seconds since 1970.
    pub built_at_unix_seconds: u64,
}

/// The content of `artifact.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    #[serde(with = "crate::digest_text")]
    pub(crate) library: Digest,
    pub(crate) library_bytes: u64,
    #[serde(with = "crate::digest_text")]
    pub(crate) manifest: Digest,
    #[serde(default, with = "crate::digest_text::option", skip_serializing_if = "Option::is_none")]
    pub(crate) configuration_schema: Option<Digest>,
    #[serde(default, with = "crate::digest_text::option", skip_serializing_if = "Option::is_none")]
    pub(crate) body_schemas: Option<Digest>,
    pub(crate) provenance: Provenance,
}

impl Provenance {
    /// The provenance of a library with only its path known.
    pub fn of_file(library: &Path) -> Provenance {
        let source = library.display().to_string();
        Provenance { source, commit: None, tree: None, fingerprint: None, rustc: None, built_at_unix_seconds: 0 }
    }
}

impl Artifact {
    /// The digest over the library, the manifest and the schemas, if there are any.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Computes the digest of an artifact from the digest of its library, its manifest and its schemas.
    pub fn digest_of(library: Digest, manifest: &[u8], schemas: Schemas<'_>) -> Digest {
        let [configuration, bodies] = [schemas.configuration, schemas.bodies].map(|schema| schema.map(Digest::compute));
        digest_of(library, Digest::compute(manifest), configuration, bodies)
    }

    /// The path of the library file, which must not be changed.
    pub fn library(&self) -> &Path {
        &self.0.library
    }

    /// The required digest of the library file. Code that opens the file compares the opened bytes.
    pub fn library_digest(&self) -> Digest {
        self.0.index.library
    }

    /// The length of the library file.
    pub fn library_bytes(&self) -> u64 {
        self.0.index.library_bytes
    }

    /// The text of the reviewed manifest.
    pub fn manifest_text(&self) -> &[u8] {
        &self.0.manifest
    }

    /// The reviewed JSON Schema of the plugin's configuration; `None` if the plugin has none.
    pub fn configuration_schema(&self) -> Option<&[u8]> {
        self.0.configuration_schema.as_deref()
    }

    /// The JSON Schemas of request bodies, see [`Schemas::bodies`]; `None` if the plugin has none, or if the artifact
    /// was stored by a host that did not store them.
    pub fn body_schemas(&self) -> Option<&[u8]> {
        self.0.body_schemas.as_deref()
    }

    /// The origin of the artifact.
    pub fn provenance(&self) -> &Provenance {
        &self.0.index.provenance
    }
}

pub(crate) fn digest_of(
    library: Digest,
    manifest: Digest,
    configuration_schema: Option<Digest>,
    body_schemas: Option<Digest>,
) -> Digest {
    let mut digest = DigestWriter::new();
    digest.field(b"artifact 1").field(library.hex().as_bytes()).field(manifest.hex().as_bytes());
    if let Some(schema) = configuration_schema {
        digest.field(b"configuration schema").field(schema.hex().as_bytes());
    }
    if let Some(schemas) = body_schemas {
        digest.field(b"body schemas").field(schemas.hex().as_bytes());
    }
    digest.finish()
}

impl Index {
    pub(crate) fn digest(&self) -> Digest {
        digest_of(self.library, self.manifest, self.configuration_schema, self.body_schemas)
    }
}
