//! The dependency check of a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::graph::Node;
use host_core::{Goal, Manifest, PluginId};

use crate::model::{Error, Setup};
use crate::operation::lease::PluginLease;
use crate::state::Host;

/// The check of a change against the dependency graph.
#[derive(Clone)]
pub(super) enum GraphCheck {
    /// No check.
    None,
    /// The plugin must fit beside the others.
    Install(Arc<Manifest>, Goal),
    /// No enabled plugin may depend on it.
    DisableAllowed,
    /// No installed plugin may depend on it.
    RemoveAllowed,
    /// The change is one of several; the plugins must fit beside each other after all of them.
    Batch(Arc<BatchGraph>),
}

/// The effect of several changes on the dependency graph.
pub(super) struct BatchGraph {
    /// The added and changed plugins, in their end state.
    pub(super) candidates: Vec<Node>,
    /// The removed plugins.
    pub(super) removed: BTreeSet<PluginId>,
}

impl GraphCheck {
    /// The check for a new version. A version that is only started again is not checked again.
    pub(super) fn for_version(lease: &PluginLease, setup: &Setup) -> GraphCheck {
        let before = lease.plugin.state().installed.as_ref().map(|installed| installed.desired.clone());
        let is_same = before.is_some_and(|before| {
            before.goal == setup.desired.goal && before.current.artifact == setup.desired.current.artifact
        });
        if is_same { GraphCheck::None } else { GraphCheck::Install(setup.build.manifest.clone(), setup.desired.goal) }
    }

    pub(super) fn check(&self, host: &Host, plugin: &PluginId) -> Result<(), Error> {
        match self {
            GraphCheck::None => {}
            GraphCheck::Install(manifest, goal) => {
                host.graph().check(&Node::from_manifest(manifest, goal.is_enabled()))?
            }
            GraphCheck::DisableAllowed => host.graph().check_removal(plugin, true)?,
            GraphCheck::RemoveAllowed => host.graph().check_removal(plugin, false)?,
            GraphCheck::Batch(all) => host.graph().check_all(&all.candidates, &all.removed)?,
        }
        Ok(())
    }
}
