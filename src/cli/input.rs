//! Reads a file from front to back and hands what is in it to a job.

use super::deviations::Deviations;
use super::failure::{Damage, Failure};
use super::output::Progress;
use super::print::plural;
use crate::error::Error;
use crate::jobs::{Job, Log, Reader};
use crate::kind::{Codec, FileKind};
use crate::rdb;
use crate::unpack::Unpacker;
use crate::wire::Limits;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A job of the command line: one that may have output to be written.
pub(super) trait Task: Job {
    /// Writes out what is ready; comes after every chunk.
    fn drain(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What was read, and how it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Bytes of the file that were read.
    pub(super) bytes: u64,
    /// The snapshot, where the file is one or begins with one and it is whole.
    pub(super) snapshot: Option<rdb::Summary>,
    /// The commands, where there are any.
    pub(super) log: Option<Log>,
    /// The error that ended the reading.
    pub(super) error: Option<Error>,
    /// What there was to be unpacked.
    pub(super) packing: Option<Packing>,
    /// What a lenient reading passed over and the task did not take.
    pub(super) deviations: u64,
}

/// How a file is compressed as a whole.
#[derive(Debug)]
pub(super) struct Packing {
    pub(super) codec: Codec,
    pub(super) unpacked_bytes: u64,
    /// What is wrong with it. What was unpacked ends there too.
    pub(super) error: Option<Error>,
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

    /// The cause of what is wrong: where a compressed file is damaged, what is in it only seems to be cut.
    pub(super) fn damage(&self) -> Option<Damage> {
        let outer = self.packing.as_ref().and_then(|packing| packing.error.clone().zip(Some(packing.codec)));
        match outer {
            Some((error, codec)) => Some(Damage { error, codec: Some(codec) }),
            None => self.error.clone().map(|error| Damage { error, codec: None }),
        }
    }

    /// Fails where the file is not whole.
    pub(super) fn check(self, file: &Path) -> Result<Self, Failure> {
        match self.damage() {
            Some(damage) => Err(Failure::Format { file: file.into(), damage }),
            None => Ok(self),
        }
    }
}

/// A file that is open, its first bytes read.
pub(super) struct Input {
    file: PathBuf,
    reader: Box<dyn Read>,
    is_lenient: bool,
    len: Option<u64>,
    buffer: Vec<u8>,
    /// What of the buffer was not taken yet.
    waiting: Range<usize>,
    bytes: u64,
    unpacker: Unpacker,
    /// What is wrong with the compression.
    error: Option<Error>,
    /// The first bytes, unpacked.
    head: Vec<u8>,
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
            is_lenient: false,
            len,
            buffer: vec![0; CHUNK_BYTES],
            waiting: 0..0,
            bytes: 0,
            unpacker: Unpacker::new(),
            error: None,
            head: Vec::new(),
            kind: FileKind::Unknown { looks_like: None },
        };
        let mut head = Vec::new();
        while head.len() < FileKind::PREFIX_BYTES && input.advance(|bytes| head.extend_from_slice(bytes))? {}
        input.kind = FileKind::sniff(&head);
        input.head = head;
        match (input.kind, input.unpacker.codec(), &input.error) {
            (FileKind::Rdb { .. } | FileKind::Aof, ..) => Ok(input),
            (_, Some(codec), Some(error)) => {
                Err(Failure::Format { file: file.into(), damage: Damage { error: error.clone(), codec: Some(codec) } })
            }
            (other, Some(codec), None) => {
                Err(Failure::kind(file, format!("is {}, and what it holds {}", codec.name(), refusal(other))))
            }
            (other, None, _) => Err(Failure::kind(file, refusal(other))),
        }
    }

    /// Reads on where the framing is whole, if that is asked for.
    pub(super) fn leniently(self, is_lenient: bool) -> Self {
        Self { is_lenient, ..self }
    }

    pub(super) fn kind(&self) -> FileKind {
        self.kind
    }

    /// Hands the next bytes, unpacked, to `take`; whether there were any. Where there are none,
    /// [`Input::error`] says whether there should be.
    fn advance(&mut self, take: impl FnOnce(&[u8])) -> Result<bool, Failure> {
        loop {
            match self.unpacker.step(&self.buffer[self.waiting.clone()]) {
                Ok(step) => {
                    self.waiting.start += step.consumed;
                    if !step.output.is_empty() {
                        take(step.output);
                        return Ok(true);
                    }
                }
                Err(error) => {
                    self.error = Some(error);
                    return Ok(false);
                }
            }
            if self.read_more()? == 0 {
                self.error = self.unpacker.finish().err();
                return Ok(false);
            }
        }
    }

    fn read_more(&mut self) -> Result<usize, Failure> {
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(len) => {
                    self.waiting = 0..len;
                    self.bytes += len as u64;
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Input { file: self.file.clone(), error }),
            }
        }
    }

    /// Reads everything, or until the job has seen enough. A damaged file is no failure here: see [`Ending::damage`].
    pub(super) fn read<T: Task>(mut self, task: &mut T, progress: &mut Progress) -> Result<Ending, Failure> {
        progress.start(self.len);
        let mut reader = Reader::new(Limits::default());
        if self.is_lenient {
            reader = reader.leniently();
        }
        let file = self.file.clone();
        let mut deviations = Deviations::new(&file);
        let head = std::mem::take(&mut self.head);
        let mut result = reader.feed(&head, task);
        loop {
            task.drain()?;
            progress.at(self.bytes)?;
            for error in reader.deviations() {
                deviations.tell(&error, progress);
            }
            // Damage to the compression shows at its checksum, behind what it did to the content.
            let is_over = reader.is_stopped() || (result.is_err() && self.unpacker.codec().is_none());
            let feed = |bytes: &[u8]| {
                if result.is_ok() {
                    result = reader.feed(bytes, task);
                }
            };
            if is_over || !self.advance(feed)? {
                break;
            }
        }
        progress.finish();
        let error = reader.finish().err();
        for error in reader.deviations().into_iter().filter_map(|error| task.deviation(error)) {
            deviations.tell(&error, progress);
        }
        task.drain()?;
        let deviations = deviations.finish();
        let unpacked_bytes = self.unpacker.unpacked_bytes();
        let packing = self.unpacker.codec().map(|codec| Packing { codec, unpacked_bytes, error: self.error });
        Ok(Ending { bytes: self.bytes, snapshot: reader.snapshot(), log: reader.log(), error, packing, deviations })
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
        FileKind::Unknown { looks_like: Some(name @ ("zip" | "xz" | "bzip2" | "7z" | "tar")) } => {
            format!("does not begin like an RDB or AOF file: byte 0. It looks like {name}: unpack it first")
        }
        FileKind::Unknown { looks_like: Some(name) } => {
            format!("does not begin like an RDB or AOF file: byte 0. It looks like {name}")
        }
        _ => "does not begin like an RDB or AOF file: byte 0".into(),
    }
}
