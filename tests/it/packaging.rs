//! The files in `packaging`: the image is built from the files that the Containerfile copies. `tests/package` tests the
//! Debian package, `tests/image` builds the image.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::plugins::{files, repository};

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// Returns the files and folders of the repository that the Containerfile copies.
fn copied() -> BTreeSet<String> {
    let containerfile = read("packaging/Containerfile");
    let copies = containerfile.lines().filter_map(|line| line.strip_prefix("COPY ")?.rsplit_once(' '));
    let copies = copies.filter(|(from, _)| !from.starts_with("--from"));
    copies.flat_map(|(from, _)| from.split(' ')).map(str::to_owned).collect()
}

#[test]
fn the_image_build_gets_all_files_that_the_program_includes() {
    let (kept, copied) = (read(".dockerignore"), copied());
    for name in &copied {
        assert!(kept.lines().any(|line| line == format!("!{name}")), "{name} is not in .dockerignore");
    }
    let mut n_found = 0;
    for (path, bytes) in files(&repository().join("host")) {
        let text = String::from_utf8_lossy(&bytes);
        for included in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let place = repository().join("host").join(&path).parent().unwrap().join(included);
            let place = place.canonicalize().unwrap_or_else(|error| panic!("{path} includes {included}: {error}"));
            let place = place.strip_prefix(repository().canonicalize().unwrap()).unwrap().to_owned();
            let top = place.components().next().unwrap().as_os_str().to_str().unwrap();
            assert!(copied.contains(top), "packaging/Containerfile does not copy {top}, which {path} includes");
            n_found += usize::from(top != "host");
        }
    }
    assert!(n_found > 0, "nothing outside of host is included: this test looks for the wrong word");
}

/// Returns the standard error of `cargo metadata` in a folder with only these parts of the repository.
fn cargo_metadata_with(parts: &BTreeSet<String>) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for part in parts {
        let from = repository().join(part);
        let copy = |path: &Path, bytes: &[u8]| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        if from.is_dir() {
            files(&from).iter().for_each(|(path, bytes)| copy(&folder.path().join(part).join(path), bytes));
        } else {
            copy(&folder.path().join(part), &std::fs::read(&from).unwrap());
        }
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform"]).arg(host_triple());
    let output = cargo.current_dir(folder.path()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Returns the platform of this machine. Crates that only other platforms use may not have been downloaded.
fn host_triple() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

#[test]
fn the_image_build_gets_all_crates_of_the_workspace() {
    let mut parts = copied();
    cargo_metadata_with(&parts).unwrap();
    assert!(parts.remove("plugin-sdk"));
    assert!(cargo_metadata_with(&parts).is_err(), "this test finds no missing crate");
}

#[test]
fn the_image_has_the_oldest_compiler_that_the_workspace_accepts() {
    let version = |path: &str, key: &str| {
        let text = read(path);
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_matches('"').to_owned()
    };
    assert_eq!(version("packaging/Containerfile", "ARG RUST_VERSION="), version("Cargo.toml", "rust-version = "));
}
