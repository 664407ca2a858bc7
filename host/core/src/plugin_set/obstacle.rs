//! Reasons why a file cannot be applied.

use std::fmt;

use crate::graph;
use crate::{Digest, PluginId};

/// One reason why a file cannot be applied.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanObstacle {
    /// The source contains another plugin than the entry.
    OtherPlugin {
        /// The entry.
        entry: usize,
        /// The required id.
        expected: PluginId,
        /// The id found.
        found: PluginId,
    },
    /// Two entries are for the same plugin.
    Twice {
        /// The second entry.
        entry: usize,
        /// The first entry.
        first: usize,
        /// The plugin.
        id: PluginId,
    },
    /// The lock of an entry names another artifact than the build produced.
    OtherArtifact {
        /// The entry.
        entry: usize,
        /// The plugin.
        id: PluginId,
        /// The locked digest.
        expected: Digest,
        /// The digest of the build.
        found: Digest,
    },
    /// The plugin is being unloaded.
    Leaving {
        /// The entry.
        entry: usize,
        /// The plugin.
        id: PluginId,
    },
    /// A dependency or conflict between plugins does not allow the changes.
    Between(graph::GraphProblem),
}

impl PlanObstacle {
    /// Returns the stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            PlanObstacle::OtherPlugin { .. } => "plan_other_plugin",
            PlanObstacle::Twice { .. } => "plan_twice",
            PlanObstacle::OtherArtifact { .. } => "plan_other_artifact",
            PlanObstacle::Leaving { .. } => "plan_leaving",
            PlanObstacle::Between(problem) => problem.code(),
        }
    }

    /// Returns the entry concerned; `None` for problems between plugins.
    pub fn entry(&self) -> Option<usize> {
        match self {
            PlanObstacle::OtherPlugin { entry, .. }
            | PlanObstacle::Twice { entry, .. }
            | PlanObstacle::OtherArtifact { entry, .. }
            | PlanObstacle::Leaving { entry, .. } => Some(*entry),
            PlanObstacle::Between(_) => None,
        }
    }
}

impl fmt::Display for PlanObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanObstacle::OtherPlugin { expected, found, .. } => {
                write!(f, "the source contains plugin `{found}`, not `{expected}`; hint: change `id` or `source`")
            }
            PlanObstacle::Twice { first, id, .. } => {
                write!(
                    f,
                    "the source contains plugin `{id}`, which is already listed as `plugins[{first}]`; hint: keep one of them"
                )
            }
            PlanObstacle::OtherArtifact { id, expected, found, .. } => write!(
                f,
                "`{id}` is locked to artifact {}, but the build produced {}; hint: remove `artifact`, or use the toolchain that \
                 built the locked artifact",
                expected.short(),
                found.short()
            ),
            PlanObstacle::Leaving { id, .. } => {
                write!(f, "`{id}` is being unloaded; hint: plan again after it is unloaded")
            }
            PlanObstacle::Between(problem) => write!(f, "{problem}"),
        }
    }
}
