//! What of a configuration stays as it is until the next start.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// The checked values of all keys that take effect at the start alone, by their names. They are compared as what they mean:
/// `"16 MiB"` and `16777216` are the same.
#[derive(Clone, Default, Debug)]
pub(crate) struct UntilRestart(Vec<(String, Arc<dyn Checked>)>);

/// A checked value of any type that can be compared.
trait Checked: Any + Debug + Send + Sync {
    fn is_same(&self, other: &dyn Checked) -> bool;
}

// === impl UntilRestart ===

impl UntilRestart {
    pub(super) fn note(&mut self, key: String, value: impl PartialEq + Debug + Send + Sync + 'static) {
        self.0.push((key, Arc::new(value)));
    }

    /// The keys whose values are not the same in both.
    pub(crate) fn changed<'a>(&'a self, new: &'a Self) -> Vec<&'a str> {
        let differs = |key: &str| match (self.value(key), new.value(key)) {
            (Some(old), Some(new)) => !old.is_same(new),
            _ => true,
        };
        let gone = self.0.iter().filter(|(key, _)| new.value(key).is_none());
        let all = new.0.iter().chain(gone).map(|(key, _)| key.as_str());
        all.filter(|key| differs(key)).collect()
    }

    fn value(&self, key: &str) -> Option<&dyn Checked> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }
}

impl PartialEq for UntilRestart {
    fn eq(&self, other: &Self) -> bool {
        self.changed(other).is_empty()
    }
}

// === impl Checked ===

impl<T: PartialEq + Debug + Send + Sync + 'static> Checked for T {
    fn is_same(&self, other: &dyn Checked) -> bool {
        (other as &dyn Any).downcast_ref::<T>() == Some(self)
    }
}
