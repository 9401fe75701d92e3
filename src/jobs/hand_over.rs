//! Owned data handed to a job as the events of a snapshot.

use super::{Job, Reader};
use crate::error::{Error, Place};
use crate::model::{Collected, Emitter, EncodeOptions, Entry, Function};
use crate::rdb::{Dialect, Event, Version};
use crate::wire::{Limits, Scalar};
use alloc::vec::Vec;

/// In front of the name in the first line of a function library.
const NAME: &[u8] = b" name=";

/// Hands owned data to a job as the events of a snapshot, which is written a piece at a time and read again
/// at once, in memory bounded by the largest entry. It is one of the latest version of its dialect, strings not
/// compressed; what that has no form for is refused.
pub struct HandOver {
    emitter: Emitter,
    reader: Reader,
    db: Option<u64>,
    text: Vec<u8>,
}

impl HandOver {
    /// Bytes handed over at once.
    const CHUNK_BYTES: usize = 256 * 1024;

    /// Begins; the dialect is that of the version that the data come from, or Redis where they come from none.
    ///
    /// # Errors
    /// None: the version that is written is known.
    pub fn new(source: Option<Version>) -> Result<Self, Error> {
        let version = match source.map(Version::dialect) {
            Some(Dialect::Valkey) => Version::valkey(Version::VALKEY_MAX),
            _ => Version::redis(Version::REDIS_MAX),
        };
        let options = EncodeOptions { is_compressing: false, ..EncodeOptions::new(version) };
        let mut text = Vec::new();
        let emitter = Emitter::new(&options, &mut text)?;
        Ok(Self { emitter, reader: Reader::new(Limits::default()), db: None, text })
    }

    /// Hands over one item. What is not large waits for others; gives whether the job was handed something.
    ///
    /// # Errors
    /// `Unrepresentable`; those of the job.
    pub fn push<J: Job + ?Sized>(&mut self, item: &Collected, job: &mut J) -> Result<bool, Error> {
        match item {
            Collected::Aux(field) => self.emitter.aux(&field.name, &field.value, &mut self.text)?,
            Collected::Function(function) => self.function(function, job)?,
            Collected::ModuleData(data) => self.emitter.module_data(data, &mut self.text)?,
            Collected::Entry { db, key, entry } => self.entry(*db, key, entry)?,
        }
        let is_much = self.text.len() >= Self::CHUNK_BYTES;
        if is_much {
            self.flush(job)?;
        }
        Ok(is_much)
    }

    fn entry(&mut self, db: u64, key: &[u8], entry: &Entry) -> Result<(), Error> {
        if self.db != Some(db) {
            self.emitter.select_db(db, &mut self.text)?;
            self.db = Some(db);
        }
        self.emitter.entry(key, entry, &mut self.text)
    }

    /// Snapshots are written without descriptions, so the job is given one that has a description by itself.
    fn function<J: Job + ?Sized>(&mut self, function: &Function, job: &mut J) -> Result<(), Error> {
        let parts = function.description.as_ref().and_then(|description| {
            let (first, code) = function.code.split_at_checked(function.code.iter().position(|byte| *byte == b'\n')?)?;
            let first = first.strip_prefix(b"#!")?;
            let at = first.windows(NAME.len()).position(|window| window == NAME)?;
            let (engine, name) = first.split_at_checked(at)?;
            Some((engine, name.get(NAME.len()..)?, description, code.get(1..)?))
        });
        let Some((engine, name, description, code)) = parts else { return self.emitter.function(function, &mut self.text) };
        self.flush(job)?;
        let [engine, name, description, code] = [engine, name, description, code].map(Scalar::Bytes);
        let event = Event::FunctionPreGa { name, engine, description: Some(description), code };
        let pushed = job.push(&event, &[]).map(drop);
        pushed.map_err(|fault| Error::new(fault.error_kind(0), self.emitter.offset(), Place::default()))
    }

    /// Whether the job wants nothing more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.reader.is_stopped()
    }

    /// Hands over what waits.
    ///
    /// # Errors
    /// Those of the job.
    pub fn flush<J: Job + ?Sized>(&mut self, job: &mut J) -> Result<(), Error> {
        let result = self.reader.feed(&self.text, job);
        self.text.clear();
        self.text.shrink_to(Self::CHUNK_BYTES.saturating_mul(2));
        result
    }

    /// Hands over what waits, and the end.
    ///
    /// # Errors
    /// Those of the job.
    pub fn finish<J: Job + ?Sized>(mut self, job: &mut J) -> Result<(), Error> {
        if self.is_stopped() {
            return Ok(());
        }
        self.flush(job)?;
        let Self { emitter, mut reader, mut text, .. } = self;
        emitter.finish(&mut text)?;
        reader.feed(&text, job)?;
        reader.finish()
    }
}
