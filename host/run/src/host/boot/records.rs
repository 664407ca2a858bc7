//! The record files beside the state database: they repair the database, and are brought up to date.

use std::collections::BTreeMap;

use host_call::now_unix_ms;
use host_core::{Desired, PluginId};
use host_state::{Change, Damage, Newest, Revision, read_record, write_record};

use crate::model::Error;
use crate::state::Host;

/// The record files: their bytes, and their content or the reason why it cannot be read.
pub(super) type Records = BTreeMap<PluginId, (Vec<u8>, Result<(u64, Desired), String>)>;

/// The desired state after its comparison with the record files.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) revisions: BTreeMap<PluginId, Revision>,
    /// The removed plugins, with the revision of their removal.
    gone: BTreeMap<PluginId, u64>,
    /// The damage that could not be repaired.
    pub(super) lost: Vec<Damage>,
    /// The plugins with a record file that is newer than the state database. The file is left unchanged for an
    /// investigation.
    newer: Vec<PluginId>,
}

impl Host {
    /// Reads the record files. The host can start without them.
    pub(super) async fn records(&self) -> Records {
        let host = self.clone();
        let read = tokio::task::spawn_blocking(move || host.0.store.records()).await;
        let records = match read {
            Ok(Ok(records)) => records,
            Ok(Err(error)) => {
                tracing::warn!(code = error.code(), "failed to read the record files: {error}");
                vec![]
            }
            Err(_) => vec![],
        };
        let known = records.into_iter().map(|(id, bytes)| {
            let read = read_record(&bytes).and_then(|(number, desired)| {
                if desired.id == id {
                    Ok((number, desired))
                } else {
                    Err(format!("it is the record of plugin `{}`", desired.id))
                }
            });
            (id, (bytes, read))
        });
        known.collect()
    }

    /// Compares the state database with the record files. The host writes the database first, so a host that is killed
    /// between the two writes leaves an older file. A newer file is a sign of damage: to the revision with its number,
    /// or to the whole database.
    pub(super) async fn settle_records(&self, newest: Newest, records: &Records) -> Wanted {
        let revisions = newest.revisions.into_iter().map(|revision| (revision.plugin.clone(), revision));
        let mut wanted = Wanted {
            revisions: revisions.collect(),
            gone: newest.gone.into_iter().collect(),
            lost: newest.damaged,
            newer: vec![],
        };
        for (id, (_, record)) in records {
            let Ok((number, desired)) = record else { continue };
            let of_revision = wanted.revisions.get(id).map(|revision| revision.number);
            let known = of_revision.or(wanted.gone.get(id).copied()).unwrap_or(0);
            if *number <= known {
                continue;
            }
            match self.by_number(*number, desired).await {
                Ok(revision) => {
                    wanted.lost.retain(|damage| damage.number != *number);
                    wanted.revisions.insert(id.clone(), revision);
                }
                Err(reason) => {
                    tracing::error!(
                        plugin.id = %id,
                        code = "state_older_than_record",
                        "the state database has revision {known} of plugin `{id}`, but its record file has revision \
                         {number}: {reason}; hint: stop the host and run `plugin-host rescan`, unless an older state \
                         database was restored on purpose"
                    );
                    wanted.newer.push(id.clone());
                }
            }
        }
        // The id in a damaged row may be damaged as well: a plugin that was repaired by number is not lost.
        wanted.lost.retain(|damage| !wanted.revisions.keys().any(|id| id.as_str() == damage.plugin));
        for Damage { plugin, number, reason } in &wanted.lost {
            tracing::error!(
                plugin.id = plugin,
                code = "state_damaged",
                "the desired state of plugin `{plugin}` is damaged (revision {number}: {reason}) and has no record file; \
                 hint: stop the host and run `plugin-host rescan`, or load the plugin again"
            );
        }
        wanted
    }

    /// The revision that a record file names, for a plugin without one in the state database.
    async fn by_number(&self, number: u64, desired: &Desired) -> Result<Revision, String> {
        let id = &desired.id;
        match self.0.state.revision(number).await {
            Ok(Some(revision)) if revision.plugin == *id => {
                tracing::warn!(
                    plugin.id = %id,
                    "the database did not list revision {number} under plugin `{id}`; it was found through the record \
                     file"
                );
                Ok(revision)
            }
            Ok(_) => Err("the state database has no such revision".to_owned()),
            Err(host_state::Error::DamagedRevision { .. }) => {
                let reason = format!("revision {number} was damaged on disk and restored from its record file");
                tracing::warn!(plugin.id = %id, code = "state_damaged", "{reason}");
                let change = Change {
                    plugin: id.clone(),
                    desired: Some(desired.clone()),
                    expected: None,
                    actor: "host".to_owned(),
                    operation: "repair".to_owned(),
                    reason: Some(reason),
                    at_unix_ms: now_unix_ms(),
                };
                let numbers = self.0.state.commit(vec![change.clone()]).await;
                let numbers = numbers.map_err(|error| Error::from(error).chain())?;
                self.0.metrics.revisions.inc();
                let Change { plugin, at_unix_ms, actor, operation, reason, desired, .. } = change;
                let number = numbers.first().copied().unwrap_or_default();
                Ok(Revision { number, plugin, at_unix_ms, actor, operation, reason, desired })
            }
            Err(error) => Err(Error::from(error).chain()),
        }
    }

    /// Brings the record files up to date. A file is removed only if the database contains the removal of its plugin.
    /// If the database does not contain the plugin, the file may be the only remaining copy and is kept.
    pub(super) async fn sync_records(&self, wanted: &Wanted, records: Records) {
        let mut writes = vec![];
        for (id, revision) in &wanted.revisions {
            let Some(desired) = revision.desired.as_ref().filter(|_| !wanted.newer.contains(id)) else { continue };
            let bytes = write_record(revision.number, desired);
            match records.get(id) {
                Some((found, _)) if *found == bytes => continue,
                Some((_, Err(reason))) => {
                    tracing::warn!(plugin.id = %id, "the record file of plugin `{id}` was damaged and is rewritten: {reason}");
                }
                _ => {}
            }
            writes.push((id.clone(), bytes));
        }
        let is_gone = |id: &&PluginId| wanted.gone.contains_key(*id) && !wanted.newer.contains(id);
        let gone: Vec<_> = records.keys().filter(is_gone).cloned().collect();
        let host = self.clone();
        let synced = tokio::task::spawn_blocking(move || {
            writes.iter().try_for_each(|(id, bytes)| host.0.store.put_record(id, bytes))?;
            gone.iter().try_for_each(|id| host.0.store.remove_record(id))
        });
        if let Ok(Err(error)) = synced.await {
            tracing::warn!("failed to update the record files: {error}");
        }
    }
}
