//! Storing and finding artifacts.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Weak};

use host_core::{Digest, DigestWriter};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, ArtifactInner, Index, Provenance, Schemas};
use crate::atomic::remove;
use crate::cleaning::stored;
use crate::error::IoContext as _;
use crate::layout::{ARTIFACT, BODY_SCHEMAS, CONFIGURATION_SCHEMA, LIBRARY, MANIFEST, make_dir};
use crate::shelf::Shelf;
use crate::{Error, Store, atomic};

/// The maximum size of a library, so that a faulty build cannot fill the disk a second time with its copy.
const MAX_LIBRARY_BYTES: u64 = 512 << 20;

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
            manifest: Digest::of(manifest),
            configuration_schema: schemas.configuration.map(Digest::of),
            body_schemas: schemas.bodies.map(Digest::of),
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
                    "the entry of a build in the cache is not usable; the plugin is built again"
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
        let found = open_library(&library)
            .and_then(|mut file| copy(&mut file, &mut io::sink(), &library))
            .map_err(|error| corrupt(error.to_string()))?;
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
            if found.as_deref().map(Digest::of) != expected {
                return Err(corrupt(format!("`{name}` does not match its digest")));
            }
        }
        if Digest::of(&manifest) != index.manifest || index.digest() != *digest {
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

fn copy_library(from: &Path, to: &Path) -> Result<(Digest, u64), Error> {
    let mut reader = open_library(from)?;
    let mut writer = File::options().write(true).create_new(true).mode(0o600).open(to).context("create", to)?;
    let copied = copy(&mut reader, &mut writer, from)?;
    writer.set_permissions(Permissions::from_mode(0o444)).context("set the mode of", to)?;
    writer.sync_all().context("sync", to)?;
    Ok(copied)
}

/// Opens a library. A build could leave a link or a pipe in its place: links are not followed, and the open does not
/// wait for a pipe.
fn open_library(path: &Path) -> Result<File, Error> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = match File::options().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        Err(source) => return Err(Error::Io { action: "open", path: path.to_owned(), source }),
    };
    if file.metadata().context("look at", path)?.is_file() {
        Ok(file)
    } else {
        Err(Error::NotAFile { path: path.to_owned() })
    }
}

fn copy(from: &mut impl Read, to: &mut impl io::Write, path: &Path) -> Result<(Digest, u64), Error> {
    let mut digest = DigestWriter::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok((digest.finish(), bytes)),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Io { action: "read", path: path.to_owned(), source }),
        };
        bytes += n as u64;
        if bytes > MAX_LIBRARY_BYTES {
            return Err(Error::LibraryTooLarge { path: path.to_owned(), max_bytes: MAX_LIBRARY_BYTES });
        }
        digest.write_all(&buffer[..n]).context("hash", path)?;
        to.write_all(&buffer[..n]).context("copy", path)?;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::tests::{TestStore, config, store};

    pub(crate) fn provenance(source: &str) -> Provenance {
        Provenance {
            source: source.to_owned(),
            commit: None,
            tree: Some(Digest::of(b"tree")),
            fingerprint: None,
            rustc: Some("rustc 1.90.0".to_owned()),
            built_at_unix_seconds: 1,
        }
    }

    pub(crate) fn artifact(test: &TestStore, library: &str) -> Artifact {
        with_schema(test, library, None)
    }

    fn with_schema(test: &TestStore, library: &str, schema: Option<&str>) -> Artifact {
        let path = test.folder.path().join("lib.so");
        atomic::write(&path, library.as_bytes(), 0o755).unwrap();
        let schemas = Schemas { configuration: schema.map(str::as_bytes), bodies: None };
        test.store.put_artifact(&path, b"id: a", schemas, &provenance("here")).unwrap()
    }

    #[test]
    fn an_artifact_is_found_by_its_digest_after_a_restart() {
        let test = store();
        let made = artifact(&test, "code");
        let digest = made.digest();
        assert_eq!(fs::metadata(made.library()).unwrap().permissions().mode() & 0o7777, 0o444);
        assert_eq!((made.library_digest(), made.library_bytes()), (Digest::of(b"code"), 4));
        assert_eq!(Artifact::digest_of(Digest::of(b"code"), b"id: a", Schemas::default()), digest);
        test.assert_no_temp_files();
        drop(made);
        let TestStore { store, folder } = test;
        drop(store);

        let store = Store::open(config(folder.path())).unwrap();
        let found = store.artifact(&digest).unwrap().unwrap();
        assert_eq!(fs::read(found.library()).unwrap(), b"code");
        assert_eq!(found.manifest_text(), b"id: a");
        assert_eq!(found.provenance(), &provenance("here"));
        assert!(store.artifact(&Digest::of(b"other")).unwrap().is_none());
    }

    #[test]
    fn equal_content_has_a_single_artifact() {
        let test = store();
        let (one, two) = (artifact(&test, "code"), artifact(&test, "code"));
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), artifact(&test, "other").digest());
        assert_eq!(test.store.usage().unwrap().artifacts, 2);
    }

    #[test]
    fn a_changed_library_is_refused_and_a_new_build_replaces_it() {
        let test = store();
        let made = artifact(&test, "code");
        let (digest, library) = (made.digest(), made.library().to_owned());
        test.store.remember(&Digest::of(b"f"), &made).unwrap();
        drop(made);
        atomic::write(&library, b"evil", 0o444).unwrap();
        let error = test.store.artifact(&digest).unwrap_err();
        assert_eq!(error.code(), "store_corrupt");
        assert!(error.to_string().contains(&Digest::of(b"evil").to_string()), "{error}");
        assert!(test.store.remembered(&Digest::of(b"f")).unwrap().is_none());

        assert_eq!(artifact(&test, "code").digest(), digest);
        assert_eq!(fs::read(library).unwrap(), b"code");
    }

    #[test]
    fn the_configuration_schema_is_stored_with_the_artifact() {
        let test = store();
        let (without, with) = (with_schema(&test, "code", None), with_schema(&test, "code", Some("{}")));
        assert_eq!((without.configuration_schema(), with.configuration_schema()), (None, Some(&b"{}"[..])));
        assert_ne!(with.digest(), without.digest());
        assert_ne!(with.digest(), with_schema(&test, "code", Some("{ }")).digest());
        // The digest of an artifact without a schema is the same as before schemas were introduced.
        let digest = "bb266ded9d760d6dc16b18bf25c9aa20bc0fe0967ac7f1fae1598debef3e73aa";
        assert_eq!(without.digest().hex(), digest);
        let index = fs::read_to_string(without.library().with_file_name(ARTIFACT)).unwrap();
        assert!(!index.contains("schema"), "{index}");

        let (digest, schema) = (with.digest(), with.library().with_file_name(CONFIGURATION_SCHEMA));
        drop(with);
        let found = test.store.artifact(&digest).unwrap().unwrap();
        assert_eq!(found.configuration_schema(), Some(&b"{}"[..]));
        drop(found);
        atomic::write(&schema, b"true", 0o444).unwrap();
        let error = test.store.artifact(&digest).unwrap_err();
        assert!(error.code() == "store_corrupt" && error.to_string().contains(CONFIGURATION_SCHEMA), "{error}");
        fs::remove_file(&schema).unwrap();
        assert_eq!(test.store.artifact(&digest).unwrap_err().code(), "store_corrupt");
        assert_eq!(with_schema(&test, "code", Some("{}")).digest(), digest);
        assert_eq!(fs::read(schema).unwrap(), b"{}");
    }

    #[test]
    fn the_body_schemas_are_stored_with_the_artifact() {
        let test = store();
        let library = test.folder.path().join("lib.so");
        atomic::write(&library, b"code", 0o755).unwrap();
        let put = |bodies: Option<&[u8]>| {
            let schemas = Schemas { configuration: None, bodies };
            test.store.put_artifact(&library, b"id: a", schemas, &provenance("here")).unwrap()
        };
        let (without, with) = (put(None), put(Some(b"{}")));
        assert_eq!((without.body_schemas(), with.body_schemas()), (None, Some(&b"{}"[..])));
        assert_ne!(with.digest(), without.digest());
        assert_ne!(with.digest(), with_schema(&test, "code", Some("{}")).digest());
        let (digest, file) = (with.digest(), with.library().with_file_name(BODY_SCHEMAS));
        drop(with);
        assert_eq!(test.store.artifact(&digest).unwrap().unwrap().body_schemas(), Some(&b"{}"[..]));
        atomic::write(&file, b"[]", 0o444).unwrap();
        assert_eq!(test.store.artifact(&digest).unwrap_err().code(), "store_corrupt");
    }

    #[test]
    fn a_library_that_is_not_a_regular_file_is_refused() {
        let test = store();
        let link = test.folder.path().join("link.so");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        let pipe = test.folder.path().join("pipe.so");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        for path in [&link, &pipe, &test.folder.path().to_owned()] {
            let error = test.store.put_artifact(path, b"", Schemas::default(), &provenance("x")).unwrap_err();
            assert_eq!(error.code(), "store_not_a_file", "{path:?}");
            test.assert_no_temp_files();
        }
    }

    #[test]
    fn a_build_is_found_by_its_fingerprint_until_its_entry_or_artifact_is_removed() {
        let test = store();
        let fingerprint = Digest::of(b"inputs");
        assert!(test.store.remembered(&fingerprint).unwrap().is_none());
        let made = artifact(&test, "code");
        test.store.remember(&fingerprint, &made).unwrap();
        assert_eq!(test.store.remembered(&fingerprint).unwrap().map(|a| a.digest()), Some(made.digest()));

        fs::remove_dir_all(made.library().parent().unwrap()).unwrap();
        assert!(test.store.remembered(&fingerprint).unwrap().is_none());
    }
}
