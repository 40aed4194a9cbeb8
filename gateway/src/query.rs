//! Questions about visits, as HTTP and the command line both put them: what is read, what is answered, and in which words
//! it is refused.

mod addresses;
mod answers;
mod export;
mod lines;
mod problem;
mod times;

pub(crate) use addresses::{Asked, address};
pub(crate) use answers::{Detail, DistinctAsked, MOST_NETWORKS, TopAsked, Visited, distinct, top, visited};
pub(crate) use export::{ExportTarget, Format, Left, export};
pub(crate) use lines::{Answerer, Taker, addresses};
pub(crate) use problem::{Problem, shown};
pub(crate) use times::{Span, Time, bucket, span_by};
