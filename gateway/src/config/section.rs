//! One table of the document, read key by key. What is wrong is noted and reading goes on.

use std::fmt::Debug;

use super::Problem;
use super::document::{self, Node, Origin, Table, Value};
use super::key::{Effect, Key, Keys, Missing};
use super::restart::UntilRestart;
use super::units::Unit;

/// What is noted while a configuration is read.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    pub(super) until_restart: UntilRestart,
}

pub(super) struct Section<'a> {
    /// The section's own key, from the root.
    name: String,
    keys: &'static Keys,
    table: Table,
    origin: Origin,
    /// Every key that was asked for, for the message about one that was not.
    known: Vec<&'static str>,
    notes: &'a mut Notes,
}

// === impl Section ===

impl<'a> Section<'a> {
    pub(super) fn root(table: Table, keys: &'static Keys, notes: &'a mut Notes) -> Self {
        Self { name: String::new(), keys, table, origin: Origin::Whole, known: Vec::new(), notes }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value of a key, or the default if it is missing or wrong.
    pub(super) fn take<T>(&mut self, name: &'static str, unit: &Unit<T>) -> T
    where
        T: PartialEq + Debug + Clone + Send + Sync + 'static,
    {
        let key = self.key(name, unit);
        let value = self.given(name, unit).unwrap_or_else(|| default(key, unit));
        self.note(key, &value);
        value
    }

    /// The value of a key that need not be there.
    pub(super) fn optional<T>(&mut self, name: &'static str, unit: &Unit<T>) -> Option<T>
    where
        T: PartialEq + Debug + Clone + Send + Sync + 'static,
    {
        let key = self.key(name, unit);
        let value = self.given(name, unit);
        self.note(key, &value);
        value
    }

    /// The value of a key that must be there.
    pub(super) fn require<T>(&mut self, name: &'static str, unit: &Unit<T>) -> Option<T>
    where
        T: PartialEq + Debug + Clone + Send + Sync + 'static,
    {
        if !self.table.contains_key(name) {
            let message = format!("{} is missing", self.full(name));
            self.notes.problems.push(Problem { origin: self.origin.clone(), message });
        }
        self.optional(name, unit)
    }

    /// Notes a problem if both keys are there, at the second of them. To be asked before they are read.
    pub(super) fn at_most_one(&mut self, one: &str, other: &str) {
        if let (true, Some(node)) = (self.table.contains_key(one), self.table.get(other)) {
            let message = format!("{} and {} are both given; give one of them", self.full(one), self.full(other));
            self.notes.problems.push(Problem { origin: node.origin.clone(), message });
        }
    }

    /// A table within this one; empty if it is missing.
    pub(super) fn section(&mut self, keys: &'static Keys) -> Section<'_> {
        let (name, node) = self.below(keys);
        section_of(node, (name, keys), self.origin.clone(), self.notes)
    }

    /// A table whose keys are names, each with a table of its own. All are read before the next is asked for.
    pub(super) fn named_sections(&mut self, keys: &'static Keys) -> NamedSections<'_> {
        let (name, node) = self.below(keys);
        let parent = section_of(node, (name.clone(), keys), self.origin.clone(), self.notes);
        let entries = parent.table.into_iter().rev().collect();
        NamedSections { name, keys, entries, notes: self.notes }
    }

    /// An array of tables.
    pub(super) fn sections(&mut self, keys: &'static Keys) -> NamedSections<'_> {
        let (name, node) = self.below(keys);
        let entries = match node {
            None => Vec::new(),
            Some(Node { value: Value::Array(nodes), .. }) => {
                nodes.into_iter().rev().map(|node| (String::new(), node)).collect()
            }
            Some(Node { origin, .. }) => {
                self.notes.problems.push(Problem { origin, message: format!("{name} must be written as [[{name}]]") });
                Vec::new()
            }
        };
        NamedSections { name, keys, entries, notes: self.notes }
    }

    /// Notes a problem with a key of this section, or with the section itself if the key is empty.
    pub(super) fn problem(&mut self, key: &str, message: &str) {
        let full = if key.is_empty() { self.name.clone() } else { self.full(key) };
        self.notes.problems.push(Problem { origin: self.origin.clone(), message: format!("{full}: {message}") });
    }

    /// Whatever was not asked for is a mistake of whoever wrote it.
    pub(super) fn finish(self) {
        for (key, node) in &self.table {
            let message = match nearest(key, &self.known) {
                Some(meant) => format!("unknown key {}, did you mean {meant}?", self.full(key)),
                None => format!("unknown key {}; known here: {}", self.full(key), self.known.join(", ")),
            };
            self.notes.problems.push(Problem { origin: node.origin.clone(), message });
        }
    }

    /// What the table says of a key.
    fn key<T>(&self, name: &str, unit: &Unit<T>) -> &'static Key {
        let key = self.keys.key(name).expect("a key that is read is in the table of its section");
        debug_assert_eq!(key.kind, unit.kind, "{name} is read as what the table says");
        key
    }

    /// The value that is given for a key, if it is a good one.
    fn given<T>(&mut self, name: &'static str, unit: &Unit<T>) -> Option<T> {
        self.known.push(name);
        let node = self.table.remove(name)?;
        match (unit.read)(&node.value) {
            Ok(value) => Some(value),
            Err(message) => {
                let message = format!("{}: {message}", self.full(name));
                self.notes.problems.push(Problem { origin: node.origin, message });
                None
            }
        }
    }

    /// Remembers a value that stays as it is until the next start.
    fn note<T: PartialEq + Debug + Clone + Send + Sync + 'static>(&mut self, key: &Key, value: &T) {
        if key.effect == Effect::Restart {
            let name = self.full(key.name);
            self.notes.until_restart.note(name, value.clone());
        }
    }

    /// Takes what stands here for a section, and gives its full name.
    fn below(&mut self, keys: &'static Keys) -> (String, Option<Node>) {
        let key = keys.own_name();
        self.known.push(key);
        (self.full(key), self.table.remove(key))
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// Sections one after the other.
pub(super) struct NamedSections<'a> {
    name: String,
    keys: &'static Keys,
    /// In reverse, so that the next is the last.
    entries: Vec<(String, Node)>,
    notes: &'a mut Notes,
}

// === impl NamedSections ===

impl NamedSections<'_> {
    /// Reads each section with `read`, which gets its name and the section.
    pub(super) fn read<T>(mut self, read: impl Fn((String, Section<'_>)) -> T) -> Vec<T> {
        let mut all = Vec::new();
        while let Some((key, node)) = self.entries.pop() {
            let name = if key.is_empty() { self.name.clone() } else { format!("{}.{key}", self.name) };
            all.push(read((key, section_of(Some(node), (name, self.keys), Origin::Whole, self.notes))));
        }
        all
    }
}

fn section_of<'a>(
    node: Option<Node>,
    (name, keys): (String, &'static Keys),
    around: Origin,
    notes: &'a mut Notes,
) -> Section<'a> {
    let (table, origin) = match node {
        None => (Table::new(), around),
        Some(Node { value: Value::Table(table), origin }) => (table, origin),
        Some(Node { origin, .. }) => {
            notes.problems.push(Problem { origin: origin.clone(), message: format!("{name} must be a table") });
            (Table::new(), origin)
        }
    };
    Section { name, keys, table, origin, known: Vec::new(), notes }
}

/// What a key that is not given means.
fn default<T>(key: &Key, unit: &Unit<T>) -> T {
    const READ: &str = "a default in the table is a value of its key; a test reads all of them";
    let Missing::Is(text) = key.missing else { panic!("{} is read as if it had a default", key.name) };
    let value = document::value(text).expect(READ);
    (unit.read)(&value).expect(READ)
}

/// The known key that was probably meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |other: &str| strsim::damerau_levenshtein(key, other);
    let best = known.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= 2.max(key.len() / 4)).then_some(*best)
}
