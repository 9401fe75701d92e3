//! A host's data on their way into a file: a snapshot, or the base of a log.

use super::error::{AikvError, PersistenceError, Result, Task};
use super::files::Replacement;
use super::storage::Folder;
use crate::aof::BaseFormat;
use crate::error::{Error, ErrorKind};
use crate::model::{Dataset, Emitter, EncodeOptions, Entry, Function, LogEmitter, ModuleData, Writer};
use crate::rdb::{Target, Version};
use std::ffi::OsStr;
use std::string::{String, ToString};
use std::time::SystemTime;
use std::vec;
use std::vec::Vec;

/// Encoded bytes are held back until there are this many.
const WRITE_BYTES: usize = 256 * 1024;

/// The oldest version that is chosen: the one that Redis from 7.0 and Valkey load.
const OLDEST: u64 = 10;

/// A host's data as of one moment, which later changes do not touch.
pub trait Frozen {
    /// Hands over all of them: function libraries and module data first, then the keys. It may be called
    /// more than once, and hands over the same each time: where the data turn out to need a newer
    /// version, they are written anew.
    ///
    /// # Errors
    /// That of the sink, as soon as it gives one, or one of the host's own. Nothing is kept of what was written then.
    fn emit(&self, sink: &mut Sink<'_>) -> Result<()>;
}

impl Frozen for Dataset {
    fn emit(&self, sink: &mut Sink<'_>) -> Result<()> {
        self.functions.iter().try_for_each(|function| sink.function(function))?;
        self.module_data.iter().filter(|data| data.when == 1).try_for_each(|data| sink.module_data(data))?;
        for (db, database) in &self.databases {
            database.iter().try_for_each(|(key, entry)| sink.entry(*db, key, entry))?;
        }
        self.module_data.iter().filter(|data| data.when != 1).try_for_each(|data| sink.module_data(data))
    }
}

/// Takes a host's data.
pub struct Sink<'a> {
    task: Task<'a>,
    file: Replacement<'a>,
    writer: Writer,
    buffer: Vec<u8>,
    db: Option<u64>,
    bytes: u64,
    has_failed: bool,
}

impl Sink<'_> {
    /// Takes a function library.
    ///
    /// # Errors
    /// [`AikvError::Persistence`](super::AikvError::Persistence): `Format` for what the version cannot
    /// hold, `Io`. The sink takes nothing more then.
    pub fn function(&mut self, function: &Function) -> Result<()> {
        Ok(self.put(|writer, out| writer.function(function, out))?)
    }

    /// Takes module data outside of keys.
    ///
    /// # Errors
    /// As [`Sink::function`].
    pub fn module_data(&mut self, data: &ModuleData) -> Result<()> {
        Ok(self.put(|writer, out| writer.module_data(data, out))?)
    }

    /// Takes a key of a database. Keys of a database that come together take the least room.
    ///
    /// # Errors
    /// As [`Sink::function`].
    pub fn entry(&mut self, db: u64, key: &[u8], entry: &Entry) -> Result<()> {
        if self.db != Some(db) {
            self.put(|writer, out| writer.select_db(db, out))?;
            self.db = Some(db);
        }
        Ok(self.put(|writer, out| writer.entry(key, entry, out))?)
    }

    fn put(&mut self, write: impl FnOnce(&mut Writer, &mut Vec<u8>) -> Result<(), Error>) -> Result<(), PersistenceError> {
        if self.has_failed {
            return Err(self.task.io(std::io::Error::other("the data were given on behind an error")));
        }
        let written = write(&mut self.writer, &mut self.buffer).map_err(|error| self.task.format(error));
        let done = written.and_then(|()| if self.buffer.len() >= WRITE_BYTES { self.drain() } else { Ok(()) });
        self.has_failed = done.is_err();
        done
    }

    fn drain(&mut self) -> Result<(), PersistenceError> {
        self.file.write(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// How data become a file.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) format: BaseFormat,
    /// `None`: the oldest version, from RDB 10 on, that holds the data.
    pub(super) target: Option<Target>,
    /// Whether the file is the base of a log.
    pub(super) is_base: bool,
}

/// Writes data to a file that takes the place of `name` when it is whole and synced. Gives its size in bytes.
pub(super) fn write(task: Task<'_>, folder: &dyn Folder, name: &OsStr, form: Form, data: &dyn Frozen) -> Result<u64> {
    let targets = match form.target {
        Some(target) => vec![target],
        None => (OLDEST..=Version::REDIS_MAX).map(|number| Version::redis(number).into()).collect(),
    };
    let mut refused = None;
    for target in targets {
        match write_for(task, folder, name, form, target, data) {
            Err(AikvError::Persistence(error)) if is_unrepresentable(&error) => refused = Some(error),
            done => return done,
        }
    }
    // There is one version at least.
    Err(refused.unwrap_or_else(|| task.io(std::io::ErrorKind::InvalidInput.into())).into())
}

fn is_unrepresentable(error: &PersistenceError) -> bool {
    error.format().is_some_and(|error| matches!(error.kind(), ErrorKind::Unrepresentable { .. }))
}

fn write_for(task: Task<'_>, folder: &dyn Folder, name: &OsStr, form: Form, target: Target, data: &dyn Frozen) -> Result<u64> {
    let options = EncodeOptions::new(target);
    let mut buffer = Vec::with_capacity(WRITE_BYTES);
    let writer = match form.format {
        BaseFormat::Rdb => head(&options, form.is_base, &mut buffer).map(Writer::Snapshot),
        BaseFormat::Aof => LogEmitter::new(&options).map(Writer::Commands),
    };
    let writer = writer.map_err(|error| task.format(error))?;
    let file = Replacement::new(task, folder, name)?;
    let mut sink = Sink { task, file, writer, buffer, db: None, bytes: 0, has_failed: false };
    data.emit(&mut sink)?;
    if sink.has_failed {
        let error = std::io::Error::other("an error was passed over while the data were handed over");
        return Err(task.io(error).into());
    }
    let Sink { mut file, writer, mut buffer, bytes, .. } = sink;
    writer.finish(&mut buffer).map_err(|error| task.format(error))?;
    file.write(&buffer)?;
    file.place()?;
    Ok(bytes + buffer.len() as u64)
}

/// The beginning of a snapshot: who writes it, when, and what for.
fn head(options: &EncodeOptions, is_base: bool, out: &mut Vec<u8>) -> Result<Emitter, Error> {
    let mut emitter = Emitter::new(options, out)?;
    for (name, value) in about() {
        emitter.aux(name.as_bytes(), value.as_bytes(), out)?;
    }
    if is_base {
        emitter.aux(b"aof-base", b"1", out)?;
    }
    Ok(emitter)
}

/// Who writes a snapshot, and when.
pub(super) fn about() -> impl Iterator<Item = (&'static str, String)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let fields = [
        ("aikv-ver", Some(env!("CARGO_PKG_VERSION").to_string())),
        ("redis-bits", Some(usize::BITS.to_string())),
        // A clock that stands before 1970 says nothing about this file.
        ("ctime", now.ok().map(|now| now.as_secs().to_string())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
}
