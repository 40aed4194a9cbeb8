//! `tallygate plugin test`: records with the outcomes that are expected of them.
//!
//! `tests/NAME.log` holds the records, one a line; `tests/NAME.expected` one JSON object for each, as `plugin run --json` prints
//! it. `tests/NAME.toml`, if there is one, says on what terms they are judged.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use tallygate_plugin_host::Plugin;
use tallygate_workshop::Project;

use super::Surroundings;
use super::build::build_if_stale;
use super::input::{Form, Hearer, judge_all};
use super::judge::{self, Address, Judge, Terms};
use super::subject::{Subject, Tuning};
use super::verdict::Verdict;
use crate::cli::terminal::{self, Colour, Terminal, fit};

#[derive(Args)]
pub(in crate::cli) struct Test {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Take what the plugin answers now as what is expected
    #[arg(long)]
    update: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tuning: Tuning,
    #[command(flatten)]
    terms: Terms,
}

/// What became of the tests of a project.
pub(super) struct Tested {
    pub(super) files: usize,
    pub(super) records: usize,
    pub(super) different: usize,
}

/// A file of records.
struct Case {
    records: PathBuf,
    expected: PathBuf,
    terms: CaseTerms,
}

/// What `tests/NAME.toml` says.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CaseTerms {
    settings: std::collections::BTreeMap<String, String>,
    received: Option<String>,
    address: Option<String>,
    base64: bool,
}

/// Differences that are shown of one file.
const SHOWN: usize = 20;

pub(super) fn run(arguments: &Test, surroundings: &Surroundings) -> Result<ExitCode> {
    let project = Project::open(&arguments.folder)?;
    build_if_stale(&project, surroundings)?;
    let tested = test(&project, arguments, surroundings)?;
    Ok(if tested.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tests what is built of a project as it stands, with nothing said on the command line.
pub(super) fn test_as_it_stands(project: &Project, surroundings: &Surroundings) -> Result<Tested> {
    let (tuning, terms) = (Tuning::default(), Terms::default());
    test(
        project,
        &Test { folder: project.folder().to_owned(), update: false, json: false, tuning, terms },
        surroundings,
    )
}

fn test(project: &Project, arguments: &Test, surroundings: &Surroundings) -> Result<Tested> {
    let (sandbox, terminal) = (surroundings.sandbox()?, surroundings.terminal());
    let subject = Subject::of_project(project, &arguments.tuning)?;
    let mut tested = Tested { files: 0, records: 0, different: 0 };
    let (mut out, mut found) = (terminal::stdout(), Vec::new());
    for case in cases(project)? {
        let settings: Vec<_> = case.terms.settings.clone().into_iter().collect();
        let plugin = sandbox.load(&subject.with_settings(&settings))?;
        let answers = case.judge(plugin, &arguments.terms)?;
        tested.files += 1;
        tested.records += answers.len();
        if arguments.update {
            case.bless(&answers)?;
        }
        let differences = case.differences(&answers)?;
        tested.different += differences.len();
        if arguments.json {
            found.extend(differences.iter().map(|difference| difference.json(&case)));
            continue;
        }
        for difference in differences.iter().take(SHOWN) {
            writeln!(out, "{}", difference.shown(&case, &terminal))?;
        }
        if differences.len() > SHOWN {
            writeln!(out, "… and {} more in {}", differences.len() - SHOWN, case.records.display())?;
        }
    }
    if arguments.json {
        let Tested { files, records, .. } = tested;
        writeln!(out, "{}", json!({"files": files, "records": records, "differences": found}))?;
    } else {
        writeln!(out, "{}", tested.text(&terminal))?;
    }
    Ok(tested)
}

// === impl Tested ===

impl Tested {
    fn text(&self, terminal: &Terminal) -> String {
        let colour = if self.different == 0 { Colour::Green } else { Colour::Red };
        let verdict = match self.different {
            0 => "all as expected".to_owned(),
            1 => "1 is not as expected; if it is right now, run this again with --update".to_owned(),
            more => format!("{more} are not as expected; if they are right now, run this again with --update"),
        };
        let some = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let counts = format!("{}, {}", some(self.files, "file"), some(self.records, "record"));
        format!("{counts}: {}", terminal.paint(colour, &verdict))
    }
}

/// The tests of a project, by name.
fn cases(project: &Project) -> Result<Vec<Case>> {
    let folder = project.folder().join("tests");
    let entries = std::fs::read_dir(&folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut records: Vec<PathBuf> = entries.unwrap_or_default();
    records.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    records.sort();
    if records.is_empty() {
        bail!(
            "there are no tests in {}: put records into a file there whose name ends in .log, one a line, and run `tallygate \
             plugin test --update`",
            folder.display()
        );
    }
    records.into_iter().map(Case::read).collect()
}

// === impl Case ===

impl Case {
    fn read(records: PathBuf) -> Result<Self> {
        let (expected, about) = (records.with_extension("expected"), records.with_extension("toml"));
        let terms = match std::fs::read_to_string(&about) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} is wrong", about.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => CaseTerms::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", about.display())),
        };
        Ok(Self { records, expected, terms })
    }

    /// What the plugin answers now: each record, and the answer as it is printed.
    fn judge(&self, plugin: std::sync::Arc<Plugin>, given: &Terms) -> Result<Vec<(String, String)>> {
        let wrong = |key: &str| format!("{key} of {}", self.records.with_extension("toml").display());
        let mut terms = given.clone();
        if let (Some(text), None) = (&self.terms.received, given.received) {
            terms.received =
                Some(judge::received(text).map_err(anyhow::Error::msg).with_context(|| wrong("received"))?);
        }
        match self.terms.address.as_deref() {
            None | Some("required") => {}
            Some("optional") if given.address.is_none() => terms.address = Some(Address::Optional),
            Some("optional") => {}
            Some(other) => bail!("{}: expected required or optional, found {other}", wrong("address")),
        }
        let form = if self.terms.base64 { Form::Base64 } else { Form::Lines };
        let file = std::fs::File::open(&self.records);
        let file = file.with_context(|| format!("cannot read {}", self.records.display()))?;
        let (mut judge, mut answers) = (Judge::new(plugin, &terms), Answers::default());
        judge_all(file, form, &mut judge, &mut answers).with_context(|| self.records.display().to_string())?;
        Ok(answers.0)
    }

    /// Takes the answers as what is expected.
    fn bless(&self, answers: &[(String, String)]) -> Result<()> {
        let mut text = String::new();
        for (_, answer) in answers {
            writeln!(text, "{answer}")?;
        }
        std::fs::write(&self.expected, text).with_context(|| format!("cannot write {}", self.expected.display()))
    }

    fn differences(&self, answers: &[(String, String)]) -> Result<Vec<Difference>> {
        let missing = || {
            format!(
                "cannot read {}: what is expected of {}? `tallygate plugin test --update` writes what the plugin answers now",
                self.expected.display(),
                self.records.display()
            )
        };
        let text = std::fs::read_to_string(&self.expected).with_context(missing)?;
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let expected: Vec<(&str, usize)> = lines.collect();
        let mut differences = Vec::new();
        for at in 0..answers.len().max(expected.len()) {
            let (answer, expected) = (answers.get(at), expected.get(at));
            if let (Some((_, answer)), Some((expected, line))) = (answer, expected)
                && fits(expected, answer).with_context(|| format!("{}, line {line}", self.expected.display()))?
            {
                continue;
            }
            differences.push(Difference {
                record: at + 1,
                text: answer.map(|(record, _)| record.clone()),
                expected: expected.map(|(expected, _)| (*expected).to_owned()),
                found: answer.map(|(_, answer)| answer.clone()),
            });
        }
        Ok(differences)
    }
}

/// Records, and what became of each, as it is printed.
#[derive(Default)]
struct Answers(Vec<(String, String)>);

impl Hearer for Answers {
    fn judged(&mut self, record: Option<&[u8]>, verdict: Verdict) -> Result<()> {
        let record = record.map_or_else(|| "(too long)".into(), |record| String::from_utf8_lossy(record).into_owned());
        self.0.push((record, verdict.json()));
        Ok(())
    }
}

/// Whether an answer is what is expected. What a message says need not be told.
fn fits(expected: &str, answer: &str) -> Result<bool> {
    let expected: Value = serde_json::from_str(expected).context("is not JSON")?;
    let mut answer: Value = serde_json::from_str(answer).context("an answer is JSON")?;
    if let (Value::Object(answer), None) = (&mut answer, expected.get("message")) {
        answer.remove("message");
    }
    Ok(expected == answer)
}

/// A record that is not judged as expected.
struct Difference {
    /// Which one, from one.
    record: usize,
    text: Option<String>,
    expected: Option<String>,
    found: Option<String>,
}

// === impl Difference ===

impl Difference {
    fn json(&self, case: &Case) -> Value {
        let parsed = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        json!({
            "file": case.records,
            "record": self.record,
            "text": self.text,
            "expected": parsed(&self.expected),
            "found": parsed(&self.found),
        })
    }

    fn shown(&self, case: &Case, terminal: &Terminal) -> String {
        let width = terminal.width.saturating_sub(10).max(30);
        let line = |text: &Option<String>, nothing: &str| fit(text.as_deref().unwrap_or(nothing), width);
        format!(
            "{} record {}\n  {}\n  {}\n  {}",
            case.records.display(),
            self.record,
            line(&self.text, "(there is no such record)"),
            terminal.paint(Colour::Red, &format!("expected  {}", line(&self.expected, "nothing"))),
            terminal.paint(Colour::Green, &format!("found     {}", line(&self.found, "nothing"))),
        )
    }
}

/// The files with the records of a project's tests.
pub(super) fn record_files(project: &Project) -> Vec<PathBuf> {
    let plain = |case: &Case| !case.terms.base64;
    cases(project).unwrap_or_default().into_iter().filter(plain).map(|case| case.records).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_compared_as_json_and_a_message_need_not_be_told() {
        for (expected, answer, fit) in [
            (r#"{"ip":"::1","time":null}"#, r#"{"time":null,"ip":"::1"}"#, true),
            (r#"{"ip":"::1","time":null}"#, r#"{"ip":"::2","time":null}"#, false),
            (r#"{"reject":"malformed"}"#, r#"{"reject":"malformed","message":"why"}"#, true),
            (r#"{"reject":"malformed","message":"other"}"#, r#"{"reject":"malformed","message":"why"}"#, false),
            (r#"{"ip":"::1"}"#, r#"{"ip":"::1","time":null}"#, false),
        ] {
            assert_eq!(fits(expected, answer).expect("is JSON"), fit, "{expected}");
        }
        assert!(fits("ip", "{}").is_err());
    }
}
