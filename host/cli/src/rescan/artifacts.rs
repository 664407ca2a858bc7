//! Checks the stored artifacts: intact, missing, damaged, or unreferenced.

use std::collections::BTreeSet;

use host_core::manifest::Mode;
use host_core::{Digest, Manifest};
use host_store::Store;

use super::failed;
use super::report::{ArtifactState, Report, Unused};
use host_client::Failure;

/// Reads and hashes all artifacts and adds the result to the report.
pub(super) async fn look_at(store: &Store, report: &mut Report) -> Result<(), Failure> {
    let store = store.clone();
    let mut looked = std::mem::take(report);
    let done = tokio::task::spawn_blocking(move || {
        let mut used = BTreeSet::new();
        for pick in looked.plugins.iter_mut().flat_map(|plugin| &mut plugin.picks) {
            pick.artifact_is = artifact_state(&store, &pick.artifact);
            used.insert(pick.artifact);
        }
        let stored = store.artifacts()?;
        looked.unused = stored.iter().filter(|digest| !used.contains(*digest)).map(|d| unused(&store, d)).collect();
        Ok::<Report, host_store::Error>(looked)
    });
    let done = done.await.map_err(|error| failed("read the artifacts", &error))?;
    *report = done.map_err(|error| failed("list the artifacts", &error))?;
    Ok(())
}

fn artifact_state(store: &Store, digest: &Digest) -> ArtifactState {
    match store.artifact(digest) {
        Ok(Some(_)) => ArtifactState::Whole,
        Ok(None) => ArtifactState::Missing,
        Err(_) => ArtifactState::Damaged,
    }
}

fn unused(store: &Store, digest: &Digest) -> Unused {
    let artifact = store.artifact(digest).ok().flatten();
    let checked = artifact.as_ref().map(|artifact| Manifest::check(artifact.manifest_text(), Mode::Permissive));
    let manifest = checked.and_then(Result::ok).map(|checked| checked.manifest);
    Unused {
        digest: *digest,
        plugin: manifest.as_ref().map(|manifest| manifest.id.to_string()),
        version: manifest.map(|manifest| manifest.version.to_string()),
        source: artifact.as_ref().map(|artifact| artifact.provenance().source.clone()),
        is_damaged: artifact.is_none(),
    }
}
