//! `aikv export`: keys and values, or the commands of a log, in another format.

use super::args::{ExportArgs, ExportFormat};
use super::failure::Failure;
use super::input::{FileFacts, Input, Task};
use super::output::{Output, Progress};
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Export, ExportLog, Filter, Flow, Job};
use crate::rdb::Event;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &ExportArgs) -> Result {
    let ExportFormat::Jsonl = args.format;
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient);
    let output = Output::open_json(args.input.output.as_deref())?;
    let mut progress = Progress::new(&output);
    let mut lines = Lines::new(filter, output)?;
    let ending = input.read(&mut lines, &mut progress)?;
    if !args.filter.is_empty() && ending.log().is_some_and(|log| log.commands > 0) {
        eprintln!("aikv: the rules are for keys; the commands of this log are exported whole");
    }
    ending.check()?;
    lines.finish()?;
    Ok(Outcome::Clean)
}

/// Writes JSON Lines.
pub(super) struct Lines {
    filter: Filter,
    export: Export,
    log: ExportLog,
    /// Of the file that is read.
    name: Option<Vec<u8>>,
    line: Line,
    text: Vec<u8>,
    output: Output,
}

/// The line of the key in hand.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// Not wanted.
    Skipped,
    /// Goes out as it is written.
    Open,
    /// Held back until the size of its key is known to be right: where it starts in the text, and
    /// the bytes of the key that were read.
    Held { start: usize, bytes: u64 },
}

impl Job for Lines {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        match (event, self.line) {
            (Event::Key(key), _) => {
                if !self.filter.matches_head(key) {
                    self.line = Line::Skipped;
                    self.export.skip_key();
                    return Ok(Flow::SkipValue);
                }
                let is_open = self.filter.size.is_open();
                self.line = if is_open { Line::Open } else { Line::Held { start: self.text.len(), bytes: 0 } };
            }
            (Event::Value(_), Line::Skipped) => return Ok(Flow::SkipValue),
            (Event::KeyEnd { .. }, Line::Skipped) => return Ok(Flow::Continue),
            _ => {}
        }
        let result = self.export.push(event, raw, &mut self.text);
        let flow = match self.line {
            Line::Held { start, bytes } => self.weigh(event, start, bytes + raw.len() as u64),
            Line::Open | Line::Skipped => Flow::Continue,
        };
        result.map(|()| flow)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.log.push(event, offset, self.name.as_deref(), &mut self.text);
        Ok(())
    }
}

impl Lines {
    pub(super) fn new(filter: Filter, output: Output) -> Result<Self> {
        Ok(Self {
            filter,
            export: Export::new().refusing_duplicates(random_seed()?),
            log: ExportLog::new(),
            name: None,
            line: Line::Open,
            text: Vec::new(),
            output,
        })
    }

    /// The keys were not read from a snapshot.
    pub(super) fn without_encoding(self) -> Self {
        Self { export: self.export.without_encoding(), ..self }
    }

    pub(super) fn finish(self) -> Result<()> {
        self.output.finish()
    }

    /// Lets a line go, or takes it back, once its size says so.
    fn weigh(&mut self, event: &Event<'_>, start: usize, bytes: u64) -> Flow {
        let size = self.filter.size;
        let is_whole = matches!(event, Event::KeyEnd { .. });
        if size.max.is_some_and(|max| bytes > max) || is_whole && !size.matches(bytes) {
            self.text.truncate(start);
            self.line = Line::Skipped;
            return if is_whole { Flow::Continue } else { Flow::SkipValue };
        }
        let is_settled = is_whole || size.max.is_none() && size.matches(bytes);
        self.line = if is_settled { Line::Open } else { Line::Held { start, bytes } };
        Flow::Continue
    }
}

impl Task for Lines {
    fn begin(&mut self, file: &FileFacts) {
        let is_stdin = file.path.as_os_str() == "-";
        self.name = file.path.file_name().filter(|_| !is_stdin).map(|name| name.as_encoded_bytes().to_vec());
    }

    fn drain(&mut self) -> std::result::Result<(), Failure> {
        let Line::Held { start, bytes } = self.line else { return self.output.write(&mut self.text) };
        let held = self.text.split_off(start);
        let result = self.output.write(&mut self.text);
        self.text = held;
        self.line = Line::Held { start: 0, bytes };
        result
    }
}
