//! The observed generations of a plugin during a proof.

use std::collections::{BTreeMap, BTreeSet};

use host_api::Generation;

/// All generations observed during a proof. The host only lists the most recent ones.
pub(super) struct Observations {
    /// The newest observation of each generation, by number.
    generations: BTreeMap<u64, Generation>,
    /// The request count of each generation at the start.
    requests_before: BTreeMap<u64, u64>,
    /// The generations that a reload has replaced.
    replaced: BTreeSet<u64>,
}

/// A generation and its number of requests since the start.
pub(super) struct ObservedGeneration<'a> {
    pub(super) generation: &'a Generation,
    pub(super) requests: u64,
    pub(super) is_replaced: bool,
}

impl Observations {
    /// Starts with the current generations.
    pub(super) fn new(generations: Vec<Generation>) -> Observations {
        let requests_before = generations.iter().map(|generation| (generation.number, generation.requests)).collect();
        let mut seen = Observations { generations: BTreeMap::new(), requests_before, replaced: BTreeSet::new() };
        seen.look(generations);
        seen
    }

    /// Records the current generations.
    pub(super) fn look(&mut self, generations: Vec<Generation>) {
        self.generations.extend(generations.into_iter().map(|generation| (generation.number, generation)));
    }

    /// Records that a reload has replaced a generation.
    pub(super) fn replaced(&mut self, number: u64) {
        self.replaced.insert(number);
    }

    /// Iterates over the generations with requests, the replaced generations and the running one.
    pub(super) fn parts(&self) -> impl Iterator<Item = ObservedGeneration<'_>> {
        let takes_part =
            |part: &ObservedGeneration<'_>| part.is_replaced || part.requests > 0 || part.generation.phase == "running";
        self.generations.values().map(|generation| self.part(generation)).filter(takes_part)
    }

    fn part<'a>(&self, generation: &'a Generation) -> ObservedGeneration<'a> {
        let Generation { number, requests, .. } = generation;
        let before = self.requests_before.get(number).copied().unwrap_or(0);
        let is_replaced = self.replaced.contains(number);
        ObservedGeneration { generation, requests: requests.saturating_sub(before), is_replaced }
    }

    /// Returns the number of requests to all generations since the start.
    pub(super) fn n_requests(&self) -> u64 {
        self.parts().map(|part| part.requests).sum()
    }

    /// Returns the number of replaced generations that are not yet unmapped.
    pub(super) fn n_left(&self) -> usize {
        self.parts().filter(|part| part.is_replaced && !is_unmapped(part.generation)).count()
    }
}

/// Returns whether a generation is unmapped with a known duration. The host records the two one after the other.
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
    fn requests_are_counted_from_the_start_also_for_generations_no_longer_listed() {
        let mut seen = Observations::new(vec![generation(3, "unmapped", 9), generation(4, "running", 10)]);
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
