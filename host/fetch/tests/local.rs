//! Folders, prebuilt libraries and archives on this machine.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

#[path = "support/store.rs"]
mod store;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::Source;
use host_fetch::{Config, Error, Fetched, Trust, fetch, folder_of};
use host_store::{Store, Tree, TreeLimits};
use store::open_store;

struct Place {
    store: Store,
    folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { store: open_store(folder.path(), TreeLimits::default()), folder }
}

impl Place {
    fn write(&self, files: &[&str]) -> PathBuf {
        for name in files {
            let path = self.folder.path().join("source").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().write_all(name.as_bytes()).unwrap();
        }
        self.folder.path().join("source")
    }

    fn fetch(&self, source: &Source, trust: Trust, config: &Config) -> Result<Fetched, Error> {
        let result = fetch(&self.store, config, source, trust, &Arc::default());
        assert_eq!(fs::read_dir(self.store.plugin_dir().join("tmp")).unwrap().count(), 0, "temporary files are left");
        result
    }

    fn tree(&self, path: &Path) -> Result<Tree, Error> {
        let source = path.to_str().unwrap().parse().unwrap();
        self.fetch(&source, Trust::CommandLine, &Config::default()).map(|fetched| fetched.tree)
    }

    fn refused(&self, path: &Path, code: &str, evidence: &str) {
        let error = self.tree(path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(evidence), "`{error}` does not name `{evidence}`");
        assert_eq!(self.store.usage().unwrap().trees, 0);
    }
}

fn names(tree: &Tree) -> String {
    tree.files().iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ")
}

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
fn links_are_followed_to_files_of_the_folder_and_others_are_left_out_with_a_warning() {
    let place = place();
    let source = place.write(&["plugin.yaml", "LICENSE", "doc/a.md", ".git/config", ".cargo/config"]);
    let outside = place.folder.path().join("outside");
    File::create(&outside).unwrap();
    let absolute = source.join("LICENSE").display().to_string();
    let outside = outside.display().to_string();
    for (link, target) in [
        ("doc/LICENSE", "../LICENSE"),
        ("again", "doc/LICENSE"),
        ("folder", "doc"),
        ("through", "folder/a.md"),
        ("absolute", absolute.as_str()),
        ("outside", outside.as_str()),
        ("up", "../outside"),
        ("circle", "circle"),
        ("gone", "absent"),
        ("git", ".git/config"),
        ("build", ".cargo/config"),
    ] {
        symlink(target, source.join(link)).unwrap();
    }
    let fetched = place.fetch(&Source::Folder(source), Trust::CommandLine, &Config::default()).unwrap();
    assert_eq!(names(&fetched.tree), "LICENSE again doc/LICENSE doc/a.md plugin.yaml through");
    assert_eq!(fetched.tree.read(&"again".parse().unwrap(), 9).unwrap(), b"LICENSE");
    let [_, links] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    assert!(links.contains("`build -> .cargo/config`, `circle -> circle`"), "{links}");
    assert!(links.contains("3 more, because a link is followed only to a file of the source"), "{links}");
}

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

#[test]
fn a_library_is_copied_with_the_manifest_beside_it() {
    let place = place();
    let source = place.write(&["libhello.so", "other.txt"]);
    let library = source.join("libhello.so");
    place.refused(&library, "fetch_no_manifest", "libhello.so");
    place.write(&["plugin.yml"]);
    assert_eq!(names(&place.tree(&library).unwrap()), "libhello.so plugin.yml");

    let link = source.join("link.so");
    symlink("/etc/passwd", &link).unwrap();
    let error = place.tree(&link).unwrap_err();
    assert_eq!(error.code(), "fetch_not_a_file");
    assert!(error.to_string().contains("is a symbolic link, not a regular file; hint: name the file that"), "{error}");
    assert_eq!(place.tree(&source.join("absent.so")).unwrap_err().code(), "fetch_nothing_there");
    fs::remove_file(source.join("plugin.yml")).unwrap();
    symlink("/etc/passwd", source.join("plugin.yaml")).unwrap();
    assert_eq!(place.tree(&library).unwrap_err().code(), "fetch_not_a_file");
}

#[test]
fn a_library_is_copied_with_the_schema_named_in_its_manifest() {
    let place = place();
    let source = place.write(&["libhello.so", "schemas/config.json", "other.json"]);
    let library = source.join("libhello.so");
    let with_schema = |schema: &str| {
        let manifest = format!(
            "id: hello\nname: A\nversion: 1.0.0\ndescription: d\nauthor: a\nconfiguration_schema: {schema}\n\
             endpoints:\n  - {{path: /hello, method: GET, handler: Hello}}\n"
        );
        fs::remove_file(source.join("plugin.yaml")).ok();
        File::create(source.join("plugin.yaml")).unwrap().write_all(manifest.as_bytes()).unwrap();
        let tree = place.tree(&library).map_err(|error| error.code())?;
        assert_eq!(tree.manifest_text().unwrap(), manifest.as_bytes());
        Ok::<_, &str>(names(&tree))
    };
    symlink("/etc", source.join("link")).unwrap();
    symlink("/etc/passwd", source.join("passwd.json")).unwrap();
    for (schema, expected) in [
        ("schemas/config.json", Ok("libhello.so plugin.yaml schemas/config.json")),
        ("schemas/absent.json", Ok("libhello.so plugin.yaml")),
        ("other.json/config.json", Ok("libhello.so plugin.yaml")),
        ("../source/other.json", Ok("libhello.so plugin.yaml")),
        ("plugin.yaml", Ok("libhello.so plugin.yaml")),
        ("libhello.so", Ok("libhello.so plugin.yaml")),
        ("link/passwd", Ok("libhello.so plugin.yaml")),
        ("passwd.json", Err("fetch_not_a_file")),
        ("schemas", Err("fetch_not_a_file")),
    ] {
        assert_eq!(with_schema(schema).as_deref(), expected.as_ref().copied(), "{schema}");
    }
}

#[test]
fn over_http_sources_must_lie_below_the_roots() {
    let place = place();
    let source = place.write(&["plugin.yaml", "libx.so", "x.zip"]);
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    File::create(outside.join("plugin.yaml")).unwrap();
    File::create(outside.join("libx.so")).unwrap();
    symlink(&outside, source.join("door")).unwrap();
    let config = Config { source_roots: vec![source.clone()], ..Config::default() };
    let code = |text: String, config: &Config| match place.fetch(&text.parse().unwrap(), Trust::Http, config) {
        Ok(_) => "fetched",
        Err(error) => error.code(),
    };
    let path = |name: &str| source.join(name).display().to_string();
    fs::create_dir(source.join("plugin")).unwrap();
    File::create(source.join("plugin/plugin.yaml")).unwrap();
    for (text, expected) in [
        (path("plugin"), "fetched"),
        (path("libx.so"), "fetched"),
        (path("x.zip"), "fetch_zip_no_end"),
        (path("absent"), "fetch_nothing_there"),
        (path("door"), "fetch_outside_roots"),
        (path("door/libx.so"), "fetch_outside_roots"),
        (path("../outside"), "fetch_outside_roots"),
        (path("../absent"), "fetch_outside_roots"),
        ("/etc/absent".to_owned(), "fetch_outside_roots"),
        ("/etc".to_owned(), "fetch_outside_roots"),
    ] {
        assert_eq!(code(text.clone(), &config), expected, "{text}");
        // Without roots, no path at all.
        assert_eq!(code(text, &Config::default()), "fetch_outside_roots");
    }
    assert!(place.tree(&source.join("door")).is_ok(), "the command line may follow a link to a source");
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
