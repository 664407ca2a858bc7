//! What the installed plugins have to do with each other.

use host_core::Graph;
use host_core::graph::Node;

use crate::host::Host;

impl Host {
    /// The graph of what is installed at this moment. A plugin whose first load is on the way is not in it.
    pub fn graph(&self) -> Graph {
        let installed = self.plugins().into_iter().filter_map(|plugin| {
            let manifest = plugin.manifest?;
            Some(Node::of(&manifest, plugin.enabled))
        });
        Graph::new(installed)
    }
}
