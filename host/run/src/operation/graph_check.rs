//! The dependency check of a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::graph::Node;
use host_core::{Goal, Manifest, PluginId};

use crate::model::{Error, Setup};
use crate::operation::lease::PluginLease;
use crate::state::Host;

/// What the other plugins have to say about a change.
#[derive(Clone)]
pub(super) enum GraphCheck {
    /// Nothing.
    None,
    /// The plugin must fit beside them.
    Install(Arc<Manifest>, Goal),
    /// None that is enabled may need it.
    DisableAllowed,
    /// None that is installed may need it.
    RemoveAllowed,
    /// It is one of several changes, after all of which the plugins must fit beside each other.
    Batch(Arc<BatchGraph>),
}

/// What several changes do to the graph.
pub(super) struct BatchGraph {
    /// The plugins that come or change, as they will be.
    pub(super) candidates: Vec<Node>,
    /// The plugins that go.
    pub(super) removed: BTreeSet<PluginId>,
}

impl GraphCheck {
    /// The rule for a version that is let in. One that was asked for before and is only started again is not judged anew.
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
            GraphCheck::Install(manifest, goal) => host.graph().check(&Node::of(manifest, goal.is_enabled()))?,
            GraphCheck::DisableAllowed => host.graph().check_removal(plugin, true)?,
            GraphCheck::RemoveAllowed => host.graph().check_removal(plugin, false)?,
            GraphCheck::Batch(all) => host.graph().check_all(&all.candidates, &all.removed)?,
        }
        Ok(())
    }
}
