//! How a new plugin did on past records, beside the one that serves.

use super::answers::{Answer, Example, Shadow};
use crate::cli::terminal::{Colour, Terminal, fit};

/// A summary, and below it the records on which the two differ.
pub(super) fn describe(shadow: &Shadow, terminal: &Terminal) -> String {
    let mut lines = vec![summary(shadow)];
    if shadow.routes.len() > 1 {
        let line = |route: &super::answers::Route| {
            format!("  {}  {} replayed, {} different", fit(&route.route, 64), route.replayed, route.different)
        };
        lines.extend(shadow.routes.iter().map(line));
    }
    for example in &shadow.examples {
        lines.extend(lines_of(example, terminal));
    }
    let untold = shadow.different.saturating_sub(shadow.examples.len() as u64);
    if untold > 0 && !shadow.examples.is_empty() {
        lines.push(format!("  … and {untold} more"));
    }
    lines.join("\n")
}

fn summary(shadow: &Shadow) -> String {
    let Shadow { replayed, different, unstable, .. } = shadow;
    if *replayed == 0 {
        return "replayed no records: none are kept".to_owned();
    }
    let records = if *replayed == 1 { "record" } else { "records" };
    let mut text = format!("replayed {replayed} {records}, {different} different");
    if *different > 0 {
        #[allow(clippy::cast_precision_loss, reason = "a gateway keeps far fewer than 2^53 records")]
        let share = *different as f64 / *replayed as f64;
        text += &format!(" ({})", percent(share));
    }
    if let Some(bound) = shadow.bound {
        text += &format!(", bound {}", percent(bound));
    }
    if *unstable > 0 {
        text += &format!(", {unstable} unstable");
    }
    if let (Some(new), Some(old)) = (shadow.new_nanoseconds, shadow.old_nanoseconds) {
        text += &format!("; new {new:.0} ns a record, old {old:.0}");
    }
    text
}

/// With two digits behind the point at most.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        return "under 0.01 %".to_owned();
    }
    let written = format!("{percent:.2}");
    format!("{} %", written.trim_end_matches('0').trim_end_matches('.'))
}

fn lines_of(example: &Example, terminal: &Terminal) -> [String; 3] {
    let route = fit(&example.route, 64);
    let left = terminal.width.saturating_sub(route.chars().count() + 4).max(20);
    let (old, new) = sides(&example.old, &example.new);
    let side = |sign: char, answer: &str, colour| {
        terminal.paint(colour, &format!("    {sign} {}", fit(answer, terminal.width.saturating_sub(6).max(20))))
    };
    [format!("  {route}  {}", fit(&example.record, left)), side('-', &old, Colour::Red), side('+', &new, Colour::Green)]
}

/// Two answers, without what they have in common.
fn sides(old: &Answer, new: &Answer) -> (String, String) {
    if let (Some(before), Some(after)) = (&old.ip, &new.ip) {
        if before == after {
            return (time(old).to_owned(), time(new).to_owned());
        }
        if old.time == new.time {
            return (before.clone(), after.clone());
        }
        return (format!("{before}  {}", time(old)), format!("{after}  {}", time(new)));
    }
    (whole(old), whole(new))
}

fn whole(answer: &Answer) -> String {
    match answer {
        Answer { ip: Some(ip), time: Some(time), .. } => format!("{ip}  {time}"),
        Answer { ip: Some(ip), time: None, .. } => ip.clone(),
        Answer { code: None, message: None, .. } => format!("no client  {}", time(answer)),
        Answer { code, message: Some(message), .. } => format!("{}: {message}", code.as_deref().unwrap_or("rejected")),
        Answer { code, message: None, .. } => code.as_deref().unwrap_or("rejected").to_owned(),
    }
}

fn time(answer: &Answer) -> &str {
    answer.time.as_deref().unwrap_or("no time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(answer: &str, terminal: &Terminal) -> String {
        describe(&serde_json::from_str(answer).expect("an answer"), terminal)
    }

    #[test]
    fn each_example_shows_what_differs() {
        let text = described(
            r#"{"replayed":1000,"different":7,"bound":0.01,"unstable":2,"old_nanoseconds":43,"new_nanoseconds":45.4,
                "routes":[{"route":"/logs","replayed":900,"different":7},{"route":"/logs/access","replayed":100,"different":0}],
                "examples":[
                {"route":"/logs","record":"{\"ip\":\"1.2.3.4\",\"ts\":\"today\"}",
                 "old":{"ip":"1.2.3.4","time":"2026-01-31T05:00:00Z"},"new":{"code":"field-missing","message":"no field holds\nan address"}},
                {"route":"/logs","record":"a","old":{"code":"malformed","message":null},"new":{"ip":"::1","time":null}},
                {"route":"/logs","record":"b","old":{"ip":"1.2.3.4","time":"2026-01-31T05:00:00Z"},"new":{"ip":"1.2.3.4","time":null}},
                {"route":"/logs","record":"c","old":{"ip":"1.2.3.4","time":"2026-01-31T05:00:00Z"},
                 "new":{"ip":"1.2.3.5","time":"2026-01-31T05:00:00Z"}},
                {"route":"/logs","record":"d","old":{"ip":"1.2.3.4"},"new":{"ip":"1.2.3.5","time":"2026-01-31T05:00:00Z"}}]}"#,
            &Terminal::plain(80),
        );
        let expected = r#"replayed 1000 records, 7 different (0.7 %), bound 1 %, 2 unstable; new 45 ns a record, old 43
  /logs  900 replayed, 7 different
  /logs/access  100 replayed, 0 different
  /logs  {"ip":"1.2.3.4","ts":"today"}
    - 1.2.3.4  2026-01-31T05:00:00Z
    + field-missing: no field holds\nan address
  /logs  a
    - malformed
    + ::1
  /logs  b
    - 2026-01-31T05:00:00Z
    + no time
  /logs  c
    - 1.2.3.4
    + 1.2.3.5
  /logs  d
    - 1.2.3.4  no time
    + 1.2.3.5  2026-01-31T05:00:00Z
  … and 2 more"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_fit_the_terminal() {
        let text = described(
            r#"{"replayed":1,"different":1,"examples":[{"route":"/logs","record":"0123456789012345678901234567890123456789",
                "old":{"ip":"1.2.3.4"},"new":{"code":"malformed","message":"\u001b[31m0123456789012345678901234567890123456789"}}]}"#,
            &Terminal::plain(40),
        );
        let expected = "\
replayed 1 record, 1 different (100 %)
  /logs  012345678901234567890123456789…
    - 1.2.3.4
    + malformed: \\u{1b}[31m012345678901…";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 40));
    }

    #[test]
    fn shares_are_told_with_two_digits() {
        for (share, told) in
            [(0.01, "1 %"), (0.0125, "1.25 %"), (1.0, "100 %"), (0.0, "0 %"), (0.1, "10 %"), (0.000_01, "under 0.01 %")]
        {
            assert_eq!(percent(share), told);
        }
        assert_eq!(described("{}", &Terminal::plain(80)), "replayed no records: none are kept");
    }
}
