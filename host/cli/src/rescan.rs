//! `rescan`: rebuilds a lost or damaged state database from the records and artifacts in the plugin folder.

mod artifacts;
mod report;

use std::collections::BTreeMap;
use std::path::Path;

use host_call::now_unix_ms;
use host_core::{Desired, Goal, PluginId};
use host_state::{Change, Damage, Newest, State, read_record, write_record};
use host_store::Store;

use crate::args::Rescan;
use crate::config::{self, Configs, Environment, Flags};
use host_client::Failure;
use report::{MovedAside, PluginReport, Report, RescanAction};

/// The readable records: revision number and desired state by plugin.
type Records = BTreeMap<PluginId, (u64, Desired)>;

/// Restores the revisions that only the records contain into the state database, and prints what was restored and what
/// is lost.
///
/// # Errors
/// A host uses the plugin folder; the state database was written by a newer host or cannot be written.
pub(crate) async fn rescan(args: Rescan, environment: &Environment) -> Result<(), Failure> {
    let flags = Flags::default().with("plugin_dir", args.plugin_dir.as_deref());
    let settings = config::read(&flags, environment, args.config.as_deref())?;
    if !settings.plugin_dir().is_dir() {
        let failure = Failure::usage(format!("plugin folder `{}` does not exist", settings.plugin_dir().display()));
        return Err(failure.fix("set --plugin-dir or PLUGIN_DIR to the plugin folder"));
    }
    let store = Store::open(Configs::new(&settings, environment).store).map_err(|error| match error {
        host_store::Error::Locked { path } => {
            let failure = Failure::failed(format!("plugin folder `{}` is in use by a running host", path.display()));
            failure.fix("stop the host first; it would not notice the changes")
        }
        error => failed("open the data folders", &error),
    })?;
    let mut report = Report::default();
    let records = read_records(&store, &mut report)?;
    match State::open_existing(store.plugin_dir()).await {
        Ok(Some(state)) => {
            complete(&store, &state, &records, &mut report).await?;
            state.close().await;
        }
        Ok(None) => make_anew(&store, &records, "it was missing".to_owned(), &mut report).await?,
        Err(error) if matches!(error.code(), "state_corrupt" | "state_foreign" | "state_not_a_file") => {
            let reason = error.to_string();
            let reason = reason.split_once("; hint: ").map_or(&*reason, |(reason, _)| reason).to_owned();
            make_anew(&store, &records, reason, &mut report).await?;
        }
        Err(error) => return Err(failed("open the state database", &error)),
    }
    artifacts::look_at(&store, &mut report).await?;
    report.print(args.json);
    Ok(())
}

fn read_records(store: &Store, report: &mut Report) -> Result<Records, Failure> {
    let mut records = Records::new();
    for (id, bytes) in store.records().map_err(|error| failed("read the records", &error))? {
        match read_record(&bytes) {
            Ok((number, desired)) if desired.id == id => drop(records.insert(id, (number, desired))),
            Ok((_, desired)) => {
                report.bad_records.push((id, format!("the file contains the record of `{}`", desired.id)))
            }
            Err(reason) => report.bad_records.push((id, reason)),
        }
    }
    Ok(records)
}

/// Adds to an existing state database the records that are newer or that it does not contain.
async fn complete(store: &Store, state: &State, records: &Records, report: &mut Report) -> Result<(), Failure> {
    let Newest { revisions, gone, mut damaged } =
        state.newest().await.map_err(|error| failed("read the state database", &error))?;
    let mut asked: BTreeMap<_, _> = BTreeMap::new();
    for revision in revisions {
        let Some(desired) = revision.desired else { continue };
        let same = records.get(&revision.plugin).is_some_and(|record| *record == (revision.number, desired.clone()));
        asked.insert(revision.plugin, (revision.number, desired, same));
    }
    let gone: BTreeMap<_, _> = gone.into_iter().collect();
    for (id, (number, desired)) in records {
        let known = asked.get(id).map(|(number, ..)| *number).or(gone.get(id).copied());
        if known.is_some_and(|known| known >= *number) {
            continue;
        }
        let is_meant = |damage: &Damage| damage.plugin == id.as_str() || damage.number == *number;
        let why = match (damaged.iter().find(|damage| is_meant(damage)), known) {
            (Some(damage), _) => format!("its revision {} was damaged", damage.number),
            (None, Some(known)) => format!("the state database only had its revision {known}"),
            (None, None) => "the state database did not contain it".to_owned(),
        };
        damaged.retain(|damage| !is_meant(damage));
        let numbers = state.commit(vec![change(desired, &why)]).await;
        let number = first(numbers.map_err(|error| failed("write the state database", &error))?);
        note_installed(state, desired).await?;
        keep_record(store, number, desired)?;
        asked.remove(id);
        report.plugins.push(PluginReport::new(desired, RescanAction::Restored { why }, number));
    }
    for (_, (number, desired, has_record)) in asked {
        let did = if has_record { RescanAction::Nothing } else { RescanAction::RecordWritten };
        if !has_record {
            keep_record(store, number, &desired)?;
        }
        report.plugins.push(PluginReport::new(&desired, did, number));
    }
    for damage in damaged {
        let id = damage.plugin.parse::<PluginId>().ok();
        let before = match &id {
            Some(id) => state.revisions(Some(id), Some(damage.number), 1).await.unwrap_or_default(),
            None => vec![],
        };
        let before = before.into_iter().find_map(|revision| revision.desired);
        report.lost.push((damage, before.map(|desired| desired.current.source.to_string())));
    }
    Ok(())
}

/// Creates a new state database from the records, then moves the old database aside and puts the new one in its place.
async fn make_anew(store: &Store, records: &Records, reason: String, report: &mut Report) -> Result<(), Failure> {
    let folder = store.temp_dir().map_err(|error| failed("create a new state database", &error))?;
    let state = State::open(folder.path()).await;
    let state = state.map_err(|error| failed("create a new state database", &error))?;
    let writing = |error: host_state::Error| failed("write the new state database", &error);
    let last = records.values().map(|(number, _)| *number).max().unwrap_or_default();
    let why = "the state database was rebuilt";
    let changes = records.values().map(|(_, desired)| change(desired, why)).collect();
    let numbers = state.commit_above(last, changes).await.map_err(writing)?;
    for (_, desired) in records.values() {
        note_installed(&state, desired).await?;
    }
    state.close().await;
    let aside = put_in_place(folder.path(), store.plugin_dir())?;
    for ((_, desired), number) in records.values().zip(numbers) {
        keep_record(store, number, desired)?;
        report.plugins.push(PluginReport::new(desired, RescanAction::Restored { why: why.to_owned() }, number));
    }
    let moved = match aside {
        Some(path) => {
            let readable_keys = State::readable_keys(&path).await;
            Some(MovedAside { path, readable_keys })
        }
        None => None,
    };
    report.made_anew = Some((reason, moved));
    Ok(())
}

/// Prevents the `install` hook from running again. A plugin that was never enabled has not run it.
async fn note_installed(state: &State, desired: &Desired) -> Result<(), Failure> {
    let failed = |error: host_state::Error| failed("record the installed version", &error);
    let known = state.installed_version(&desired.id).await.map_err(failed)?;
    if known.is_none() && desired.goal != Goal::Installed {
        state.note_installed(&desired.id, &desired.current.version.to_string()).await.map_err(failed)?;
    }
    Ok(())
}

fn put_in_place(made: &Path, folder: &Path) -> Result<Option<std::path::PathBuf>, Failure> {
    let aside = State::put_aside(folder, now_unix_ms() / 1000);
    let aside = aside.map_err(|error| failed("move the state database aside", &error))?;
    State::put_in_place(made, folder).map_err(|error| failed("put the new state database in place", &error))?;
    Ok(aside)
}

fn change(desired: &Desired, why: &str) -> Change {
    Change {
        plugin: desired.id.clone(),
        desired: Some(desired.clone()),
        expected: None,
        actor: "rescan".to_owned(),
        operation: "rescan".to_owned(),
        reason: Some(why.to_owned()),
        at_unix_ms: now_unix_ms(),
    }
}

fn keep_record(store: &Store, number: u64, desired: &Desired) -> Result<(), Failure> {
    let written = store.put_record(&desired.id, &write_record(number, desired));
    written.map_err(|error| failed("write a record", &error))
}

fn first(numbers: Vec<u64>) -> u64 {
    numbers.first().copied().unwrap_or_default()
}

fn failed(what: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::from_error(format!("failed to {what}"), error)
}
