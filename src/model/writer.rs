//! A snapshot or commands: what data are written as.

use super::dataset::{Entry, Function, ModuleData};
use super::emit::Emitter;
use super::emit_log::LogEmitter;
use super::loss::Lost;
use crate::error::{Error, ErrorKind, Place, Result};
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

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Snapshot(emitter) => emitter.finish(out),
            Self::Commands(_) => Ok(()),
        }
    }
}
