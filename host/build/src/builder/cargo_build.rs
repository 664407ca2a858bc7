//! A build that runs cargo: slot, work folder, cargo, artifact.

use std::sync::atomic::Ordering;

use host_core::Digest;
use host_core::manifest::{Build, Profile};
use host_store::{Artifact, Provenance, Tree};

use super::{Inner, blocking};
use crate::cargo::{Lines, Run};
use crate::cargo_toml::Package;
use crate::slots::Slot;
use crate::work::Work;
use crate::{Error, lock_file, schema, sdk};

/// The message for builds that wait for the warm-up. tests/bench/README.md has the measurement: a build of the SDK
/// takes 30 s on two cores.
const WARMING_UP: &str =
    "note: the SDK is compiled first, once for this toolchain, which takes about half a minute on two cores";

/// The files stored beside a library and its manifest.
pub(super) struct Kept {
    pub(super) schemas: schema::Schemas,
    pub(super) provenance: Provenance,
}

impl Inner {
    /// Keeps other hosts with the same build cache out of a slot's target folder until the file is dropped.
    pub(super) async fn lock_target(&self, slot: usize) -> Result<std::fs::File, Error> {
        let (store, toolchain, timeout) = (self.store.clone(), self.targets(), self.config.queue_timeout);
        let locked = blocking(move || Ok(store.lock_target(&toolchain, slot)?));
        tokio::time::timeout(timeout, locked).await.unwrap_or(Err(Error::QueueTimeout { timeout }))
    }

    /// Waits for a slot, and passes on the output of the warm-up in the meantime.
    async fn take_slot(&self, lines: Lines<'_>) -> Result<Slot, Error> {
        let mut warm_up = self.warm_up_lines.subscribe();
        if self.slots.is_busy() {
            lines(if self.is_open.load(Ordering::Acquire) { "waiting for a build slot" } else { WARMING_UP });
        }
        let mut slot = std::pin::pin!(self.slots.take());
        loop {
            tokio::select! {
                slot = &mut slot => return slot,
                line = warm_up.recv() => {
                    if let Ok(line) = line {
                        lines(&line);
                    }
                }
            }
        }
    }

    pub(super) async fn run_cargo(
        &self,
        tree: &Tree,
        build: &Build,
        package: &Package,
        fingerprint: Digest,
        Kept { schemas, provenance }: Kept,
        lines: Lines<'_>,
    ) -> Result<Artifact, Error> {
        let slot = self.take_slot(lines).await?;
        let mut locked = self.lock_target(slot.index).await?;
        let name = if self.config.development {
            format!("development of {}", provenance.source)
        } else {
            // Another host may build the same plugin in another slot.
            format!("{fingerprint} in slot {}", slot.index)
        };
        let (name, is_kept) = (Digest::compute(name.as_bytes()), self.config.development);
        // The lock is held to the end.
        let (work, sdk, _locked) = {
            let (store, tree, package) = (self.store.clone(), tree.clone(), package.clone());
            let work = move || {
                let work = if is_kept {
                    Work::keep(&store, &name, &tree, &package, &mut locked)?
                } else {
                    Work::copy(&store, &name, &tree, &package)?
                };
                Ok((work, sdk::materialise(&store)?, locked))
            };
            blocking(work).await?
        };
        let locked = work.lock_file(package);
        if locked.is_empty() {
            lines("note: the plugin has no Cargo.lock, so cargo uses the newest versions of its dependencies");
        }
        let usual = if self.config.development { Profile::Dev } else { Profile::Release };
        if let Some(note) = package.profiles.note(build.profile, usual) {
            lines(&note);
        }
        let target = self.store.target_dir(&self.targets(), slot.index);
        let run = Run {
            config: &self.config,
            store: &self.store,
            work: work.path(),
            package,
            build,
            sdk: &sdk,
            target: &target,
        };
        let ran = self.counts.cargo_run(run.go(lines)).await;
        let artifact = match ran.library {
            Ok(library) => {
                report_changes(&locked, &work.lock_file(package), lines);
                let (store, tree) = (self.store.clone(), tree.clone());
                let keep = move || {
                    let artifact = store.put_artifact(&library, &tree.manifest_text()?, schemas.kept(), &provenance)?;
                    store.remember(&fingerprint, &artifact)?;
                    Ok(artifact)
                };
                blocking(keep).await
            }
            Err(error) => Err(error),
        };
        if !self.config.development {
            run.clean(ran.own).await;
        }
        artifact
    }
}

/// Reports if cargo could not keep the versions of the plugin's Cargo.lock.
fn report_changes(before: &str, after: &str, lines: Lines<'_>) {
    let mut changes = lock_file::changes(before, after);
    if !before.is_empty() && !changes.is_empty() {
        // The SDK is the usual reason, so it is listed before its own dependencies.
        changes.sort_by_key(|change| !change[1..].starts_with("plugin-sdk"));
        let shown = changes[..changes.len().min(10)].join(", ");
        let n_more = changes.len().saturating_sub(10);
        lines(&format!("note: Cargo.lock did not fit the SDK of this host; cargo changed {shown} and {n_more} more"));
    }
}
