//! What the installed plugins have to do with each other.

use host_core::graph::Node;
use host_core::{Goal, Graph};

use crate::state::Host;

impl Host {
    /// The graph of what is installed at this moment. A plugin whose first load is on the way is not in it.
    pub fn graph(&self) -> Graph {
        let installed = self.plugins().into_iter().filter_map(|plugin| {
            let manifest = plugin.manifest?;
            let goal = plugin.desired?.goal;
            // What is being taken away is in nobody's way.
            (!matches!(goal, Goal::Absent { .. })).then(|| Node::of(&manifest, goal.is_enabled()))
        });
        Graph::new(installed)
    }
}
