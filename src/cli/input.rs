//! Reads a file from front to back and hands what is in it to a job.

use super::failure::Failure;
use super::output::Progress;
use super::print::plural;
use crate::aof;
use crate::error::{Error, Fault};
use crate::jobs::{Job, Pass};
use crate::kind::FileKind;
use crate::rdb;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A job of the command line: one that may also want a log's commands and has output to be written.
pub(super) trait Task: Job {
    /// Takes a command or annotation that starts `offset` bytes into the file.
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Ok(())
    }

    /// Writes out what is ready; comes after every chunk.
    fn drain(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What was read, and how it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Bytes read.
    pub(super) bytes: u64,
    /// The snapshot, where the file is one or begins with one and it is whole.
    pub(super) snapshot: Option<rdb::Summary>,
    /// The commands, where there are any.
    pub(super) log: Option<Log>,
    /// Whether the job had seen enough.
    pub(super) is_stopped: bool,
    /// The error that ended the reading.
    pub(super) error: Option<Error>,
}

/// The commands of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    pub(super) commands: u64,
    pub(super) annotations: u64,
    /// Where the commands begin: behind the snapshot, if there is one.
    pub(super) start: u64,
}

impl Ending {
    /// Says that commands were not applied, for a command that shows keys.
    pub(super) fn warn_of_commands(&self) {
        if let Some(log) = self.log.filter(|log| log.commands > 0) {
            eprintln!(
                "aikv: the {} of this log are not applied; only keys of its snapshot are shown",
                plural(log.commands, "command")
            );
        }
    }

    /// Fails where the file is not whole.
    pub(super) fn check(self, file: &Path) -> Result<Self, Failure> {
        match self.error {
            Some(error) => Err(Failure::Format { file: file.into(), error }),
            None => Ok(self),
        }
    }
}

/// A file that is open, its first bytes read.
pub(super) struct Input {
    file: PathBuf,
    reader: Box<dyn Read>,
    len: Option<u64>,
    buffer: Vec<u8>,
    filled: usize,
    kind: FileKind,
}

impl Input {
    /// Opens a file, or stdin where it is named `-`.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::Input { file: file.into(), error };
        let (reader, len): (Box<dyn Read>, _) = if file.as_os_str() == "-" {
            (Box::new(io::stdin().lock()), None)
        } else {
            // Asked before it is opened: to open a pipe is to wait for its other end.
            let facts = fs::metadata(file).map_err(failed)?;
            if facts.is_dir() {
                return Err(Failure::kind(file, "is a folder. Give one of the files in it"));
            }
            if !facts.is_file() {
                return Err(Failure::kind(file, "is not a regular file. Give - to read a pipe from stdin"));
            }
            (Box::new(File::open(file).map_err(failed)?), Some(facts.len()))
        };
        let mut input = Self {
            file: file.into(),
            reader,
            len,
            buffer: vec![0; CHUNK_BYTES],
            filled: 0,
            kind: FileKind::Unknown { looks_like: None },
        };
        while input.filled < FileKind::PREFIX_BYTES && input.read_more()? > 0 {}
        input.kind = FileKind::sniff(&input.buffer[..input.filled]);
        match input.kind {
            FileKind::Rdb { .. } | FileKind::Aof => Ok(input),
            other => Err(Failure::kind(file, refusal(other))),
        }
    }

    pub(super) fn kind(&self) -> FileKind {
        self.kind
    }

    fn read_more(&mut self) -> Result<usize, Failure> {
        loop {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Ok(len) => {
                    self.filled += len;
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Input { file: self.file.clone(), error }),
            }
        }
    }

    /// Reads everything, or until the job has seen enough. A damaged file is no failure here: see [`Ending::error`].
    pub(super) fn read<T: Task>(mut self, task: &mut T, progress: &mut Progress) -> Result<Ending, Failure> {
        progress.start(self.len);
        let mut reading = Reading::new(self.kind);
        let mut ending = Ending { bytes: 0, snapshot: None, log: None, is_stopped: false, error: None };
        while self.filled > 0 {
            let result = reading.feed(&self.buffer[..self.filled], task, &mut ending);
            task.drain()?;
            ending.bytes += self.filled as u64;
            progress.at(ending.bytes)?;
            if let Err(error) = result {
                ending.error = Some(error);
                break;
            }
            if ending.is_stopped {
                break;
            }
            self.filled = 0;
            self.read_more()?;
        }
        progress.finish();
        reading.finish(&mut ending);
        task.drain()?;
        Ok(ending)
    }
}

/// Why a file is not read, and what to do about it.
fn refusal(kind: FileKind) -> String {
    match kind {
        FileKind::Jsonl => "is a JSON Lines export, which is not read back yet".into(),
        FileKind::Manifest => "is the manifest of a multi-part log. Give one of the files that it names".into(),
        FileKind::Unknown { looks_like: Some("empty") } => {
            "is empty: expected 9 more bytes, found the end: byte 0. A server starts without keys from it".into()
        }
        FileKind::Unknown { looks_like: Some(name @ ("gzip" | "zip" | "zstd" | "lz4" | "xz" | "bzip2" | "7z" | "tar")) } => {
            format!("does not begin like an RDB or AOF file: byte 0. It looks like {name}: unpack it first")
        }
        FileKind::Unknown { looks_like: Some(name) } => {
            format!("does not begin like an RDB or AOF file: byte 0. It looks like {name}")
        }
        _ => "does not begin like an RDB or AOF file: byte 0".into(),
    }
}

/// What the next byte belongs to.
enum Reading {
    Snapshot {
        decoder: Box<rdb::Decoder>,
        pass: Pass,
        /// Whether its version is one that may stand in front of a log: those since Redis 4.0.
        may_lead: bool,
    },
    /// Behind a snapshot, where nothing should be.
    Trailing(Box<rdb::Decoder>),
    Log(LogReader),
}

impl Reading {
    fn new(kind: FileKind) -> Self {
        /// The version of Redis 4.0, the first that puts a snapshot in front of a log.
        const FIRST_PREAMBLE: u64 = 8;
        match kind {
            FileKind::Rdb { version } => Self::Snapshot {
                decoder: Box::default(),
                pass: Pass::new(),
                may_lead: version.is_some_and(|version| version.number() >= FIRST_PREAMBLE),
            },
            _ => Self::Log(LogReader::at(0)),
        }
    }

    /// Reads a chunk that is not empty.
    fn feed<T: Task>(&mut self, chunk: &[u8], task: &mut T, ending: &mut Ending) -> Result<(), Error> {
        let mut rest = chunk;
        loop {
            match self {
                Self::Snapshot { decoder, pass, .. } if !decoder.is_done() => {
                    rest = &rest[pass.feed_snapshot(decoder, rest, task)?..];
                    ending.is_stopped = pass.is_stopped();
                    if rest.is_empty() || ending.is_stopped {
                        return Ok(());
                    }
                }
                Self::Snapshot { decoder, may_lead, .. } => {
                    let decoder = std::mem::take(decoder);
                    if *may_lead && matches!(rest[0], b'*' | b'#') {
                        *self = Self::Log(LogReader::at(decoder.offset()));
                        ending.snapshot = Some(decoder.finish()?);
                    } else {
                        *self = Self::Trailing(decoder);
                    }
                }
                Self::Trailing(decoder) => {
                    return decoder.step(rest).map(drop).map_err(|fault| decoder.dress(fault));
                }
                Self::Log(log) => return log.feed(rest, task),
            }
        }
    }

    /// Says that no bytes follow, unless the reading ended before.
    fn finish(self, ending: &mut Ending) {
        let is_open = ending.error.is_none() && !ending.is_stopped;
        match self {
            Self::Snapshot { decoder, .. } | Self::Trailing(decoder) => {
                if is_open {
                    match decoder.finish() {
                        Ok(summary) => ending.snapshot = Some(summary),
                        Err(error) => ending.error = Some(error),
                    }
                }
            }
            Self::Log(log) => {
                let summary = log.decoder.summary();
                let LogReader { start, .. } = log;
                ending.log = Some(Log { commands: summary.commands, annotations: summary.annotations, start });
                if is_open {
                    ending.error = log.finish().err();
                }
            }
        }
    }
}

/// Reads the commands of a log, wherever in the file they begin.
struct LogReader {
    decoder: Box<aof::Decoder>,
    start: u64,
}

impl LogReader {
    fn at(start: u64) -> Self {
        Self { decoder: Box::default(), start }
    }

    fn feed<T: Task>(&mut self, chunk: &[u8], task: &mut T) -> Result<(), Error> {
        let mut rest = chunk;
        loop {
            let offset = self.start + self.decoder.offset();
            let (consumed, result) = match self.decoder.step(rest) {
                Ok(step) => {
                    let is_spent = step.event.is_none() && step.consumed == rest.len();
                    if is_spent {
                        return Ok(());
                    }
                    (step.consumed, step.event.map_or(Ok(()), |event| Task::log(task, &event, offset)))
                }
                Err(fault) => (0, Err(fault)),
            };
            result.map_err(|fault| self.moved(self.decoder.dress(fault)))?;
            rest = &rest[consumed..];
        }
    }

    fn finish(self) -> Result<(), Error> {
        let start = self.start;
        self.decoder.finish().map(drop).map_err(|error| moved(error, start))
    }

    fn moved(&self, error: Error) -> Error {
        moved(error, self.start)
    }
}

/// An error of the commands, counted from the start of the file.
fn moved(error: Error, start: u64) -> Error {
    Error::new(error.kind().clone(), start + error.offset(), error.place().clone())
}
