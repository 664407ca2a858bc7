//! Archives of other programs.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use host_fetch::{ArchiveLimits, unpack};

use super::{listing, names, place};

/// Runs a program in `folder`; `None` when the machine does not have it.
#[expect(clippy::disallowed_methods, reason = "a test compares with other programs")]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?).any(|path| path.join(program).exists());
    if !found {
        return None;
    }
    let output = std::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

fn source_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("tree/src")).unwrap();
    for (name, text) in [
        ("plugin.yaml", "id: hello\n".to_owned()),
        ("src/lib.rs", "//! x\n".repeat(1000)),
        ("run.sh", "#!/bin/sh\n".to_owned()),
    ] {
        File::create(folder.path().join("tree").join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
    fs::set_permissions(folder.path().join("tree/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn assert_is_the_folder(writer: &str, archive: &Path) {
    let place = place();
    let tree =
        unpack(&place.store, &ArchiveLimits::default(), archive).unwrap_or_else(|e| panic!("{writer}: {e}")).tree;
    assert_eq!(names(&tree), "plugin.yaml run.sh src/lib.rs", "{writer}");
    assert_eq!(listing(&tree)["src/lib.rs"].0, "//! x\n".repeat(1000), "{writer}");
    assert!(listing(&tree)["run.sh"].1, "{writer} keeps the permission to run");
}

#[test]
fn archives_of_other_writers_are_accepted() {
    let folder = source_folder();
    let tree = folder.path().join("tree");
    let out = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut n_writers = 0;
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        run(&tree, "git", &[&who[..], arguments].concat())
    };
    if git(&["init", "--quiet", "."]).is_some() {
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "x"]);
        for (name, prefix) in [("git.zip", ""), ("github.zip", "--prefix=hello-1.0.0/")] {
            let output = format!("--output={}", out(name).display());
            let prefix: &[&str] = if prefix.is_empty() { &[] } else { &[prefix] };
            git(&[&["archive", "--format=zip", &output], prefix, &["HEAD"]].concat());
            assert_is_the_folder("git archive", &out(name));
            n_writers += 1;
        }
        fs::remove_dir_all(tree.join(".git")).unwrap();
    }
    let to_file = "import shutil; shutil.make_archive('../python', 'zip', '.')";
    if run(&tree, "python3", &["-c", to_file]).is_some() {
        assert_is_the_folder("python", &out("python.zip"));
        // A writer that cannot go back puts sizes behind the data.
        let to_pipe = "
import sys, zipfile, os
class Pipe:
    def write(self, b): return sys.stdout.buffer.write(b)
    def flush(self): sys.stdout.buffer.flush()
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as z:
    for name in ['plugin.yaml', 'src/lib.rs', 'run.sh']: z.write(name)
";
        let bytes = run(&tree, "python3", &["-c", to_pipe]).unwrap();
        File::create(out("piped.zip")).unwrap().write_all(&bytes).unwrap();
        assert_is_the_folder("python to a pipe", &out("piped.zip"));
        n_writers += 2;
    }
    let path = out("info.zip").display().to_string();
    if run(&tree, "zip", &["-q", "-r", &path, "."]).is_some() {
        assert_is_the_folder("Info-ZIP", &out("info.zip"));
        let bytes = run(&tree, "zip", &["-q", "-r", "-D", "-", "plugin.yaml", "src", "run.sh"]).unwrap();
        File::create(out("info-piped.zip")).unwrap().write_all(&bytes).unwrap();
        assert_is_the_folder("Info-ZIP to a pipe", &out("info-piped.zip"));
        n_writers += 2;
    }
    if run(&tree, "zip", &["-q", "../inner.zip", "run.sh"]).is_some() {
        // Info-ZIP stores files with the name of an archive without compression.
        fs::rename(out("inner.zip"), tree.join("data.zip")).unwrap();
        let path = out("with-inner.zip").display().to_string();
        run(&tree, "zip", &["-q", "-r", &path, "."]).unwrap();
        let place = place();
        let fetched = unpack(&place.store, &ArchiveLimits::default(), &out("with-inner.zip")).unwrap();
        assert_eq!(names(&fetched.tree), "data.zip plugin.yaml run.sh src/lib.rs");
        fs::remove_file(tree.join("data.zip")).unwrap();
    }
    let path = out("seven.zip").display().to_string();
    if run(&tree, "7z", &["a", "-bd", &path, "."]).is_some() {
        assert_is_the_folder("7-Zip", &out("seven.zip"));
        n_writers += 1;
    }
    assert!(n_writers > 0, "this machine has none of git, python3, zip and 7z");
}
