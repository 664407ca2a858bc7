//! plugins.yaml: the plugins that the operator wants a host to have, as one file.
//!
//! | field | rule | when it is missing |
//! |---|---|---|
//! | the file | at most 1 MiB; plain YAML under the rules of plugin.yaml, or JSON; a key that is not in this table is refused | – |
//! | `version` | 1 | refused |
//! | `prune` | true: plugins that are not listed are unloaded; their stored data is kept | false |
//! | `plugins[]` | at most 1000, each plugin once | refused |
//! | `….source` | a git address, a folder, a `.zip` or a `.so`; `upload:<id>` on the host that has the upload | refused |
//! | `….version` | version, branch, tag or commit of a git address | the newest release, or else the default branch |
//! | `….path` | folder of the plugin in a repository, folder or archive | the root |
//! | `….tag_pattern` | pattern of the release tags of a git address, such as `hello-v{version}` | the tags with one prefix |
//! | `….id` | the id that the plugin of the source must have | any id |
//! | `….commit` | lock: exactly this commit, 40 hex digits; requires `id` and a git address | the commit of `version` |
//! | `….artifact` | lock: exactly this artifact; a build with another result is refused; requires `id` | any |
//! | `….goal` | `running`, `stopped`, `disabled` or `installed` | running |
//! | `….configuration` | the operator's configuration: a mapping, or a text with one JSON object. Secrets that are not listed keep their value | unchanged |
//! | `….update` | `policy` as [`UpdateLevel`](crate::update::UpdateLevel), `automatic`, `interval_seconds` | unchanged |
//! | `….blocked[]` | versions that no update may choose | unchanged |
//!
//! [`read`] reports every problem at once, [`write()`] writes a file that [`read`] accepts, and [`compare`] computes
//! the changes that a host needs to match the file.

mod compare;
mod obstacle;
mod plan;
mod problem;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Map, Value};

use crate::update::UpdatePolicy;
use crate::{Digest, Goal, PluginId, Revision, Source};

pub use compare::compare;
pub use obstacle::PlanObstacle;
pub use plan::{At, FetchedSource, InstalledPlugin, Plan, PlannedChange, PluginPlan};
pub use problem::PluginSetProblem;
pub use read::{read, read_json};
pub use write::write;

/// The plugins that the operator wants on a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginSet {
    /// Whether plugins that are not listed are unloaded.
    pub prune: bool,
    /// The plugins.
    pub plugins: Vec<PluginEntry>,
    /// Comments at the top of a written file.
    pub remarks: Vec<String>,
}

/// One plugin that the operator wants.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginEntry {
    /// The source.
    pub source: Source,
    /// The required id.
    pub id: Option<PluginId>,
    /// Exactly this commit, 40 hex digits.
    pub commit: Option<String>,
    /// Exactly this artifact.
    pub artifact: Option<Digest>,
    /// The goal; never [`Goal::Absent`].
    pub goal: Goal,
    /// The operator's configuration; `None` leaves it unchanged.
    pub configuration: Option<Map<String, Value>>,
    /// The update policy; `None` leaves it unchanged.
    pub update: Option<UpdatePolicy>,
    /// Versions that no update may choose; `None` leaves them.
    pub blocked: Option<BTreeSet<Version>>,
    /// Secrets that were omitted from the configuration, as JSON pointers: written as comments.
    pub left_out: Vec<String>,
}

impl PluginSet {
    /// The maximum size of the file, which is checked before the file is parsed.
    pub const MAX_BYTES: usize = 1 << 20;
}

impl PluginEntry {
    /// An entry for a running plugin, without further requirements.
    pub fn new(source: Source) -> PluginEntry {
        PluginEntry {
            source,
            id: None,
            commit: None,
            artifact: None,
            goal: Goal::Running,
            configuration: None,
            update: None,
            blocked: None,
            left_out: vec![],
        }
    }

    /// The source to fetch: the locked commit, or else the source itself.
    pub fn to_fetch(&self) -> Source {
        match (&self.source, &self.commit) {
            (source, Some(commit)) => source.at(Revision::Named(commit.clone())).unwrap_or_else(|| source.clone()),
            (source, None) => source.clone(),
        }
    }
}
