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

/// Writes a bundle, after checking that it can be read again.
///
/// # Errors
/// The file cannot be written, or the bundle exceeds the limits.
pub async fn write_bundle(bundle: Bundle, output: PathBuf, config: AuthorConfig) -> Result<(), Failure> {
    let workshop = Workshop::without_cache(config)?;
    blocking(move || {
        let what = format!("failed to write the bundle `{}`", output.display());
        let failed = |error: std::io::Error| {
            Failure::from_error(&*what, &error).fix("set --bundle to a file in an existing folder")
        };
        let too_large = |error: host_fetch::Error| {
            let fix = "load the plugins with the largest sources from repositories, which another host can fetch";
            Failure::from_error(&*what, &error).fix(fix)
        };
        if is_special(&output) {
            let what = format!("`{}` exists and is not a regular file", output.display());
            return Err(Failure::usage(what).fix("select another file with --bundle"));
        }
        let path = workshop.scratch().join("bundle.zip");
        let mut writer = ArchiveWriter::new(File::create_new(&path).map_err(failed)?);
        writer.add(FILE, false, bundle.text.as_bytes()).map_err(failed)?;
        for BundledSource { folder, archive } in &bundle.sources {
            let source = unpack(&workshop, archive).map_err(too_large)?;
            writer.add_tree(folder, &source).map_err(|error| Failure::from_error(&*what, &error))?;
        }
        drop(writer.finish().map_err(failed)?);
        unpack(&workshop, &path).map_err(too_large)?;
        let bytes = std::fs::read(&path).map_err(failed)?;
        atomic::write(&output, &bytes, 0o600).map_err(failed)
    })
    .await
}

/// Reads a bundle by the rules for plugin archives, and writes one archive for each source in the bundle.
///
/// # Errors
/// The file is not a bundle, or exceeds the limits.
pub async fn read_bundle(path: PathBuf, config: AuthorConfig) -> Result<Bundle, Failure> {
    let workshop = Workshop::without_cache(config)?;
    blocking(move || {
        let shown = path.display();
        let what = format!("failed to read the bundle `{shown}`");
        let refused = |error: &(dyn std::error::Error + 'static)| Failure::from_error(&*what, error);
        let no_bundle = || {
            let failure = Failure::usage(format!("`{shown}` is an archive without `{FILE}`, so it is not a bundle"));
            failure.fix(
                "`plugin-host export --bundle FILE` writes a bundle; to load a plugin from an archive, use `plugin-host load`",
            )
        };
        // A plugins.yaml may be a link, and so may a bundle. `unpack` follows no link.
        let place = path.canonicalize().map_err(|error| refused(&error))?;
        let tree = match unpack(&workshop, &place) {
            Ok(tree) => tree,
            Err(host_fetch::Error::Store(host_store::Error::EmptyTree)) => return Err(no_bundle()),
            Err(error) => {
                let fix = "write the bundle again with `plugin-host export --bundle FILE`";
                return Err(refused(&error).fix(fix));
            }
        };
        let file: TreePath = FILE.parse().expect("it is a plain name");
        if !tree.files().iter().any(|found| found.path == file) {
            return Err(no_bundle());
        }
        let text = tree.read(&file, host_core::PluginSet::MAX_BYTES as u64).map_err(|error| refused(&error))?;
        let text = String::from_utf8(text).map_err(|error| refused(&error))?;
        let mut sources = vec![];
        let folders: BTreeSet<_> = tree.files().iter().filter_map(|file| source_folder(&file.path)).collect();
        for (number, folder) in folders.into_iter().enumerate() {
            let Some(source) = tree.below(&folder) else { continue };
            let archive = workshop.scratch().join(format!("source-{number}.zip"));
            let mut writer = ArchiveWriter::new(File::create_new(&archive).map_err(|error| refused(&error))?);
            writer.add_tree(TOP_FOLDER, &source).map_err(|error| refused(&error))?;
            drop(writer.finish().map_err(|error| refused(&error))?);
            sources.push(BundledSource { folder: folder.to_string(), archive });
        }
        let is_other = |path: &&TreePath| **path != file && source_folder(path).is_none();
        let others = tree.files().iter().map(|file| &file.path).filter(is_other).map(ToString::to_string).collect();
        Ok(Bundle { text, sources, others, guard: Some(Box::new(workshop)) })
    })
    .await
}

/// Returns the folder of the source that a file belongs to.
fn source_folder(path: &TreePath) -> Option<TreePath> {
    let (id, _) = path.as_str().strip_prefix(SOURCES)?.strip_prefix('/')?.split_once('/')?;
    format!("{SOURCES}/{id}").parse().ok()
}

fn unpack(workshop: &Workshop, path: &Path) -> Result<Tree, host_fetch::Error> {
    host_fetch::unpack(&workshop.store, &LIMITS, path).map(|fetched| fetched.tree)
}
