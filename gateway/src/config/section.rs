//! One table of the document, read key by key. What is wrong is noted and reading goes on.

use super::Problem;
use super::document::{Node, Origin, Table, Value};

pub(super) struct Section<'a> {
    /// The section's own key, from the root.
    name: String,
    table: Table,
    origin: Origin,
    /// Every key that was asked for, for the message about one that was not.
    known: Vec<&'static str>,
    problems: &'a mut Vec<Problem>,
}

// === impl Section ===

impl<'a> Section<'a> {
    pub(super) fn root(table: Table, problems: &'a mut Vec<Problem>) -> Self {
        Self { name: String::new(), table, origin: Origin::Whole, known: Vec::new(), problems }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value of a key, or the default if it is missing or wrong.
    pub(super) fn take<T>(&mut self, key: &'static str, read: impl Fn(&Value) -> Result<T, String>, default: T) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// The value of a key that must be there.
    pub(super) fn require<T>(&mut self, key: &'static str, read: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        if !self.table.contains_key(key) {
            let message = format!("{} is missing", self.full(key));
            self.problems.push(Problem { origin: self.origin.clone(), message });
        }
        self.optional(key, read)
    }

    /// Notes a problem if both keys are there, at the second of them. To be asked before they are read.
    pub(super) fn at_most_one(&mut self, one: &str, other: &str) {
        if let (true, Some(node)) = (self.table.contains_key(one), self.table.get(other)) {
            let message = format!("{} and {} are both given; give one of them", self.full(one), self.full(other));
            self.problems.push(Problem { origin: node.origin.clone(), message });
        }
    }

    /// A table within this one; empty if it is missing.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'_> {
        self.known.push(key);
        let name = self.full(key);
        let node = self.table.remove(key);
        section_of(node, name, self.origin.clone(), self.problems)
    }

    /// A table whose keys are names, each with a table of its own. All are read before the next is asked for.
    pub(super) fn named_sections(&mut self, key: &'static str) -> NamedSections<'_> {
        self.known.push(key);
        let name = self.full(key);
        let node = self.table.remove(key);
        let parent = section_of(node, name.clone(), self.origin.clone(), self.problems);
        let entries = parent.table.into_iter().rev().collect();
        NamedSections { name, entries, problems: self.problems }
    }

    /// An array of tables.
    pub(super) fn sections(&mut self, key: &'static str) -> NamedSections<'_> {
        self.known.push(key);
        let name = self.full(key);
        let entries = match self.table.remove(key) {
            None => Vec::new(),
            Some(Node { value: Value::Array(nodes), .. }) => {
                nodes.into_iter().rev().map(|node| (String::new(), node)).collect()
            }
            Some(Node { origin, .. }) => {
                self.problems.push(Problem { origin, message: format!("{name} must be written as [[{name}]]") });
                Vec::new()
            }
        };
        NamedSections { name, entries, problems: self.problems }
    }

    /// Notes a problem with a key of this section, or with the section itself if the key is empty.
    pub(super) fn problem(&mut self, key: &str, message: &str) {
        let full = if key.is_empty() { self.name.clone() } else { self.full(key) };
        self.problems.push(Problem { origin: self.origin.clone(), message: format!("{full}: {message}") });
    }

    /// Whatever was not asked for is a mistake of whoever wrote it. Gives the problems back.
    pub(super) fn finish(self) -> &'a mut Vec<Problem> {
        for (key, node) in &self.table {
            let message = match nearest(key, &self.known) {
                Some(meant) => format!("unknown key {}, did you mean {meant}?", self.full(key)),
                None => format!("unknown key {}; known here: {}", self.full(key), self.known.join(", ")),
            };
            self.problems.push(Problem { origin: node.origin.clone(), message });
        }
        self.problems
    }

    fn optional<T>(&mut self, key: &'static str, read: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        self.known.push(key);
        let node = self.table.remove(key)?;
        match read(&node.value) {
            Ok(value) => Some(value),
            Err(message) => {
                let message = format!("{}: {message}", self.full(key));
                self.problems.push(Problem { origin: node.origin, message });
                None
            }
        }
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// Sections one after the other.
pub(super) struct NamedSections<'a> {
    name: String,
    /// In reverse, so that the next is the last.
    entries: Vec<(String, Node)>,
    problems: &'a mut Vec<Problem>,
}

// === impl NamedSections ===

impl NamedSections<'_> {
    /// Reads each section with `read`, which gets its name and the section.
    pub(super) fn read<T>(mut self, read: impl Fn((String, Section<'_>)) -> T) -> Vec<T> {
        let mut all = Vec::new();
        while let Some((key, node)) = self.entries.pop() {
            let name = if key.is_empty() { self.name.clone() } else { format!("{}.{key}", self.name) };
            all.push(read((key, section_of(Some(node), name, Origin::Whole, self.problems))));
        }
        all
    }
}

fn section_of<'a>(node: Option<Node>, name: String, around: Origin, problems: &'a mut Vec<Problem>) -> Section<'a> {
    let (table, origin) = match node {
        None => (Table::new(), around),
        Some(Node { value: Value::Table(table), origin }) => (table, origin),
        Some(Node { origin, .. }) => {
            problems.push(Problem { origin: origin.clone(), message: format!("{name} must be a table") });
            (Table::new(), origin)
        }
    };
    Section { name, table, origin, known: Vec::new(), problems }
}

/// The known key that was probably meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |other: &str| strsim::damerau_levenshtein(key, other);
    let best = known.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= 2.max(key.len() / 4)).then_some(*best)
}
