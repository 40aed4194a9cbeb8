//! The one table of all keys, in the order in which people read of them.

use super::key::Keys;
use super::{addresses, ingest, ops, plugins, root, routes, swap, visits};

/// Sections that are named, such as `[plugins.NAME]`, have one entry for each table in them. Where the keys of a named section
/// depend on one of them, as on a `type`, each value of it is to have an entry of its own.
pub(super) const TABLE: [&Keys; 10] = [
    &root::KEYS,
    &visits::EVENT_TIME,
    &visits::HISTORY,
    &ingest::KEYS,
    &ops::KEYS,
    &addresses::KEYS,
    &swap::KEYS,
    &plugins::KEYS,
    &plugins::LIMITS,
    &routes::KEYS,
];
