//! The bytes of one file, unpacked where it is compressed as a whole.

use super::failure::{Damage, Failure};
use crate::error::Error;
use crate::kind::{Codec, FileKind};
use crate::persistence::open_log::OpenPart;
use crate::unpack::Unpacker;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// How a file is compressed as a whole.
#[derive(Debug)]
pub(super) struct Packing {
    pub(super) codec: Codec,
    pub(super) unpacked_bytes: u64,
    /// What is wrong with it. What was unpacked ends there too.
    pub(super) error: Option<Error>,
}

/// A file that is open.
pub(super) struct Source {
    file: PathBuf,
    reader: Box<dyn Read>,
    len: Option<u64>,
    buffer: Vec<u8>,
    /// What of the buffer was not taken yet.
    waiting: Range<usize>,
    bytes: u64,
    /// None for a file that is read as it is.
    unpacker: Option<Unpacker>,
    /// What is wrong with the compression.
    error: Option<Error>,
}

impl Source {
    /// Opens a file, or stdin where it is named `-`.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::Input { file: file.into(), error };
        if file.as_os_str() == "-" {
            return Ok(Self::new(file.into(), Box::new(io::stdin().lock()), None, Some(Unpacker::new())));
        }
        // Asked before it is opened: to open a pipe is to wait for its other end.
        let facts = fs::metadata(file).map_err(failed)?;
        if !facts.is_file() {
            return Err(Failure::kind(file, "is not a regular file. Give - to read a pipe from stdin"));
        }
        let reader = Box::new(File::open(file).map_err(failed)?);
        Ok(Self::new(file.into(), reader, Some(facts.len()), Some(Unpacker::new())))
    }

    /// A file of a multi-part log. Servers do not unpack it.
    pub(super) fn of_part(part: OpenPart) -> Self {
        Self::new(part.path, part.content, Some(part.bytes), None)
    }

    fn new(file: PathBuf, reader: Box<dyn Read>, len: Option<u64>, unpacker: Option<Unpacker>) -> Self {
        Self { file, reader, len, buffer: vec![0; CHUNK_BYTES], waiting: 0..0, bytes: 0, unpacker, error: None }
    }

    /// Its first bytes, and what they say that it is.
    pub(super) fn head(&mut self) -> Result<(Vec<u8>, FileKind), Failure> {
        let mut head = Vec::new();
        while head.len() < FileKind::PREFIX_BYTES && self.advance(|bytes| head.extend_from_slice(bytes))? {}
        let kind = FileKind::sniff(&head);
        match (kind, self.codec(), &self.error) {
            (FileKind::Rdb { .. } | FileKind::Aof | FileKind::Jsonl, ..) => Ok((head, kind)),
            (_, Some(codec), Some(error)) => {
                let damage = Damage { error: error.clone(), codec: Some(codec) };
                Err(Failure::Format { file: self.file.clone(), damage })
            }
            (other, Some(codec), None) => {
                Err(Failure::kind(&self.file, format!("is {}, and what it holds {}", codec.name(), refusal(other))))
            }
            (other, None, _) => Err(Failure::kind(&self.file, refusal(other))),
        }
    }

    /// Hands the next bytes, unpacked, to `take`; whether there were any. Where there are none,
    /// [`Source::packing`] says whether there should be.
    pub(super) fn advance(&mut self, take: impl FnOnce(&[u8])) -> Result<bool, Failure> {
        loop {
            let waiting = &self.buffer[self.waiting.clone()];
            match &mut self.unpacker {
                None if !waiting.is_empty() => {
                    take(waiting);
                    self.waiting = 0..0;
                    return Ok(true);
                }
                None => {}
                Some(unpacker) => match unpacker.step(waiting) {
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
                },
            }
            if self.read_more()? == 0 {
                self.error = self.unpacker.as_mut().and_then(|unpacker| unpacker.finish().err());
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

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Its size, where that is known.
    pub(super) fn len(&self) -> Option<u64> {
        self.len
    }

    /// Bytes of it that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How it is compressed, if it is.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.unpacker.as_ref().and_then(Unpacker::codec)
    }

    /// What there was to be unpacked.
    pub(super) fn packing(&self) -> Option<Packing> {
        let unpacked_bytes = self.unpacker.as_ref().map_or(0, Unpacker::unpacked_bytes);
        Some(Packing { codec: self.codec()?, unpacked_bytes, error: self.error.clone() })
    }
}

/// Why a file is not read, and what to do about it.
fn refusal(kind: FileKind) -> String {
    match kind {
        FileKind::Manifest => "is the manifest of a multi-part log. Give its name, or that of its folder".into(),
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
