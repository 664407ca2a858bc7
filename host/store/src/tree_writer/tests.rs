use super::*;
use crate::store::tests::{TestStore, config, store};

fn tree(store: &Store, files: &[(&str, &str)]) -> Result<Tree, Error> {
    let mut writer = store.new_tree()?;
    for (path, text) in files {
        writer.add(path.parse().unwrap(), path.ends_with(".sh"), text.as_bytes())?;
    }
    writer.finish()
}

#[test]
fn the_digest_of_a_tree_depends_on_its_content_and_not_on_the_order_of_writing() {
    let test = store();
    let one = tree(&test.store, &[("plugin.yaml", "id: a"), ("src/lib.rs", "x")]).unwrap();
    let two = tree(&test.store, &[("src/lib.rs", "x"), ("plugin.yaml", "id: a")]).unwrap();
    assert_eq!(one.digest(), two.digest());
    for other in [
        &[("plugin.yaml", "id: b"), ("src/lib.rs", "x")],
        &[("plugin.yaml", "id: a"), ("src/lib.sh", "x")],
        &[("plugin.yaml", "id: a"), ("src/main.rs", "x")],
    ] {
        assert_ne!(tree(&test.store, other).unwrap().digest(), one.digest());
    }
    test.assert_no_temp_files();
}

#[test]
fn a_tree_is_found_by_its_digest_after_a_restart() {
    let TestStore { store, folder } = store();
    let made = tree(&store, &[("plugin.yaml", "id: a"), ("run.sh", "x")]).unwrap();
    let (digest, files) = (made.digest(), made.files().to_vec());
    drop((made, store));

    let store = Store::open(config(folder.path())).unwrap();
    let found = store.tree(&digest).unwrap().unwrap();
    assert_eq!((found.digest(), found.files()), (digest, files.as_slice()));
    assert_eq!(found.manifest_text().unwrap(), b"id: a");
    assert_eq!(found.read(&"run.sh".parse().unwrap(), 10).unwrap(), b"x");
    assert_eq!(found.read(&"run.sh".parse().unwrap(), 0).unwrap_err().code(), "store_file_too_large");
    assert_eq!(found.read(&"no".parse().unwrap(), 1).unwrap_err().code(), "store_no_such_file");
    assert!(store.tree(&digest_of(&[])).unwrap().is_none());
}

#[test]
fn files_are_read_only_in_the_store_and_writable_in_a_copy() {
    let test = store();
    let made = tree(&test.store, &[("a", "1"), ("b/run.sh", "2")]).unwrap();
    let copy = test.folder.path().join("copy");
    made.copy_to(&copy).unwrap();
    for (root, plain, script) in [(made.path(), 0o444, 0o555), (&copy, 0o644, 0o755)] {
        let mode = |name| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
        // The process's umask may remove permissions of group and others from the copy.
        assert_eq!((mode("a") & 0o700, mode("b/run.sh") & 0o700), (plain & 0o700, script & 0o700));
        assert_eq!(fs::read(root.join("b/run.sh")).unwrap(), b"2");
    }
}

#[test]
fn an_invalid_tree_is_refused_and_leaves_nothing() {
    let long = "x".repeat(601);
    let half = "x".repeat(600);
    for (files, code) in [
        (vec![("a", ""), ("A", "")], "store_duplicate"),
        (vec![("e\u{301}", ""), ("\u{e9}", "")], "store_duplicate"),
        (vec![("a", ""), ("a/b", "")], "store_file_and_folder"),
        (vec![("a/b/c", ""), ("A/b", "")], "store_file_and_folder"),
        (vec![("a", long.as_str())], "store_file_too_large"),
        (vec![("a", half.as_str()), ("b", half.as_str())], "store_tree_too_large"),
        (vec![("1", ""), ("2", ""), ("3", ""), ("4", ""), ("5", ""), ("6", "")], "store_too_many_files"),
        (vec![], "store_empty_tree"),
    ] {
        let test = store();
        assert_eq!(tree(&test.store, &files).unwrap_err().code(), code, "{files:?}");
        test.assert_no_temp_files();
        assert_eq!(test.store.usage().unwrap().trees, 0);
    }
}

#[test]
fn a_file_whose_content_cannot_be_read_is_not_in_the_tree() {
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("wire cut"))
        }
    }
    let test = store();
    let mut writer = test.store.new_tree().unwrap();
    let error = writer.add("a".parse().unwrap(), false, Breaks).unwrap_err();
    assert_eq!(error.code(), "store_content");
    writer.add("a".parse().unwrap(), false, &b"whole"[..]).unwrap();
    assert_eq!(writer.finish().unwrap().files().len(), 1);
    test.assert_no_temp_files();
}

#[test]
fn a_single_top_level_folder_is_removed_from_the_paths() {
    let test = store();
    let paths = |files: &[(&str, &str)]| {
        let tree = tree(&test.store, files).unwrap();
        assert!(tree.files().iter().all(|file| tree.path().join(file.path.as_str()).is_file()));
        tree.files().iter().map(|file| file.path.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(paths(&[("hello-1/plugin.yaml", ""), ("hello-1/src/lib.rs", "")]), "plugin.yaml src/lib.rs");
    assert_eq!(paths(&[("a/plugin.yaml", ""), ("b/x", "")]), "a/plugin.yaml b/x");
    assert_eq!(paths(&[("plugin.yaml", ""), ("a/x", "")]), "a/x plugin.yaml");
    assert_eq!(paths(&[("a/a/x", "")]), "a/x");
}

#[test]
fn a_tree_needs_one_manifest_at_its_root() {
    let test = store();
    let code = |files: &[(&str, &str)]| tree(&test.store, files).unwrap().manifest_text().map_err(|e| e.code());
    assert_eq!(code(&[("plugin.yml", "id: b"), ("x", "")]), Ok(b"id: b".to_vec()));
    assert_eq!(code(&[("plugin.yml", ""), ("plugin.yaml", "")]), Err("store_two_manifests"));
    assert_eq!(code(&[("a/plugin.yaml", ""), ("b", "")]), Err("store_no_manifest"));
    let packed_twice = tree(&test.store, &[("hello-1.0.0.ZIP", "")]).unwrap().manifest_text().unwrap_err().to_string();
    assert!(packed_twice.ends_with("unpack it and load the inner archive"), "{packed_twice}");
    let whole =
        tree(&test.store, &[("plugin.yaml", ""), ("a/src/x", ""), ("b/plugin.yml", ""), ("b/src/x", "")]).unwrap();
    for (folder, hint) in [
        ("a/src", "hint: the root of the source has one: leave `path` out"),
        ("b/src", "hint: there is one in `b/`: name that folder, or `load` with --path b"),
    ] {
        let error = whole.below(&folder.parse().unwrap()).unwrap().manifest_text().unwrap_err().to_string();
        assert!(error.ends_with(hint), "{error}");
    }
    let error = tree(&test.store, &[("a/plugin.yaml", ""), ("b", "")]).unwrap().manifest_text().unwrap_err();
    assert!(error.to_string().contains("`a`, `b`"), "{error}");
    let hint = |files| tree(&test.store, files).unwrap().manifest_text().unwrap_err().to_string();
    let go = hint(&[("main.go", ""), ("go.mod", "")]);
    assert!(go.contains("this is a Go plugin; port it to Rust, see docs/authoring.md"), "{go}");
    let both = hint(&[("main.go", ""), ("Cargo.toml", "")]);
    assert!(both.contains("put a `plugin.yaml` at the root"), "{both}");
    for name in ["Plugin.yaml", "PLUGIN.YML", "plugin.yaml.txt"] {
        let misnamed = tree(&test.store, &[(name, "")]).unwrap().manifest_text().unwrap_err().to_string();
        assert!(misnamed.ends_with(&format!("hint: rename `{name}` to `plugin.yaml`")), "{misnamed}");
    }
    for part in ["objects/pack/x", "description"] {
        let bare = tree(&test.store, &[("HEAD", ""), ("config", ""), (part, "")]).unwrap();
        let bare = bare.manifest_text().unwrap_err().to_string();
        assert!(bare.ends_with("bare git repository: run `git clone` with its path, and load the clone"), "{bare}");
    }
    let empty = tree(&test.store, &[]).unwrap_err().to_string();
    assert!(empty.contains("`git submodule update --init` fills the folder"), "{empty}");
}

#[test]
fn a_damaged_index_is_reported_and_a_new_fetch_replaces_it() {
    let test = store();
    let files = [("plugin.yaml", "id: a"), ("b", "")];
    let digest = tree(&test.store, &files).unwrap().digest();
    let index = test.store.0.layout.tree_index(&digest);
    atomic::write(&index, b"[]", 0o444).unwrap();
    let error = test.store.tree(&digest).unwrap_err();
    assert_eq!(error.code(), "store_corrupt");
    assert!(error.to_string().contains(&digest.hex()), "{error}");
    assert_eq!(tree(&test.store, &files).unwrap().digest(), digest);
    assert!(test.store.tree(&digest).unwrap().is_some());
}
