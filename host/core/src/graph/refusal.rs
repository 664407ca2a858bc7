//! Problems of the dependency graph and their fixes.

use std::fmt;

use semver::{Version, VersionReq};

use super::{Cycle, EdgeKind};
use crate::PluginId;

/// All reasons why a plugin cannot be installed, enabled, disabled or removed.
///
/// Displays as one line: the problems, `; hint: ` and the fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    problems: Vec<GraphProblem>,
}

/// One problem between plugins. All its texts are safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphProblem {
    /// Plugins wait for each other.
    Cycle(Cycle),
    /// A required plugin is not installed.
    Missing {
        /// The dependant.
        plugin: PluginId,
        /// The dependency.
        dependency: PluginId,
        /// The required versions; `None` for any version.
        requirement: Option<VersionReq>,
    },
    /// A related plugin is installed in a version that does not meet the requirement.
    Version {
        /// The plugin with the relation.
        plugin: PluginId,
        /// The relation: [`EdgeKind::Dependency`], or [`EdgeKind::Optional`], which is only shown and refuses nothing.
        kind: EdgeKind,
        /// The related plugin.
        dependency: PluginId,
        /// The required versions.
        requirement: VersionReq,
        /// Its version.
        installed: Version,
    },
    /// A required plugin is disabled.
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
        /// The other plugin.
        other: PluginId,
        /// The conflicting versions of the other plugin; `None` for any version.
        requirement: Option<VersionReq>,
        /// The version of the other plugin.
        version: Version,
        /// The one of the two plugins that is already installed.
        in_the_way: PluginId,
    },
    /// Other plugins depend on this one.
    Dependants {
        /// The dependency.
        plugin: PluginId,
        /// The intended change.
        change: DependencyChange,
        /// The dependants, never empty. For a disable or removal, in the order in which they must be changed.
        dependants: Vec<Dependant>,
    },
}

/// The intended change of a plugin with dependants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyChange {
    /// Installing another version.
    Version(Version),
    /// Disabling the plugin.
    Disabled,
    /// Removing the plugin.
    Removed,
}

/// A plugin that depends on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// The plugin.
    pub id: PluginId,
    /// The matching versions of the dependency; `None` for any version or an indirect dependency.
    pub requirement: Option<VersionReq>,
}

// === impl Refusal ===

impl Refusal {
    /// Returns `Ok` if there are no problems.
    pub(super) fn unless_none(problems: Vec<GraphProblem>) -> Result<(), Refusal> {
        if problems.is_empty() { Ok(()) } else { Err(Refusal { problems }) }
    }

    /// All problems; never empty.
    pub fn problems(&self) -> &[GraphProblem] {
        &self.problems
    }

    /// The word of the first problem, for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        self.problems.first().map_or("dependency_missing", GraphProblem::code)
    }

    /// The fixes, each once.
    pub fn fix(&self) -> String {
        let mut fixes: Vec<String> = Vec::new();
        for fix in self.problems.iter().map(GraphProblem::fix) {
            if !fixes.contains(&fix) {
                fixes.push(fix);
            }
        }
        fixes.join("; ")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.problems.iter().map(GraphProblem::message).collect();
        write!(f, "{}; hint: {}", messages.join("; "), self.fix())
    }
}

impl std::error::Error for Refusal {}

// === impl GraphProblem ===

impl GraphProblem {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            GraphProblem::Cycle(_) => "dependency_cycle",
            GraphProblem::Missing { .. } => "dependency_missing",
            GraphProblem::Version { .. } => "dependency_version",
            GraphProblem::Disabled { .. } => "dependency_disabled",
            GraphProblem::Conflict { .. } => "dependency_conflict",
            GraphProblem::Dependants { .. } => "dependency_dependants",
        }
    }

    /// The problem without the fix.
    pub fn message(&self) -> String {
        match self {
            GraphProblem::Cycle(cycle) => cycle.message(),
            GraphProblem::Missing { plugin, dependency, requirement } => {
                format!("`{plugin}` needs {}, which is not installed", named(dependency, requirement.as_ref()))
            }
            GraphProblem::Version { plugin, kind, dependency, requirement, installed } => {
                let named = named(dependency, Some(requirement));
                format!("`{plugin}` {} {named}, but {installed} is installed", kind.verb())
            }
            GraphProblem::Disabled { plugin, dependency } => {
                format!("`{plugin}` needs `{dependency}`, which is disabled")
            }
            GraphProblem::Conflict { plugin, other, requirement: None, .. } => {
                format!("`{plugin}` conflicts with `{other}`")
            }
            GraphProblem::Conflict { plugin, other, requirement: Some(requirement), version, .. } => {
                format!("`{plugin}` conflicts with `{other}` {requirement}, and `{other}` is {version}")
            }
            GraphProblem::Dependants { plugin, change, dependants } => {
                let needing = |dependant: &Dependant| match &dependant.requirement {
                    Some(requirement) => format!("`{}` ({requirement})", dependant.id),
                    None => format!("`{}`", dependant.id),
                };
                let all: Vec<_> = dependants.iter().map(needing).collect();
                let (all, need) = (all.join(", "), if dependants.len() == 1 { "needs" } else { "need" });
                match change {
                    DependencyChange::Version(version) => {
                        format!("`{plugin}` {version} does not meet the requirement of {all}")
                    }
                    DependencyChange::Disabled => format!("`{plugin}` cannot be disabled: {all} {need} it"),
                    DependencyChange::Removed => format!("`{plugin}` cannot be unloaded: {all} {need} it"),
                }
            }
        }
    }

    /// The fix.
    pub fn fix(&self) -> String {
        match self {
            GraphProblem::Cycle(cycle) => cycle.fix(),
            GraphProblem::Missing { dependency, requirement, .. } => {
                format!("install {}", named(dependency, requirement.as_ref()))
            }
            GraphProblem::Version { dependency, requirement, .. } => {
                format!("install {}", named(dependency, Some(requirement)))
            }
            GraphProblem::Disabled { dependency, .. } => format!("enable `{dependency}`"),
            GraphProblem::Conflict { in_the_way, requirement: None, .. } => format!("unload `{in_the_way}`"),
            GraphProblem::Conflict { in_the_way, other, requirement: Some(requirement), .. } => {
                format!("unload `{in_the_way}`, or install a version of `{other}` outside of {requirement}")
            }
            GraphProblem::Dependants { plugin, change, dependants } => {
                let ids: Vec<_> = dependants.iter().map(|dependant| format!("`{}`", dependant.id)).collect();
                let ids = ids.join(", ");
                let wanted: Vec<_> = dependants.iter().filter_map(|dependant| dependant.requirement.as_ref()).collect();
                match change {
                    DependencyChange::Version(_) => {
                        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
                        let wanted = wanted.join(" and ");
                        format!("install a version of `{plugin}` that meets {wanted}, or update or unload {ids} first")
                    }
                    DependencyChange::Disabled => format!("disable {ids} first, or set `cascade`"),
                    DependencyChange::Removed => format!("unload {ids} first, or set `cascade`"),
                }
            }
        }
    }

    /// The problem in one or two words, for places that show both plugins.
    pub fn in_short(&self) -> String {
        match self {
            GraphProblem::Cycle(_) => "in a cycle".to_owned(),
            GraphProblem::Missing { .. } => "not installed".to_owned(),
            GraphProblem::Version { installed: version, .. } | GraphProblem::Conflict { version, .. } => {
                format!("{version} is installed")
            }
            GraphProblem::Disabled { .. } => "disabled".to_owned(),
            GraphProblem::Dependants { .. } => "needed".to_owned(),
        }
    }
}

impl fmt::Display for GraphProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.message(), self.fix())
    }
}

/// Formats a plugin with the required versions.
fn named(id: &PluginId, requirement: Option<&VersionReq>) -> String {
    match requirement {
        Some(requirement) => format!("`{id}` {requirement}"),
        None => format!("`{id}`"),
    }
}
