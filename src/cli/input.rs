//! Reads a file from front to back and hands what is in it to a job.

use super::failure::Failure;
use super::output::Progress;
use super::print::plural;
use crate::error::Error;
use crate::jobs::{Job, Log, Reader};
use crate::kind::FileKind;
use crate::rdb;
use crate::wire::Limits;
use std::fs::{self, File};
use std::io::{self, Read};
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
    /// Bytes read.
    pub(super) bytes: u64,
    /// The snapshot, where the file is one or begins with one and it is whole.
    pub(super) snapshot: Option<rdb::Summary>,
    /// The commands, where there are any.
    pub(super) log: Option<Log>,
    /// The error that ended the reading.
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
        let mut reader = Reader::new(Limits::default());
        let mut bytes = 0;
        while self.filled > 0 {
            let result = reader.feed(&self.buffer[..self.filled], task);
            task.drain()?;
            bytes += self.filled as u64;
            progress.at(bytes)?;
            if result.is_err() || reader.is_stopped() {
                break;
            }
            self.filled = 0;
            self.read_more()?;
        }
        progress.finish();
        let error = reader.finish().err();
        task.drain()?;
        Ok(Ending { bytes, snapshot: reader.snapshot(), log: reader.log(), error })
    }
}

/// Why a file is not read, and what to do about it.
fn refusal(kind: FileKind) -> String {
    match kind {
        FileKind::Jsonl => "is a JSON Lines export, which is not read back yet".into(),
        FileKind::Manifest => "is the manifest of a multi-part log. Give one of the files that it names".into(),
        FileKind::Compressed { codec } => {
            format!("does not begin like an RDB or AOF file: byte 0. It looks like {}: unpack it first", codec.name())
        }
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
