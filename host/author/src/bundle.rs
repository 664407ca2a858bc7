//! Bundles: a plugins.yaml with the sources that another host cannot fetch, in one ZIP archive.
//!
//! ```text
//! plugins.yaml
//! sources/<plugin-id>/    the files of a plugin's source
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use host_client::{Bundle, BundledSource, Failure};
use host_core::TreePath;
use host_fetch::{ArchiveLimits, ArchiveWriter, TOP_FOLDER};
use host_store::{Tree, atomic};

use crate::blocking;
use crate::config::AuthorConfig;
use crate::pack::is_special;
use crate::workshop::Workshop;

const LIMITS: ArchiveLimits =
    ArchiveLimits { max_archive_bytes: 256 << 20, max_entries: 10_000, max_unpacked_bytes: 256 << 20, max_ratio: 200 };
const FILE: &str = "plugins.yaml";
const SOURCES: &str = "sources";

/// Writes a bundle and reads it as `plan` does, so that it is known to be usable.
///
/// # Errors
/// The file cannot be written, or the bundle is larger than a bundle may be.
pub async fn write_bundle(bundle: Bundle, output: PathBuf, config: AuthorConfig) -> Result<(), Failure> {
    let workshop = Workshop::without_cache(config)?;
    blocking(move || {
        let failed = |error: std::io::Error| {
            Failure::from_error(format!("failed to write `{}`", output.display()), &error)
                .fix("set --bundle to a file in an existing folder")
        };
        if is_special(&output) {
            let what = format!("`{}` exists and is not a regular file", output.display());
            return Err(Failure::usage(what).fix("select another file with --bundle"));
        }
        let path = workshop.scratch().join("bundle.zip");
        let mut writer = ArchiveWriter::new(File::create_new(&path).map_err(failed)?);
        writer.add(FILE, false, false, bundle.text.as_bytes()).map_err(failed)?;
        for BundledSource { folder, archive } in &bundle.sources {
            let source = unpack(&workshop, archive)?;
            writer
                .add_tree(folder, &source)
                .map_err(|error| Failure::from_error("failed to write the bundle", &error))?;
        }
        drop(writer.finish().map_err(failed)?);
        unpack(&workshop, &path)?;
        let bytes = std::fs::read(&path).map_err(failed)?;
        // The error names the temporary file beside the output.
        atomic::write(&output, &bytes, 0o600).map_err(|error| failed(error.kind().into()))
    })
    .await
}

/// Reads a bundle, by the rules for archives of plugins, and writes an archive of each source in it.
///
/// # Errors
/// The file is not a bundle, or exceeds the limits.
pub async fn read_bundle(path: PathBuf, config: AuthorConfig) -> Result<Bundle, Failure> {
    let workshop = Workshop::without_cache(config)?;
    blocking(move || {
        let tree = unpack(&workshop, &path)?;
        let shown = path.display();
        let file: TreePath = FILE.parse().expect("it is a plain name");
        if !tree.files().iter().any(|found| found.path == file) {
            let failure = Failure::usage(format!("`{shown}` is an archive without `{FILE}`, so it is not a bundle"));
            return Err(failure.fix(
                "`plugin-host export --bundle FILE` writes a bundle; to load a plugin from an archive, use `plugin-host load`",
            ));
        }
        let refused = |error: &(dyn std::error::Error + 'static)| Failure::from_error("failed to read the bundle", error);
        let text = tree.read(&file, host_core::PluginSet::MAX_BYTES as u64).map_err(|error| refused(&error))?;
        let text = String::from_utf8(text).map_err(|error| refused(&error))?;
        let mut sources = vec![];
        for (number, folder) in folders(&tree).into_iter().enumerate() {
            let Some(source) = tree.below(&folder) else { continue };
            let archive = workshop.scratch().join(format!("source-{number}.zip"));
            let mut writer = ArchiveWriter::new(File::create_new(&archive).map_err(|error| refused(&error))?);
            writer.add_tree(TOP_FOLDER, &source).map_err(|error| refused(&error))?;
            drop(writer.finish().map_err(|error| refused(&error))?);
            sources.push(BundledSource { folder: folder.to_string(), archive });
        }
        Ok(Bundle { text, sources, guard: Some(Box::new(workshop)) })
    })
    .await
}

/// Returns the folders with a source.
fn folders(tree: &Tree) -> BTreeSet<TreePath> {
    let folder = |path: &TreePath| {
        let (id, _) = path.as_str().strip_prefix(SOURCES)?.strip_prefix('/')?.split_once('/')?;
        format!("{SOURCES}/{id}").parse().ok()
    };
    tree.files().iter().filter_map(|file| folder(&file.path)).collect()
}

fn unpack(workshop: &Workshop, path: &Path) -> Result<Tree, Failure> {
    let fetched = host_fetch::unpack(&workshop.store, &LIMITS, path);
    let refused = |error: host_fetch::Error| {
        Failure::from_error("failed to read the bundle", &error)
            .fix("write it again with `plugin-host export --bundle FILE`; a bundle has at most 10000 files and 256 MiB")
    };
    Ok(fetched.map_err(refused)?.tree)
}
