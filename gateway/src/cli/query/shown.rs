//! Answers as people read them.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cli::table;
use crate::cli::terminal::{MESSAGE, fit};

/// Answers to a list, which is printed as it comes.
pub(super) struct Lines<W> {
    out: W,
    json: bool,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The first rows, until there are enough of them to know how wide columns are.
    waiting: Vec<[String; 6]>,
    widths: Option<[usize; 6]>,
    unreadable: u64,
}

/// The answer to one line, as far as it is shown.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line {
    ip: Option<String>,
    cidr: Option<String>,
    visited: bool,
    first: Option<String>,
    last: Option<String>,
    days: Vec<String>,
    addresses: Option<u64>,
    error: Option<Problem>,
    line: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    message: String,
}

#[derive(Deserialize)]
struct Distinct {
    from: String,
    to: String,
    #[serde(flatten)]
    counts: Counts,
    saturated_prefixes: u64,
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    at: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Deserialize)]
struct Counts {
    distinct: u64,
    new: u64,
    returning: u64,
}

#[derive(Deserialize)]
struct Top {
    networks: Vec<Network>,
}

#[derive(Deserialize)]
struct Network {
    network: String,
    distinct: u64,
}

const HEADER: [&str; 6] = ["address", "visited", "first", "last", "days", "addresses"];
const NUMBERS: [&str; 5] = ["days", "addresses", "distinct", "new", "returning"];
/// Rows that columns are fitted to. The others take what width they get.
const FITTED: usize = 1000;

pub(super) fn distinct(answer: &[u8]) -> Result<String> {
    let answer: Distinct = serde_json::from_slice(answer).context("not an answer of a gateway")?;
    let whole = format!("{} to {}", answer.from, answer.to);
    let rows = answer.buckets.iter().map(|bucket| (bucket.at.clone(), &bucket.counts));
    let row = |(at, counts): (String, &Counts)| {
        [at, counts.distinct.to_string(), counts.new.to_string(), counts.returning.to_string()]
    };
    let rows: Vec<_> = rows.chain([(whole, &answer.counts)]).map(row).collect();
    let mut lines = table::lines(&["time", "distinct", "new", "returning"], &NUMBERS, &rows);
    if answer.saturated_prefixes > 0 {
        let many = answer.saturated_prefixes;
        lines.push(format!("{many} IPv6 /64s are full: addresses of theirs are missing (addresses.max_per_64)"));
    }
    Ok(lines.join("\n"))
}

pub(super) fn top(answer: &[u8]) -> Result<String> {
    let answer: Top = serde_json::from_slice(answer).context("not an answer of a gateway")?;
    let row = |network: Network| [fit(&network.network, 64), network.distinct.to_string()];
    let rows: Vec<_> = answer.networks.into_iter().map(row).collect();
    Ok(table::lines(&["network", "distinct"], &NUMBERS, &rows).join("\n"))
}

// === impl Lines ===

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W, json: bool) -> Self {
        Self { out, json, begun: Vec::new(), waiting: Vec::new(), widths: None, unreadable: 0 }
    }

    /// Prints answers, which may come in pieces of any size.
    pub(super) fn push(&mut self, mut answers: &[u8]) -> Result<()> {
        while let Some(end) = answers.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&answers[..end]);
            answers = &answers[end + 1..];
            let line = std::mem::take(&mut self.begun);
            self.line(&line)?;
            self.begun = line;
            self.begun.clear();
        }
        self.begun.extend_from_slice(answers);
        Ok(())
    }

    /// Prints what is left, and tells how many lines of the list could not be read.
    pub(super) fn finish(mut self) -> Result<u64> {
        anyhow::ensure!(self.begun.is_empty(), "the answer breaks off");
        if !self.json {
            self.print_waiting()?;
        }
        self.out.flush()?;
        Ok(self.unreadable)
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        if self.json {
            // Looking at each would take longer than finding them.
            self.unreadable += u64::from(line.starts_with(b"{\"error\":"));
            self.out.write_all(line)?;
            return Ok(self.out.write_all(b"\n")?);
        }
        let line: Line = serde_json::from_slice(line).context("not an answer of a gateway")?;
        if let Some(problem) = &line.error {
            // What is wrong with no line is wrong with the whole.
            anyhow::ensure!(line.line > 0, "{}", fit(&problem.message, MESSAGE));
            self.unreadable += 1;
            eprintln!("tallygate: line {}: {}", line.line, fit(&problem.message, MESSAGE));
            return Ok(());
        }
        match self.widths {
            Some(widths) => writeln!(self.out, "{}", table::aligned(&HEADER, &NUMBERS, &widths, &line.row()))?,
            None => {
                self.waiting.push(line.row());
                if self.waiting.len() == FITTED {
                    self.print_waiting()?;
                }
            }
        }
        Ok(())
    }

    fn print_waiting(&mut self) -> io::Result<()> {
        if self.widths.is_some() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        self.widths = Some(table::widths(&HEADER, &rows));
        table::lines(&HEADER, &NUMBERS, &rows).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }
}

// === impl Line ===

impl Line {
    fn row(self) -> [String; 6] {
        let cell = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| fit(&text, 64));
        let days = if self.cidr.is_some() { "-".to_owned() } else { self.days.len().to_string() };
        let addresses = self.addresses.unwrap_or(u64::from(self.visited)).to_string();
        let visited = if self.visited { "yes" } else { "no" };
        [cell(self.cidr.or(self.ip)), visited.to_owned(), cell(self.first), cell(self.last), days, addresses]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(answers: &str) -> (String, u64) {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, false);
        // As they may come from a connection.
        answers.as_bytes().chunks(7).try_for_each(|piece| lines.push(piece)).expect("answers");
        let unreadable = lines.finish().expect("whole");
        (String::from_utf8(out).expect("text"), unreadable)
    }

    #[test]
    fn answers_to_a_list_are_a_table() {
        let answers = r#"{"ip":"192.0.2.1","visited":true,"first":"2026-01-02T05","last":"2026-01-30","days":["2026-01-02","2026-01-30"]}
{"ip":"192.0.2.2","visited":false,"first":null,"last":null,"days":[]}
{"error":{"code":"bad-address","message":"\"x\" is no address"},"line":3}
{"cidr":"192.0.2.0/24","visited":true,"addresses":17}
"#;
        let expected = "\
address       visited  first          last        days  addresses
192.0.2.1     yes      2026-01-02T05  2026-01-30     2          1
192.0.2.2     no       -              -              0          0
192.0.2.0/24  yes      -              -              -         17
";
        assert_eq!(shown(answers), (expected.to_owned(), 1));
    }

    #[test]
    fn what_is_wrong_with_the_whole_list_is_why_it_fails() {
        let mut lines = Lines::new(Vec::new(), false);
        let told = lines.push(b"{\"error\":{\"code\":\"too-slow\",\"message\":\"the client sent too little\"}}\n");
        assert_eq!(told.expect_err("no line is named").to_string(), "the client sent too little");
    }

    #[test]
    fn counts_are_a_table_with_the_whole_last() {
        let answer = br#"{"from":"2026-01-01","to":"2026-01-02","distinct":3,"new":2,"returning":1,"saturated_prefixes":0,
            "buckets":[{"at":"2026-01-01","distinct":1,"new":1,"returning":0},{"at":"2026-01-02","distinct":2,"new":1,"returning":1}]}"#;
        let expected = "\
time                      distinct  new  returning
2026-01-01                       1    1          0
2026-01-02                       2    1          1
2026-01-01 to 2026-01-02         3    2          1";
        assert_eq!(distinct(answer).expect("an answer"), expected);
    }
}
