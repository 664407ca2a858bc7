//! Tables of start orders and refusals.

mod check;
mod order;
mod random;
mod shown;

use super::{Graph, Node};
use crate::manifest::{Conflict, Dependency};

/// Plugins, one a line: `shop 1.0.0: needs store >=1; may use disks; after metrics; not old-shop <2`. One that is
/// disabled has a `-` before it.
fn graph(lines: &str) -> Graph {
    Graph::new(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(node))
}

fn node(line: &str) -> Node {
    let (head, clauses) = line.split_once(": ").unwrap_or((line, ""));
    let (id, version) = head.split_once(' ').unwrap_or((head, "1.0.0"));
    let mut node = Node {
        id: id.trim_start_matches('-').parse().unwrap(),
        version: version.parse().unwrap(),
        enabled: !id.starts_with('-'),
        dependencies: vec![],
        run_after: vec![],
        conflicts: vec![],
    };
    for clause in clauses.split("; ").filter(|clause| !clause.is_empty()) {
        let clause = clause.replace("may use", "may-use");
        let mut words = clause.splitn(3, ' ');
        let (verb, id) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        let version = words.next().map(|requirement| requirement.parse().unwrap());
        match verb {
            "needs" => node.dependencies.push(Dependency { id, version, optional: false }),
            "may-use" => node.dependencies.push(Dependency { id, version, optional: true }),
            "after" => node.run_after.push(id),
            "not" => node.conflicts.push(Conflict { id, version }),
            verb => panic!("no such verb: {verb}"),
        }
    }
    node
}

fn ids<T: ToString>(ids: &[T]) -> String {
    ids.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
