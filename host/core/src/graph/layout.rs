//! Positions for drawing a graph in columns: a plugin stands to the right of the plugins that it waits for.
//!
//! A simple form of the layered drawing of Sugiyama, Tagawa and Toda (1981): the column of a node is the length of the
//! longest path to it, an edge over several columns gets a waypoint in each column between its ends, and the nodes of a
//! column are sorted several times by the mean position of their neighbours, which removes most crossings.

/// Sorting more often changes little.
const N_SWEEPS: usize = 8;

/// The nodes of a graph in columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The columns from left to right, each from top to bottom.
    pub(super) columns: Vec<Vec<Cell>>,
}

/// A place in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// The node with this index.
    Node(usize),
    /// A waypoint of the edge with this index.
    Waypoint(usize),
}

/// Places `n_nodes` nodes. An edge leads from a node to a node that should stand to its left; an edge to a node with
/// the same or a higher index, as in a cycle, does not affect the columns.
pub(super) fn place(n_nodes: usize, edges: &[(usize, usize)]) -> Layout {
    let mut column_of = vec![0_usize; n_nodes];
    for from in 0..n_nodes {
        let before = edges.iter().filter(|edge| edge.0 == from && edge.1 < from);
        column_of[from] = before.map(|edge| column_of[edge.1] + 1).max().unwrap_or(0);
    }
    let mut columns = vec![vec![]; column_of.iter().max().map_or(0, |last| last + 1)];
    for (node, column) in column_of.iter().enumerate() {
        columns[*column].push(Cell::Node(node));
    }
    for (edge, (from, to)) in edges.iter().enumerate() {
        let (left, right) = (column_of[*from].min(column_of[*to]), column_of[*from].max(column_of[*to]));
        for column in columns.iter_mut().take(right).skip(left + 1) {
            column.push(Cell::Waypoint(edge));
        }
    }
    for sweep in 0..N_SWEEPS {
        let is_forward = sweep % 2 == 0;
        for n in 1..columns.len() {
            let (column, beside) = if is_forward { (n, n - 1) } else { (columns.len() - 1 - n, columns.len() - n) };
            let means: Vec<_> =
                (0..columns[column].len()).map(|row| mean(&columns, column, row, beside, edges)).collect();
            let mut sorted: Vec<_> = columns[column].iter().copied().zip(means).collect();
            sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
            columns[column] = sorted.into_iter().map(|(cell, _)| cell).collect();
        }
    }
    Layout { columns }
}

/// The mean position of the neighbours of a cell in the column `beside`, or its own position if it has none. Positions
/// are between 0 and 1, so that columns of different heights are comparable.
fn mean(columns: &[Vec<Cell>], column: usize, row: usize, beside: usize, edges: &[(usize, usize)]) -> f64 {
    let cell = columns[column][row];
    let neighbours = columns[beside].iter().enumerate().filter(|(_, other)| are_neighbours(cell, **other, edges));
    let positions: Vec<_> = neighbours.map(|(at, _)| position(at, columns[beside].len())).collect();
    if positions.is_empty() {
        position(row, columns[column].len())
    } else {
        positions.iter().sum::<f64>() / positions.len() as f64
    }
}

fn position(at: usize, n: usize) -> f64 {
    (at as f64 + 0.5) / n as f64
}

fn are_neighbours(cell: Cell, other: Cell, edges: &[(usize, usize)]) -> bool {
    let ends_at = |edge: usize, node: usize| edges[edge].0 == node || edges[edge].1 == node;
    match (cell, other) {
        (Cell::Node(a), Cell::Node(b)) => edges.iter().any(|edge| *edge == (a, b) || *edge == (b, a)),
        (Cell::Waypoint(edge), Cell::Node(node)) | (Cell::Node(node), Cell::Waypoint(edge)) => ends_at(edge, node),
        (Cell::Waypoint(a), Cell::Waypoint(b)) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(n_nodes: usize, edges: &[(usize, usize)]) -> String {
        let cell = |cell: &Cell| match cell {
            Cell::Node(node) => node.to_string(),
            Cell::Waypoint(edge) => format!("w{edge}"),
        };
        let column = |column: &Vec<Cell>| column.iter().map(cell).collect::<Vec<_>>().join(" ");
        place(n_nodes, edges).columns.iter().map(column).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn nodes_stand_to_the_right_of_the_nodes_they_wait_for() {
        for (n_nodes, edges, expected) in [
            (0, &[][..], ""),
            (2, &[], "0 1"),
            (3, &[(1, 0), (2, 1)], "0 | 1 | 2"),
            // An edge over several columns has a waypoint in each column between its ends.
            (3, &[(1, 0), (2, 1), (2, 0)], "0 | 1 w2 | 2"),
            // The edges would cross if the second column kept its order.
            (4, &[(2, 1), (3, 0)], "0 1 | 3 2"),
            // A cycle, a conflict with a later plugin, a plugin that names itself.
            (3, &[(0, 1), (1, 0), (1, 1), (2, 1)], "0 | 1 | 2"),
        ] {
            assert_eq!(columns(n_nodes, edges), expected, "{edges:?}");
        }
    }
}
