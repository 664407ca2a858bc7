//! The report of a rescan, as text and as JSON.

use std::path::PathBuf;

use host_core::{Desired, Digest, PluginId, Source};
use host_state::Damage;
use serde_json::{Value, json};

use host_client::output::text::printable;
use host_client::output::{self, Table};

/// Data that only the state database contains.
const ONLY_IN_THE_STATE: [&str; 7] =
    ["revisions", "jobs", "events", "tokens", "users", "the audit log", "the plugins' key-value store"];

/// The result of a rescan.
#[derive(Default)]
pub(super) struct Report {
    /// If the state database was rebuilt: the reason, and the previous database.
    pub(super) made_anew: Option<(String, Option<MovedAside>)>,
    pub(super) plugins: Vec<PluginReport>,
    /// Plugins that could not be restored, each with the source from an earlier revision.
    pub(super) lost: Vec<(Damage, Option<String>)>,
    pub(super) bad_records: Vec<(PluginId, String)>,
    pub(super) unused: Vec<Unused>,
}

/// The previous state database.
pub(super) struct MovedAside {
    pub(super) path: PathBuf,
    /// The number of readable keys in its key-value store; `None` if it cannot be read as a database.
    pub(super) readable_keys: Option<u64>,
}

/// The result for one plugin.
pub(super) struct PluginReport {
    id: PluginId,
    goal: &'static str,
    source: String,
    is_upload: bool,
    revision: u64,
    did: RescanAction,
    /// The current version and the rollback versions.
    pub(super) picks: Vec<PickReport>,
}

/// A version of a plugin.
pub(super) struct PickReport {
    version: String,
    pub(super) artifact: Digest,
    pub(super) artifact_is: ArtifactState,
}

/// The action taken for a plugin.
pub(super) enum RescanAction {
    Nothing,
    RecordWritten,
    Restored { why: String },
}

#[derive(Clone, Copy)]
pub(super) enum ArtifactState {
    Whole,
    Missing,
    Damaged,
}

/// An artifact that no plugin refers to.
pub(super) struct Unused {
    pub(super) digest: Digest,
    pub(super) plugin: Option<String>,
    pub(super) version: Option<String>,
    pub(super) source: Option<String>,
    pub(super) is_damaged: bool,
}

impl PluginReport {
    pub(super) fn new(desired: &Desired, did: RescanAction, revision: u64) -> PluginReport {
        let picks = [&desired.current].into_iter().chain(&desired.rollback_versions).map(|pick| PickReport {
            version: pick.version.to_string(),
            artifact: pick.artifact,
            artifact_is: ArtifactState::Missing,
        });
        PluginReport {
            id: desired.id.clone(),
            goal: desired.goal.as_str(),
            source: desired.current.source.to_string(),
            is_upload: matches!(desired.current.source, Source::Upload(_)),
            revision,
            did,
            picks: picks.collect(),
        }
    }
}

impl Report {
    /// Prints the report.
    pub(super) fn print(mut self, as_json: bool) {
        self.plugins.sort_by(|a, b| a.id.cmp(&b.id));
        if as_json { output::raw(self.json().to_string().as_bytes()) } else { output::line(&self.text()) }
    }

    fn text(&self) -> String {
        let mut parts = vec![];
        match &self.made_anew {
            Some((reason, _)) => {
                parts.push(format!("the state database was rebuilt from the records: {}", printable(reason)));
            }
            None => parts.push("the state database is readable".to_owned()),
        }
        if let Some((_, Some(moved))) = &self.made_anew {
            parts.push(format!("the previous state database was moved to `{}`", moved.path.display()));
        }
        let mut table = Table::with_head(["ID", "VERSION", "GOAL", "REVISION", "ARTIFACT", "DONE"]);
        for plugin in &self.plugins {
            let version = plugin.picks.first().map_or("", |pick| &pick.version);
            let revision = plugin.revision.to_string();
            let artifact = plugin.artifact_text();
            let row = [plugin.id.as_str(), version, plugin.goal, &revision, &artifact, &plugin.did.text()];
            table.row(row);
        }
        if self.plugins.is_empty() {
            parts.push("no plugin is installed".to_owned())
        } else {
            parts.push(format!("\n{table}"))
        }
        for plugin in self.plugins.iter().filter(|plugin| !plugin.is_whole()) {
            let id = &plugin.id;
            let source = printable(&plugin.source);
            parts.push(if plugin.is_upload {
                format!("`{id}` cannot be started: upload its archive again")
            } else {
                format!("`{id}` will be built again from {source} when the host starts")
            });
        }
        for (damage, source) in &self.lost {
            let Damage { plugin, number, reason } = damage;
            let again = match source {
                Some(source) => format!("load it again from {source} (the source of an earlier revision)"),
                None => "load it again".to_owned(),
            };
            parts.push(printable(&format!(
                "lost: `{plugin}`: revision {number} is damaged ({reason}) and has no record; {again}"
            )));
        }
        for (id, reason) in &self.bad_records {
            parts.push(printable(&format!("damaged: the record of `{id}`: {reason}")));
        }
        if !self.unused.is_empty() {
            parts.push("\nunreferenced artifacts:".to_owned());
            parts.extend(self.unused.iter().map(|unused| format!("  {}", printable(&unused.text()))));
        }
        if let Some((_, moved)) = &self.made_anew {
            parts.push(format!("\nlost with the previous state database: {}", ONLY_IN_THE_STATE.join(", ")));
            match moved.as_ref().and_then(|moved| Some((moved, moved.readable_keys?))) {
                Some((moved, n_keys)) => parts.push(format!(
                    "{n_keys} keys of the key-value store are still readable: sqlite3 '{}' 'SELECT plugin, key, value FROM kv'",
                    moved.path.display()
                )),
                None if moved.is_some() => parts.push("the previous state database is unreadable".to_owned()),
                None => {}
            }
        }
        parts.join("\n")
    }

    fn json(&self) -> Value {
        let moved = self.made_anew.as_ref().and_then(|(_, moved)| moved.as_ref());
        json!({
            "made_anew": self.made_anew.is_some(),
            "reason": self.made_anew.as_ref().map(|(reason, _)| reason),
            "moved_aside": moved.map(|moved| moved.path.display().to_string()),
            "readable_keys": moved.and_then(|moved| moved.readable_keys),
            "lost": self.made_anew.as_ref().map(|_| ONLY_IN_THE_STATE.as_slice()).unwrap_or_default(),
            "plugins": self.plugins.iter().map(PluginReport::json).collect::<Vec<_>>(),
            "lost_plugins": self.lost.iter().map(|(damage, source)| json!({
                "id": damage.plugin, "revision": damage.number, "reason": damage.reason, "source": source,
            })).collect::<Vec<_>>(),
            "damaged_records": self.bad_records.iter().map(|(id, reason)| json!({
                "id": id.as_str(), "reason": reason,
            })).collect::<Vec<_>>(),
            "unused_artifacts": self.unused.iter().map(|unused| json!({
                "digest": unused.digest.to_string(), "id": unused.plugin, "version": unused.version,
                "source": unused.source, "damaged": unused.is_damaged,
            })).collect::<Vec<_>>(),
        })
    }
}

impl PluginReport {
    fn is_whole(&self) -> bool {
        matches!(self.picks.first().map(|pick| pick.artifact_is), Some(ArtifactState::Whole))
    }

    /// Describes the artifact of the current version, and the artifacts of rollback versions that are not intact.
    fn artifact_text(&self) -> String {
        let (current, earlier) = self
            .picks
            .split_first()
            .map_or((ArtifactState::Missing, &[][..]), |(current, earlier)| (current.artifact_is, earlier));
        let broken = earlier.iter().filter(|pick| !matches!(pick.artifact_is, ArtifactState::Whole));
        let broken = broken.map(|pick| format!("{} {}", pick.version, pick.artifact_is.word()));
        let broken: Vec<_> = broken.collect();
        if broken.is_empty() {
            current.word().to_owned()
        } else {
            format!("{} (rollback versions: {})", current.word(), broken.join(", "))
        }
    }

    fn json(&self) -> Value {
        let pick = |pick: &PickReport| {
            json!({
                "version": pick.version, "artifact": pick.artifact.to_string(), "artifact_is": pick.artifact_is.word(),
            })
        };
        json!({
            "id": self.id.as_str(),
            "goal": self.goal,
            "source": self.source,
            "revision": self.revision,
            "done": self.did.word(),
            "why": match &self.did {
                RescanAction::Restored { why } => Some(why),
                _ => None,
            },
            "current": self.picks.first().map(pick),
            "kept": self.picks.iter().skip(1).map(pick).collect::<Vec<_>>(),
        })
    }
}

impl RescanAction {
    fn word(&self) -> &'static str {
        match self {
            RescanAction::Nothing => "nothing",
            RescanAction::RecordWritten => "record_written",
            RescanAction::Restored { .. } => "restored",
        }
    }

    fn text(&self) -> String {
        match self {
            RescanAction::Nothing => "nothing".to_owned(),
            RescanAction::RecordWritten => "record rewritten".to_owned(),
            RescanAction::Restored { why } => format!("restored: {why}"),
        }
    }
}

impl ArtifactState {
    fn word(self) -> &'static str {
        match self {
            ArtifactState::Whole => "whole",
            ArtifactState::Missing => "missing",
            ArtifactState::Damaged => "damaged",
        }
    }
}

impl Unused {
    fn text(&self) -> String {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        if self.is_damaged {
            format!("{}  damaged", self.digest)
        } else {
            format!("{}  {} {} from {}", self.digest, known(&self.plugin), known(&self.version), known(&self.source))
        }
    }
}
