use super::super::tests::{Model, SPANS, models};
use super::super::{Span, count_union};
use super::*;
use crate::time::{Day, Hour, Month};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An input as it is made up: what it holds, its span, the bits that count, and what becomes of them.
type Made = (Model, Span, u32, Project);

fn inputs(target: Span) -> impl Strategy<Value = Vec<Made>> {
    let bits = target.bits();
    let one = proptest::sample::select(&SPANS).prop_flat_map(move |span| {
        let as_is = if span.bits() <= bits { Project::AsIs } else { Project::Bit(0) };
        let project = prop_oneof![Just(as_is), (0..bits).prop_map(Project::Bit)];
        let keep = prop_oneof![Just(u32::MAX), Just(u32::MAX), any::<u32>(), Just(1), Just(0)];
        (models(span), Just(span), keep, project)
    });
    proptest::collection::vec(one, 0..6)
}

fn merged<A: Copy + Ord>(made: &[Made], family: impl Fn(&Model) -> &BTreeMap<A, u32>) -> BTreeMap<A, u32> {
    let mut all = BTreeMap::new();
    for (model, _, keep, project) in made {
        for (address, own) in family(model) {
            let mask = match project {
                Project::AsIs => own & keep,
                Project::Bit(bit) => u32::from(own & keep != 0) << bit,
            };
            if mask != 0 {
                *all.entry(*address).or_default() |= mask;
            }
        }
    }
    all
}

/// Every third of what is there, and some that are not.
fn without(all: &Model) -> Without {
    let v4 = all.v4.keys().step_by(3).flat_map(|at| [*at, at.saturating_add(7)]);
    let v6 = all.v6.keys().step_by(3).flat_map(|at| [*at, at.saturating_add(7)]);
    let mut without = Without { v4: v4.collect(), v6: v6.collect() };
    without.v4.sort_unstable();
    without.v6.sort_unstable();
    without
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_merge_is_that_of_maps(
        (target, made) in proptest::sample::select(&SPANS).prop_flat_map(|target| (Just(target), inputs(target)))
    ) {
        let segments: Vec<_> = made.iter().map(|(model, span, ..)| model.open(*span)).collect();
        let inputs: Vec<_> = segments
            .iter()
            .zip(&made)
            .map(|(segment, (_, _, keep, project))| Input { segment, keep: *keep, project: *project })
            .collect();
        let mut model = Model { v4: merged(&made, |model| &model.v4), v6: merged(&made, |model| &model.v6) };
        prop_assert_eq!(count_union(&inputs), (model.v4.len() + model.v6.len()) as u64);

        for without in [Without::default(), without(&model)] {
            let writer = SegmentWriter::new(Vec::new(), 7, target);
            let (bytes, written) = write_merged(&inputs, &without, writer).expect("a vector takes everything");
            model.v4.retain(|address, _| without.v4.binary_search(address).is_err());
            model.v6.retain(|address, _| without.v6.binary_search(address).is_err());
            let read = Model::of(&Segment::open(bytes.into()).expect("just written"));
            prop_assert_eq!(&read.v4, &model.v4);
            prop_assert_eq!(&read.v6, &model.v6);
            prop_assert_eq!((written.v4, written.v6), (model.v4.len() as u64, model.v6.len() as u64));
        }
    }
}

#[test]
fn hours_make_a_day_and_days_a_month() {
    let model = |suffixes: &[u32]| Model { v4: suffixes.iter().map(|at| (*at, 1)).collect(), ..Model::default() };
    let day = Day(20_000);
    let hours = [(0, [1, 2]), (5, [2, 3]), (23, [1, 0x0505_0505])]
        .map(|(hour, addresses)| (hour, model(&addresses).open(Span::Hour(Hour(day.first_hour().0 + hour)))));
    let inputs = hours.each_ref().map(|(hour, segment)| Input { segment, keep: 1, project: Project::Bit(*hour) });
    let writer = SegmentWriter::new(Vec::new(), 7, Span::Day(day));
    let (bytes, _) = write_merged(&inputs, &Without::default(), writer).expect("a vector takes everything");
    let segment = Segment::open(bytes.into()).expect("just written");
    assert_eq!(segment.bits(), 1 | 1 << 5 | 1 << 23);
    assert_eq!([1, 2, 3, 0x0505_0505, 4].map(|at| segment.v4(at)), [1 | 1 << 23, 1 | 1 << 5, 1 << 5, 1 << 23, 0]);

    let input = Input { segment: &segment, keep: 1 << 5, project: Project::Bit(day.of_month()) };
    assert_eq!(count_union(&[input]), 2);
    let writer = SegmentWriter::new(Vec::new(), 7, Span::Month(Month(24_300)));
    let (bytes, _) = write_merged(&[input], &Without::default(), writer).expect("a vector takes everything");
    let month = Segment::open(bytes.into()).expect("just written");
    assert_eq!([1, 2, 3, 0x0505_0505].map(|at| month.v4(at)), [0, 1, 1, 0].map(|there| there << day.of_month()));
}

#[test]
fn an_error_ends_a_merge() {
    let model = Model { v4: [(1, 1), (0x1_0000, 1)].into(), v6: [(1, 1)].into() };
    let segment = model.open(Span::Before);
    let input = [Input { segment: &segment, keep: 1, project: Project::AsIs }];
    let mut calls = 0;
    let ended = merge(
        &input,
        |key, _, _| {
            calls += 1;
            if key == 1 { Err("enough") } else { Ok(()) }
        },
        |_, _| Err("too late"),
    );
    assert_eq!((ended, calls), (Err("enough"), 2));
}
