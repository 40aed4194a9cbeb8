//! What the sets promise, checked against plain models and from several threads at once.
//!
//! The same tests run under Miri and ThreadSanitizer, with fewer and smaller cases; the commands are in the crate's docs.

mod concurrency;
mod model;
mod support;
mod visits;
