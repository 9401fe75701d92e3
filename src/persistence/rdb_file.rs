//! Snapshots of strings: written as RDB 1, read from every version.

use super::content::about;
use super::error::{PersistenceError, Result, Task};
use super::files::{Replacement, open, read_chunks, resolve};
use super::storage::Disk;
use crate::error::{Error, ErrorKind, Found, KeyPreview, Place};
use crate::rdb::{Checksum, Decoder, Encoder, Event, Eviction, Key, Kind, Part, Span, ValueType, Version};
use crate::wire::Scalar;
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
use std::string::String;
use std::vec::Vec;

/// The keys of one database: their values, and when they expire in Unix milliseconds.
pub type DatabaseData = HashMap<String, (Bytes, Option<u64>)>;

/// As [`DatabaseData`], with keys of any bytes.
pub type BytesDatabaseData = HashMap<Bytes, (Bytes, Option<u64>)>;

/// Numbers of databases stay below this: the databases before one are held as well.
const MAX_DATABASES: u64 = 65_536;

/// Values are encoded in pieces, so that no second copy of a long one is held.
const PIECE_BYTES: usize = 64 * 1024;

/// Encoded bytes are held back until there are this many.
const WRITE_BYTES: usize = 256 * 1024;

/// Saves databases as a snapshot that Redis from 3.2 on and Valkey load; a
/// database's place in the slice is its number.
///
/// The file is of RDB version 1 with a checksum. It appears whole and durable, or not at all: what stands at
/// `path` is replaced by a file that was written and synced beside it. A new
/// file is readable by its owner only, a replaced one keeps its rights.
///
/// # Errors
/// [`AikvError::Persistence`](super::AikvError::Persistence). For every kind but
/// `CommittedDurabilityUnknown` the file at `path` is as it was before. `Format`
/// stands for an expiry beyond 2^63 milliseconds.
pub fn save_rdb<P: AsRef<Path>>(path: P, databases: &[DatabaseData]) -> Result<()> {
    save(path.as_ref(), databases)
}

/// As [`save_rdb`], with keys of any bytes.
///
/// # Errors
/// As [`save_rdb`].
pub fn save_rdb_bytes<P: AsRef<Path>>(path: P, databases: &[BytesDatabaseData]) -> Result<()> {
    save(path.as_ref(), databases)
}

/// Loads a snapshot, of any version that is read, whose values are all strings.
/// The place of a database in the vector is its number; keys that have expired are kept.
///
/// # Errors
/// [`AikvError::Persistence`](super::AikvError::Persistence), and no part of the
/// data: where the file is damaged, holds a key twice, has bytes behind its end
/// or a database number of 65 536 or more, or where a map cannot hold what is in
/// it: other values than strings, functions, module data, keys that are not UTF-8
/// (see [`load_rdb_bytes`]) and expiries before 1970. The format error names offset, database, key and type.
pub fn load_rdb<P: AsRef<Path>>(path: P) -> Result<Vec<DatabaseData>> {
    load(path.as_ref(), |key| key.with_text(|text| String::from_utf8(text.to_vec()).ok()))
}

/// As [`load_rdb`], with keys of any bytes.
///
/// # Errors
/// As [`load_rdb`].
pub fn load_rdb_bytes<P: AsRef<Path>>(path: P) -> Result<Vec<BytesDatabaseData>> {
    load(path.as_ref(), |key| Some(key.to_vec().into()))
}

type Database<K> = HashMap<K, (Bytes, Option<u64>)>;

fn save<K: AsRef<[u8]>>(path: &Path, databases: &[Database<K>]) -> Result<()> {
    let task = Task { doing: "save the snapshot", path };
    let place = || {
        let (folder, name) = resolve(path)?;
        Ok((Disk::open(&folder)?, name))
    };
    let (folder, name) = place().map_err(|error| task.io(error))?;
    let mut saver = Saver::new(task, Replacement::new(task, &folder, &name)?);
    saver.head()?;
    for (db, database) in databases.iter().enumerate().filter(|(_, database)| !database.is_empty()) {
        let db = db as u64;
        saver.write(&Event::SelectDb(db))?;
        for (key, (value, expires_at_ms)) in database {
            saver.key(db, key.as_ref(), value, *expires_at_ms)?;
        }
    }
    Ok(saver.finish()?)
}

/// Encodes into a buffer, and that into the new file.
struct Saver<'a> {
    task: Task<'a>,
    file: Replacement<'a>,
    encoder: Encoder,
    buffer: Vec<u8>,
    string: ValueType,
}

impl<'a> Saver<'a> {
    fn new(task: Task<'a>, file: Replacement<'a>) -> Self {
        let encoder = Encoder::with_checksum(Version::redis(1));
        let buffer = Vec::with_capacity(WRITE_BYTES + PIECE_BYTES);
        Self { task, file, encoder, buffer, string: ValueType::STRING }
    }

    /// The header, and who wrote this when.
    fn head(&mut self) -> Result<(), PersistenceError> {
        self.write(&Event::Start(Version::redis(1)))?;
        for (name, value) in about() {
            self.write(&Event::Aux { key: Scalar::Bytes(name.as_bytes()), value: Scalar::Bytes(value.as_bytes()) })?;
        }
        Ok(())
    }

    fn key(&mut self, db: u64, key: &[u8], value: &[u8], expires_at_ms: Option<u64>) -> Result<(), PersistenceError> {
        let place = || Place { db: Some(db), key: Some(KeyPreview::new(key)), ..Place::default() };
        let expires_at_ms = match expires_at_ms.map(i64::try_from) {
            None => None,
            Some(Ok(expiry)) => Some(expiry),
            Some(Err(_)) => {
                let kind = ErrorKind::Unrepresentable { what: "an expiry beyond 2^63 milliseconds", target: "a snapshot" };
                return Err(self.task.format(Error::new(kind, self.encoder.offset(), place())));
            }
        };
        let key = Key { key: Scalar::Bytes(key), value_type: self.string, db, expires_at_ms, eviction: Eviction::None };
        self.write(&Event::Key(key))?;
        let mut rest = value;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE_BYTES));
            self.write(&Event::Value(Part::Bytes { piece: Scalar::Bytes(piece), left: behind.len() as u64 }))?;
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        self.write(&Event::KeyEnd { span: Span::default() })
    }

    fn write(&mut self, event: &Event<'_>) -> Result<(), PersistenceError> {
        self.encoder.write(event, &mut self.buffer).map_err(|error| self.task.format(error))?;
        if self.buffer.len() >= WRITE_BYTES { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<(), PersistenceError> {
        self.file.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), PersistenceError> {
        self.write(&Event::End(Checksum::Verified))?;
        self.drain()?;
        self.encoder.finish().map_err(|error| self.task.format(error))?;
        self.file.place()
    }
}

fn load<K: Eq + Hash>(path: &Path, name: impl Fn(Scalar<'_>) -> Option<K>) -> Result<Vec<Database<K>>> {
    let task = Task { doing: "load the snapshot", path };
    let mut file = open(task)?;
    let mut decoder = Decoder::new();
    let mut loader = Loader { databases: Vec::new(), name, pending: None };
    read_chunks(&mut file, task, |mut chunk| {
        loop {
            let offset = decoder.offset();
            let step = match decoder.step(chunk) {
                Ok(step) => step,
                Err(fault) => return Err(task.format(decoder.dress(fault))),
            };
            chunk = chunk.get(step.consumed..).unwrap_or_default();
            match &step.event {
                Some(event) => loader.take(event, offset).map_err(|error| task.format(error))?,
                None if chunk.is_empty() => return Ok(()),
                None => {}
            }
        }
    })?;
    let summary = decoder.finish().map_err(|error| task.format(error))?;
    if let Some(trailing) = summary.trailing {
        let kind = ErrorKind::BadValue { expected: "nothing behind the snapshot", found: Found::Text("more bytes") };
        return Err(task.format(Error::new(kind, trailing.start, Place::default())).into());
    }
    Ok(loader.databases)
}

/// Gathers the events of a snapshot into databases.
struct Loader<K, N> {
    databases: Vec<Database<K>>,
    name: N,
    pending: Option<Pending<K>>,
}

/// A key whose value is being read.
struct Pending<K> {
    key: K,
    place: Place,
    value: Vec<u8>,
    expires_at_ms: Option<u64>,
}

impl<K: Eq + Hash, N: Fn(Scalar<'_>) -> Option<K>> Loader<K, N> {
    /// Takes an event that begins at `offset`.
    fn take(&mut self, event: &Event<'_>, offset: u64) -> Result<(), Error> {
        match event {
            Event::Key(key) => self.pending = Some(self.begin(key, offset)?),
            Event::Value(Part::Bytes { piece, .. }) => {
                if let Some(pending) = &mut self.pending {
                    piece.push_to(&mut pending.value);
                }
            }
            Event::KeyEnd { span } => self.end(*span)?,
            Event::Function { .. } | Event::FunctionPreGa { .. } => {
                return Err(Error::new(unheld("a function library"), offset, Place::default()));
            }
            Event::ModuleAux(_) => return Err(Error::new(unheld("module data"), offset, Place::default())),
            _ => {}
        }
        Ok(())
    }

    fn begin(&self, head: &Key<'_>, offset: u64) -> Result<Pending<K>, Error> {
        let place = Place {
            db: Some(head.db),
            key: Some(head.key.with_text(KeyPreview::new)),
            value_type: Some(head.value_type.name()),
            element: None,
        };
        let refuse = |kind: ErrorKind| Error::new(kind, offset, place.clone());
        if head.value_type.kind() != Kind::String {
            return Err(refuse(unheld("a value that is no string")));
        }
        if head.db >= MAX_DATABASES {
            let expected = "a database number below 65536";
            return Err(refuse(ErrorKind::LimitExceeded { expected, found: Found::Number(head.db) }));
        }
        let expires_at_ms = match head.expires_at_ms.map(u64::try_from) {
            None => None,
            Some(Ok(expiry)) => Some(expiry),
            Some(Err(_)) => return Err(refuse(unheld("an expiry before 1970"))),
        };
        let key = (self.name)(head.key).ok_or_else(|| {
            refuse(ErrorKind::Unrepresentable {
                what: "a key that is not UTF-8 (load_rdb_bytes takes any)",
                target: "DatabaseData",
            })
        })?;
        Ok(Pending { key, place, value: Vec::new(), expires_at_ms })
    }

    fn end(&mut self, span: Span) -> Result<(), Error> {
        let Some(Pending { key, place, value, expires_at_ms }) = self.pending.take() else { return Ok(()) };
        let db = place.db.and_then(|db| usize::try_from(db).ok()).unwrap_or_default();
        if self.databases.len() <= db {
            self.databases.resize_with(db + 1, HashMap::new);
        }
        match self.databases[db].insert(key, (value.into(), expires_at_ms)) {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Duplicate { expected: "a key of its database" }, span.start, place)),
        }
    }
}

fn unheld(what: &'static str) -> ErrorKind {
    ErrorKind::Unrepresentable { what, target: "a map of strings (aikv::rdb::Decoder reads everything)" }
}
