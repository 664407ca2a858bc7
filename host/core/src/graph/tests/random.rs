//! Properties of all graphs, checked on a few hundred pseudo-random graphs that are the same in every run.

use super::super::{EdgeKind, Graph, Node};
use crate::PluginId;
use crate::manifest::Dependency;

/// Numbers that look random (a linear congruential generator; its low bits are poor).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }

    /// Plugins in an order in which each depends only on earlier plugins; the ids do not show the order.
    fn acyclic(&mut self) -> Vec<Node> {
        let n_nodes = 1 + self.below(30);
        let one_in = 2 + self.below(8);
        let mut numbers: Vec<usize> = (100..100 + n_nodes).collect();
        for at in (1..n_nodes).rev() {
            numbers.swap(at, self.below(at + 1));
        }
        let mut nodes: Vec<Node> = Vec::new();
        for number in numbers {
            let mut node = super::node(&format!("p{number}"));
            for earlier in &nodes {
                let id = earlier.id.clone();
                match self.below(one_in * 3) {
                    kind @ 0..2 => node.dependencies.push(Dependency { id, version: None, optional: kind == 1 }),
                    2 => node.run_after.push(id),
                    _ => {}
                }
            }
            nodes.push(node);
        }
        nodes
    }
}

/// Returns whether `from` declares that `to` starts first; with `kind`, whether by an edge of that kind.
fn waits(from: &Node, to: &PluginId, kind: Option<EdgeKind>) -> bool {
    from.waits().any(|(id, found)| id == to && kind.is_none_or(|kind| kind == found))
}

/// The start order, computed naively: repeatedly the first plugin by id that waits for no other.
fn plainly(nodes: &[Node]) -> Vec<PluginId> {
    let mut left: Vec<&Node> = nodes.iter().collect();
    left.sort_by(|a, b| a.id.cmp(&b.id));
    let mut order = Vec::new();
    while !left.is_empty() {
        let free = |node: &&Node| !left.iter().any(|other| waits(node, &other.id, None));
        let next = left.iter().position(free).expect("the graph has no circle");
        order.push(left.remove(next).id.clone());
    }
    order
}

#[test]
fn the_start_order_respects_every_edge_and_is_the_first_by_id() {
    let mut random = Random(1);
    let mut n_edges = 0;
    for _ in 0..400 {
        let nodes = random.acyclic();
        let order = Graph::new(nodes.clone()).order().unwrap();
        assert_eq!(order.len(), nodes.len());
        let place = |id: &PluginId| order.iter().position(|other| other == id).unwrap();
        for node in &nodes {
            for (id, _) in node.waits() {
                assert!(place(id) < place(&node.id), "{node:?} in {order:?}");
                n_edges += 1;
            }
        }
        assert_eq!(order, plainly(&nodes));
    }
    assert!(n_edges > 10_000, "{n_edges}");
}

#[test]
fn installing_in_start_order_and_removing_in_stop_order_is_never_refused() {
    let mut random = Random(2);
    for _ in 0..100 {
        let nodes = random.acyclic();
        let all = Graph::new(nodes);
        let order = all.order().unwrap();
        let mut installed: Vec<Node> = Vec::new();
        for id in &order {
            let node = all.node(id).unwrap();
            assert_eq!(Graph::new(installed.clone()).check(node), Ok(()));
            installed.push(node.clone());
        }
        while let Some(last) = installed.last().map(|node| node.id.clone()) {
            assert_eq!(Graph::new(installed.clone()).check_removal(&last, false), Ok(()));
            installed.pop();
        }
    }
}

#[test]
fn dependants_include_indirect_ones_and_are_in_stop_order() {
    let mut random = Random(3);
    for _ in 0..100 {
        let nodes = random.acyclic();
        let graph = Graph::new(nodes.clone());
        let id = &nodes[random.below(nodes.len())].id;
        let found = graph.dependants(id, false);
        // Each waits for earlier ones only, so one pass finds all.
        let mut needing = vec![id.clone()];
        for node in &nodes {
            if needing.iter().any(|needed| waits(node, needed, Some(EdgeKind::Dependency))) {
                needing.push(node.id.clone());
            }
        }
        let mut sorted = found.clone();
        sorted.push(id.clone());
        sorted.sort();
        needing.sort();
        assert_eq!(sorted, needing);
        for (at, first) in found.iter().enumerate() {
            let first = graph.node(first).unwrap();
            assert!(!found[..at].iter().any(|earlier| waits(first, earlier, None)), "{found:?}");
        }
    }
}

#[test]
fn an_edge_against_the_order_makes_a_cycle_that_is_reported() {
    let mut random = Random(4);
    let mut n_circles = 0;
    for _ in 0..300 {
        let mut nodes = random.acyclic();
        let (earlier, later) = (random.below(nodes.len()), random.below(nodes.len()));
        let (earlier, later) = (earlier.min(later), earlier.max(later));
        let id = nodes[later].id.clone();
        nodes[earlier].run_after.push(id);
        let graph = Graph::new(nodes);
        let Err(cycle) = graph.order() else { continue };
        n_circles += 1;
        let steps = cycle.steps();
        for (at, (from, kind)) in steps.iter().enumerate() {
            let (to, _) = &steps[(at + 1) % steps.len()];
            assert!(waits(graph.node(from).unwrap(), to, Some(*kind)), "{cycle}");
            assert_eq!(steps.iter().filter(|(id, _)| id == from).count(), 1, "{cycle}");
        }
        // Each plugin of the cycle is refused if the others are installed.
        let (first, _) = &steps[0];
        let others = graph.view().nodes.into_iter().filter(|node| node.id != *first).cloned();
        let refused = Graph::new(others).check(graph.node(first).unwrap()).unwrap_err();
        assert_eq!(refused.code(), "dependency_cycle");
    }
    assert!(n_circles > 100, "{n_circles}");
}
