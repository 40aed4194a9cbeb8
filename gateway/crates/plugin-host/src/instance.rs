use std::time::Duration;

use tallygate_event::{Code, Outcome, Records};
use wasmtime::{Store, Trap};

use crate::api::v0_1::Plugin as Bindings;
use crate::api::v0_1::tallygate::plugin::types::{Info, Outcome as Columns};
use crate::guest::{Guest, printable};

/// A plugin at work: one sandbox, called by one thread at a time.
///
/// After any [`Failure`] the instance is spent; drop it.
pub struct Instance {
    store: Store<Guest>,
    bindings: Bindings,
    /// The codes that the plugin defined for itself.
    own_codes: Vec<Code>,
}

/// How a call can go wrong, other than by rejecting records.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The guest trapped, or the runtime refused what it did.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// The guest computed for longer than it may.
    #[error("the plugin did not answer within {} ms of processor time", .0.as_millis())]
    Deadline(Duration),
    /// The answer does not fit the question.
    #[error("the plugin broke its contract: {0}")]
    Contract(String),
}

/// Bounds on what a guest may hand over in one call, beyond what the columns need: room for messages.
const MESSAGE_ROOM: usize = 64 << 10;
/// No more than this is needed for the columns of one record: 1 + 16 + 8 bytes, and the runtime's own accounting.
const ROOM_PER_RECORD: usize = 64;
const TRAP_BYTES: usize = 256;

// === impl Instance ===

impl Instance {
    pub(crate) fn new(store: Store<Guest>, bindings: Bindings, own_codes: Vec<Code>) -> Self {
        Self { store, bindings, own_codes }
    }

    /// What the plugin makes of the records, one answer each.
    ///
    /// # Errors
    /// Any [`Failure`]; none of the records is judged then, and the instance is spent.
    pub fn extract(&mut self, records: Records<'_>) -> Result<Outcome, Failure> {
        self.begin(records.len() * ROOM_PER_RECORD);
        let columns = self.bindings.tallygate_plugin_extractor().call_extract(
            &mut self.store,
            records.data,
            records.starts,
            records.ends,
        );
        let columns = columns.map_err(|error| self.failure(&error))?;
        self.check(columns, records.len())
    }

    /// In the plugin's words, what it makes of one record: what it read out of it, or why it rejects it.
    ///
    /// # Errors
    /// Any [`Failure`]; the instance is spent then.
    pub fn explain(&mut self, record: &[u8]) -> Result<Result<String, String>, Failure> {
        self.begin(0);
        let words = self.bindings.tallygate_plugin_extractor().call_explain(&mut self.store, record);
        let words = words.map_err(|error| self.failure(&error))?;
        Ok(words.map(|text| printable(&text, TRAP_BYTES)).map_err(|text| printable(&text, TRAP_BYTES)))
    }

    /// Whether the instance has grown so much that a new one should take its place.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        let meter = &self.store.data().meter;
        meter.used() > meter.limit() / 2
    }

    pub(crate) fn describe(&mut self) -> Result<Info, Failure> {
        self.begin(0);
        let info = self.bindings.tallygate_plugin_extractor().call_describe(&mut self.store);
        info.map_err(|error| self.failure(&error))
    }

    pub(crate) fn configure(&mut self, settings: &[(String, String)]) -> Result<Result<(), String>, Failure> {
        self.begin(0);
        let accepted = self.bindings.tallygate_plugin_extractor().call_configure(&mut self.store, settings);
        accepted.map_err(|error| self.failure(&error))
    }

    fn begin(&mut self, room: usize) {
        grant(&mut self.store, room);
    }

    fn failure(&self, error: &wasmtime::Error) -> Failure {
        Failure::of(error, self.store.data().deadline.limit())
    }

    /// The columns as an outcome, if they are of the lengths that the status bytes announce.
    fn check(&self, columns: Columns, records: usize) -> Result<Outcome, Failure> {
        let Columns { status, v4, v6, times } = columns;
        let broken = |what: String| Err(Failure::Contract(what));
        if status.len() != records {
            return broken(format!("{} status bytes for {records} records", status.len()));
        }
        let (mut v4_expected, mut v6_expected) = (0, 0);
        for byte in &status {
            v4_expected += usize::from(*byte == Outcome::V4);
            v6_expected += usize::from(*byte == Outcome::V6);
        }
        if v4_expected + v6_expected < records {
            self.check_codes(&status)?;
        }
        if v4.len() != v4_expected {
            return broken(format!("{} entries in v4, {v4_expected} announced", v4.len()));
        }
        if v6.len() != 2 * v6_expected {
            return broken(format!("{} entries in v6, {} announced", v6.len(), 2 * v6_expected));
        }
        if !times.is_empty() && times.len() != v4_expected + v6_expected {
            return broken(format!("{} times for {} accepted records", times.len(), v4_expected + v6_expected));
        }
        let v6 = v6.chunks_exact(2).map(|pair| (u128::from(pair[0]) << 64) | u128::from(pair[1])).collect();
        Ok(Outcome { status, v4, v6, times })
    }

    fn check_codes(&self, status: &[u8]) -> Result<(), Failure> {
        for byte in status.iter().filter(|byte| **byte > Outcome::V6) {
            let known = Code::from_plugin(*byte)
                .is_some_and(|code| code.0 < Code::FIRST_OF_PLUGIN || self.own_codes.contains(&code));
            if !known {
                return Err(Failure::Contract(format!("status {byte} has no meaning")));
            }
        }
        Ok(())
    }
}

/// Grants a call its time, and `room` bytes for what it hands over besides messages.
pub(crate) fn grant(store: &mut Store<Guest>, room: usize) {
    let epochs = store.data_mut().deadline.begin();
    store.set_epoch_deadline(epochs);
    store.set_hostcall_fuel(MESSAGE_ROOM + room);
}

// === impl Failure ===

impl Failure {
    /// What the runtime's error says of the guest, which had `limit` of processor time.
    pub(crate) fn of(error: &wasmtime::Error, limit: Duration) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Deadline(limit),
            Some(trap) => Self::Trap(printable(&trap.to_string(), TRAP_BYTES)),
            None => Self::Trap(printable(&format!("{error:#}"), TRAP_BYTES)),
        }
    }

    /// The value of the metric label `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Deadline(_) => "deadline",
            Self::Contract(_) => "contract",
        }
    }
}
