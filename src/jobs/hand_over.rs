//! Owned data handed to a job as the events of a snapshot.

use super::{Flow, Job, Reader};
use crate::aof;
use crate::error::{Error, ErrorKind, Fault, Place};
use crate::model::{Collected, Emitter, EncodeOptions, Entry, Function};
use crate::rdb::{Dialect, Event, Version};
use crate::wire::{Limits, Scalar};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// In front of the name in the first line of a function library.
const NAME: &[u8] = b" name=";

/// Hands owned data to a job as the events of a snapshot, which is written a piece at a time and read again
/// at once, in memory bounded by the largest entry. It is one of the latest version of its dialect, strings not
/// compressed.
///
/// Either dialect has forms that the other one lacks, and commands may make both kinds of values. What has no form in the
/// first is handed over in the other one's, under the same start and end; what has none in either is refused. Bytes of
/// both make no snapshot: a job that copies them needs [`HandOver::in_one_dialect`].
pub struct HandOver {
    first: Side,
    is_one_dialect: bool,
    /// The other dialect, once it was needed.
    other: Option<Box<Side>>,
    /// Whether what waits is the other's.
    is_other: bool,
    db: Option<u64>,
}

/// A snapshot of one dialect.
struct Side {
    version: Version,
    emitter: Emitter,
    reader: Reader,
    text: Vec<u8>,
}

impl Side {
    fn new(dialect: Dialect) -> Result<Self, Error> {
        let version = match dialect {
            Dialect::Valkey => Version::valkey(Version::VALKEY_MAX),
            Dialect::Redis => Version::redis(Version::REDIS_MAX),
        };
        let options = EncodeOptions { is_compressing: false, ..EncodeOptions::new(version) };
        let mut text = Vec::new();
        let emitter = Emitter::new(&options, &mut text)?;
        Ok(Self { version, emitter, reader: Reader::new(Limits::default()), text })
    }

    fn flush<J: Job + ?Sized>(&mut self, job: &mut J) -> Result<(), Error> {
        let result = self.reader.feed(&self.text, job);
        self.text.clear();
        self.text.shrink_to(HandOver::CHUNK_BYTES.saturating_mul(2));
        result
    }
}

/// A job to which the records of a second snapshot belong to the first one.
struct Within<'j, J: ?Sized>(&'j mut J);

impl<J: Job + ?Sized> Job for Within<'_, J> {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Start(_) | Event::End(_) => Ok(Flow::Continue),
            event => self.0.push(event, raw),
        }
    }

    fn log(&mut self, event: &aof::Event<'_>, offset: u64) -> Result<(), Fault> {
        self.0.log(event, offset)
    }

    fn note(&mut self, error: Error) -> Result<(), Error> {
        self.0.note(error)
    }

    fn deviation(&mut self, error: Error) -> Option<Error> {
        self.0.deviation(error)
    }
}

impl HandOver {
    /// Bytes handed over at once.
    const CHUNK_BYTES: usize = 256 * 1024;

    /// Begins; the dialect is that of the version that the data come from, or Redis where they come from none.
    ///
    /// # Errors
    /// None: the version that is written is known.
    pub fn new(source: Option<Version>) -> Result<Self, Error> {
        let first = Side::new(source.map_or(Dialect::Redis, Version::dialect))?;
        Ok(Self { first, is_one_dialect: false, other: None, is_other: false, db: None })
    }

    /// Refuses what has no form in the first dialect: for a job that copies the bytes of events.
    #[must_use]
    pub fn in_one_dialect(self) -> Self {
        Self { is_one_dialect: true, ..self }
    }

    /// Hands over one item. What is not large waits for others; gives whether the job was handed something.
    ///
    /// # Errors
    /// `Unrepresentable`; those of the job.
    pub fn push<J: Job + ?Sized>(&mut self, item: &Collected, job: &mut J) -> Result<bool, Error> {
        if let Collected::Entry { db, key, entry } = item {
            self.entry(*db, key, entry, job)?;
        } else {
            self.turn(false, job)?;
            let Side { emitter, text, .. } = &mut self.first;
            match item {
                Collected::Aux(field) => emitter.aux(&field.name, &field.value, text)?,
                Collected::Function(function) => self.function(function, job)?,
                Collected::ModuleData(data) => emitter.module_data(data, text)?,
                Collected::Entry { .. } => {}
            }
        }
        let is_much = self.side().text.len() >= Self::CHUNK_BYTES;
        if is_much {
            self.flush(job)?;
        }
        Ok(is_much)
    }

    fn entry<J: Job + ?Sized>(&mut self, db: u64, key: &[u8], entry: &Entry, job: &mut J) -> Result<(), Error> {
        match self.entry_here(db, key, entry) {
            Err(error) if !self.is_one_dialect && matches!(error.kind(), ErrorKind::Unrepresentable { .. }) => {
                self.turn(!self.is_other, job)?;
                // Where neither has a form, the first one's error is the one to tell.
                self.entry_here(db, key, entry).map_err(|_| error)
            }
            done => done,
        }
    }

    fn entry_here(&mut self, db: u64, key: &[u8], entry: &Entry) -> Result<(), Error> {
        let is_selected = self.db == Some(db);
        let Side { emitter, text, .. } = self.side();
        if !is_selected {
            emitter.select_db(db, text)?;
        }
        emitter.entry(key, entry, text)?;
        self.db = Some(db);
        Ok(())
    }

    /// Goes on in the first dialect or in the other one.
    fn turn<J: Job + ?Sized>(&mut self, is_other: bool, job: &mut J) -> Result<(), Error> {
        if self.is_other == is_other {
            return Ok(());
        }
        self.flush(job)?;
        if self.other.is_none() {
            let other = match self.first.version.dialect() {
                Dialect::Redis => Dialect::Valkey,
                Dialect::Valkey => Dialect::Redis,
            };
            self.other = Some(Box::new(Side::new(other)?));
        }
        self.is_other = is_other;
        self.db = None;
        Ok(())
    }

    fn side(&mut self) -> &mut Side {
        match &mut self.other {
            Some(other) if self.is_other => other,
            _ => &mut self.first,
        }
    }

    /// Snapshots are written without descriptions, so the job is given one that has a description by itself.
    fn function<J: Job + ?Sized>(&mut self, function: &Function, job: &mut J) -> Result<(), Error> {
        // Such a one has no bytes.
        let described = function.description.as_ref().filter(|_| !self.is_one_dialect);
        let parts = described.and_then(|description| {
            let (first, code) = function.code.split_at_checked(function.code.iter().position(|byte| *byte == b'\n')?)?;
            let first = first.strip_prefix(b"#!")?;
            let at = first.windows(NAME.len()).position(|window| window == NAME)?;
            let (engine, name) = first.split_at_checked(at)?;
            Some((engine, name.get(NAME.len()..)?, description, code.get(1..)?))
        });
        let Side { emitter, text, .. } = &mut self.first;
        let Some((engine, name, description, code)) = parts else { return emitter.function(function, text) };
        self.flush(job)?;
        let [engine, name, description, code] = [engine, name, description, code].map(Scalar::Bytes);
        let event = Event::FunctionPreGa { name, engine, description: Some(description), code };
        let pushed = job.push(&event, &[]).map(drop);
        pushed.map_err(|fault| Error::new(fault.error_kind(0), self.first.emitter.offset(), Place::default()))
    }

    /// Whether the job wants nothing more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.first.reader.is_stopped() || self.other.as_ref().is_some_and(|other| other.reader.is_stopped())
    }

    /// Hands over what waits.
    ///
    /// # Errors
    /// Those of the job.
    pub fn flush<J: Job + ?Sized>(&mut self, job: &mut J) -> Result<(), Error> {
        match &mut self.other {
            Some(other) if self.is_other => other.flush(&mut Within(job)),
            _ => self.first.flush(job),
        }
    }

    /// Hands over what waits, and the end.
    ///
    /// # Errors
    /// Those of the job.
    pub fn finish<J: Job + ?Sized>(mut self, job: &mut J) -> Result<(), Error> {
        self.turn(false, job)?;
        if self.is_stopped() {
            return Ok(());
        }
        self.flush(job)?;
        let Side { emitter, mut reader, mut text, .. } = self.first;
        emitter.finish(&mut text)?;
        reader.feed(&text, job)?;
        reader.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HashField, Value};

    struct Nothing;

    impl Job for Nothing {
        fn push(&mut self, _event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
            Ok(Flow::Continue)
        }
    }

    #[test]
    fn a_job_that_copies_bytes_is_not_handed_those_of_the_other_dialect() {
        // Redis has 0 for none.
        let field = HashField { field: "f".into(), value: "v".into(), expires_at_ms: Some(0) };
        let item = Collected::Entry { db: 0, key: "k".into(), entry: Value::Hash([field].into()).into() };
        let handed = |mut hand_over: HandOver| {
            hand_over.push(&item, &mut Nothing)?;
            hand_over.finish(&mut Nothing)
        };
        handed(HandOver::new(None).unwrap()).unwrap();
        let refused = handed(HandOver::new(None).unwrap().in_one_dialect()).unwrap_err();
        assert_eq!(refused.code(), "unrepresentable");
    }
}
