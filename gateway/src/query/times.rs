//! Days, hours and ranges, as they are written.

use std::fmt;

use jiff::Timestamp;
use tallygate_index::query::{Bucket, HourOrDay, Range, View};
use tallygate_index::{Day, Hour};

use super::problem::{Problem, shown};

/// A day or an hour, as somebody wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Time(HourOrDay);

/// A range that can be asked about.
pub(crate) struct Span {
    /// As it was asked for.
    pub(crate) asked: Range,
    pub(crate) from: Time,
    pub(crate) to: Time,
}

// === impl Time ===

impl Time {
    /// Reads a day, an hour, or an instant: that is the hour which holds it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [_, _, _, _, _, _, _, _, _, _] => Some(Self(HourOrDay::Day(date(text)?))),
            [date_text @ .., b'T', tens, ones] if date_text.len() == 10 => {
                let day = date(text.get(..10)?)?;
                let hour = u32::from(tens.checked_sub(b'0')?) * 10 + u32::from(ones.checked_sub(b'0')?);
                let plain = tens.is_ascii_digit() && ones.is_ascii_digit() && hour < 24;
                plain.then(|| Self(HourOrDay::Hour(Hour(day.first_hour().0 + hour))))
            }
            _ => instant(text).map(|hour| Self(HourOrDay::Hour(hour))),
        }
    }

    /// Its first hour.
    fn first(self) -> Hour {
        match self.0 {
            HourOrDay::Hour(hour) => hour,
            HourOrDay::Day(day) => day.first_hour(),
        }
    }

    /// Its last hour.
    fn last(self) -> Hour {
        match self.0 {
            HourOrDay::Hour(hour) => hour,
            HourOrDay::Day(day) => day.last_hour(),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        moment(self.0).fmt(formatter)
    }
}

// === impl Span ===

impl Span {
    /// From one time to another, both included; where there is none, from the first visit that is kept, or to the end.
    ///
    /// # Errors
    /// If a time cannot be read, the range is backwards, or it reaches back to what is not kept.
    pub(crate) fn read(view: &View<'_>, from: Option<&str>, to: Option<&str>) -> Result<Self, Problem> {
        let from = from.map(|text| read("from", text)).transpose()?;
        let to = to.map(|text| read("to", text)).transpose()?;
        Self::of(view, from, to)
    }

    /// As [`Self::read`], of what was read already.
    pub(crate) fn of(view: &View<'_>, from: Option<Time>, to: Option<Time>) -> Result<Self, Problem> {
        let all = view.all();
        let (first, last) = (Time(HourOrDay::Day(view.first_day())), Time(HourOrDay::Day(all.to.day())));
        // An end that was not asked for does not make a range backwards: a day too old is that, and one to come is empty.
        let from =
            from.unwrap_or_else(|| if to.is_some_and(|to| to.last() < first.first()) { day_of(to) } else { first });
        let to = to.unwrap_or_else(|| if from.first() > all.to { day_of(Some(from)) } else { last });
        let asked = Range { from: from.first(), to: to.last() };
        let problem = |error| Problem::of_range(error, from.to_string(), to.to_string());
        view.check(asked).map_err(problem)?;
        Ok(Self { asked, from, to })
    }

    /// With the first hours left out that are not told apart any more, if the beginning was not asked for: of hours.
    pub(crate) fn of_hours(self, view: &View<'_>, from: Option<&str>) -> Self {
        let oldest = view.oldest_hour();
        if from.is_some() || self.asked.from >= oldest || self.asked.to < oldest {
            return self;
        }
        let from = Time(HourOrDay::Day(oldest.day()));
        Self { asked: Range { from: from.first(), ..self.asked }, from, ..self }
    }

    /// As much of it as there can be something in: asking about years to come costs no more than asking about today.
    pub(crate) fn within(&self, view: &View<'_>) -> Range {
        cut(self.asked, view.all())
    }
}

/// What of a range does not lie beyond all that is kept.
pub(super) fn cut(range: Range, all: Range) -> Range {
    Range { from: range.from, to: range.to.min(all.to.max(range.from)) }
}

fn day_of(time: Option<Time>) -> Time {
    time.map_or(Time(HourOrDay::Day(Day(0))), |time| Time(HourOrDay::Day(time.first().day())))
}

fn read(which: &'static str, text: &str) -> Result<Time, Problem> {
    Time::read(text).ok_or_else(|| Problem::Time { which, found: shown(text.as_bytes()) })
}

/// A range that is to be split into buckets. Of hours, without an end that was asked for, there are those that are kept.
///
/// # Errors
/// As [`Span::read`].
pub(crate) fn span_by(
    view: &View<'_>,
    (from, to): (Option<&str>, Option<&str>),
    by: Option<Bucket>,
) -> Result<Span, Problem> {
    let span = Span::read(view, from, to)?;
    Ok(if by == Some(Bucket::Hour) { span.of_hours(view, from) } else { span })
}

/// What a range is to be split into.
pub(crate) fn bucket(text: &str) -> Result<Bucket, Problem> {
    match text {
        "hour" => Ok(Bucket::Hour),
        "day" => Ok(Bucket::Day),
        "week" => Ok(Bucket::Week),
        "month" => Ok(Bucket::Month),
        _ => Err(Problem::Bucket(shown(text.as_bytes()))),
    }
}

/// A day in writing: `2026-01-31`.
pub(crate) fn day(day: Day) -> impl fmt::Display {
    moment(HourOrDay::Day(day))
}

/// An hour in writing: `2026-01-31T05`.
pub(crate) fn hour(hour: Hour) -> impl fmt::Display {
    moment(HourOrDay::Hour(hour))
}

/// A day or an hour in writing.
pub(crate) fn moment(moment: HourOrDay) -> Written {
    Written(moment)
}

/// A day or an hour, to be shown.
#[derive(Clone, Copy)]
pub(crate) struct Written(HourOrDay);

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = match self.0 {
            HourOrDay::Hour(hour) => hour.day(),
            HourOrDay::Day(day) => day,
        };
        let (year, month, of_month) = day.civil();
        // Digit by digit, as this is most of what an answer to a single address takes.
        let digits = |number: u32| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        let ([y0, y1], [y2, y3], [m0, m1], [d0, d1]) =
            (digits(year / 100), digits(year % 100), digits(month), digits(of_month));
        let mut text = [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', 0, 0];
        let mut length = 10;
        if let HourOrDay::Hour(hour) = self.0 {
            [text[11], text[12]] = digits(hour.of_day());
            length = 13;
        }
        formatter.write_str(std::str::from_utf8(&text[..length]).expect("digits and dashes are text"))
    }
}

impl serde::Serialize for Written {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn date(text: &str) -> Option<Day> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if dashes { Day::of_civil(number(0..4)?, number(5..7)?, number(8..10)?) } else { None }
}

fn instant(text: &str) -> Option<Hour> {
    // In a query, the plus of an offset is a space to some who decode it.
    let found = match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') => format!("{time}+{offset}").parse::<Timestamp>(),
        _ => text.parse(),
    };
    Hour::of_unix_ms(found.ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_hours_or_instants() {
        for (text, written) in [
            ("2026-01-31", "2026-01-31"),
            ("2024-02-29", "2024-02-29"),
            ("9999-12-31", "9999-12-31"),
            ("2026-01-31T00", "2026-01-31T00"),
            ("2026-01-31T23", "2026-01-31T23"),
            ("2026-01-31T05:12:33Z", "2026-01-31T05"),
            ("2026-01-31T05:12:33.999z", "2026-01-31T05"),
            ("2026-01-31T05:12:33+01:00", "2026-01-31T04"),
            ("2026-01-31T05:12:33 01:00", "2026-01-31T04"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23"),
            ("2025-12-31T23:30:00-05:30", "2026-01-01T05"),
        ] {
            assert_eq!(Time::read(text).map(|time| time.to_string()).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026",
            "2026-1-31",
            "2026-02-29",
            "2026-13-01",
            "1969-12-31",
            "2026-01-31T24",
            "2026-01-31T+5",
            "2026-01-31T5",
            "2026-01-31T05:12:33",
            "2026-01-31T05:12:33 ",
            "1969-12-31T23:59:59Z",
            "+026-01-31",
            "２026-01-31",
            "2026x01x31",
            "2026x01x31T05",
            "today",
        ] {
            assert_eq!(Time::read(text), None, "{text}");
        }
    }
}
