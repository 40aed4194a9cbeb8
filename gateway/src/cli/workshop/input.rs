//! Records out of a file or a pipe.

use std::io::Read;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tallygate_connect::frame::{Bounds, Chunk, Frames, Framing};

use super::judge::Judge;
use super::verdict::Verdict;
use crate::serving::Capture;

/// How records lie in the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// One a line, told apart as the gateway tells lines apart.
    Lines,
    /// One a line, in base64.
    Base64,
}

/// As on the gateway's live path.
const BOUNDS: Bounds = Bounds { chunk_records: 4096, chunk_bytes: 256 << 10, max_record: 1 << 20 };
/// What is read at once.
const STEP: usize = 64 << 10;
/// A line is waited for up to here: as much as a request's body may be, as a line may hold several records.
const LONGEST_LINE: usize = 16 << 20;

/// Who hears of the records of an input.
///
/// A trait because it hears of two things, and a test keeps what a command prints.
pub(super) trait Hearer {
    /// What became of a record, in the order in which they came, with its bytes unless it was too long to be looked into.
    fn judged(&mut self, record: Option<&[u8]>, verdict: Verdict) -> Result<()>;

    /// All that is there now has been judged; more may take a while.
    fn pause(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Judges all records of an input, as they come.
pub(super) fn judge_all(mut input: impl Read, form: Form, judge: &mut Judge, hearer: &mut dyn Hearer) -> Result<()> {
    let (mut step, mut waiting) = (vec![0; STEP], Vec::new());
    let (mut line, mut is_skipping) = (0, false);
    loop {
        let read = input.read(&mut step).context("cannot read the records")?;
        let new = step.get(..read).unwrap_or_default();
        waiting.extend_from_slice(new);
        let newline = memchr::memrchr(b'\n', new).map(|at| waiting.len() - new.len() + at + 1);
        let whole = if read == 0 { waiting.len() } else { newline.unwrap_or(0) };
        if whole == 0 && read > 0 && waiting.len() <= LONGEST_LINE {
            continue;
        }
        let rest = waiting.split_off(whole);
        let mut lines = std::mem::replace(&mut waiting, rest);
        if is_skipping && !lines.is_empty() {
            let end = memchr::memchr(b'\n', &lines).map_or(lines.len(), |at| at + 1);
            lines.drain(..end);
            is_skipping = false;
        }
        match form {
            Form::Lines => judge_lines(&lines, judge, hearer)?,
            Form::Base64 => judge_base64(&lines, &mut line, judge, hearer)?,
        }
        // A line that is longer than any may be is not kept until it ends.
        if waiting.len() > LONGEST_LINE {
            if !is_skipping {
                hearer.judged(None, Judge::too_long())?;
                line += 1;
            }
            waiting.clear();
            is_skipping = true;
        }
        hearer.pause()?;
        if read == 0 {
            return Ok(());
        }
    }
}

fn judge_lines(lines: &[u8], judge: &mut Judge, hearer: &mut dyn Hearer) -> Result<()> {
    let (mut frames, mut chunk) = (Frames::new(lines, Framing::Lines, BOUNDS), Chunk::default());
    while frames.next(&mut chunk) {
        let records = chunk.records(lines, judge.received());
        for (at, verdict) in judge.judge(records).into_iter().enumerate() {
            hearer.judged(records.get(at), verdict)?;
        }
        if chunk.reject.is_some() {
            hearer.judged(None, Judge::too_long())?;
        }
    }
    Ok(())
}

fn judge_base64(lines: &[u8], line: &mut usize, judge: &mut Judge, hearer: &mut dyn Hearer) -> Result<()> {
    let mut together = Capture::new(judge.received());
    for text in lines.split_inclusive(|byte| *byte == b'\n') {
        *line += 1;
        let decoded = STANDARD.decode(text.trim_ascii());
        let fits = |record: &Vec<u8>| record.len() <= BOUNDS.max_record;
        if let Some(record) = decoded.as_ref().ok().filter(|record| fits(record)) {
            if !together.has_room_for(record) {
                judge_capture(&mut together, judge, hearer)?;
            }
            together.push(record);
            continue;
        }
        // What came before is judged first, so that the order is kept.
        judge_capture(&mut together, judge, hearer)?;
        match decoded {
            Ok(_) => hearer.judged(None, Judge::too_long())?,
            Err(error) => bail!("line {line} is not base64: {error}"),
        }
    }
    judge_capture(&mut together, judge, hearer)
}

fn judge_capture(capture: &mut Capture, judge: &mut Judge, hearer: &mut dyn Hearer) -> Result<()> {
    let capture = std::mem::replace(capture, Capture::new(judge.received()));
    let records = capture.records();
    for (at, verdict) in judge.judge(records).into_iter().enumerate() {
        hearer.judged(records.get(at), verdict)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tallygate_plugin_host::{Compiler, Host, Limits, LoadRequest};

    use super::*;
    use crate::cli::workshop::judge::Terms;

    /// Gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()).min(into.len()));
            into[..now.len()].copy_from_slice(now);
            self.0 = rest;
            Ok(now.len())
        }
    }

    fn judge() -> Judge {
        let component = crate::shipped::component("json").expect("ships");
        let request = LoadRequest { name: "json", component, settings: vec![], limits: Limits::default() };
        let host = Host::new(None, Compiler::Here).expect("a host");
        Judge::new(Arc::clone(&host.load(request, &mut |_, _| {}).expect("loads")), &Terms::default())
    }

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Hearer for Heard {
        fn judged(&mut self, record: Option<&[u8]>, verdict: Verdict) -> Result<()> {
            let what = match verdict {
                Verdict::Accepted { ip, .. } => ip.expect("is required").to_string(),
                Verdict::Rejected { code, .. } => code,
            };
            self.0.push(format!("{} {what}", record.map_or(0, <[u8]>::len)));
            Ok(())
        }
    }

    fn judged(input: impl Read, form: Form, judge: &mut Judge) -> Vec<String> {
        let mut heard = Heard::default();
        judge_all(input, form, judge, &mut heard).expect("is read");
        heard.0
    }

    #[test]
    fn records_are_the_same_however_the_input_comes() {
        let (long, longest) = ("x".repeat(BOUNDS.max_record + 1), "y".repeat(LONGEST_LINE + 1));
        let text = format!(
            "{{\"ip\":\"192.0.2.1\"}}\n\r\n{{\"ip\":\"192.0.2.2\"}}{{\"a\":1}}\n{long}\n{longest}\n\0\0{{\"ip\":\"::1\"}}\r\nlast"
        );
        let expected =
            ["18 192.0.2.1", "18 192.0.2.2", "7 field-missing", "0 too-long", "0 too-long", "12 ::1", "4 malformed"];
        let mut judge = judge();
        for step in [1 << 30, 60_000, 1_048_577, 4097] {
            assert_eq!(
                judged(Slowly(text.as_bytes(), step), Form::Lines, &mut judge),
                expected,
                "{step} bytes at a time"
            );
        }
        for step in 1..40 {
            let text = "{\"ip\":\"192.0.2.1\"}\n\n{\"ip\":\"192.0.2.2\"}\n";
            let expected = ["18 192.0.2.1", "18 192.0.2.2"];
            assert_eq!(judged(Slowly(text.as_bytes(), step), Form::Lines, &mut judge), expected, "{step}");
        }
    }

    #[test]
    fn base64_holds_any_record_and_what_is_none_is_told_with_its_line() {
        let mut judge = judge();
        let text = "eyJpcCI6CiIxOTIuMC4yLjEifQ==\n\n/w==\r\n";
        assert_eq!(judged(text.as_bytes(), Form::Base64, &mut judge), ["19 192.0.2.1", "0 malformed", "1 malformed"]);
        let error = judge_all(&b"/w==\nno base64\n"[..], Form::Base64, &mut judge, &mut Heard::default());
        assert!(error.expect_err("is told").to_string().starts_with("line 2 is not base64: "));
    }
}
