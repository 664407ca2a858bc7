use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::store::tests::{TestStore, config, store};

pub(crate) fn provenance(source: &str) -> Provenance {
    Provenance {
        source: source.to_owned(),
        commit: None,
        tree: Some(Digest::compute(b"tree")),
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
    assert_eq!((made.library_digest(), made.library_bytes()), (Digest::compute(b"code"), 4));
    assert_eq!(Artifact::digest_of(Digest::compute(b"code"), b"id: a", Schemas::default()), digest);
    test.assert_no_temp_files();
    drop(made);
    let TestStore { store, folder } = test;
    drop(store);

    let store = Store::open(config(folder.path())).unwrap();
    let found = store.artifact(&digest).unwrap().unwrap();
    assert_eq!(fs::read(found.library()).unwrap(), b"code");
    assert_eq!(found.manifest_text(), b"id: a");
    assert_eq!(found.provenance(), &provenance("here"));
    assert!(store.artifact(&Digest::compute(b"other")).unwrap().is_none());
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
    test.store.remember(&Digest::compute(b"f"), &made).unwrap();
    drop(made);
    atomic::write(&library, b"evil", 0o444).unwrap();
    let error = test.store.artifact(&digest).unwrap_err();
    assert_eq!(error.code(), "store_corrupt");
    assert!(error.to_string().contains(&Digest::compute(b"evil").to_string()), "{error}");
    assert!(test.store.remembered(&Digest::compute(b"f")).unwrap().is_none());

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
    let fingerprint = Digest::compute(b"inputs");
    assert!(test.store.remembered(&fingerprint).unwrap().is_none());
    let made = artifact(&test, "code");
    test.store.remember(&fingerprint, &made).unwrap();
    assert_eq!(test.store.remembered(&fingerprint).unwrap().map(|a| a.digest()), Some(made.digest()));

    fs::remove_dir_all(made.library().parent().unwrap()).unwrap();
    assert!(test.store.remembered(&fingerprint).unwrap().is_none());
}
