//! Writes a table of the SDK's files with their contents, so that the host can hand the SDK to the builds of plugins.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a plugin needs of the SDK: its manifests, its code, and what the code may include. Not its own tests.
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

fn main() -> io::Result<()> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name));
    let sdk = folder("CARGO_MANIFEST_DIR")?.join("../../plugin-sdk").canonicalize()?;
    let mut files = Vec::new();
    for part in PARTS {
        let path = sdk.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, &mut files)?;
        }
    }
    files.sort();

    let mut table = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&sdk).map_err(io::Error::other)?;
        let _ = writeln!(table, "    ({name:?}, include_bytes!({file:?})),");
    }
    table.push_str("]\n");
    fs::File::create(folder("OUT_DIR")?.join("sdk_files.rs"))?.write_all(table.as_bytes())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Editors leave hidden files beside the real ones.
        if !entry.file_name().to_string_lossy().starts_with('.') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}
