//! Times as the gateway has them, in Unix nanoseconds, and as people read them.

use std::time::SystemTime;

use jiff::Timestamp;

/// Nanoseconds of a millisecond.
pub(crate) const MILLISECOND: i64 = 1_000_000;

/// Now, in Unix nanoseconds.
#[expect(clippy::disallowed_methods, reason = "whom others ask")]
pub(crate) fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// A time in RFC 3339, UTC, with as many groups of three digits behind the point as it needs.
pub(crate) fn rfc3339(nanoseconds: i64) -> String {
    let time = Timestamp::from_nanosecond(nanoseconds.into()).expect("every i64 of nanoseconds lies in a known year");
    let digits = match time.subsec_nanosecond() {
        0 => return format!("{time:.0}"),
        fraction if fraction % 1_000_000 == 0 => 3,
        fraction if fraction % 1000 == 0 => 6,
        _ => 9,
    };
    format!("{time:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_the_precision_that_they_have() {
        for (nanoseconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.500Z"),
            (1_000_001_000, "1970-01-01T00:00:01.000001Z"),
            (1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
            (-1_000_000, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN + 2, "1677-09-21T00:12:43.145224194Z"),
        ] {
            assert_eq!(rfc3339(nanoseconds), expected);
        }
    }
}
