//! Problems of the dependency graph and their fixes.

use std::fmt;

use semver::{Version, VersionReq};

use super::{Cycle, Kind};
use crate::PluginId;

/// All reasons why a plugin cannot be installed, enabled, disabled or removed.
///
/// Displays as one line: the problems, then `; hint: ` and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    problems: Vec<Problem>,
}

/// One problem between plugins. All its texts are safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Plugins wait for each other.
    Cycle(Cycle),
    /// A plugin that is needed is not installed.
    Missing {
        /// The dependant.
        plugin: PluginId,
        /// The dependency.
        dependency: String,
        /// The versions that fit; `None` is any.
        requirement: Option<VersionReq>,
    },
    /// A plugin that is named is installed in a version that does not fit.
    Version {
        /// The plugin with the relation.
        plugin: PluginId,
        /// How: [`Kind::Dependency`] or [`Kind::Optional`]. The second is shown, and refuses nothing.
        kind: Kind,
        /// The related plugin.
        dependency: PluginId,
        /// The versions that fit.
        requirement: VersionReq,
        /// Its version.
        installed: Version,
    },
    /// A plugin that is needed is disabled.
    Disabled {
        /// The dependant.
        plugin: PluginId,
        /// The dependency.
        dependency: PluginId,
    },
    /// Two plugins conflict.
    Conflict {
        /// The plugin that declares the conflict.
        plugin: PluginId,
        /// The other one.
        other: PluginId,
        /// The versions that do not go together with it; `None` is any.
        requirement: Option<VersionReq>,
        /// The other one's version.
        version: Version,
        /// The installed plugin of the two.
        in_the_way: PluginId,
    },
    /// Other plugins depend on this one.
    Dependants {
        /// The dependency.
        plugin: PluginId,
        /// The intended change.
        change: Change,
        /// The dependants, never empty. For a disable or removal, in the order in which they must be changed.
        dependants: Vec<Dependant>,
    },
}

/// The intended change of a plugin with dependants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another version is to be installed.
    Version(Version),
    /// To be disabled.
    Disabled,
    /// To be removed.
    Removed,
}

/// A plugin that depends on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// Which.
    pub id: PluginId,
    /// The matching versions of the dependency; `None` for any version or an indirect dependency.
    pub requirement: Option<VersionReq>,
}

// === impl Refusal ===

impl Refusal {
    /// Returns `Ok` if there are no problems.
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

    /// The fixes, each once.
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

    /// The problem without the fix.
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

    /// The fix.
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

    /// The problem in one or two words, for places that show both plugins.
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
