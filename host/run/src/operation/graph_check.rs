//! The dependency check of a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::graph::Node;
use host_core::{Goal, Manifest, PluginId};

use crate::model::{Error, Setup};
use crate::operation::lease::Held;
use crate::state::Host;

/// What the other plugins have to say about a change.
#[derive(Clone)]
pub(super) enum Rule {
    /// Nothing.
    Free,
    /// The plugin must fit beside them.
    Fits(Arc<Manifest>, Goal),
    /// None that is enabled may need it.
    NotNeeded,
    /// None that is installed may need it.
    NotNeededByAny,
    /// It is one of several changes, after all of which the plugins must fit beside each other.
    Together(Arc<Together>),
}

/// What several changes do to the graph.
pub(super) struct Together {
    /// The plugins that come or change, as they will be.
    pub(super) candidates: Vec<Node>,
    /// The plugins that go.
    pub(super) removed: BTreeSet<PluginId>,
}

impl Rule {
    /// The rule for a version that is let in. One that was asked for before and is only started again is not judged anew.
    pub(super) fn of(held: &Held, setup: &Setup) -> Rule {
        let before = held.plugin.state().installed.as_ref().map(|installed| installed.desired.clone());
        let is_same = before.is_some_and(|before| {
            before.goal == setup.desired.goal && before.current.artifact == setup.desired.current.artifact
        });
        if is_same { Rule::Free } else { Rule::Fits(setup.build.manifest.clone(), setup.desired.goal) }
    }

    pub(super) fn check(&self, host: &Host, plugin: &PluginId) -> Result<(), Error> {
        match self {
            Rule::Free => {}
            Rule::Fits(manifest, goal) => host.graph().check(&Node::of(manifest, goal.is_enabled()))?,
            Rule::NotNeeded => host.graph().check_removal(plugin, true)?,
            Rule::NotNeededByAny => host.graph().check_removal(plugin, false)?,
            Rule::Together(all) => host.graph().check_all(&all.candidates, &all.removed)?,
        }
        Ok(())
    }
}
