//! Folders: the files that become the tree, and warnings about files that are left out.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use host_core::Source;
use host_fetch::{Config, Trust, fetch};

use super::store::{names, place};

#[test]
fn a_folder_becomes_a_tree_without_what_does_not_belong() {
    let place = place();
    let source = place.write(&[
        "plugin.yaml",
        "Cargo.toml",
        "src/lib.rs",
        "src/target/mod.rs",
        "run.sh",
        ".gitignore",
        ".git/config",
        "sub/.git",
        "target/release/libx.so",
        ".cargo/config.toml",
        "rust-toolchain.toml",
    ]);
    fs::set_permissions(source.join("run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    let tree = place.tree(&source).unwrap();
    // Each file holds its own name, so the `.gitignore` excludes itself.
    assert_eq!(names(&tree), "Cargo.toml plugin.yaml run.sh src/lib.rs src/target/mod.rs");
    assert_eq!(tree.files().iter().filter(|file| file.executable).count(), 1);
    assert_eq!(tree.digest(), place.tree(&source.join("src/..")).unwrap().digest());
}

#[test]
fn files_excluded_by_gitignore_and_of_other_programs_are_left_out() {
    let place = place();
    let source = place.write(&[
        "plugin.yaml",
        "Cargo.toml",
        "Cargo.lock",
        "src/lib.rs",
        "src/keep.log",
        "notes.log",
        ".cargo/config.toml",
        "secret/key",
        "sub/a.tmp",
        "sub/keep/a.tmp",
        "a.tmp",
        "lib.so",
        "node_modules/.bin/tool",
        "web/node_modules/x.js",
        ".venv/bin/python",
        "__pycache__/x.pyc",
        ".hg/x",
        ".svn/x",
    ]);
    let write = |name: &str, text: &str| File::create(source.join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    write(".gitignore", "*.log\n!keep.log\n/.cargo/config.toml\n/secret/\nCargo.lock\nplugin.yaml\n*.so\n");
    write("sub/.gitignore", "*.tmp\n!keep/*.tmp\n");
    let fetched = place.fetch(&Source::Folder(source), Trust::CommandLine, &Config::default()).unwrap();
    let expected = ".gitignore Cargo.lock Cargo.toml a.tmp lib.so plugin.yaml src/keep.log src/lib.rs sub/.gitignore \
                    sub/keep/a.tmp";
    assert_eq!(names(&fetched.tree), expected);
    assert_eq!(fetched.warnings, Vec::<String>::new());
    let [ignored] = &fetched.notes[..] else { panic!("{:?}", fetched.notes) };
    let named = "left out of the source: `notes.log`, `secret`, `sub/a.tmp`, because a `.gitignore`";
    assert!(ignored.starts_with(named), "{ignored}");
}

/// A host that was run in the folder of a plugin has its tokens and keys there.
#[test]
fn folders_of_hosts_and_caches_are_left_out_of_a_folder_with_a_warning() {
    let place = place();
    let source = place.write(&[
        "plugin.yaml",
        "CACHEDIR.TAG",
        "src/lib.rs",
        "cache/operator.token",
        "cache/state.db",
        "deep/data/seal.key",
        "deep/data/trees/1/plugin.yaml",
        "build_cache/CACHEDIR.TAG",
        "build_cache/target/x",
    ]);
    std::os::unix::fs::symlink("cache/operator.token", source.join("a-link")).unwrap();
    std::os::unix::fs::symlink("../build_cache/target/x", source.join("src/b-link")).unwrap();
    let fetched = place.fetch(&Source::Folder(source), Trust::CommandLine, &Config::default()).unwrap();
    assert_eq!(names(&fetched.tree), "CACHEDIR.TAG plugin.yaml src/lib.rs");
    let [host, links, cache] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    assert!(host.contains("`cache`, `deep/data`, because the data of a host"), "{host}");
    assert!(links.contains("`a-link -> cache/operator.token`, `src/b-link -> "), "{links}");
    assert!(cache.contains("`build_cache`, because a CACHEDIR.TAG"), "{cache}");
}

/// Compares with git, where it is installed.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test compares with git")]
fn a_gitignore_means_what_it_means_to_git() {
    let git = |folder: &Path, arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).current_dir(folder).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let names = ["a", "b.log", "target", "x1", "x-y", "[b]", "ab", "build", "a b", "é", "#h", "!n"];
    let rules = [
        "*.log",
        "/a",
        "a/",
        "**/b.log",
        "x[0-9]",
        "x[!0-9]y",
        "target/**",
        "?b",
        "\\#h",
        "\\!n",
        "!target/x1",
        "build*",
        "a/**/x1",
        "[[]b]",
        "*",
        "!*/",
        "!b.log",
        "a\\ b",
        "é",
        "x?y",
        "**",
        "/*/a",
        "a/*",
    ];
    for seed in 0..40_usize {
        let place = place();
        let mut files: Vec<String> = names.iter().map(|name| format!("top/{name}")).collect();
        for (n, name) in names.iter().enumerate() {
            files.push(format!("d{}/{name}", n % 3));
            files.push(format!("target/{name}"));
            files.push(format!("d1/a.d/{name}"));
        }
        files.extend(["plugin.yaml".to_owned(), "x1".to_owned(), "b.log".to_owned()]);
        let source = place.write(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let chosen: Vec<_> = (0..4).map(|n| rules[(seed * 7 + n * 5 + n * seed) % rules.len()]).collect();
        File::create(source.join(".gitignore")).unwrap().write_all(chosen.join("\n").as_bytes()).unwrap();
        if git(&source, &["init", "--quiet", "."]).is_none() {
            return;
        }
        let listed = ["-c", "core.excludesFile=/dev/null", "-c", "core.quotePath=false"];
        let listed = [&listed[..], &["ls-files", "--others", "--exclude-standard"]].concat();
        let mut expected: Vec<_> = git(&source, &listed).unwrap().lines().map(str::to_owned).collect();
        expected.push("plugin.yaml".to_owned());
        expected.sort();
        expected.dedup();
        let tree = place.tree(&source).unwrap();
        let mut found: Vec<_> = tree.files().iter().map(|file| file.path.to_string()).collect();
        found.sort();
        assert_eq!(found, expected, "{chosen:?}");
    }
}

#[test]
fn code_that_reads_the_folder_of_the_plugin_at_run_time_is_named() {
    let place = place();
    let source = place.write(&["plugin.yaml", "Cargo.toml", "build.rs", "tests/a.rs", "src/lib.rs", "src/tests.rs"]);
    let code = "fn page() {\n    std::fs::read(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/page.html\"));\n}\n";
    for path in ["build.rs", "tests/a.rs", "src/tests.rs"] {
        File::create(source.join(path)).unwrap().write_all(code.as_bytes()).unwrap();
    }
    let fetch = || place.fetch(&Source::Folder(source.clone()), Trust::CommandLine, &Config::default()).unwrap();
    assert_eq!(fetch().warnings, Vec::<String>::new());
    File::create(source.join("src/lib.rs")).unwrap().write_all(code.as_bytes()).unwrap();
    let [warning] = &fetch().warnings[..] else { panic!("no warning") };
    assert!(warning.starts_with("`CARGO_MANIFEST_DIR` is used in `src/lib.rs:2`, and names"), "{warning}");
}

#[test]
fn the_path_to_a_plugin_may_name_or_leave_out_a_single_folder_at_the_top() {
    let place = place();
    let source = place.write(&["plugins/a/plugin.yaml", "plugins/b/plugin.yaml"]);
    for path in ["plugins/a", "a"] {
        let part: Source = format!("{}#path={path}", source.display()).parse().unwrap();
        let fetched = place.fetch(&part, Trust::CommandLine, &Config::default()).unwrap();
        assert_eq!(fetched.tree.folder().unwrap().as_str(), "plugins/a");
    }
    let part: Source = format!("{}#path=b/a", source.display()).parse().unwrap();
    let error = place.fetch(&part, Trust::CommandLine, &Config::default()).unwrap_err();
    assert!(error.to_string().contains("these folders have a plugin.yaml: `plugins/a`, `plugins/b`"), "{error}");
}

#[test]
fn an_upload_is_found_by_its_id() {
    let place = place();
    let source = place.write(&["plugin.yaml"]);
    let tree = place.tree(&source).unwrap();
    let id = place.store.put_upload(&tree, &[]).unwrap();
    let fetched = place.fetch(&Source::Upload(id), Trust::Http, &Config::default()).unwrap();
    assert_eq!((fetched.tree.digest(), fetched.commit), (tree.digest(), None));
    let absent = place.fetch(&Source::Upload("upload_x".to_owned()), Trust::Http, &Config::default()).unwrap_err();
    assert_eq!(absent.code(), "fetch_no_such_upload");
}

#[test]
fn a_cancelled_walk_ends() {
    let place = place();
    let source = place.write(&["plugin.yaml"]);
    let cancelled = Arc::new(true.into());
    let error =
        fetch(&place.store, &Config::default(), &Source::Folder(source), Trust::CommandLine, &cancelled).unwrap_err();
    assert_eq!(error.code(), "fetch_cancelled");
}
