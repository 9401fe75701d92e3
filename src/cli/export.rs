//! `aikv export`: keys and values, or the commands of a log, in another format.

use super::args::{ExportArgs, ExportFormat};
use super::failure::Failure;
use super::input::{FileFacts, Input, Task};
use super::output::{Output, Progress};
use super::print::{plural, safe};
use super::replay;
use super::{Outcome, Result, random_seed};
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Export, ExportCommands, ExportCsv, ExportLog, Filter, Flow, Job, LeftOut};
use crate::model::EncodeOptions;
use crate::rdb::{Event, Key, Version};
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
    let filter = args.filter.filter()?;
    let file = &args.input.file;
    let input = Input::open(file)?.leniently(args.input.lenient);
    let path = args.input.output.as_deref();
    let output = match format {
        ExportFormat::Jsonl | ExportFormat::Json => Output::open_json(path)?,
        ExportFormat::Csv | ExportFormat::Resp => Output::open_data(path)?,
    };
    let form = match format {
        ExportFormat::Jsonl => return export_lines(args, Lines::new(filter, output)?, input),
        ExportFormat::Json => Form::json(true)?,
        ExportFormat::Csv if args.raw => Form::Csv(Box::new(ExportCsv::new().raw())),
        ExportFormat::Csv => Form::Csv(Box::default()),
        ExportFormat::Resp => {
            let commands = ExportCommands::new(args.to.map(|to| EncodeOptions::new(to.version())));
            Form::Commands(Box::new(if args.input.lenient { commands.leniently() } else { commands }))
        }
    };
    let mut keys = Lines::with_form(filter, form, output);
    if input.is_unencoded() {
        keys = keys.without_encoding();
    }
    let mut progress = Progress::new(&keys.output);
    let read = if input.is_log() {
        replay::read_whole(input, file, &mut keys, &mut progress)
    } else {
        input.read(&mut keys, &mut progress).and_then(|ending| {
            ending.warn_of_commands();
            // What ended the export says more.
            if keys.failure().is_some() { Ok(()) } else { ending.check() }
        })
    };
    if let Some(error) = keys.failure() {
        return Err(Failure::Unmade { file: file.clone(), error: error.clone() });
    }
    read?;
    if let Form::Commands(commands) = &keys.form {
        tell(commands.left_out(), file);
    }
    keys.finish()?;
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

/// What is written of keys.
enum Form {
    /// JSON Lines; as one document, where there is one.
    Json {
        export: Box<Export>,
        document: Option<Document>,
    },
    Csv(Box<ExportCsv>),
    Commands(Box<ExportCommands>),
}

impl Form {
    fn json(is_document: bool) -> Result<Self> {
        let export = Box::new(Export::new().refusing_duplicates(random_seed()?));
        Ok(Self::Json { export, document: is_document.then(Document::default) })
    }

    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Fault> {
        match self {
            Self::Json { export, .. } => export.push(event, raw, out),
            Self::Csv(csv) => csv.push(event, raw, out),
            Self::Commands(commands) => commands.push(event, out),
        }
    }

    /// Says that the key that comes is left out, and what stood in front of it with it.
    fn skip_key(&mut self, key: &Key<'_>, out: &mut Vec<u8>) -> std::result::Result<(), Fault> {
        match self {
            Self::Json { export, .. } => export.skip_key(),
            Self::Csv(_) => {}
            Self::Commands(commands) => commands.push(&Event::EmptyKey(*key), out)?,
        }
        Ok(())
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
    filter: Filter,
    form: Form,
    log: ExportLog,
    /// Of the file that is read.
    name: Option<Vec<u8>>,
    /// What the data come from, where they are handed over in another snapshot.
    source: Option<Option<Version>>,
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
                    self.form.skip_key(key, &mut self.text)?;
                    return Ok(Flow::SkipValue);
                }
                let is_open = self.filter.size.is_open();
                self.line = if is_open { Line::Open } else { Line::Held { start: self.text.len(), bytes: 0 } };
            }
            (Event::Value(_), Line::Skipped) => return Ok(Flow::SkipValue),
            (Event::KeyEnd { .. }, Line::Skipped) => return Ok(Flow::Continue),
            (Event::Start(_), _) => return self.start(event, raw),
            _ => {}
        }
        let result = self.form.push(event, raw, &mut self.text);
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
    /// JSON Lines.
    pub(super) fn new(filter: Filter, output: Output) -> Result<Self> {
        Ok(Self::with_form(filter, Form::json(false)?, output))
    }

    fn with_form(filter: Filter, form: Form, output: Output) -> Self {
        let text = if let Form::Csv(_) = form { ExportCsv::HEADER.into() } else { Vec::new() };
        Self { filter, form, log: ExportLog::new(), name: None, source: None, line: Line::Open, text, output }
    }

    /// The keys were not read from a snapshot.
    pub(super) fn without_encoding(self) -> Self {
        let form = match self.form {
            Form::Json { export, document } => Form::Json { export: Box::new(export.without_encoding()), document },
            other => other,
        };
        Self { form, ..self }
    }

    /// What ended the export.
    fn failure(&self) -> Option<&Error> {
        match &self.form {
            Form::Commands(commands) => commands.failure(),
            Form::Json { .. } | Form::Csv(_) => None,
        }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        if let Form::Json { document: Some(document), .. } = &self.form {
            self.text.extend_from_slice(document.end());
        }
        self.output.write(&mut self.text)?;
        self.output.finish()
    }

    /// The head of a snapshot, or of what the data come from instead.
    fn start(&mut self, event: &Event<'_>, raw: &[u8]) -> std::result::Result<Flow, Fault> {
        match self.source {
            None => self.form.push(event, raw, &mut self.text)?,
            Some(Some(source)) => self.form.push(&Event::Start(source), raw, &mut self.text)?,
            Some(None) => {}
        }
        Ok(Flow::Continue)
    }

    fn write(&mut self) -> std::result::Result<(), Failure> {
        if let Form::Json { document: Some(document), .. } = &mut self.form {
            document.join(&mut self.text);
        }
        self.output.write(&mut self.text)
    }

    /// Lets a line go, or takes it back, once its size says so.
    fn weigh(&mut self, event: &Event<'_>, start: usize, bytes: u64) -> Flow {
        let size = self.filter.size;
        let is_whole = matches!(event, Event::KeyEnd { .. });
        if size.max.is_some_and(|max| bytes > max) || is_whole && !size.matches(bytes) {
            self.text.truncate(start);
            self.line = Line::Skipped;
            if let Form::Commands(commands) = &mut self.form {
                commands.take_back();
            }
            return if is_whole { Flow::Continue } else { Flow::SkipValue };
        }
        let is_settled = is_whole || size.max.is_none() && size.matches(bytes);
        self.line = if is_settled { Line::Open } else { Line::Held { start, bytes } };
        Flow::Continue
    }
}

impl Task for Lines {
    fn of_version(&mut self, source: Option<Version>) {
        self.source = Some(source);
    }

    fn begin(&mut self, file: &FileFacts) {
        let is_stdin = file.path.as_os_str() == "-";
        self.name = file.path.file_name().filter(|_| !is_stdin).map(|name| name.as_encoded_bytes().to_vec());
    }

    fn drain(&mut self) -> std::result::Result<(), Failure> {
        let Line::Held { start, bytes } = self.line else { return self.write() };
        let held = self.text.split_off(start);
        let result = self.write();
        self.text = held;
        self.line = Line::Held { start: 0, bytes };
        result
    }
}
