//! What is written, and what is on the platter.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;

/// A disk as it is at one moment.
pub(super) struct Medium {
    /// All that ever were, also those without a name, which somebody may still write.
    pub(super) files: Vec<File>,
    /// Where in `files` a name leads.
    pub(super) names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What happened to names since they were synced.
    changes: Vec<Change>,
    pub(super) operations: u64,
    /// Which operations fail, counted as `operations` is.
    pub(super) failing: Vec<RangeInclusive<u64>>,
    pub(super) most_bytes: u64,
    pub(super) random: Random,
}

#[derive(Clone, Default)]
pub(super) struct File {
    pub(super) written: Vec<u8>,
    platter: Vec<u8>,
    /// How much of `written` needs no sync any more: it is on the platter or given up.
    clean: usize,
}

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String, usize),
}

/// Sebastiano Vigna's SplitMix64.
pub(super) struct Random(u64);

// === impl Medium ===

impl Medium {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            operations: 0,
            failing: Vec::new(),
            most_bytes: u64::MAX,
            random: Random(seed),
        }
    }

    /// Counts an operation, and fails it if it is to fail.
    pub(super) fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.failing.iter().any(|range| range.contains(&self.operations)) {
            return Err(io::Error::other(format!("operation {} fails by request", self.operations)));
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, first: u64, last: u64) {
        self.failing.retain(|range| *range.end() > self.operations);
        self.failing.push(self.operations + first.max(1)..=self.operations.saturating_add(last.max(1)));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].written.len() as u64).sum()
    }

    pub(super) fn named(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, name: &str) -> usize {
        let file = self.files.len();
        self.files.push(File::default());
        if self.names.contains_key(name) {
            self.change(Change::Unlink(name.to_owned()));
        }
        self.change(Change::Link(name.to_owned(), file));
        file
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let file = self.named(from)?;
        self.change(Change::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.named(name)?;
        self.change(Change::Unlink(name.to_owned()));
        Ok(())
    }

    pub(super) fn sync_names(&mut self) {
        self.changes.clear();
        self.durable_names = self.names.clone();
    }

    pub(super) fn sync_file(&mut self, file: usize, succeeds: bool) {
        let file = &mut self.files[file];
        let dirty = file.written.len() - file.clean;
        let synced = if succeeds { dirty } else { self.random.below(dirty + 1) };
        if synced > 0 {
            // What was given up before leaves a hole.
            file.platter.resize(file.clean, 0);
            file.platter.extend_from_slice(&file.written[file.clean..][..synced]);
        }
        file.clean = file.written.len();
    }

    pub(super) fn kill(&self) -> Self {
        Self {
            files: self.files.clone(),
            names: self.names.clone(),
            durable_names: self.durable_names.clone(),
            changes: self.changes.clone(),
            ..Self::new(self.random.0)
        }
    }

    pub(super) fn crash(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut names = self.durable_names.clone();
        for change in &self.changes[..random.below(self.changes.len() + 1)] {
            change.apply(&mut names);
        }
        let mut files = Vec::new();
        for file in names.values_mut() {
            let bytes = self.files[*file].crash(&mut random);
            *file = files.len();
            files.push(File { written: bytes.clone(), clean: bytes.len(), platter: bytes });
        }
        Self { files, durable_names: names.clone(), names, ..Self::new(seed) }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}

// === impl File ===

impl File {
    /// What is left of it.
    fn crash(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.platter.clone();
        let dirty = &self.written[self.clean..];
        let survives = random.below(dirty.len() + 1);
        if survives > 0 {
            bytes.resize(self.clean, 0);
            bytes.extend_from_slice(&dirty[..survives]);
            if random.below(2) == 0 {
                let garbage = bytes.len() - random.below(survives + 1);
                bytes[garbage..].fill_with(|| random.next() as u8);
            }
        }
        bytes
    }
}

// === impl Change ===

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

// === impl Random ===

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to one less than `most`, which is not 0.
    pub(super) fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }
}
