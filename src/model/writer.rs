//! A snapshot or commands: what data are written as.

use super::dataset::{Entry, Function, ModuleData};
use super::emit::Emitter;
use super::emit_log::LogEmitter;
use super::held_stream::HeldEntry;
use super::loss::Lost;
use crate::error::{Error, ErrorKind, Fault, Place, Result};
use crate::rdb::{Eviction, Key, Part};
use alloc::vec::Vec;

/// Writes data as a snapshot or as the commands that make them.
#[allow(clippy::large_enum_variant)] // there is one for a whole file
pub(crate) enum Writer {
    Snapshot(Emitter),
    Commands(LogEmitter),
}

impl Writer {
    pub(crate) fn function(&mut self, function: &Function, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.function(function, out),
            Self::Commands(emitter) => emitter.function(function, out),
        }
    }

    pub(crate) fn module_data(&mut self, data: &ModuleData, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.module_data(data, out),
            Self::Commands(emitter) => {
                let kind = ErrorKind::Unrepresentable { what: Lost::ModuleData.what(), target: "a log of commands" };
                Err(Error::new(kind, emitter.offset(), Place::default()))
            }
        }
    }

    pub(crate) fn select_db(&mut self, db: u64, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.select_db(db, out),
            Self::Commands(emitter) => emitter.select_db(db, out),
        }
    }

    pub(crate) fn entry(&mut self, key: &[u8], entry: &Entry, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.entry(key, entry, out),
            Self::Commands(emitter) => emitter.entry(key, entry, out),
        }
    }

    /// Begins a key whose value comes in parts, if it need not be put together.
    pub(crate) fn begin_key(&mut self, key: &Key<'_>) -> bool {
        match self {
            Self::Snapshot(emitter) => emitter.begin_key(key),
            // What the eviction policy knew of a key is a loss to be told.
            Self::Commands(emitter) => key.eviction == Eviction::None && emitter.begin_key(key),
        }
    }

    /// The key that was begun last.
    pub(crate) fn open_key(&self) -> Key<'_> {
        match self {
            Self::Snapshot(emitter) => emitter.open_key(),
            Self::Commands(emitter) => emitter.open_key(),
        }
    }

    /// Takes a part and its bytes in the snapshot. `false`, of the first one only: the key is to be put together.
    pub(crate) fn part(&mut self, part: &Part<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        match self {
            Self::Snapshot(emitter) => emitter.part(part, part.is_compressed(raw)),
            Self::Commands(emitter) => emitter.part(part, out),
        }
    }

    /// The key that was begun last, if it is a stream, behind its last part. It is to be given to [`Writer::held`] then, and not
    /// ended.
    pub(crate) fn take_held(&mut self) -> Option<HeldEntry> {
        match self {
            Self::Snapshot(emitter) => emitter.take_held(),
            Self::Commands(emitter) => emitter.take_held(),
        }
    }

    pub(crate) fn held(&mut self, key: &[u8], held: &HeldEntry, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.held(key, held, out),
            Self::Commands(emitter) => emitter.held(key, held, out),
        }
    }

    pub(crate) fn end_key(&mut self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.end_key(out),
            Self::Commands(emitter) => emitter.end_key(out),
        }
    }

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.finish(out),
            Self::Commands(_) => Ok(()),
        }
    }
}
