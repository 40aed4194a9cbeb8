//! Learning the shape of a record from the full parser.

use tallygate_sdk::Text;

use crate::{
    fields::NO_SLOT,
    found::{Kind, Value},
    parser::{DEPTH, Frame, Input, Listener, Place},
    shapes::{DONE, Edge, Expect, LITERAL, OUTSIDE, Shapes},
};

/// Turns what the parser reports into edges.
pub(crate) struct Lesson<'a> {
    text: Text<'a>,
    shapes: &'a mut Shapes,
    /// The edge learned last, and where the literal behind its value begins; `None` once something came up that
    /// edges cannot express or have no room for.
    last: Option<(usize, usize)>,
    /// The stack for each depth.
    stacks: [u16; DEPTH + 1],
    depth: usize,
    /// What began since the last value at a path looked for.
    opens: Option<(u8, Kind)>,
}

// === impl Lesson ===

impl<'a> Lesson<'a> {
    pub(crate) fn new(input: &Input<'a>, shapes: &'a mut Shapes) -> Self {
        let Input { text, start, .. } = *input;
        Self { text, shapes, last: Some((0, start)), stacks: [OUTSIDE; DEPTH + 1], depth: 0, opens: None }
    }

    /// The record ends here.
    pub(crate) fn finish(mut self, end: usize) {
        self.learn(Place { slot: NO_SLOT, element: false }, Expect::End, (end, end));
    }

    /// Learns the literal in front of a value that lies from `start` to `end`.
    fn learn(&mut self, place: Place, expect: Expect, (start, end): (usize, usize)) {
        self.last = self.last.and_then(|(before, from)| {
            let literal = self.text.slice(from, start);
            let stack = if self.depth == 0 { DONE } else { *self.stacks.get(self.depth)? };
            let to = stack * 2 + u16::from(expect == Expect::String);
            if literal.len() > LITERAL {
                return None;
            }
            let edge = Edge::new(literal, expect, place, to)?.opening(self.opens.take());
            Some((self.shapes.add(before, edge)?, end))
        });
    }
}

impl Listener for Lesson<'_> {
    fn scalar(&mut self, place: Place, value: Value) {
        let expect = match value.kind() {
            Kind::Plain | Kind::Escaped => Expect::String,
            _ => Expect::Scalar,
        };
        self.learn(place, expect, value.range());
    }

    fn open(&mut self, place: Place, frame: Frame, _: usize) {
        if place.slot != NO_SLOT {
            if place.element || self.opens.is_some() {
                self.last = None;
            }
            self.opens = Some((place.slot, if frame.array { Kind::Array } else { Kind::Object }));
        }
        let below = self.stacks.get(self.depth).copied().unwrap_or_default();
        self.depth += 1;
        match (self.shapes.stack(below, frame), self.stacks.get_mut(self.depth)) {
            (Some(stack), Some(top)) => *top = stack,
            _ => self.last = None,
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}
