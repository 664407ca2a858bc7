//! Bundles: a ZIP archive with a plugins.yaml and the sources that another host cannot fetch.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use host_core::Source;
use host_core::plugin_set::{self, PluginSet};

use super::refused;
use crate::client::{ApiRequest, Client};
use crate::config::{Archives, Bundle, BundledSource};
use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::output::text::{printable, shell_word};
use crate::screen::Screen;

/// Maximum size of the archive of one source, which is also the maximum of a bundle.
const MAX_SOURCE_BYTES: u64 = 256 << 20;
/// The number of unused files in a warning.
const MAX_NAMES: usize = 5;

/// Writes the state of the host and the sources that another host cannot fetch.
pub(super) async fn write(
    client: &Client,
    output: PathBuf,
    archives: &Archives<'_>,
    screen: &Screen,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::from_error("failed to write a temporary file", &error);
    let text = client.request(ApiRequest::get("/api/plugins/export?bundle=true")).await?.body;
    let set = plugin_set::read(&text).map_err(|problems| refused("the host's plugins.yaml", &problems))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let temporary = tempfile::Builder::new().prefix("plugin-host-").tempdir().map_err(failed)?;
    let mut sources = vec![];
    for entry in &set.plugins {
        let (Some(folder), Some(id)) = (bundled(entry.source.place()), &entry.id) else { continue };
        let spinner = screen.spinner(&format!("fetching the source of `{id}`"), false);
        let archive = temporary.path().join(format!("{id}.zip"));
        client.download(&format!("/api/plugins/{id}/source"), &archive, MAX_SOURCE_BYTES).await?;
        drop(spinner);
        sources.push(BundledSource { folder, archive });
    }
    let (n_plugins, n_sources) = (set.plugins.len(), sources.len());
    (archives.write_bundle)(Bundle { text, sources, others: vec![], guard: None }, output.clone()).await?;
    let shown = output.display();
    output::error_line(&format!("wrote `{shown}`: {n_plugins} plugins, {n_sources} of them with their source"));
    let file = shell_word(&shown.to_string());
    output::error_line(&format!("next: plugin-host apply -f {file} --url URL-OF-ANOTHER-HOST"));
    Ok(())
}

/// Returns whether a file is meant as a bundle and not as a plugins.yaml: by its name, or because it starts as a ZIP
/// archive does, also an empty one.
pub(super) fn is_bundle(path: &Path) -> bool {
    if input::is_stdin(path) || !path.is_file() {
        return false;
    }
    let mut start = [0; 4];
    let is_read = |mut file: File| file.read_exact(&mut start).is_ok();
    let is_archive = File::open(path).is_ok_and(is_read) && matches!(&start, b"PK\x03\x04" | b"PK\x05\x06");
    is_archive || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"))
}

/// Reads a bundle and uploads its sources.
pub(super) async fn upload(
    client: &Client,
    path: &Path,
    archives: &Archives<'_>,
    screen: &Screen,
) -> Result<PluginSet, Failure> {
    let Bundle { text, sources, others, guard } = (archives.read_bundle)(path.to_owned()).await?;
    let name = path.display().to_string();
    let mut set = plugin_set::read(text.as_bytes()).map_err(|problems| refused(&name, &problems))?;
    let listed: BTreeSet<_> = set.plugins.iter().filter_map(|entry| bundled(entry.source.place())).collect();
    let unlisted = sources.iter().map(|source| &source.folder).filter(|folder| !listed.contains(*folder));
    let unused = host_core::shown_list(others.iter().chain(unlisted), MAX_NAMES);
    if !unused.is_empty() {
        let warning =
            format!("`{name}` has files that belong to no plugin of its plugins.yaml and are ignored: {unused}");
        output::error_line(&format!("warning: {}", printable(&warning)));
    }
    for entry in &mut set.plugins {
        if matches!(entry.source.place(), Source::Git { .. } | Source::Upload(_)) {
            continue;
        }
        // A bundle of somebody else must not upload files of this machine.
        let folder = bundled(entry.source.place());
        let Some(found) = sources.iter().find(|source| Some(&source.folder) == folder.as_ref()) else {
            let source = entry.source.place();
            let failure = Failure::usage(format!("`{name}` names the source `{source}`, which is not in the bundle"));
            return Err(failure.fix("write the bundle again with `plugin-host export --bundle FILE`"));
        };
        let spinner = screen.spinner(&format!("uploading `{}`", found.folder), false);
        let folder_of_plugin = entry.source.path().map(ToString::to_string);
        let upload = client.upload(&found.archive, folder_of_plugin.as_deref()).await?;
        drop(spinner);
        entry.source = entry.source.clone().map_place(|_| Source::Upload(upload.clone()));
    }
    drop(guard);
    Ok(set)
}

/// Returns the folder of a source in a bundle.
fn bundled(source: &Source) -> Option<String> {
    let Source::Folder(path) = source else { return None };
    let folder = path.to_str()?.trim_start_matches("./");
    folder.starts_with("sources/").then(|| folder.to_owned())
}
