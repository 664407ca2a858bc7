//! Writes tables with the files of the SDK and of the template, so that the program without other files can build and
//! create plugins.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The files that a plugin needs of the SDK: manifests, code, and included files. Not its tests.
const PARTS: [&str; 9] = [
    "Cargo.toml",
    "README.md",
    "src",
    "abi/Cargo.toml",
    "abi/README.md",
    "abi/src",
    "macros/Cargo.toml",
    "macros/README.md",
    "macros/src",
];

/// The files of a new plugin. `cargo-generate.toml` is only for cargo-generate, which skips it as well.
const TEMPLATE: [&str; 6] = [".gitignore", "Cargo.toml", "README.md", "plugin.yaml", "src", "tests"];

fn main() -> io::Result<()> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name));
    let (sdk, out) = (folder("CARGO_MANIFEST_DIR")?.join("../../plugin-sdk").canonicalize()?, folder("OUT_DIR")?);
    table(&sdk, &PARTS, &out.join("sdk_files.rs"))?;
    table(&sdk.join("template"), &TEMPLATE, &out.join("template_files.rs"))
}

fn table(root: &Path, parts: &[&str], out: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for part in parts {
        let path = root.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, &mut files)?;
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(root).map_err(io::Error::other)?;
        let _ = writeln!(table, "    ({name:?}, include_bytes!({file:?})),");
    }
    table.push_str("]\n");
    fs::File::create(out)?.write_all(table.as_bytes())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Editors create hidden files beside the real ones.
        if !entry.file_name().to_string_lossy().starts_with('.') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}
