//! Why plugins may not be installed beside each other, and what would help.

use std::fmt;

use semver::{Version, VersionReq};

use super::{Cycle, Kind};
use crate::PluginId;

/// Why a plugin may not be installed, enabled, disabled or removed: all reasons at once.
///
/// Displays as one line: the problems, then `; hint: ` and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    problems: Vec<Problem>,
}

/// One thing that is wrong between plugins. Every text of it is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Plugins wait for each other.
    Cycle(Cycle),
    /// A plugin that is needed is not installed.
    Missing {
        /// Which needs it.
        plugin: PluginId,
        /// Which is needed.
        dependency: String,
        /// The versions that fit; `None` is any.
        requirement: Option<VersionReq>,
    },
    /// A plugin that is named is installed in a version that does not fit.
    Version {
        /// Which names it.
        plugin: PluginId,
        /// How: [`Kind::Dependency`] or [`Kind::Optional`]. The second is shown, and refuses nothing.
        kind: Kind,
        /// Which is named.
        dependency: PluginId,
        /// The versions that fit.
        requirement: VersionReq,
        /// Its version.
        installed: Version,
    },
    /// A plugin that is needed is disabled.
    Disabled {
        /// Which needs it.
        plugin: PluginId,
        /// Which is needed.
        dependency: PluginId,
    },
    /// Two plugins may not be installed beside each other.
    Conflict {
        /// Whose plugin.yaml says so.
        plugin: PluginId,
        /// The other one.
        other: PluginId,
        /// The versions that do not go together with it; `None` is any.
        requirement: Option<VersionReq>,
        /// The other one's version.
        version: Version,
        /// Which of the two is in the way of the one that was to come.
        in_the_way: PluginId,
    },
    /// Other plugins need this one as it is.
    Dependants {
        /// Which is needed.
        plugin: PluginId,
        /// What was to become of it.
        change: Change,
        /// Which need it; never empty. Before it is disabled or removed, in the order in which they must be.
        dependants: Vec<Dependant>,
    },
}

/// What is to become of a plugin that others need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another version of it is installed.
    Version(Version),
    /// It is disabled.
    Disabled,
    /// It is removed.
    Removed,
}

/// A plugin that needs another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// Which.
    pub id: PluginId,
    /// The versions of the other one that fit; `None` is any, or that it needs it by others between.
    pub requirement: Option<VersionReq>,
}

// === impl Refusal ===

impl Refusal {
    /// `Ok` when there is no problem.
    pub(super) fn unless_none(problems: Vec<Problem>) -> Result<(), Refusal> {
        if problems.is_empty() { Ok(()) } else { Err(Refusal { problems }) }
    }

    /// All problems; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The word of the first problem, for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        self.problems.first().map_or("dependency_missing", Problem::code)
    }

    /// What would help, each thing once.
    pub fn fix(&self) -> String {
        let mut fixes: Vec<String> = Vec::new();
        for fix in self.problems.iter().map(Problem::fix) {
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
        fixes.join("; ")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.problems.iter().map(Problem::message).collect();
        write!(f, "{}; hint: {}", messages.join("; "), self.fix())
    }
}

impl std::error::Error for Refusal {}

// === impl Problem ===

impl Problem {
    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Cycle(_) => "dependency_cycle",
            Problem::Missing { .. } => "dependency_missing",
            Problem::Version { .. } => "dependency_version",
            Problem::Disabled { .. } => "dependency_disabled",
            Problem::Conflict { .. } => "dependency_conflict",
            Problem::Dependants { .. } => "dependency_dependants",
        }
    }

    /// What is wrong, without what to do about it.
    pub fn message(&self) -> String {
        match self {
            Problem::Cycle(cycle) => cycle.message(),
            Problem::Missing { plugin, dependency, requirement } => {
                format!("`{plugin}` needs {}, which is not installed", named(dependency, requirement.as_ref()))
            }
            Problem::Version { plugin, kind, dependency, requirement, installed } => {
                let named = named(dependency.as_str(), Some(requirement));
                format!("`{plugin}` {} {named}, but installed is {installed}", kind.verb())
            }
            Problem::Disabled { plugin, dependency } => format!("`{plugin}` needs `{dependency}`, which is disabled"),
            Problem::Conflict { plugin, other, requirement: None, .. } => {
                format!("`{plugin}` conflicts with `{other}`")
            }
            Problem::Conflict { plugin, other, requirement: Some(requirement), version, .. } => {
                format!("`{plugin}` conflicts with `{other}` {requirement}, and `{other}` is {version}")
            }
            Problem::Dependants { plugin, change, dependants } => {
                let needing = |dependant: &Dependant| match &dependant.requirement {
                    Some(requirement) => format!("`{}` ({requirement})", dependant.id),
                    None => format!("`{}`", dependant.id),
                };
                let all: Vec<_> = dependants.iter().map(needing).collect();
                let (all, need) = (all.join(", "), if dependants.len() == 1 { "needs" } else { "need" });
                match change {
                    Change::Version(version) => format!("`{plugin}` {version} does not fit {all}, which {need} it"),
                    Change::Disabled => format!("`{plugin}` cannot be disabled: {all} {need} it"),
                    Change::Removed => format!("`{plugin}` cannot be removed: {all} {need} it"),
                }
            }
        }
    }

    /// What would help.
    pub fn fix(&self) -> String {
        match self {
            Problem::Cycle(cycle) => cycle.fix(),
            Problem::Missing { dependency, requirement, .. } => {
                format!("install {}", named(dependency, requirement.as_ref()))
            }
            Problem::Version { dependency, requirement, .. } => {
                format!("install {}", named(dependency.as_str(), Some(requirement)))
            }
            Problem::Disabled { dependency, .. } => format!("enable `{dependency}`"),
            Problem::Conflict { in_the_way, requirement: None, .. } => format!("remove `{in_the_way}`"),
            Problem::Conflict { in_the_way, other, requirement: Some(requirement), .. } => {
                format!("remove `{in_the_way}`, or install a version of `{other}` that is not {requirement}")
            }
            Problem::Dependants { plugin, change, dependants } => {
                let ids: Vec<_> = dependants.iter().map(|dependant| format!("`{}`", dependant.id)).collect();
                let ids = ids.join(", ");
                let wanted: Vec<_> = dependants.iter().filter_map(|dependant| dependant.requirement.as_ref()).collect();
                match change {
                    Change::Version(_) => {
                        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
                        let wanted = wanted.join(" and ");
                        format!("install a version of `{plugin}` that is {wanted}, or first update or remove {ids}")
                    }
                    Change::Disabled => format!("disable {ids} first, or ask for `cascade`"),
                    Change::Removed => format!("remove {ids} first, or ask for `cascade`"),
                }
            }
        }
    }

    /// What is wrong in a word or two, for where both plugins are shown already.
    pub fn in_short(&self) -> String {
        match self {
            Problem::Cycle(_) => "waits in a circle".to_owned(),
            Problem::Missing { .. } => "not installed".to_owned(),
            Problem::Version { installed: version, .. } | Problem::Conflict { version, .. } => {
                format!("installed is {version}")
            }
            Problem::Disabled { .. } => "disabled".to_owned(),
            Problem::Dependants { .. } => "needed".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.message(), self.fix())
    }
}

/// A plugin and the versions of it that are meant.
fn named(id: &str, requirement: Option<&VersionReq>) -> String {
    match requirement {
        Some(requirement) => format!("`{id}` {requirement}"),
        None => format!("`{id}`"),
    }
}
