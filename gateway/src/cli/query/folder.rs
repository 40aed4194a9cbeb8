//! Answers from a data directory that no gateway runs on.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Result};
use serde::Serialize;
use tallygate_disk as disk;
use tallygate_event::TenantId;
use tallygate_index::UniqueIps;
use tallygate_index::query::View;
use tallygate_index::visits::Inspection;

use super::answerer::{Ends, told};
use super::body::PIECE;
use crate::config::Config;
use crate::query::{self, Answerer, DistinctAsked, ExportTarget, Format, Left, Span, Taker, TopAsked};
use crate::visits;

pub(in crate::cli) struct Folder {
    inspection: Inspection,
    /// Nobody writes to it meanwhile.
    _folder: disk::Folder,
}

/// Where an export goes.
struct File<'a> {
    out: &'a mut dyn Write,
    left: Left,
}

/// Where answers to a list go.
struct Printed<'a>(&'a mut dyn FnMut(&[u8]) -> Result<()>);

const KEPT: &str = "visits::options() does not ask for other tenants";

// === impl Folder ===

impl Folder {
    pub(super) fn open(config: &Config) -> Result<Self> {
        let path = config.data_dir.join(visits::FOLDER);
        let folder =
            disk::Folder::open_to_read(&path).map_err(or_ask_it).context("the visits of the data directory")?;
        let opened = Inspection::open(&folder, visits::options(config));
        let (inspection, found) = opened.with_context(|| format!("the visits in {}", path.display()))?;
        if found.cut_bytes > 0 {
            eprintln!("tallygate: {} bytes of the journal are no whole entry, and are left out", found.cut_bytes);
        }
        Ok(Self { inspection, _folder: folder })
    }

    fn view(&self) -> View<'_> {
        self.inspection.view(TenantId::DEFAULT).expect(KEPT)
    }

    fn ever(&self) -> &UniqueIps {
        self.inspection.ever(TenantId::DEFAULT).expect(KEPT)
    }

    pub(super) fn visited(
        &self,
        ends: Ends<'_>,
        mut list: Box<dyn Read + Send>,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let view = self.view();
        let span = span(&view, ends)?;
        let mut answerer = Answerer::new(&view, &span);
        let mut printed = Printed(take);
        let mut buffer = vec![0; PIECE];
        loop {
            match list.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => answerer.push(&buffer[..count], &mut printed)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot read the addresses"),
            }
        }
        answerer.finish(&mut printed)
    }

    pub(super) fn distinct(&self, ends: Ends<'_>, by: Option<&'static str>) -> Result<Vec<u8>> {
        let view = self.view();
        let by = by.map(query::bucket).transpose().map_err(|problem| told(&problem))?;
        let saturated_prefixes = self.ever().saturated_prefixes();
        let span = query::span_by(&view, (ends.from, ends.to), by).map_err(|problem| told(&problem))?;
        let asked = DistinctAsked { span, by, saturated_prefixes };
        json(&query::distinct(&view, &asked).map_err(|problem| told(&problem))?)
    }

    pub(super) fn top(&self, ends: Ends<'_>, asked: TopAsked) -> Result<Vec<u8>> {
        let view = self.view();
        json(&query::top(&view, &span(&view, ends)?, asked).map_err(|problem| told(&problem))?)
    }

    pub(super) fn export(&self, ends: Ends<'_>, format: Format, out: &mut dyn Write) -> Result<Left> {
        let view = self.view();
        let mut file = File { out, left: Left::default() };
        let written = query::export(&view, &span(&view, ends)?, format, &mut file);
        written.map_err(|problem| told(&problem))?.context("cannot write the export")?;
        Ok(file.left)
    }
}

/// A tool can ask the gateway that has a data directory, where a second gateway could only wait.
pub(in crate::cli) fn or_ask_it(error: disk::FolderError) -> anyhow::Error {
    visits::with_hint_if_locked(error, "ask the gateway that runs on it with --url, or stop it")
}

// === impl File ===

impl ExportTarget for File<'_> {
    fn begin(&mut self, left: Left) -> io::Result<()> {
        self.left = left;
        Ok(())
    }

    fn still_wanted(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn piece(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.out.write_all(&bytes)
    }
}

// === impl Printed ===

impl Taker for Printed<'_> {
    type Error = anyhow::Error;

    fn still_wanted(&mut self) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, answers: Vec<u8>) -> Result<()> {
        (self.0)(&answers)
    }
}

fn span(view: &View<'_>, ends: Ends<'_>) -> Result<Span> {
    Span::read(view, ends.from, ends.to).map_err(|problem| told(&problem))
}

/// As the gateway answers.
fn json(answer: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(answer)?;
    text.push(b'\n');
    Ok(text)
}
