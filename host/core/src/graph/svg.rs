//! The graph as a picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::drawing::{NOT_INSTALLED, about, absent, words};
use super::layout::{Cell, Layout, place};
use super::{Edge, Graph, View};

/// The style sheet of the picture, with colours for light and dark pages. A server that restricts styles allows it by
/// its digest.
pub const SVG_STYLE: &str = "\
svg{font:13px system-ui,sans-serif;color-scheme:light dark}\
rect{fill:#fff;stroke:#667}text{fill:#223}.q{fill:#556;font-size:12px}path{fill:none;stroke:#667;stroke-width:1.5}\
.disabled rect,.optional{stroke-dasharray:6 4}.absent rect,.run_after{stroke-dasharray:2 3}.conflict{stroke-width:3}\
.unmet{stroke:#b3261e}marker path{fill:#667;stroke:none}\
@media(prefers-color-scheme:dark){rect{fill:#1c1f26;stroke:#99a}text{fill:#e6e8ee}.q{fill:#b5bac6}path{stroke:#99a}\
.unmet{stroke:#ff8a80}marker path{fill:#99a}}";

const ROW: f64 = 46.0;
const ROW_GAP: f64 = 20.0;
const WAYPOINT: f64 = 12.0;
const COLUMN_GAP: f64 = 90.0;
const MARGIN: f64 = 12.0;
/// The width of a character of the font, at most.
const CHARACTER: f64 = 8.0;

/// A plugin of the picture.
struct Drawn {
    lines: [String; 2],
    class: &'static str,
}

/// A place of the picture; the width of a waypoint is that of its column.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    width: f64,
}

impl Graph {
    /// The graph as an SVG picture: each plugin stands to the right of the plugins it waits for. Unsatisfied relations
    /// are red, disabled plugins dashed, missing plugins dotted; each relation has its text as a tooltip.
    pub fn svg(&self) -> String {
        let view = self.view();
        let (names, drawn) = drawn(&view);
        // Writing to a string does not fail.
        let ends: Vec<_> = view.edges.iter().map(|edge| (names[edge.from.as_str()], names[edge.to.as_str()])).collect();
        let layout = place(drawn.len(), &ends);
        let (places, waypoints, width, height) = measure(&layout, &drawn);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{} plugins\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\"><style>{SVG_STYLE}</style><defs><marker id=\"arrow\" \
             viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"10\" markerHeight=\"10\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
            view.nodes.len(),
        );
        for (index, edge) in view.edges.iter().enumerate() {
            let (from, to) = (places[ends[index].0], places[ends[index].1]);
            let through = waypoints.get(&index).map_or(&[][..], Vec::as_slice);
            let _ = writeln!(
                svg,
                "<g><title>{} → {}: {}</title><path class=\"{}{}\" d=\"{}\" marker-end=\"url(#arrow)\"/></g>",
                xml(edge.from.as_str()),
                xml(edge.to.as_str()),
                xml(&words(edge).join(": ")),
                edge.kind.as_str(),
                if edge.is_satisfied() { "" } else { " unmet" },
                line(edge, from, to, through),
            );
        }
        for (Drawn { lines: [first, second], class }, Place { x, y, width }) in drawn.iter().zip(&places) {
            let _ = writeln!(
                svg,
                "<g class=\"{class}\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\" rx=\"6\"/>\
                 <text x=\"{0}\" y=\"{1}\">{2}</text><text class=\"q\" x=\"{0}\" y=\"{3}\">{4}</text></g>",
                x + 12.0,
                y + 19.0,
                xml(first),
                y + 36.0,
                xml(second),
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The installed plugins in start order after the missing ones, and their indexes by id.
fn drawn<'v>(view: &'v View<'_>) -> (BTreeMap<&'v str, usize>, Vec<Drawn>) {
    let (mut names, mut all) = (BTreeMap::new(), vec![]);
    for id in absent(view) {
        names.insert(id, all.len());
        all.push(Drawn { lines: [id.to_owned(), NOT_INSTALLED.to_owned()], class: "absent" });
    }
    for node in &view.nodes {
        names.insert(node.id.as_str(), all.len());
        let class = if node.enabled { "installed" } else { "disabled" };
        all.push(Drawn { lines: [node.id.to_string(), about(node)], class });
    }
    (names, all)
}

/// The places of the nodes, the waypoints of each edge from left to right, and the size of the picture.
fn measure(layout: &Layout, drawn: &[Drawn]) -> (Vec<Place>, BTreeMap<usize, Vec<Place>>, f64, f64) {
    let height_of = |cell: &Cell| if matches!(cell, Cell::Node(_)) { ROW + ROW_GAP } else { WAYPOINT + ROW_GAP };
    let height = |column: &Vec<Cell>| column.iter().map(height_of).sum::<f64>();
    let tallest = layout.columns.iter().map(height).fold(0.0, f64::max);
    let text_width = |node: usize| {
        let longest = drawn[node].lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        longest as f64 * CHARACTER + 24.0
    };
    let mut places = vec![Place { x: 0.0, y: 0.0, width: 0.0 }; drawn.len()];
    let mut waypoints: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    let mut x = MARGIN;
    for column in &layout.columns {
        let nodes = column.iter().filter_map(|cell| if let Cell::Node(node) = cell { Some(*node) } else { None });
        let width = nodes.map(text_width).fold(0.0, f64::max);
        let mut y = MARGIN + (tallest - height(column)) / 2.0;
        for cell in column {
            match cell {
                Cell::Node(node) => places[*node] = Place { x, y, width },
                Cell::Waypoint(edge) => waypoints.entry(*edge).or_default().push(Place { x, y, width }),
            }
            y += height_of(cell);
        }
        x += width + COLUMN_GAP;
    }
    let width = if layout.columns.is_empty() { x + MARGIN } else { x - COLUMN_GAP + MARGIN };
    (places, waypoints, width, tallest + 2.0 * MARGIN)
}

/// The line of an edge, from the plugin that declares it to the other one.
fn line(edge: &Edge, from: Place, to: Place, through: &[Place]) -> String {
    let middle = |place: Place| place.y + ROW / 2.0;
    let bend = COLUMN_GAP / 2.0;
    if edge.from == edge.to || from.x == to.x {
        // Both ends are in one column: a bow at its right side.
        let (x, first, last) = (from.x + from.width, middle(from) - 8.0, middle(to) + 8.0);
        return format!("M{x} {first}C{0} {first} {0} {last} {x} {last}", x + bend);
    }
    let is_leftward = to.x < from.x;
    let (start, end) = if is_leftward { (from.x, to.x + to.width) } else { (from.x + from.width, to.x) };
    let bend = if is_leftward { -bend } else { bend };
    let mut path = format!("M{start} {}", middle(from));
    let (mut x, mut y) = (start, middle(from));
    let mut curve_to = |next_x: f64, next_y: f64| {
        let _ = write!(path, "C{} {y} {} {next_y} {next_x} {next_y}", x + bend, next_x - bend);
        (x, y) = (next_x, next_y);
    };
    let mut points = through.to_vec();
    if is_leftward {
        points.reverse();
    }
    for point in points {
        let (near, far) = if is_leftward { (point.x + point.width, point.x) } else { (point.x, point.x + point.width) };
        let at = point.y + WAYPOINT / 2.0;
        curve_to(near, at);
        curve_to(far, at);
    }
    curve_to(end, middle(to));
    path
}

/// Escapes a text for XML. Characters that XML does not allow are replaced.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(xml("a<b>&\"c\"\u{1b}[31m\u{0}"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}[31m\u{fffd}");
    }
}
