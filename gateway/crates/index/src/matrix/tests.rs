use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Visits by address: the plain thing that the matrix sums up.
#[derive(Default)]
struct Model {
    visits: BTreeMap<u8, BTreeSet<u32>>,
    floor: u32,
}

// === impl Model ===

impl Model {
    fn previous(&self, address: u8, at: u32) -> Previous {
        match self.visits.get(&address).and_then(|visits| visits.range(..at).next_back()) {
            None => Previous::Never,
            Some(at) if *at < self.floor => Previous::Before,
            Some(at) => Previous::At(*at),
        }
    }

    fn next(&self, address: u8, at: u32) -> Option<u32> {
        self.visits.get(&address).and_then(|visits| visits.range(at + 1..).next().copied())
    }

    /// Adds a visit, or takes it back if it is there.
    fn toggle(&mut self, matrix: &mut Matrix, address: u8, at: u32) {
        let there = !self.visits.entry(address).or_default().insert(at);
        let (change, previous) = (if there { -1 } else { 1 }, self.previous(address, at));
        matrix.add(at, previous, change);
        if let Some(next) = self.next(address, at) {
            matrix.add(next, previous, -change);
            matrix.add(next, Previous::At(at), change);
        }
        if there {
            self.visits.entry(address).or_default().remove(&at);
        }
    }

    fn counts(&self, from: u32, to: u32) -> Counts {
        let within = |visits: &&BTreeSet<u32>| visits.range(from..=to).next().is_some();
        let distinct = self.visits.values().filter(within).count() as u64;
        let new = |visits: &&BTreeSet<u32>| visits.first().is_some_and(|first| (from..=to).contains(first));
        Counts { distinct, new: self.visits.values().filter(new).count() as u64 }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Toggle(u8, u32),
    Advance(u32),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        30 => (0..6_u8, 0..20_u32).prop_map(|(address, after)| Step::Toggle(address, after)),
        2 => (0..12_u32).prop_map(Step::Advance),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_are_those_of_the_visits(steps in steps(), first in 0..1_000_u32) {
        let mut model = Model { floor: first, ..Model::default() };
        let mut matrix = Matrix::new(first, 20, 4);
        for step in steps {
            match step {
                Step::Toggle(address, after) => model.toggle(&mut matrix, address, model.floor + after),
                Step::Advance(by) => {
                    model.floor += by;
                    matrix.forget_before(model.floor);
                }
                Step::Reopen => {
                    let mut bytes = Vec::new();
                    matrix.encode(&mut bytes);
                    matrix = Matrix::decode(&mut &*bytes, 20, 4).expect("was just written");
                }
            }
            for from in 0..20 {
                for to in from..20 {
                    let (from, to) = (model.floor + from, model.floor + to);
                    prop_assert_eq!(matrix.counts(from, to), model.counts(from, to), "{} to {}", from, to);
                }
            }
        }
        let total: u64 = matrix.entries().map(|(_, _, count)| count).sum();
        let visits = |visits: &BTreeSet<u32>| visits.range(model.floor..).count() as u64;
        prop_assert_eq!(total, model.visits.values().map(visits).sum::<u64>());
    }

    #[test]
    fn whatever_is_read_ends_well(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Matrix::decode(&mut &*bytes, 20, 4));
    }
}
