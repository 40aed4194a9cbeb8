use tallygate_event::{Code, Outcome, Records};
use wasmtime::Store;

use crate::api::{About, Columns, Exports};
use crate::failure::Failure;
use crate::guest::{Guest, printable};

/// A plugin at work: one sandbox, called by one thread at a time.
///
/// After any [`Failure`] the instance is spent; drop it.
pub struct Instance {
    store: Store<Guest>,
    exports: Exports,
    /// The codes that the plugin defined for itself.
    own_codes: Vec<Code>,
}

/// Bounds on what a guest may hand over in one call, beyond what the columns need: room for messages.
const MESSAGE_ROOM: usize = 64 << 10;
/// No more than this is needed for the columns of one record: 1 + 16 + 8 bytes, and the runtime's own accounting.
const ROOM_PER_RECORD: usize = 64;
/// Bound on the words of `explain`.
const WORDS_BYTES: usize = 256;

// === impl Instance ===

impl Instance {
    pub(crate) fn new(store: Store<Guest>, exports: Exports, own_codes: Vec<Code>) -> Self {
        Self { store, exports, own_codes }
    }

    /// What the plugin makes of the records, one answer each.
    ///
    /// # Errors
    /// Any [`Failure`]; none of the records is judged then, and the instance is spent.
    pub fn extract(&mut self, records: Records<'_>) -> Result<Outcome, Failure> {
        self.begin(records.len() * ROOM_PER_RECORD);
        let columns = self.exports.extract(&mut self.store, records);
        let columns = self.end(columns)?;
        self.check(columns, records.len())
    }

    /// In the plugin's words, what it makes of one record, received at that Unix nanosecond: what it read out of it, or why
    /// it rejects it.
    ///
    /// # Errors
    /// Any [`Failure`]; the instance is spent then.
    pub fn explain(&mut self, record: &[u8], received: i64) -> Result<Result<String, String>, Failure> {
        self.begin(0);
        let words = self.exports.explain(&mut self.store, record, received);
        let words = self.end(words)?;
        Ok(words.map(|text| printable(&text, WORDS_BYTES)).map_err(|text| printable(&text, WORDS_BYTES)))
    }

    /// How many instructions of WebAssembly the last call took, where the host counts them.
    #[must_use]
    pub fn instructions(&self) -> Option<u64> {
        self.store.get_fuel().ok().map(|left| u64::MAX - left)
    }

    /// Whether the instance has grown so much that a new one should take its place.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        let meter = &self.store.data().meter;
        meter.used() > meter.limit() / 2
    }

    pub(crate) fn describe(&mut self) -> Result<About, Failure> {
        self.begin(0);
        let about = self.exports.describe(&mut self.store);
        self.end(about)
    }

    pub(crate) fn configure(&mut self, settings: &[(String, String)]) -> Result<Result<(), String>, Failure> {
        self.begin(0);
        let accepted = self.exports.configure(&mut self.store, settings);
        self.end(accepted)
    }

    fn begin(&mut self, room: usize) {
        self.store.data_mut().begin_call();
        grant(&mut self.store, room);
    }

    #[inline]
    fn end<T>(&mut self, answer: wasmtime::Result<T>) -> Result<T, Failure> {
        if answer.is_ok() && !self.store.data().has_written() {
            return answer.map_err(|error| Failure::of(&error, self.store.data_mut()));
        }
        self.store.data_mut().log_written(answer.is_err());
        answer.map_err(|error| Failure::of(&error, self.store.data_mut()))
    }

    /// The columns as an outcome, if they are of the lengths that the status bytes announce.
    fn check(&self, columns: Columns, records: usize) -> Result<Outcome, Failure> {
        let Columns { status, v4, v6, times } = columns;
        let broken = |what: String| Err(Failure::Contract(what));
        if status.len() != records {
            return broken(format!("{} status bytes for {records} records", status.len()));
        }
        let (mut v4_expected, mut v6_expected, mut no_client) = (0, 0, 0);
        for byte in &status {
            v4_expected += usize::from(*byte == Outcome::V4);
            v6_expected += usize::from(*byte == Outcome::V6);
        }
        if v4_expected + v6_expected < records {
            no_client = self.check_codes(&status)?;
        }
        let accepted = v4_expected + v6_expected + no_client;
        if v4.len() != v4_expected {
            return broken(format!("{} entries in v4, {v4_expected} announced", v4.len()));
        }
        if v6.len() != 2 * v6_expected {
            return broken(format!("{} entries in v6, {} announced", v6.len(), 2 * v6_expected));
        }
        if !times.is_empty() && times.len() != accepted {
            return broken(format!("{} times for {accepted} accepted records", times.len()));
        }
        let v6 = v6.chunks_exact(2).map(|pair| (u128::from(pair[0]) << 64) | u128::from(pair[1])).collect();
        Ok(Outcome { status, v4, v6, no_client, times })
    }

    /// How many records name no client, if all the others that name no address are rejected by codes with a meaning.
    fn check_codes(&self, status: &[u8]) -> Result<usize, Failure> {
        let mut no_client = 0;
        for byte in status.iter().filter(|byte| **byte > Outcome::V6) {
            if *byte == Outcome::NO_CLIENT && self.exports.may_name_no_client() {
                no_client += 1;
                continue;
            }
            let known = Code::from_plugin(*byte)
                .is_some_and(|code| code.0 < Code::FIRST_OF_PLUGIN || self.own_codes.contains(&code));
            if !known {
                let hint = "an own code must be at least 128 and named in info.rejects";
                return Err(Failure::Contract(format!("status {byte} has no meaning; {hint}")));
            }
        }
        Ok(no_client)
    }
}

/// Grants a call its time, and `room` bytes for what it hands over besides messages.
pub(crate) fn grant(store: &mut Store<Guest>, room: usize) {
    let epochs = store.data_mut().deadline.begin();
    store.set_epoch_deadline(epochs);
    store.set_hostcall_fuel(MESSAGE_ROOM + room);
    if store.data().counts_instructions {
        store.set_fuel(u64::MAX).expect("an engine that counts has fuel");
    }
}
