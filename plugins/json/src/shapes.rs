//! The shapes of the records seen so far, and how to read a record by following them.
//!
//! Programs write the same keys over and over: between two values, a record holds bytes that were seen before. An
//! edge is such a literal, from the end of one value to the start of the next, together with what the full parser
//! made of it once: which value follows, whether it is looked for, and which arrays and objects are open then.
//! Following an edge costs a comparison of sixteen bytes.
//!
//! Why that accepts nothing the full parser would not: what may follow a value in JSON, and what a key means, are
//! functions of the arrays and objects open around it. They are the state from which an edge leads, so the same
//! literal met in the same state can be made nothing else of. Values are checked in full each time. A state also
//! says whether it is behind a string, since only then does the literal begin with the closing quote.

use alloc::{boxed::Box, vec, vec::Vec};

use tallygate_sdk::{Bytes16, Text};

use crate::{
    fields::NO_SLOT,
    found::{Found, Kind, Value},
    parser::{Frame, Input, Place, scalar},
    string,
};

/// How many edges are kept; a power of two.
const EDGES: usize = 512;
/// How many stacks of open arrays and objects are told apart.
const STACKS: usize = 256;
/// The longest literal that an edge holds, in bytes.
pub(crate) const LITERAL: usize = 64;
/// How many hints are kept; a power of two.
const HINTS: usize = 512;
/// How many turns each record makes forgotten: up to that many, the hints would cost more than they gain.
const FORGOTTEN: u32 = 3;
/// With more turns than this, records are read by hints, and for so many records before that is tried anew.
const TURNS: u32 = 32;
const BY_LETTERS: u32 = 4096;
/// How many edges are tried where the expected one does not match.
const TRIES: usize = 48;
/// The edge that leads to the start of a record and never matches.
const BEGIN: usize = 0;
/// The stack before anything is read.
pub(crate) const OUTSIDE: u16 = 0;
/// The stack behind a value that is no array or object and the whole record.
pub(crate) const DONE: u16 = 1;

/// What stands behind a literal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expect {
    /// A string; the literal ends with its opening quote.
    String,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// The end of the record.
    End,
}

/// A literal that leads from one value to the next.
#[derive(Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) literal: [u8; LITERAL],
    /// One bit for each of the literal's first sixteen bytes.
    low: u32,
    pub(crate) length: u8,
    pub(crate) expect: Expect,
    pub(crate) place: Place,
    /// Whether the value is to be put elsewhere than simply into its slot: `place.element`, `opens`, or a slot
    /// that several fields belong to.
    special: bool,
    /// An array or object that begins within the literal at a path looked for.
    pub(crate) opens: Option<(u8, Kind)>,
    /// The state it leads from, and the one it leads to.
    from: u16,
    pub(crate) to: u16,
    /// The edge that followed last time.
    next: u16,
    /// Another edge from the same state; [`BEGIN`] for none.
    sibling: u16,
}

/// All edges known.
pub(crate) struct Shapes {
    edges: Box<[Edge; EDGES]>,
    used: usize,
    /// The slots that several fields may belong to, one bit each.
    rules: u64,
    /// Edges by a hash of their state and of some letters of their literal: where to look first.
    hints: Box<[[u16; 2]; HINTS]>,
    /// How often the edge expected did not match of late.
    turns: u32,
    /// How many records more are read by the hints rather than by the edge that followed last time.
    by_letters: u32,
    /// The first edge of each state: two states per stack.
    heads: Vec<u16>,
    /// The arrays and objects open, each on top of the stack named.
    stacks: Vec<(u16, Frame)>,
}

/// Where the following of edges stands.
struct Position {
    /// The edge followed last.
    edge: usize,
    at: usize,
}

// === impl Edge ===

impl Edge {
    pub(crate) fn new(literal: &[u8], expect: Expect, place: Place, to: u16) -> Option<Self> {
        let mut edge = Self { length: literal.len() as u8, expect, place, to, special: place.element, ..BEGINNING };
        edge.literal.get_mut(..literal.len())?.copy_from_slice(literal);
        edge.low = low(literal.len());
        Some(edge)
    }

    pub(crate) fn opening(mut self, opens: Option<(u8, Kind)>) -> Self {
        self.special |= opens.is_some();
        self.opens = opens;
        self
    }

    /// Whether the record that ends at `end` holds the literal at `at`, and behind it what the edge expects. The
    /// latter tells a literal from a longer one that begins with it.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn fits(&self, text: Text<'_>, at: usize, end: usize) -> bool {
        let behind = at + usize::from(self.length);
        self.matches(text, at)
            && match self.expect {
                Expect::String => behind <= end,
                Expect::Scalar => behind < end && !matches!(text.byte(behind), b'"' | b'{' | b'['),
                Expect::End => behind == end,
            }
    }

    /// Whether `text` holds the literal at `at`.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn matches(&self, text: Text<'_>, at: usize) -> bool {
        let (own, _) = self.literal.as_chunks::<16>();
        let (other, _) = text.block(at).as_chunks::<16>();
        let differ = |part: usize| !Bytes16::load(&own[part]).same(Bytes16::load(&other[part])).mask();
        if differ(0) & self.low != 0 {
            return false;
        }
        let length = usize::from(self.length);
        (1..4).all(|part| part * 16 >= length || differ(part) & low(length - part * 16) == 0)
    }

    /// Puts a value that needs more than to be put into its slot. `false` if its end is not known yet, which the
    /// full parser has to find.
    #[cold]
    #[inline(never)]
    fn put(&self, value: Value, text: Text<'_>, found: &mut Found) -> bool {
        self.begin(text, found);
        if self.expect == Expect::String && text.byte(value.range().1) != b'"' {
            return false;
        }
        found.put_at(self.place, value, text);
        true
    }

    /// Puts what begins within the literal.
    #[inline]
    fn begin(&self, text: Text<'_>, found: &mut Found) {
        if let Some((slot, kind)) = self.opens {
            found.put_at(Place { slot, element: false }, Value::new(0, 0, kind), text);
        }
    }
}

const BEGINNING: Edge = Edge {
    literal: [0; LITERAL],
    // Beyond the sixteen bits of a comparison, so that nothing matches.
    low: u32::MAX,
    length: 0,
    expect: Expect::End,
    place: Place { slot: NO_SLOT, element: false },
    special: false,
    opens: None,
    from: u16::MAX,
    to: OUTSIDE * 2,
    next: BEGIN as u16,
    sibling: BEGIN as u16,
};

/// Where the hint for a place in the text is. The literals of a state mostly differ in the letters behind the quote
/// that a key begins with.
#[inline]
fn hint(text: Text<'_>, at: usize, state: u16) -> usize {
    let letters = (text.eight(at) >> 16) as u32;
    let hash = (letters ^ u32::from(state).rotate_left(24)).wrapping_mul(0x9e37_79b1) >> 16;
    hash as usize % HINTS
}

/// As many bits as bytes are left, at most sixteen.
#[inline]
fn low(length: usize) -> u32 {
    if length >= 16 { 0xffff } else { (1 << length) - 1 }
}

// === impl Shapes ===

impl Shapes {
    /// No shapes. All memory that will ever be used is taken here.
    pub(crate) fn new(rules: u64) -> Self {
        let edges: Result<Box<[Edge; EDGES]>, _> = vec![BEGINNING; EDGES].into_boxed_slice().try_into();
        let edges = edges.unwrap_or_else(|_| unreachable!("the vector has that length"));
        let mut shapes = Self {
            edges,
            rules,
            used: 0,
            hints: Box::new([[BEGIN as u16; 2]; HINTS]),
            turns: 0,
            by_letters: 0,
            heads: Vec::with_capacity(2 * STACKS),
            stacks: Vec::with_capacity(STACKS),
        };
        shapes.clear();
        shapes
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.used = 1;
        self.edges[BEGIN] = BEGINNING;
        self.hints.fill([BEGIN as u16; 2]);
        self.heads.clear();
        self.heads.resize(4, BEGIN as u16);
        self.stacks.clear();
        self.stacks.resize(2, (OUTSIDE, Frame::default()));
    }

    #[cfg(test)]
    pub(crate) fn by_letters(&self) -> bool {
        self.by_letters > 0
    }

    /// Whether another edge has no room.
    pub(crate) fn is_full(&self) -> bool {
        self.used == EDGES
    }

    /// Reads a record by following edges: `false` says nothing but that they do not suffice.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn follow(&mut self, input: &Input<'_>, found: &mut Found) -> bool {
        let Input { text, stops, start, end } = *input;
        let (mut last, mut at) = (BEGIN, start);
        loop {
            // Two guesses: what followed last time costs nothing, and what begins with these letters is right where
            // keys come in any order.
            let mut next = match self.by_letters {
                0 => usize::from(self.edges[last].next) % EDGES,
                _ => usize::from(self.hints[hint(text, at, self.edges[last].to)][0]) % EDGES,
            };
            let guess = &self.edges[next];
            if guess.from != self.edges[last].to || !guess.fits(text, at, end) {
                let mut position = Position { edge: last, at };
                next = self.turn(input, &mut position, found) % EDGES;
                if next == BEGIN {
                    return false;
                }
                at = position.at;
            }
            let edge = &self.edges[next];
            at += usize::from(edge.length);
            let (close, kind) = match edge.expect {
                Expect::String => (stops.next(at, end), Kind::Plain),
                Expect::Scalar => match scalar(text, at, end) {
                    Ok(scalar) => scalar,
                    Err(_) => return false,
                },
                Expect::End => {
                    edge.begin(text, found);
                    return true;
                }
            };
            let value = Value::new(at, close, kind);
            if close > end || edge.special && !edge.put(value, text, found) {
                return false;
            }
            if !edge.special {
                found.put(edge.place.slot, value);
            }
            at = close;
            last = next;
        }
    }

    /// Finds an edge where the expected one does not match; [`BEGIN`] if there is none.
    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn turn(&mut self, input: &Input<'_>, position: &mut Position, found: &mut Found) -> usize {
        let Input { text, stops, end, .. } = *input;
        let last = &self.edges[position.edge];
        if last.expect == Expect::String && !last.special && text.byte(position.at) != b'"' {
            // The string goes on behind an escape or a character that has to be looked at.
            let Ok(string) = string::scan(text, stops, position.at, end) else { return BEGIN };
            let kind = if string.escaped { Kind::Escaped } else { Kind::Plain };
            found.extend(last.place, string.close, kind);
            position.at = string.close;
            let next = usize::from(last.next) % EDGES;
            if self.edges[next].fits(text, position.at, end) {
                return next;
            }
        }
        let state = last.to;
        let hint = hint(text, position.at, state);
        let [first, second] = self.hints[hint];
        // Two, because the same key may have a string now and `null` then.
        let mut next = usize::from(second) % EDGES;
        if !self.leads(next, state, input, position.at) {
            next = usize::from(first) % EDGES;
            if !self.leads(next, state, input, position.at) {
                next = self.search(input, position.at, state);
            }
        }
        if next != usize::from(first) {
            self.hints[hint] = [next as u16, first];
        }
        if next != BEGIN {
            self.edges[position.edge].next = next as u16;
            self.turns += 1;
        }
        next
    }

    /// Another record was read: decides by which guess the next ones are.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.by_letters > 0 {
            self.by_letters -= 1;
            self.turns = 0;
        } else if self.turns > 0 {
            self.turns = self.turns.saturating_sub(FORGOTTEN);
            if self.turns > TURNS {
                self.by_letters = BY_LETTERS;
            }
        }
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn leads(&self, edge: usize, state: u16, input: &Input<'_>, at: usize) -> bool {
        let edge = &self.edges[edge];
        edge.from == state && edge.fits(input.text, at, input.end)
    }

    /// Tries the edges from a state one by one; [`BEGIN`] if none matches.
    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn search(&self, input: &Input<'_>, at: usize, state: u16) -> usize {
        let mut next = self.heads.get(usize::from(state)).copied().map_or(BEGIN, usize::from);
        for _ in 0..TRIES {
            let edge = &self.edges[next % EDGES];
            if next == BEGIN || edge.fits(input.text, at, input.end) {
                return next;
            }
            next = usize::from(edge.sibling);
        }
        BEGIN
    }

    /// Adds an edge from a state, unless it is known, and expects it behind `before` from now on. `None` if there is
    /// no room for it.
    pub(crate) fn add(&mut self, before: usize, edge: Edge) -> Option<usize> {
        let from = self.edges.get(before)?.to;
        let head = self.heads.get_mut(usize::from(from))?;
        let mut at = usize::from(*head);
        while at != BEGIN {
            let known = self.edges.get(at)?;
            if known.length == edge.length && known.literal == edge.literal && known.expect == edge.expect {
                break;
            }
            at = usize::from(known.sibling);
        }
        if at == BEGIN {
            at = self.used;
            let special = edge.special || self.rules >> edge.place.slot & 1 != 0;
            *self.edges.get_mut(at)? = Edge { sibling: *head, from, special, ..edge };
            *head = at as u16;
            self.used += 1;
        }
        self.edges.get_mut(before)?.next = at as u16;
        Some(at)
    }

    /// The stack that has `frame` on top of the stack `below`; `None` if there is no room for it.
    pub(crate) fn stack(&mut self, below: u16, frame: Frame) -> Option<u16> {
        let known = self.stacks.iter().skip(2).position(|stack| *stack == (below, frame));
        if let Some(at) = known {
            return Some(at as u16 + 2);
        }
        if self.stacks.len() == STACKS {
            return None;
        }
        self.stacks.push((below, frame));
        self.heads.extend([BEGIN as u16; 2]);
        Some(self.stacks.len() as u16 - 1)
    }
}
