//! `pack`: creates a reproducible archive of a plugin.

mod list;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use host_core::manifest::{Checksums, Manifest};
use host_core::{Digest, Size, TreePath};
use host_fetch::{ArchiveWriter, Fetched, TOP_FOLDER};
use host_run::Error;
use host_store::{Tree, TreeFile, atomic};
use serde_json::json;
use tempfile::TempPath;

use crate::args::Pack;
use crate::config::AuthorConfig;
use crate::failure::operation_failure;
use crate::workshop::Workshop;
use crate::{blocking, until_a_signal};
use host_client::Failure;
use host_client::output::text::{bytes, shell_word};
use host_client::output::{self, Table};

/// Packs a plugin's folder.
///
/// # Errors
/// A host would refuse the plugin, or the archive cannot be written.
pub async fn pack(args: Pack, config: AuthorConfig) -> Result<(), Failure> {
    until_a_signal(pack_now(args, config)).await
}

/// Packs a folder into a temporary file, for an upload. `path` is the plugin's folder inside of it, if the plugin is
/// not at its root; the whole folder is packed then, too, because the build may need its other files.
///
/// # Errors
/// A host would refuse the plugin, or the file cannot be written.
pub async fn pack_for_upload(
    folder: PathBuf,
    path: Option<TreePath>,
    config: AuthorConfig,
) -> Result<TempPath, Failure> {
    let workshop = Workshop::without_cache(config)?;
    let (tree, manifest, mut warnings) = read(&workshop, &folder, path).await?;
    let packing = blocking(move || {
        let packed = Packed::new(&workshop, &tree, manifest, "")?;
        let failed = |error: std::io::Error| Failure::from_error("failed to write a temporary archive", &error);
        let file = tempfile::Builder::new().prefix("plugin-host-").suffix(".zip").tempfile().map_err(failed)?;
        let path = file.into_temp_path();
        atomic::write(&path, &packed.bytes, 0o600).map_err(failed)?;
        Ok::<_, Failure>((path, packed.warnings))
    });
    let (path, more) = packing.await?;
    warnings.extend(more);
    warnings.iter().for_each(|warning| output::error_line(&format!("warning: {warning}")));
    Ok(path)
}

/// Reads and checks the plugin of a folder. Returns the warnings, too.
async fn read(
    workshop: &Workshop,
    folder: &Path,
    path: Option<TreePath>,
) -> Result<(Tree, Manifest, Vec<String>), Failure> {
    let source = workshop.source(folder)?;
    let source = match path {
        Some(path) => source.inside(path).map_err(|error| Failure::usage(error.to_string()))?,
        None => source,
    };
    let refused = |error: Error| operation_failure("failed to pack the plugin", &error);
    let Fetched { tree, mut warnings, .. } = workshop.fetch(source).await.map_err(refused)?;
    let checked = workshop.check(&tree).map_err(refused)?;
    warnings.extend(checked.warnings.iter().map(ToString::to_string));
    Ok((tree, checked.manifest, warnings))
}

async fn pack_now(args: Pack, config: AuthorConfig) -> Result<(), Failure> {
    let workshop = Workshop::without_cache(config)?;
    let (tree, manifest, mut warnings) = read(&workshop, &args.folder, None).await?;
    let output = args.output.unwrap_or_else(|| PathBuf::from(archive_name(&manifest)));
    let name = output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_output(&output)?;

    let packed = blocking(move || {
        let packed = Packed::new(&workshop, &tree, manifest, &name)?;
        let failed =
            |error: std::io::Error| Failure::from_error(format!("failed to write `{}`", output.display()), &error);
        atomic::write(&output, &packed.bytes, 0o644)
            .map_err(|error| failed(error).fix("select another file with --output"))?;
        Ok::<_, Failure>((packed, output, workshop.serve.max_upload_bytes))
    });
    let (packed, output, max_upload_bytes) = packed.await?;
    warnings.extend(packed.warnings);
    let n_bytes = packed.bytes.len() as u64;
    if n_bytes > max_upload_bytes {
        warnings.push(format!(
            "the archive is larger than `max_upload_bytes` ({}), so it cannot be uploaded",
            Size::new(max_upload_bytes)
        ));
    }
    let digest = Digest::compute(&packed.bytes);
    let file = output.display().to_string();
    if args.json {
        let answer = json!({
            "file": file, "bytes": n_bytes, "sha256": digest.to_string(), "files": packed.n_files, "warnings": warnings,
        });
        output::raw(answer.to_string().as_bytes());
        return Ok(());
    }
    for warning in warnings {
        output::error_line(&format!("warning: {warning}"));
    }
    let mut table = Table::new();
    table.row(["file", &file]);
    table.row(["size", &bytes(n_bytes)]);
    table.row(["sha256", &digest.hex()]);
    table.row(["files", &packed.n_files.to_string()]);
    output::table(&table);
    output::line(&format!("\nnext:\n  plugin-host load {}", shell_word(&file)));
    Ok(())
}

/// Refuses an output path that would overwrite a device or a folder, or that `load` would not accept.
fn check_output(output: &Path) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::usage(why).fix("select another file with --output"));
    if output.extension().is_none_or(|extension| extension != "zip") {
        return refused(format!("`{}` does not end in `.zip`, as the name of an archive must", output.display()));
    }
    if is_special(output) {
        return refused(format!("`{}` exists and is not a regular file", output.display()));
    }
    Ok(())
}

/// Returns whether a path is a device, pipe, link or folder, which an output must not replace.
pub(crate) fn is_special(output: &Path) -> bool {
    std::fs::symlink_metadata(output).is_ok_and(|found| !found.is_file())
}

/// An archive that was verified by unpacking it as a host does.
struct Packed {
    bytes: Vec<u8>,
    n_files: usize,
    warnings: Vec<String>,
}

impl Packed {
    /// Packs the tree of a plugin. If it is a folder of a larger tree, the larger tree is packed below [`TOP_FOLDER`],
    /// because the build may need its other files. `output` is the name of the archive, which must not contain itself.
    fn new(workshop: &Workshop, tree: &Tree, mut manifest: Manifest, output: &str) -> Result<Packed, Failure> {
        let mut warnings = vec![];
        let failed =
            |error: &(dyn std::error::Error + 'static)| Failure::from_error("failed to pack the plugin", error);
        // The list of checksums is generated again.
        manifest.checksums = Checksums::default();
        let left_out: Vec<&TreeFile> = tree.files().iter().filter(|file| is_archive(file, &manifest, output)).collect();
        let files: Vec<_> = tree.files().iter().filter(|file| !left_out.contains(file)).collect();
        for file in &left_out {
            warnings.push(format!("`{}` is skipped because it is an archive of this plugin", file.path));
        }
        let code = host_build::inspect(tree, &manifest)
            .map_err(|error| operation_failure("failed to pack the plugin", &Error::Build(error)))?;
        let is_lock = |file: &TreeFile| file.path.as_str() == "Cargo.lock";
        let has_lock = files.iter().any(|file| is_lock(file)) || tree.whole().files().iter().any(is_lock);
        if matches!(code, host_build::Code::Crate { .. }) && !has_lock {
            warnings.push(
                "Cargo.lock is missing, so each host uses the newest versions of the dependencies; \
                run `cargo generate-lockfile` to create it"
                    .to_owned(),
            );
        }
        let text = tree.manifest_text().map_err(|error| failed(&error))?;
        let text = match list::with_checksums(&text, &manifest, &files, workshop.run.mode)? {
            Some(text) => text,
            None => {
                warnings.push("the checksums of all files do not fit into plugin.yaml, so they are omitted".to_owned());
                list::without_checksums(&text, &manifest, workshop.run.mode)?
            }
        };
        let below = tree.folder().map_or_else(String::new, |folder| format!("{folder}/"));
        let mut writer = ArchiveWriter::new(Cursor::new(vec![]));
        let mut n_files = 0;
        for file in tree.whole().files() {
            let in_plugin = file.path.as_str().strip_prefix(&below);
            if in_plugin.is_some_and(|path| left_out.iter().any(|file| file.path.as_str() == path)) {
                continue;
            }
            let content = if in_plugin.is_some_and(is_manifest) {
                text.clone()
            } else {
                tree.whole().read(&file.path, file.bytes).map_err(|error| failed(&error))?
            };
            let path = match tree.folder() {
                Some(_) => format!("{TOP_FOLDER}/{}", file.path),
                None => file.path.to_string(),
            };
            writer.add(&path, file.executable, &content).map_err(|error| failed(&error))?;
            n_files += 1;
        }
        let bytes = writer.finish().map_err(|error| failed(&error))?.into_inner();
        read_again(workshop, &bytes, tree.folder())
            .map_err(|error| operation_failure("the archive would be refused by a host", &error))?;
        Ok(Packed { bytes, n_files, warnings })
    }
}

/// Unpacks and checks an archive as a host does.
fn read_again(workshop: &Workshop, bytes: &[u8], folder: Option<&TreePath>) -> Result<(), Error> {
    let path = workshop.scratch().join("archive.zip");
    atomic::write(&path, bytes, 0o600).map_err(|error| host_build::Error::Io {
        action: "write",
        path: path.clone(),
        source: error,
    })?;
    let whole = host_fetch::unpack(&workshop.store, &workshop.run.fetch.archive, &path)?.tree;
    let tree = host_fetch::folder_of(&whole, "the archive", folder)?;
    let checked = workshop.check(&tree)?;
    host_build::inspect(&tree, &checked.manifest)?;
    Ok(())
}

fn archive_name(manifest: &Manifest) -> String {
    format!("{}-{}.zip", manifest.id, manifest.version)
}

/// Returns whether a file is an archive written by this command, now or for another version.
fn is_archive(file: &TreeFile, manifest: &Manifest, output: &str) -> bool {
    let name = file.path.as_str();
    let version = name.strip_prefix(manifest.id.as_str()).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".zip"));
    Path::new(name).extension().is_some_and(|extension| extension == "zip")
        && (name == output || version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())))
}

fn is_manifest(path: &str) -> bool {
    matches!(path, "plugin.yaml" | "plugin.yml")
}
