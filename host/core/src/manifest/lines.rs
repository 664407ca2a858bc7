//! The locations of the fields of a plugin.yaml.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// One place of the file: the root, the value of a key, or an entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// The tree of fields found by the scanner, each with its first line.
///
/// A tree rather than a map of written-out paths: the paths of a hostile file would be quadratic in its size.
#[derive(Debug)]
pub(super) struct Lines {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    line: usize,
    written: Option<Range<usize>>,
    keys: HashMap<String, Place>,
    items: Vec<Place>,
}

impl Lines {
    /// Only the root, whose line is 0: the whole file.
    pub(super) fn new() -> Lines {
        Lines { nodes: vec![Node::default()] }
    }

    /// The whole document.
    pub(super) fn root(&self) -> Place {
        Place(0)
    }

    /// The line of a place, counted from 1; 0 for the root.
    pub(super) fn line(&self, place: Place) -> usize {
        self.nodes[place.0].line
    }

    /// The value of a key of the mapping at `place`.
    pub(super) fn key(&self, place: Place, name: &str) -> Option<Place> {
        self.nodes[place.0].keys.get(name).copied()
    }

    /// An entry of the list at `place`.
    pub(super) fn item(&self, place: Place, index: usize) -> Option<Place> {
        self.nodes[place.0].items.get(index).copied()
    }

    /// Records the position of a plain scalar on one line.
    pub(super) fn written(&self, place: Place) -> Option<Range<usize>> {
        self.nodes[place.0].written.clone()
    }

    /// Records a key. For a repeated key, returns the line of the first one, and the new place is unreachable.
    pub(super) fn add_key(&mut self, place: Place, name: String, line: usize) -> (Place, Option<usize>) {
        let added = self.add(line);
        match self.nodes[place.0].keys.entry(name) {
            Entry::Occupied(first) => {
                let first = *first.get();
                (added, Some(self.line(first)))
            }
            Entry::Vacant(vacant) => {
                vacant.insert(added);
                (added, None)
            }
        }
    }

    /// Notes the next entry of a list.
    pub(super) fn add_item(&mut self, place: Place, line: usize) -> Place {
        let added = self.add(line);
        self.nodes[place.0].items.push(added);
        added
    }

    /// Notes how the scalar at `place` is written.
    pub(super) fn set_written(&mut self, place: Place, written: Range<usize>) {
        self.nodes[place.0].written = Some(written);
    }

    /// The number of keys and entries at `place`.
    #[cfg(test)]
    pub(super) fn sizes(&self, place: Place) -> (usize, usize) {
        (self.nodes[place.0].keys.len(), self.nodes[place.0].items.len())
    }

    fn add(&mut self, line: usize) -> Place {
        self.nodes.push(Node { line, ..Node::default() });
        Place(self.nodes.len() - 1)
    }
}
