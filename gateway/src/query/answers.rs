//! What is answered, as JSON.

use std::net::IpAddr;

use serde::Serialize;
use tallygate_index::query::{Bucket, HourOrDay, Network, RangeError, View};

use super::problem::Problem;
use super::times::{self, Span, Time, Written, moment};

/// When one address came.
#[derive(Serialize)]
pub(crate) struct Visited {
    ip: IpAddr,
    from: Time,
    to: Time,
    visited: bool,
    first: Option<Written>,
    last: Option<Written>,
    days: Vec<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<Vec<Written>>,
}

/// How much is told about an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Days,
    Hours,
}

/// How many addresses of a network came.
#[derive(Serialize)]
pub(crate) struct InNetwork {
    cidr: WrittenNetwork,
    visited: bool,
    addresses: u64,
}

/// What is asked about numbers.
pub(crate) struct DistinctAsked {
    pub(crate) span: Span,
    pub(crate) by: Option<Bucket>,
    pub(crate) saturated_prefixes: u64,
}

/// How many came.
#[derive(Serialize)]
pub(crate) struct Distinct {
    from: Time,
    to: Time,
    distinct: u64,
    new: u64,
    returning: u64,
    saturated_prefixes: u64,
    buckets: Vec<CountedBucket>,
}

#[derive(Serialize)]
struct CountedBucket {
    at: Written,
    distinct: u64,
    new: u64,
    returning: u64,
}

/// What is asked about networks.
#[derive(Clone, Copy)]
pub(crate) struct TopAsked {
    pub(crate) prefix: u8,
    pub(crate) prefix6: u8,
    pub(crate) limit: usize,
}

/// The networks with most addresses.
#[derive(Serialize)]
pub(crate) struct Top {
    networks: Vec<CountedNetwork>,
}

#[derive(Serialize)]
struct CountedNetwork {
    network: WrittenNetwork,
    distinct: u64,
}

struct WrittenNetwork(Network);

/// Buckets that one answer may have.
const BUCKETS: usize = 10_000;
/// Networks that one answer may have.
pub(crate) const MOST_NETWORKS: usize = 10_000;

pub(crate) fn visited(view: &View<'_>, ip: IpAddr, span: &Span, detail: Detail) -> Result<Visited, Problem> {
    let range = span.within(view);
    let found = view.visited(ip, range).map_err(|error| problem(error, span))?;
    let hours = match detail {
        Detail::Days => None,
        Detail::Hours => {
            let hours = view.hours(ip, range).map_err(|error| problem(error, span))?;
            Some(hours.into_iter().map(|hour| moment(HourOrDay::Hour(hour))).collect())
        }
    };
    Ok(Visited {
        ip,
        from: span.from,
        to: span.to,
        visited: !found.days.is_empty(),
        first: found.first.map(moment),
        last: found.last.map(moment),
        days: found.days.into_iter().map(|day| moment(HourOrDay::Day(day))).collect(),
        hours,
    })
}

pub(super) fn in_network(view: &View<'_>, network: Network, span: &Span) -> Result<InNetwork, Problem> {
    let addresses = view.distinct_in(network, span.within(view)).map_err(|error| problem(error, span))?;
    Ok(InNetwork { cidr: WrittenNetwork(network), visited: addresses > 0, addresses })
}

/// Counts a range, and each of its buckets. Fails where there are too many, or one of them is not kept.
pub(crate) fn distinct(view: &View<'_>, asked: &DistinctAsked) -> Result<Distinct, Problem> {
    let DistinctAsked { ref span, by, saturated_prefixes } = *asked;
    let all = view.all();
    if by.is_some_and(|by| span.asked.buckets(by).nth(BUCKETS).is_some()) {
        return Err(Problem::Buckets(BUCKETS));
    }
    let mut buckets = Vec::new();
    for range in by.into_iter().flat_map(|by| span.asked.buckets(by)) {
        let counts = view.distinct(times::cut(range, all)).map_err(|error| problem(error, span))?;
        let at = if by == Some(Bucket::Hour) { HourOrDay::Hour(range.from) } else { HourOrDay::Day(range.from.day()) };
        let returning = counts.distinct.saturating_sub(counts.new);
        buckets.push(CountedBucket { at: moment(at), distinct: counts.distinct, new: counts.new, returning });
    }
    let counts = view.distinct(span.within(view)).map_err(|error| problem(error, span))?;
    Ok(Distinct {
        from: span.from,
        to: span.to,
        distinct: counts.distinct,
        new: counts.new,
        returning: counts.distinct.saturating_sub(counts.new),
        saturated_prefixes,
        buckets,
    })
}

pub(crate) fn top(view: &View<'_>, span: &Span, asked: TopAsked) -> Result<Top, Problem> {
    let found = view.top(span.within(view), (asked.prefix, asked.prefix6), asked.limit);
    let found = found.map_err(|error| problem(error, span))?;
    let networks =
        found.into_iter().map(|top| CountedNetwork { network: WrittenNetwork(top.network), distinct: top.distinct });
    Ok(Top { networks: networks.collect() })
}

pub(super) fn problem(error: RangeError, span: &Span) -> Problem {
    Problem::of_range(error, span.from.to_string(), span.to.to_string())
}

// === impl WrittenNetwork ===

impl Serialize for WrittenNetwork {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.0.address, self.0.prefix))
    }
}
