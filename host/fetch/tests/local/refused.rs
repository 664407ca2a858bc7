//! Paths and files that are refused, with the message and its hint.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use host_core::Source;
use host_fetch::{Config, Trust, folder_of};
use host_store::TreeLimits;

use super::store::{names, place};

#[test]
fn paths_that_lead_nowhere_are_a_matter_of_the_caller() {
    let place = place();
    let source = place.write(&["plugin.yaml"]);
    symlink("circle", source.join("circle")).unwrap();
    let long = "x".repeat(256);
    for (path, evidence) in [
        (long.clone(), "at most 255 bytes"),
        (format!("{long}/a.so"), "at most 255 bytes"),
        (format!("{long}.zip"), "at most 255 bytes"),
        ("circle".to_owned(), "circle"),
        ("circle/a.so".to_owned(), "circle"),
        ("circle/a.zip".to_owned(), "circle"),
        ("plugin.yaml/x".to_owned(), "a part of the path is a file"),
        ("plugin.yaml/x.so".to_owned(), "a part of the path is a file"),
        ("plugin.yaml/x.zip".to_owned(), "a part of the path is a file"),
    ] {
        place.refused(&source.join(&path), "fetch_unreadable", evidence);
        let config = Config { source_roots: vec![source.clone()], ..Config::default() };
        let source = source.join(&path).display().to_string().parse().unwrap();
        assert_eq!(place.fetch(&source, Trust::Http, &config).unwrap_err().code(), "fetch_unreadable", "{path}");
    }
}

#[test]
fn pointers_of_git_lfs_are_refused_in_the_plugin_and_named_elsewhere() {
    let place = place();
    let source = place.write(&["plugin.yaml", "plugins/a/plugin.yaml"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    for n in 0..6 {
        File::create(source.join(format!("{n}.png"))).unwrap().write_all(pointer.as_bytes()).unwrap();
    }
    let error = place.tree(&source).unwrap_err();
    assert_eq!(error.code(), "fetch_lfs_pointers");
    assert!(error.to_string().contains("`3.png`, `4.png`, 1 more; hint: run `git lfs pull`"), "{error}");
    let part: Source = format!("{}#path=plugins/a", source.display()).parse().unwrap();
    let fetched = place.fetch(&part, Trust::CommandLine, &Config::default()).unwrap();
    let [warning] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    assert!(warning.contains("`4.png`, 1 more; hint: run `git lfs pull`"), "{warning}");
}

#[test]
fn the_empty_folder_of_a_submodule_is_named() {
    let place = place();
    let source = place.write(&["Cargo.toml"]);
    fs::create_dir_all(source.join("plugins/a")).unwrap();
    let text = "[submodule \"a\"]\n\tpath = plugins/a\n\turl = https://example.com/a\n";
    File::create(source.join(".gitmodules")).unwrap().write_all(text.as_bytes()).unwrap();
    for (path, is_submodule) in [("plugins/a", true), ("plugins/a/sub", true), ("plugins/ab", false)] {
        let part: Source = format!("{}#path={path}", source.display()).parse().unwrap();
        let error = place.fetch(&part, Trust::CommandLine, &Config::default()).unwrap_err();
        assert_eq!(error.code(), "fetch_no_folder", "{error}");
        assert_eq!(
            error.to_string().ends_with("hint: it is a git submodule: run `git submodule update --init`"),
            is_submodule
        );
    }
}

#[test]
fn a_folder_with_too_many_files_is_refused_before_one_is_copied() {
    let place = place();
    let max_files = TreeLimits::default().max_files;
    let source = place.write(&["plugin.yaml"]);
    let folder = source.join("many");
    fs::create_dir(&folder).unwrap();
    for n in 0..max_files {
        File::create(folder.join(n.to_string())).unwrap();
    }
    place.refused(&source, "store_too_many_files", "`plugin.yaml` exceeds the limit");
    fs::remove_file(folder.join("0")).unwrap();
    assert_eq!(place.tree(&source).unwrap().files().len(), max_files);
}

#[test]
fn special_files_are_refused_by_name() {
    let place = place();
    let source = place.write(&["plugin.yaml", "sub/x"]);
    let inside = source.join("sub/odd");
    let socket = std::os::unix::net::UnixListener::bind(&inside).unwrap();
    place.refused(&source, "fetch_special_file", "`sub/odd` is a socket");
    drop(socket);
    fs::remove_file(&inside).unwrap();

    rustix::fs::mkfifoat(rustix::fs::CWD, &inside, 0o600.into()).unwrap();
    place.refused(&source, "fetch_special_file", "`sub/odd` is a pipe");
    fs::remove_file(&inside).unwrap();

    File::create(source.join(std::ffi::OsStr::from_bytes(b"a\xff"))).unwrap();
    place.refused(&source, "fetch_name", "not UTF-8");
    fs::remove_file(source.join(std::ffi::OsStr::from_bytes(b"a\xff"))).unwrap();

    File::create(source.join("a\nb")).unwrap();
    place.refused(&source, "fetch_name", "control");
}

#[test]
fn a_missing_path_or_a_file_instead_of_a_folder_is_reported() {
    let place = place();
    let source = place.write(&["plugin.yaml"]);
    place.refused(&source.join("absent"), "fetch_nothing_there", "absent");
    let meant =
        format!("`plugin.yaml` is a file, not a folder; hint: name the plugin's folder: `{}`", source.display());
    place.refused(&source.join("plugin.yaml"), "fetch_not_a_folder", meant.split_once('`').unwrap().1);
    rustix::fs::mkfifoat(rustix::fs::CWD, source.join("pipe"), 0o600.into()).unwrap();
    place.refused(
        &source.join("pipe"),
        "fetch_not_a_folder",
        "is a pipe, not a folder; hint: name the plugin's folder,",
    );
    fs::rename(source.join("pipe"), source.join("pipe.zip")).unwrap();
    place.refused(&source.join("pipe.zip"), "fetch_not_a_file", "is a pipe, not a regular file; hint: name");
    fs::remove_file(source.join("pipe.zip")).unwrap();
    fs::create_dir(source.join("hello")).unwrap();
    for name in ["helo", "Hello"] {
        let near = format!("did you mean `{}`?", source.join("hello").display());
        place.refused(&source.join(name), "fetch_nothing_there", &near);
    }
    place.refused(&source.join("absent.zip"), "fetch_nothing_there", "absent.zip");
    place.refused(&source.join("~/hello"), "fetch_nothing_there", "only a shell expands `~` and `$`");
    place.refused(&source.join("$HOME/hello"), "fetch_nothing_there", "only a shell expands `~` and `$`");
    fs::create_dir(source.join("folder.zip")).unwrap();
    place.refused(
        &source.join("folder.zip"),
        "fetch_not_a_file",
        "is a folder, not a regular file; hint: rename the folder",
    );
    place.refused(
        &source.join(r"C:\plugins\hello"),
        "fetch_nothing_there",
        r"on the host's machine, the folders of a path are separated by `/`, not by `\`",
    );
    let empty = place.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    place.refused(&empty, "store_empty_tree", "no files");
}

#[test]
fn a_folder_inside_a_plugin_is_refused_with_the_folder_of_the_plugin() {
    let place = place();
    let source = place.write(&["hello/plugin.yaml", "hello/src/lib.rs", "hello/src/a/b/c/d.rs"]);
    place.write(&["other/src/lib.rs", "hello/examples/a/plugin.yaml"]);
    let plugin = source.join("hello");
    for folder in ["src", "src/a", "src/a/b"] {
        let hint = format!("hint: name the folder of the plugin: `{}`", plugin.display());
        place.refused(&plugin.join(folder), "fetch_no_manifest", &hint);
    }
    assert_eq!(names(&place.tree(&plugin.join("src/a/b/c")).unwrap()), "d.rs", "too far above");
    assert_eq!(names(&place.tree(&plugin.join("examples")).unwrap()), "plugin.yaml");
    assert_eq!(names(&place.tree(&source.join("other/src")).unwrap()), "lib.rs");
}

#[test]
fn a_missing_folder_is_refused_with_the_folders_that_have_a_manifest() {
    let place = place();
    let refused = |files: &[&str], path: &str| {
        let source = place.write(files);
        let tree = place.tree(&source).unwrap();
        let refused = folder_of(&tree, "the archive", Some(&path.parse().unwrap())).unwrap_err().to_string();
        fs::remove_dir_all(source).unwrap();
        refused
    };
    for (files, path, hint) in [
        (&["plugin.yaml", "src/lib.rs"][..], "top", "its root has a plugin.yaml: leave `path` out"),
        (&["a/plugin.yaml", "b/plugin.yaml"], "c", "these folders have a plugin.yaml: `a`, `b`"),
        (&["a/plugin.yaml", "b/plugin.yaml"], "top/b", "a single folder at the top of an archive is left out: use `b`"),
        (&["a/x", "b/x"], "c", "no folder has a plugin.yaml; add one"),
    ] {
        assert_eq!(refused(files, path), format!("the archive has no folder `{path}`; hint: {hint}"));
    }
}
