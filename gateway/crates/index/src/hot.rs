//! The hours that are being written to: what came in them is known without asking the history.

mod hour;
mod table;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ahash::RandomState;

pub(crate) use self::hour::{Closed, HotHour};
use crate::Hour;

/// All open hours. There are few: the current one, and those that late records came for within the last minutes.
pub(crate) struct HotHours {
    /// In ascending order. Read at each batch; a lock rather than a snapshot, as a lookup takes no longer than taking one.
    open: RwLock<Arc<[Arc<HotHour>]>>,
    /// Held by who changes `open`.
    changing: Mutex<()>,
    keys: RandomState,
}

// === impl HotHours ===

impl HotHours {
    pub(crate) fn new() -> Self {
        Self { open: RwLock::new(Arc::default()), changing: Mutex::new(()), keys: RandomState::new() }
    }

    /// The open hours.
    pub(crate) fn all(&self) -> Arc<[Arc<HotHour>]> {
        Arc::clone(&self.open.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An hour, opened if it is not; then `backed` tells whether the history has something of it.
    pub(crate) fn open(&self, hour: Hour, backed: impl FnOnce() -> bool) -> Arc<HotHour> {
        if let Some(found) = self.get(hour) {
            return found;
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.get(hour) {
            return found;
        }
        let opened = Arc::new(HotHour::new(hour, backed(), &self.keys));
        let mut all = self.all().to_vec();
        all.insert(all.partition_point(|other| other.hour() < hour), Arc::clone(&opened));
        self.set(all);
        opened
    }

    /// Closes the hours that `gone` chooses. They can still be read, until they are removed.
    pub(crate) fn close(&self, gone: impl Fn(&HotHour) -> bool) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut any = false;
        for hour in self.all().iter().filter(|hour| gone(hour)) {
            hour.close();
            any = true;
        }
        any
    }

    /// Removes the hours that are closed: the history has all of them now.
    pub(crate) fn remove_closed(&self) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.set(self.all().iter().filter(|hour| !hour.is_closed()).cloned().collect());
    }

    fn get(&self, hour: Hour) -> Option<Arc<HotHour>> {
        let all = self.open.read().unwrap_or_else(PoisonError::into_inner);
        // One that is closed may stand beside the one that was opened after it.
        let same = all[all.partition_point(|other| other.hour() < hour)..].iter();
        same.take_while(|other| other.hour() == hour).find(|other| !other.is_closed()).cloned()
    }

    fn set(&self, hours: Vec<Arc<HotHour>>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = hours.into();
    }
}
