//! `aikv export`: keys and values, or the commands of a log, in another format.

use super::args::{ExportArgs, ExportFormat};
use super::failure::Failure;
use super::input::{FileFacts, Input, Task};
use super::output::Output;
use super::print::{plural, safe};
use super::progress::Progress;
use super::replay;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::Fault;
use crate::jobs::{Export, ExportCommands, ExportCsv, ExportKeys, Filter, Flow, Job, KeyForm, LeftOut};
use crate::model::{EncodeOptions, ReplayReport};
use crate::rdb::{Event, Version};
use std::ffi::OsStr;
use std::path::Path;
use std::prelude::rust_2024::*;

pub(super) fn run(args: &ExportArgs) -> Result {
    let format = args.format;
    if args.raw && format != ExportFormat::Csv {
        return Err(Failure::Usage("--raw: only --format csv puts apostrophes in front of anything".into()));
    }
    if args.to.is_some() && format != ExportFormat::Resp {
        return Err(Failure::Usage("--to: only --format resp has commands, which are those of a server".into()));
    }
    if args.replay.databases.is_some() && format == ExportFormat::Jsonl {
        return Err(Failure::Usage("--databases: --format jsonl has the commands of a log, which are not applied".into()));
    }
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient).replayed_by(&args.replay);
    let path = args.input.output.as_deref();
    let output = match format {
        ExportFormat::Jsonl | ExportFormat::Json => Output::open_json(path)?,
        ExportFormat::Csv | ExportFormat::Resp => Output::open_data(path)?,
    };
    let form = match format {
        ExportFormat::Jsonl => return export_lines(args, Lines::new(filter, output)?, input),
        ExportFormat::Json => json()?,
        ExportFormat::Csv if args.raw => KeyForm::Csv(Box::new(ExportCsv::new().raw())),
        ExportFormat::Csv => KeyForm::Csv(Box::default()),
        ExportFormat::Resp => {
            let commands = ExportCommands::new(args.to.map(EncodeOptions::new));
            KeyForm::Commands(Box::new(if args.input.lenient { commands.leniently() } else { commands }))
        }
    };
    let mut lines = Lines::with_form(filter, form, output);
    lines.document = (format == ExportFormat::Json).then(Document::default);
    if input.is_unencoded() {
        lines = lines.without_encoding();
    }
    let mut progress = Progress::new(&lines.output);
    let read = if input.is_log() {
        replay::read_whole(input, file, &mut lines, &mut progress)
    } else {
        input.read(&mut lines, &mut progress).and_then(|ending| {
            ending.warn_of_commands();
            // What ended the export says more.
            if lines.keys.failure().is_some() { Ok(()) } else { ending.check() }
        })
    };
    if let Some(error) = lines.keys.failure() {
        return Err(Failure::Unmade { file: file.clone(), error: error.clone() });
    }
    read?;
    if let KeyForm::Commands(commands) = lines.keys.form() {
        tell(commands.left_out(), file);
    }
    lines.finish()?;
    Ok(Outcome::Clean)
}

fn export_lines(args: &ExportArgs, lines: Lines, input: Input) -> Result {
    let mut lines = if input.is_lines() { lines.without_encoding() } else { lines };
    let mut progress = Progress::new(&lines.output);
    let ending = input.read(&mut lines, &mut progress)?;
    if !args.filter.is_empty() && ending.log().is_some_and(|log| log.commands > 0) {
        eprintln!("aikv: the rules are for keys; the commands of this log are exported whole");
    }
    ending.check()?;
    lines.finish()?;
    Ok(Outcome::Clean)
}

/// Says what is not among the commands.
fn tell(left_out: LeftOut, file: &Path) {
    for (count, noun, what) in [
        (left_out.module_data, "block", " of module data outside of keys"),
        (left_out.descriptions, "description", " of function libraries"),
        (left_out.evictions, "idle time", " or frequency of a key"),
    ] {
        if count > 0 {
            eprintln!("aikv: {}: no command makes {}{what}: left out", safe(file), plural(count, noun));
        }
    }
}

/// Makes one array of lines.
#[derive(Default)]
struct Document {
    /// Whether a line has been written.
    is_behind: bool,
    /// Whether what comes is the rest of a line.
    is_within: bool,
}

impl Document {
    /// Puts commas between lines.
    fn join(&mut self, text: &mut Vec<u8>) {
        let lines = std::mem::take(text);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_within {
                text.extend_from_slice(if self.is_behind { b",\n" } else { b"[\n" });
            }
            text.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            self.is_within = !line.ends_with(b"\n");
            self.is_behind = true;
        }
    }

    fn end(&self) -> &'static [u8] {
        if self.is_behind { b"\n]\n" } else { b"[]\n" }
    }
}

/// Writes the keys that are meant in one form or another, or the commands of a log as JSON Lines.
pub(super) struct Lines {
    keys: ExportKeys,
    /// All lines as one document, where that is wanted.
    document: Option<Document>,
    output: Output,
}

impl Job for Lines {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        self.keys.push(event, raw)
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> std::result::Result<(), Fault> {
        self.keys.log(event, offset)
    }
}

impl Lines {
    /// JSON Lines.
    pub(super) fn new(filter: Filter, output: Output) -> Result<Self> {
        Ok(Self::with_form(filter, json()?, output))
    }

    fn with_form(filter: Filter, form: KeyForm, output: Output) -> Self {
        Self { keys: ExportKeys::new(filter, form), document: None, output }
    }

    /// The keys were not read from a snapshot.
    pub(super) fn without_encoding(self) -> Self {
        Self { keys: self.keys.without_encoding(), ..self }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.drain()?;
        if let Some(document) = &self.document {
            self.output.write(&mut document.end().to_vec())?;
        }
        self.output.finish()
    }
}

impl Task for Lines {
    fn of_version(&mut self, source: Option<Version>) {
        self.keys.of_version(source);
    }

    /// A server that takes commands would have other data than one that has loaded the log.
    fn replayed(&mut self, replay: &ReplayReport, log: &Path) -> Result<()> {
        match self.keys.form() {
            KeyForm::Commands(_) if replay.may_lack_data() => Err(Failure::Unapplied { file: log.into() }),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, file: &FileFacts) {
        let is_stdin = file.path.as_os_str() == "-";
        self.keys.of_file(file.path.file_name().filter(|_| !is_stdin).map(OsStr::as_encoded_bytes));
    }

    fn drain(&mut self) -> std::result::Result<(), Failure> {
        let Self { keys, document, output } = self;
        keys.drain(|text| {
            if let Some(document) = document {
                document.join(text);
            }
            output.write(text)
        })
    }
}

/// A form of JSON that refuses a member that stands twice in its object.
fn json() -> Result<KeyForm> {
    Ok(KeyForm::Json(Box::new(Export::new().refusing_duplicates(random_seed()?))))
}
