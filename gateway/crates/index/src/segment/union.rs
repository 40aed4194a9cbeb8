//! Counting the distinct addresses of several segments.

use super::Block;
use super::container::Bitmap;
use super::merge::{Input, merge_v6, sweep};
use std::convert::Infallible;

/// How many distinct addresses the inputs have together, of those that have a bit that is kept. What their masks become
/// does not matter.
#[must_use]
pub fn count_union(inputs: &[Input<'_>]) -> u64 {
    let mut counter = Counter { present: Bitmap::new(), suffixes: Vec::new(), masks: Vec::new() };
    let mut count = 0;
    let mut sweep = sweep(inputs, 0..=u16::MAX);
    while let Some((_, blocks)) = sweep.next() {
        count += u64::from(counter.count(blocks));
    }
    count + count_v6(inputs)
}

struct Counter {
    present: Bitmap,
    suffixes: Vec<u16>,
    masks: Vec<u32>,
}

// === impl Counter ===

impl Counter {
    fn count(&mut self, blocks: &[(&Input<'_>, Block<'_>)]) -> u32 {
        if let [(input, block)] = blocks
            && input.keeps_all()
        {
            return block.len();
        }
        self.present.clear();
        for (input, block) in blocks {
            match input.keeps_all() {
                true => block.container().union_into(&mut self.present),
                false => self.add(input, block),
            }
        }
        self.present.count()
    }

    fn add(&mut self, input: &Input<'_>, block: &Block<'_>) {
        block.read(&mut self.suffixes, &mut self.masks);
        for (suffix, mask) in self.suffixes.iter().zip(&self.masks) {
            if mask & input.keep != 0 {
                self.present.insert(*suffix);
            }
        }
    }
}

fn count_v6(inputs: &[Input<'_>]) -> u64 {
    if let [input] = inputs
        && input.keeps_all()
    {
        return input.segment.v6_len();
    }
    let mut count = 0;
    let plain: Vec<_> = inputs.iter().map(Input::as_presence).collect();
    let Ok(()) = merge_v6(&plain, 0, &mut |_, _| {
        count += 1;
        Ok::<_, Infallible>(())
    });
    count
}
