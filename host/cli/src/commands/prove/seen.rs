//! What a host said of a plugin's generations while they came and went.

use std::collections::{BTreeMap, BTreeSet};

use host_api::Generation;

/// What a host said of a plugin's generations. It forgets those that ended long ago; this does not.
pub(super) struct Seen {
    /// The newest of each, by number.
    generations: BTreeMap<u64, Generation>,
    /// What each had been asked at the beginning.
    requests_before: BTreeMap<u64, u64>,
    /// Those that a reload has replaced.
    replaced: BTreeSet<u64>,
}

/// One generation and what it was asked since the beginning.
pub(super) struct Part<'a> {
    pub(super) generation: &'a Generation,
    pub(super) requests: u64,
    pub(super) is_replaced: bool,
}

impl Seen {
    /// Begins with those that are there.
    pub(super) fn new(generations: Vec<Generation>) -> Seen {
        let requests_before = generations.iter().map(|generation| (generation.number, generation.requests)).collect();
        let mut seen = Seen { generations: BTreeMap::new(), requests_before, replaced: BTreeSet::new() };
        seen.look(generations);
        seen
    }

    /// Notes what is said of them now.
    pub(super) fn look(&mut self, generations: Vec<Generation>) {
        self.generations.extend(generations.into_iter().map(|generation| (generation.number, generation)));
    }

    /// Notes that a reload has replaced one.
    pub(super) fn replaced(&mut self, number: u64) {
        self.replaced.insert(number);
    }

    /// Those that were asked something or replaced since the beginning, and the one that serves.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let takes_part = |part: &Part<'_>| part.is_replaced || part.requests > 0 || part.generation.phase == "running";
        self.generations.values().map(|generation| self.part(generation)).filter(takes_part)
    }

    fn part<'a>(&self, generation: &'a Generation) -> Part<'a> {
        let Generation { number, requests, .. } = generation;
        let before = self.requests_before.get(number).copied().unwrap_or(0);
        let is_replaced = self.replaced.contains(number);
        Part { generation, requests: requests.saturating_sub(before), is_replaced }
    }

    /// What all of them were asked since the beginning.
    pub(super) fn n_requests(&self) -> u64 {
        self.parts().map(|part| part.requests).sum()
    }

    /// How many of those that were replaced are not known to be unmapped.
    pub(super) fn n_left(&self) -> usize {
        self.parts().filter(|part| part.is_replaced && !is_unmapped(part.generation)).count()
    }
}

/// Whether it is gone, and it is known after how long. The host notes the two one after the other.
pub(super) fn is_unmapped(generation: &Generation) -> bool {
    generation.phase == "unmapped" && generation.unmapped_after_ms.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u64, phase: &str, requests: u64) -> Generation {
        let unmapped_after_ms = (phase == "unmapped").then_some(1.0);
        Generation { number, phase: phase.to_owned(), requests, unmapped_after_ms, ..Generation::default() }
    }

    #[test]
    fn generations_are_counted_from_the_beginning_and_not_forgotten() {
        let mut seen = Seen::new(vec![generation(3, "unmapped", 9), generation(4, "running", 10)]);
        seen.look(vec![generation(4, "draining", 15), generation(5, "running", 1)]);
        seen.replaced(4);
        assert_eq!((seen.n_requests(), seen.n_left()), (6, 1));
        seen.look(vec![generation(4, "unmapped", 16), generation(5, "running", 7)]);
        seen.look(vec![generation(5, "running", 8)]);
        let parts: Vec<_> = seen.parts().map(|part| (part.generation.number, part.requests)).collect();
        assert_eq!(parts, [(4, 6), (5, 8)]);
        assert_eq!((seen.n_requests(), seen.n_left()), (14, 0));
    }
}
