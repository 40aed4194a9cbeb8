//! `tallygate plugin bench`: what a record costs, beside the shipped JSON plugin and a plugin that reads nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tallygate_event::Records;
use tallygate_plugin_host::{Instance, Plugin};
use tallygate_workshop::Project;

use super::Surroundings;
use super::build::build_if_stale;
use super::golden;
use super::sandbox::{Sandbox, load_counting};
use super::subject::{Subject, Tuning};
use crate::cli::{table, terminal};
use crate::{config, shipped};

#[derive(Args)]
pub(in crate::cli) struct Bench {
    /// The plugin's folder, or a shipped plugin's name or a component's file together with --records
    #[arg(default_value = ".")]
    plugin: String,
    /// Records, one a line [default: those of the folder's tests]
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "3 s", value_parser = config::duration_from)]
    duration: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tuning: Tuning,
}

/// Records of one call, as they repeat.
struct Batch {
    data: Vec<u8>,
    bounds: Vec<u32>,
}

/// What a plugin does with a batch.
struct Subjected {
    name: String,
    batch: Batch,
    instance: Instance,
    /// Nanoseconds of a whole call, the least seen, and of a call with one record alone.
    call: f64,
    one: f64,
    instructions: u64,
    memory: u64,
    accepted: usize,
}

/// Records and bytes of one call, as on the gateway's live path at a busy time.
const RECORDS: usize = 1000;
const BYTES: usize = 256 << 10;
/// How long one of them is measured before it is another's turn.
const TURN: Duration = Duration::from_millis(20);

pub(super) fn run(arguments: &Bench, surroundings: &Surroundings) -> Result<ExitCode> {
    let path = Path::new(&arguments.plugin);
    let is_project = shipped::component(&arguments.plugin).is_none() && path.is_dir();
    let project = if is_project { Some(Project::open(path)?) } else { None };
    if let Some(project) = &project {
        build_if_stale(project, surroundings)?;
    }
    let subject = Subject::find(&arguments.plugin, &arguments.tuning)?;
    let own = records(arguments, project.as_ref())?;

    let sandbox = surroundings.sandbox()?;
    let yardstick = Subject::find(config::DEFAULT_PLUGIN, &Tuning::default())?;
    let empty = Subject::shipped_for_comparison("boundary", shipped::BOUNDARY);
    let json = json_records();
    let mut all = [
        Subjected::new(&sandbox, &subject, Batch::of(&own))?,
        Subjected::new(&sandbox, &yardstick, Batch::of(&json))?,
        Subjected::new(&sandbox, &empty, Batch::of(&own))?,
        Subjected::new(&sandbox, &empty, Batch::of(&json))?,
    ];
    let begin = Instant::now();
    while begin.elapsed() < arguments.duration {
        for subjected in &mut all {
            subjected.measure()?;
        }
    }
    let [subject, yardstick, empty_of_own, empty_of_json] = &all;
    let compared = [(subject, empty_of_own), (yardstick, empty_of_json)];
    let mut out = terminal::stdout();
    if arguments.json {
        let shown = compared.map(|(subjected, empty)| subjected.json(empty));
        writeln!(out, "{}", json!({"plugin": shown[0], "json": shown[1]}))?;
    } else {
        let rows = compared.map(|(subjected, empty)| subjected.figures(empty));
        for line in lines(rows) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn records(arguments: &Bench, project: Option<&Project>) -> Result<Vec<Vec<u8>>> {
    let files = match (&arguments.records, project) {
        (Some(file), _) => vec![file.clone()],
        (None, Some(project)) => golden::record_files(project),
        (None, None) => Vec::new(),
    };
    let mut records = Vec::new();
    for file in files {
        let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        records.extend(lines.filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec));
    }
    if records.is_empty() {
        bail!("there are no records to measure with: name a file of them with --records, one record a line");
    }
    Ok(records)
}

/// Records as the shipped JSON plugin is used to.
fn json_records() -> Vec<Vec<u8>> {
    let record = |at: u32| {
        let [_, a, b, c] = at.wrapping_mul(2_654_435_761).to_be_bytes();
        let micros = at * 997 % 1_000_000;
        format!(
            r#"{{"timestamp":"2026-06-24T15:27:00.{micros:06}Z","ip":"83.{a}.{b}.{c}","url":"https://example.com/shop/item/{at}"}}"#
        )
    };
    (0..1000).map(|at| record(at).into_bytes()).collect()
}

fn lines(rows: [[String; 8]; 2]) -> Vec<String> {
    const WHAT: [&str; 8] = [
        "",
        "ns a record",
        "MB/s",
        "instructions a record",
        "of it boundary",
        "ns a call of one record",
        "memory of an instance",
        "accepted",
    ];
    let [own, json] = rows;
    let mut cells = WHAT.into_iter().zip(own).zip(json).map(|((what, own), json)| [what.to_owned(), own, json]);
    let header = cells.next().unwrap_or_default();
    let rows: Vec<_> = cells.collect();
    table::lines(&[header[0].as_str(), &header[1], &header[2]], &[&header[1], &header[2]], &rows)
}

// === impl Batch ===

impl Batch {
    /// The records, again and again until a call is full.
    fn of(records: &[Vec<u8>]) -> Self {
        let mut batch = Self { data: Vec::new(), bounds: Vec::new() };
        let place = |data: &[u8]| u32::try_from(data.len()).unwrap_or(u32::MAX);
        for record in records.iter().cycle().take(RECORDS) {
            if !batch.bounds.is_empty() && batch.data.len() + record.len() > BYTES {
                break;
            }
            batch.bounds.push(place(&batch.data));
            batch.data.extend_from_slice(record);
            batch.bounds.push(place(&batch.data));
            batch.data.push(b'\n');
        }
        batch
    }

    fn records(&self) -> Records<'_> {
        Records { data: &self.data, bounds: &self.bounds, received: RECEIVED }
    }

    fn first(&self) -> Records<'_> {
        let end = self.bounds.get(1).map_or(0, |end| *end as usize);
        Records {
            data: self.data.get(..end).unwrap_or_default(),
            bounds: self.bounds.get(..2).unwrap_or_default(),
            received: RECEIVED,
        }
    }
}

/// When the records came in, so that the figures do not depend on the day.
const RECEIVED: i64 = 1_782_314_820_000_000_000;

// === impl Subjected ===

impl Subjected {
    fn new(sandbox: &Sandbox, subject: &Subject, batch: Batch) -> Result<Self> {
        let fails =
            || format!("the plugin {} fails at the records: `tallygate plugin run` shows at which", subject.name);
        let mut counting = load_counting(subject)?.instantiate()?;
        // The first call of an instance sets itself up.
        counting.extract(batch.records()).with_context(fails)?;
        counting.extract(batch.records()).with_context(fails)?;
        let instructions = counting.instructions().unwrap_or_default() / (batch.records().len().max(1) as u64);

        let plugin: &Plugin = &*sandbox.load(subject)?;
        let mut instance = plugin.instantiate()?;
        let mut outcome = instance.extract(batch.records()).with_context(fails)?;
        outcome.require_client();
        let accepted = outcome.accepted();
        let (name, memory) = (subject.name.clone(), plugin.memory_bytes());
        Ok(Self { name, batch, instance, call: f64::MAX, one: f64::MAX, instructions, memory, accepted })
    }

    /// Measures for a while, and keeps the least that was seen: what is more was something else on the machine.
    fn measure(&mut self) -> Result<()> {
        let Self { instance, batch, call, one, .. } = self;
        *call = call.min(least(instance, batch.records(), 1)?);
        *one = one.min(least(instance, batch.first(), 50)?);
        Ok(())
    }

    fn per_record(&self) -> f64 {
        self.call / self.batch.records().len().max(1) as f64
    }

    fn megabytes_per_second(&self) -> f64 {
        self.batch.data.len() as f64 * 1e3 / self.call
    }

    /// The share of a call that is not the plugin's own: what one that reads nothing takes for the same records.
    fn boundary(&self, empty: &Self) -> f64 {
        (empty.call / self.call).min(1.0)
    }

    fn figures(&self, empty: &Self) -> [String; 8] {
        [
            self.name.clone(),
            format!("{:.1}", self.per_record()),
            format!("{:.0}", self.megabytes_per_second()),
            self.instructions.to_string(),
            format!("{:.0} %", 100.0 * self.boundary(empty)),
            format!("{:.0}", self.one),
            format!("{:.1} MiB", self.memory as f64 / f64::from(1 << 20)),
            format!("{} of {}", self.accepted, self.batch.records().len()),
        ]
    }

    fn json(&self, empty: &Self) -> Value {
        json!({
            "name": self.name,
            "nanoseconds_per_record": self.per_record(),
            "bytes_per_second": self.megabytes_per_second() * 1e6,
            "instructions_per_record": self.instructions,
            "boundary_share": self.boundary(empty),
            "nanoseconds_per_call_of_one_record": self.one,
            "memory_bytes": self.memory,
            "records": self.batch.records().len(),
            "accepted": self.accepted,
        })
    }
}

/// The least nanoseconds of a call, of those made for a while, `together` of them between two looks at the clock.
fn least(instance: &mut Instance, records: Records<'_>, together: u32) -> Result<f64> {
    let (begin, mut least) = (Instant::now(), f64::MAX);
    while begin.elapsed() < TURN {
        let start = Instant::now();
        for _ in 0..together {
            instance.extract(records)?;
        }
        least = least.min(start.elapsed().as_nanos() as f64 / f64::from(together));
    }
    Ok(least)
}
