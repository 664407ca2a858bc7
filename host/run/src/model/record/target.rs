//! The targets of a plan as JSON.

use std::collections::BTreeSet;

use host_core::update::UpdatePolicy;
use host_core::{Digest, Goal, PluginId, Source, Trust};
use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Configuration;
use super::source::{SourceRecord, TrustRecord};
use super::values::{policy, versions};
use crate::model::{PresentState, Target, TargetPick, TargetState};

/// Writes a list of targets.
pub(in super::super) fn serialize<S: Serializer>(targets: &[Target], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(targets.iter().map(TargetRecord::new))
}

pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Target>, D::Error> {
    let records = Vec::<TargetRecord>::deserialize(deserializer)?;
    records.into_iter().map(|record| record.target().map_err(D::Error::custom)).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRecord {
    id: String,
    revision: u64,
    /// `None` for a plugin that the plan removes.
    there: Option<PresentRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresentRecord {
    pick: Option<PickRecord>,
    goal: String,
    configuration: Option<Configuration>,
    update: Option<PolicyRecord>,
    blocked: Option<VersionsRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PickRecord {
    #[serde(with = "SourceRecord")]
    source: Source,
    #[serde(with = "TrustRecord")]
    trust: Trust,
    commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    tree: Option<String>,
    artifact: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PolicyRecord(#[serde(with = "policy")] UpdatePolicy);

#[derive(Serialize, Deserialize)]
struct VersionsRecord(#[serde(with = "versions")] BTreeSet<Version>);

// === impl TargetRecord ===

impl TargetRecord {
    fn new(target: &Target) -> TargetRecord {
        let there = match &target.state {
            TargetState::Absent => None,
            TargetState::Present(there) => Some(PresentRecord::new(there)),
        };
        TargetRecord { id: target.id.to_string(), revision: target.revision, there }
    }

    fn target(self) -> Result<Target, String> {
        let id = self.id.parse::<PluginId>().map_err(|error| error.to_string())?;
        let state = match self.there {
            None => TargetState::Absent,
            Some(there) => TargetState::Present(Box::new(there.there()?)),
        };
        Ok(Target { id, revision: self.revision, state })
    }
}

impl PresentRecord {
    fn new(there: &PresentState) -> PresentRecord {
        let pick = there.pick.as_ref().map(|pick| PickRecord {
            source: pick.source.clone(),
            trust: pick.trust,
            commit: pick.commit.clone(),
            reference: pick.reference.clone(),
            tree: pick.tree.as_ref().map(ToString::to_string),
            artifact: pick.artifact.as_ref().map(ToString::to_string),
        });
        PresentRecord {
            pick,
            goal: there.goal.as_str().to_owned(),
            configuration: there.configuration.clone(),
            update: there.update.clone().map(PolicyRecord),
            blocked: there.blocked.clone().map(VersionsRecord),
        }
    }

    fn there(self) -> Result<PresentState, String> {
        let goals = [Goal::Running, Goal::Stopped, Goal::Disabled, Goal::Installed];
        let goal = goals.into_iter().find(|goal| goal.as_str() == self.goal);
        Ok(PresentState {
            pick: self.pick.map(PickRecord::pick).transpose()?,
            goal: goal.ok_or_else(|| format!("unknown goal `{}`", self.goal))?,
            configuration: self.configuration,
            update: self.update.map(|PolicyRecord(policy)| policy),
            blocked: self.blocked.map(|VersionsRecord(versions)| versions),
        })
    }
}

impl PickRecord {
    fn pick(self) -> Result<TargetPick, String> {
        let digest = |text: Option<String>| {
            text.map(|text| text.parse::<Digest>().map_err(|error| error.to_string())).transpose()
        };
        let tree = digest(self.tree.clone())?;
        let artifact = digest(self.artifact.clone())?;
        let PickRecord { source, trust, commit, reference, .. } = self;
        Ok(TargetPick { source, trust, commit, reference, tree, artifact })
    }
}
