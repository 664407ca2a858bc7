//! Files of a plugin project.

use std::fs;
use std::path::Path;

use host_client::Failure;
use host_store::atomic;

/// Writes a file and creates its folder if necessary.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Failure::from_error(format!("failed to write `{}`", path.display()), &error);
    fs::create_dir_all(folder).map_err(failed)?;
    atomic::write(path, bytes, 0o644).map_err(failed)
}
