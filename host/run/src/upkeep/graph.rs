//! The dependency graph of the installed plugins.

use host_core::graph::Node;
use host_core::{Goal, Graph};

use crate::state::Host;

impl Host {
    /// The dependency graph of the plugins that are installed at this moment, without plugins whose first load is in
    /// progress.
    pub fn graph(&self) -> Graph {
        let installed = self.plugins().into_iter().filter_map(|plugin| {
            let manifest = plugin.manifest?;
            let goal = plugin.desired?.goal;
            // A plugin that is being removed does not conflict with others.
            (!matches!(goal, Goal::Absent { .. })).then(|| Node::from_manifest(&manifest, goal.is_enabled()))
        });
        Graph::new(installed)
    }
}
