//! The other ZIP readers of this machine, and the comparison of what they see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Extracts each `N.zip` with the command in `$READ` into `N.READER`; `N.READER.read` says that the command succeeded.
const EACH: &str = r#"for a in *.zip; do o="${a%.zip}.$READER"; mkdir "$o"; (eval "$READ") </dev/null >/dev/null 2>&1 && : >"$o.read"; done; :"#;

/// The readers: a name, the programs that can be it, and a shell command that reads `$a` into `$o` with `$PROGRAM`.
const READERS: [(&str, &[&str], &str); 6] = [
    // Status 1: something was odd, and all files were extracted.
    ("unzip", &["unzip"], r#"unzip -qq -o "$a" -d "$o"; [ $? -le 1 ]"#),
    ("7-zip", &["7zz", "7z"], r#"$PROGRAM x -y -bd -o"$o" "$a"; [ $? -le 1 ]"#),
    ("bsdtar", &["bsdtar"], r#"bsdtar -x -f "$a" -C "$o""#),
    ("bsdtar-stream", &["bsdtar"], r#"cat "$a" | bsdtar -x -f - -C "$o""#),
    ("busybox", &["busybox"], r#"busybox unzip -q -o "$a" -d "$o""#),
    ("python", &["python3"], ""),
];

const PYTHON: &str = "
import os, zipfile
for name in filter(lambda name: name.endswith('.zip'), os.listdir('.')):
    out = name[:-4] + '.python'
    os.mkdir(out)
    try:
        with zipfile.ZipFile(name) as archive:
            archive.extractall(out)
    except Exception: continue
    open(out + '.read', 'w').close()
";

const JAVA: &str = r#"
import java.io.*; import java.nio.file.*; import java.util.*; import java.util.zip.*;
class Readers {
    static void put(Path out, ZipEntry entry, InputStream data) throws IOException {
        Path to = out.resolve(entry.getName()).normalize();
        if (!to.startsWith(out)) throw new IOException("outside");
        if (entry.isDirectory()) { Files.createDirectories(to); return; }
        Files.createDirectories(to.getParent());
        Files.write(to, data.readAllBytes());
    }
    interface Read { void into(Path out) throws Exception; }
    static void read(String name, String reader, Read read) throws IOException {
        Path out = Path.of(name.replace(".zip", "." + reader));
        Files.createDirectory(out);
        try { read.into(out); } catch (Exception e) { return; }
        Files.createFile(Path.of(out + ".read"));
    }
    public static void main(String[] args) throws IOException {
        for (String name : new File(".").list((dir, file) -> file.endsWith(".zip"))) {
            read(name, "java", out -> {
                try (ZipFile archive = new ZipFile(name)) {
                    for (ZipEntry entry : Collections.list(archive.entries())) put(out, entry, archive.getInputStream(entry));
                }
            });
            read(name, "java-stream", out -> {
                try (ZipInputStream archive = new ZipInputStream(new FileInputStream(name))) {
                    for (ZipEntry entry; (entry = archive.getNextEntry()) != null; ) put(out, entry, archive);
                }
            });
        }
    }
}
"#;

/// Archives, each with the files that the host sees in it.
pub(crate) struct Contest {
    folder: tempfile::TempDir,
    names: Vec<String>,
}

impl Contest {
    pub(crate) fn new() -> Contest {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("all")).unwrap();
        Contest { folder, names: vec![] }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn n_archives(&self) -> usize {
        self.names.len()
    }

    /// Adds an archive that the host accepts; `copy` copies the files that the host sees.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8], copy: impl FnOnce(&Path)) {
        let number = self.names.len();
        fs::write(self.all().join(format!("{number}.zip")), bytes).unwrap();
        copy(&self.all().join(format!("{number}.host")));
        self.names.push(name.to_owned());
    }

    /// Lets each reader of this machine extract all archives, and compares its files with those of the host. Returns
    /// how many archives each reader has read.
    pub(crate) fn compare(&self) -> BTreeMap<&'static str, usize> {
        let mut n_read = BTreeMap::new();
        for reader in self.extract() {
            let mut n = 0;
            for (number, name) in self.names.iter().enumerate() {
                let place = |reader: &str| self.all().join(format!("{number}.{reader}"));
                if place(&format!("{reader}.read")).exists() {
                    n += 1;
                    assert_eq!(files(&place(reader)), files(&place("host")), "{reader} reads another tree: {name}");
                }
            }
            n_read.insert(reader, n);
        }
        n_read
    }

    fn extract(&self) -> Vec<&'static str> {
        let (mut there, mut missing) = (vec![], vec![]);
        for (reader, programs, read) in READERS {
            let Some(program) = programs.iter().find(|program| is_installed(program)) else {
                missing.push(reader);
                continue;
            };
            let mut command = if reader == "python" {
                let mut command = Command::new("python3");
                command.args(["-c", PYTHON]);
                command
            } else {
                let mut command = Command::new("sh");
                command.args(["-c", EACH]).envs([("READER", reader), ("PROGRAM", program), ("READ", read)]);
                command
            };
            self.run(&mut command);
            there.push(reader);
        }
        if is_installed("javac") {
            let source = self.path().join("Readers.java");
            fs::write(&source, JAVA).unwrap();
            self.run(Command::new("java").arg(&source));
            there.extend(["java", "java-stream"]);
        } else {
            missing.push("java");
        }
        if !missing.is_empty() {
            eprintln!("left out, because they are not installed: {}", missing.join(", "));
        }
        there
    }

    fn run(&self, command: &mut Command) {
        let output = command.current_dir(self.all()).env("LC_ALL", "C.UTF-8").output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn all(&self) -> PathBuf {
        self.path().join("all")
    }
}

fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|path| path.join(program).exists()))
}

/// The files below a folder. Readers decode characters beyond ASCII with several encodings, so a run of them is `?`.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let content = if kind.is_file() { fs::read(&path).unwrap() } else { b"not a file".to_vec() };
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let mut shown = String::new();
            for c in name.chars() {
                if c.is_ascii() {
                    shown.push(c);
                } else if !shown.ends_with('?') {
                    shown.push('?');
                }
            }
            files.insert(shown, String::from_utf8_lossy(&content).into_owned());
        }
    }
    files
}
