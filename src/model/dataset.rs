//! The content of a snapshot, whole in memory.

use super::build::{Collected, Collector, FIELD_TWICE, INDEX_TWICE, MEMBER_TWICE};
use super::emit::{DumpEmitter, Emitter};
use super::emit_log::LogEmitter;
use super::items::ModuleItems;
use super::plan::EncodeOptions;
use super::value::Value;
use crate::error::{Cause, Error, ErrorKind, Fault, FaultKind, Form, Found, Place, Result};
use crate::rdb::{Decoder, DumpPayload, Event, Eviction, MetaClass, ModuleId, Version, ZeroChecksum};
use crate::wire::Limits;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;

static KEY_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a key once in its database", Form::Number);

/// All that a snapshot holds, without its representation: what was packed, compressed or
/// abbreviated is spelled out, and hints (sizes of databases and slots) are left out.
///
/// ```
/// use aikv::model::{Dataset, EncodeOptions, Value};
/// use aikv::rdb::Version;
///
/// // Written by Redis 2.6 and read by every later server.
/// let file = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";
/// let mut dataset = Dataset::decode(file)?;
/// let entry = &dataset.databases[&0][&b"k"[..]];
/// assert_eq!(entry.value, Value::String("v".into()));
///
/// dataset.databases.entry(0).or_default().insert("list".into(), Value::List(vec!["a".into()]).into());
/// let newer = dataset.encode(&EncodeOptions::new(Version::redis(12)))?;
/// assert_eq!(Dataset::decode(&newer)?.databases, dataset.databases);
/// # Ok::<(), aikv::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The version of the snapshot it was decoded from.
    pub source: Option<Version>,
    /// Fields about the snapshot and the server that wrote it, in order.
    pub aux: Vec<AuxField>,
    /// Function libraries (Redis 7.0).
    pub functions: Vec<Function>,
    /// Module data outside of keys, in order.
    pub module_data: Vec<ModuleData>,
    /// Databases by number.
    pub databases: BTreeMap<u64, Database>,
}

/// The keys of a database.
pub type Database = BTreeMap<Bytes, Entry>;

/// A field about a snapshot or its server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuxField {
    /// Name, such as `redis-ver`.
    pub name: Bytes,
    /// Value as text.
    pub value: Bytes,
}

/// A function library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// Its whole source, including the `#!lua name=...` line. A library of Redis 7.0 RC1 or RC2,
    /// which had none, was given one of its name and engine.
    pub code: Bytes,
    /// A description, which only Redis 7.0 RC1 and RC2 had; no snapshot is written with one.
    pub description: Option<Bytes>,
}

/// Module data outside of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleData {
    /// Which module type wrote it.
    pub id: ModuleId,
    /// 1: loaded before the keys, 2: after them.
    pub when: u64,
    /// What it wrote.
    pub items: ModuleItems,
}

/// A value and what belongs to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// When the key expires, if it does: absolute Unix milliseconds; negative ones are long past.
    pub expires_at_ms: Option<i64>,
    /// What the eviction policy knew of the key.
    pub eviction: Eviction,
    /// Metadata that modules attached to the key (Redis 8.6), at most 7 classes.
    pub metadata: Vec<KeyMetadata>,
}

/// Metadata of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMetadata {
    /// The class.
    pub class: MetaClass,
    /// What its module wrote.
    pub items: ModuleItems,
}

impl From<Value> for Entry {
    /// A value that never expires.
    fn from(value: Value) -> Self {
        Self { value, expires_at_ms: None, eviction: Eviction::None, metadata: Vec::new() }
    }
}

/// How much memory decoding may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Of one item of the snapshot.
    pub item: Limits,
    /// Of all the data together, as it lies in memory; deviations of a lenient reader count too.
    pub max_total_bytes: u64,
}

impl Default for DecodeLimits {
    /// 1 GiB of data.
    fn default() -> Self {
        Self { item: Limits::default(), max_total_bytes: 1 << 30 }
    }
}

impl Dataset {
    /// Decodes a whole snapshot.
    ///
    /// # Errors
    /// As [`Decoder::step`] and [`Decoder::finish`]; `Duplicate` for a key, member, field, group, consumer or
    /// pending entry that stands twice; `BadValue` for a stream that contradicts itself and for bytes behind the
    /// snapshot; `LimitExceeded`. Offsets count from the snapshot's start; those of a
    /// duplicate within a value are where the value is whole.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_within(bytes, DecodeLimits::default())
    }

    /// As [`Dataset::decode`], with bounds on the memory taken.
    ///
    /// # Errors
    /// As [`Dataset::decode`].
    pub fn decode_within(bytes: &[u8], limits: DecodeLimits) -> Result<Self> {
        let decoder = Decoder::with_limits(limits.item);
        let builder = DatasetBuilder::new(limits.max_total_bytes);
        decode(bytes, decoder, builder, Err)
    }

    /// As [`Dataset::decode_within`], but goes on where the framing is whole: as [`Decoder::leniently`] and
    /// [`Collector::leniently`]; of a key that stands twice the last one counts. Gives what was passed over too.
    ///
    /// # Errors
    /// As [`Dataset::decode`], where reading cannot go on.
    pub fn decode_leniently(bytes: &[u8], limits: DecodeLimits) -> Result<(Self, Vec<Error>)> {
        let decoder = Decoder::with_limits(limits.item).leniently();
        let builder = DatasetBuilder::new(limits.max_total_bytes).leniently();
        let mut deviations = Vec::new();
        let dataset = decode(bytes, decoder, builder, |error| {
            deviations.push(error);
            Ok(())
        })?;
        Ok((dataset, deviations))
    }

    /// Encodes a snapshot, every value in the form that servers of that version give it. Nothing is
    /// written that is not here: no time, no host name.
    ///
    /// # Errors
    /// `Unrepresentable` for the first thing that the version has no form for, with its key; see [`Emitter`].
    pub fn encode(&self, options: &EncodeOptions) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut emitter = Emitter::new(options, &mut out)?;
        for AuxField { name, value } in &self.aux {
            emitter.aux(name, value, &mut out)?;
        }
        let (after, before): (Vec<_>, Vec<_>) = self.module_data.iter().partition(|data| data.when == ModuleData::AFTER_KEYS);
        for data in before {
            emitter.module_data(data, &mut out)?;
        }
        for function in &self.functions {
            emitter.function(function, &mut out)?;
        }
        for (db, database) in self.databases.iter().filter(|(_, database)| !database.is_empty()) {
            let expires = database.values().filter(|entry| entry.expires_at_ms.is_some()).count();
            emitter.select_db(*db, &mut out)?;
            emitter.resize_db(database.len() as u64, expires as u64, &mut out)?;
            for (key, entry) in database {
                emitter.entry(key, entry, &mut out)?;
            }
        }
        for data in after {
            emitter.module_data(data, &mut out)?;
        }
        emitter.finish(&mut out)?;
        Ok(out)
    }

    /// Writes the commands that make this data anew, for the servers that write this version; see [`LogEmitter`],
    /// which holds one value at a time. Fields about the snapshot are left out.
    ///
    /// # Errors
    /// `Unrepresentable` for the first thing that the version has no form for, with its key, and for module data
    /// outside of keys.
    pub fn to_log(&self, options: &EncodeOptions) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut emitter = LogEmitter::new(options)?;
        if !self.module_data.is_empty() {
            let kind = ErrorKind::Unrepresentable { what: "module data outside of keys", target: "a log" };
            return Err(Error::new(kind, 0, Place::default()));
        }
        for function in &self.functions {
            emitter.function(function, &mut out)?;
        }
        for (db, database) in self.databases.iter().filter(|(_, database)| !database.is_empty()) {
            emitter.select_db(*db, &mut out)?;
            for (key, entry) in database {
                emitter.entry(key, entry, &mut out)?;
            }
        }
        Ok(out)
    }

    /// All items one by one, in the order of a snapshot: aux fields, module data that comes before the keys, functions,
    /// the keys in order of database and name, the rest of the module data.
    pub fn into_items(self) -> impl Iterator<Item = Collected> {
        let Self { aux, functions, module_data, databases, .. } = self;
        let (after, before): (Vec<_>, Vec<_>) = module_data.into_iter().partition(|data| data.when == ModuleData::AFTER_KEYS);
        let entries = databases
            .into_iter()
            .flat_map(|(db, database)| database.into_iter().map(move |(key, entry)| Collected::Entry { db, key, entry }));
        let head = aux.into_iter().map(Collected::Aux).chain(before.into_iter().map(Collected::ModuleData));
        let head = head.chain(functions.into_iter().map(Collected::Function));
        head.chain(entries).chain(after.into_iter().map(Collected::ModuleData))
    }

    /// Sorts what has no order: aux fields, functions, and all of [`Value::canonicalize`].
    pub fn canonicalize(&mut self) {
        self.aux.sort();
        self.functions.sort();
        for entry in self.databases.values_mut().flat_map(BTreeMap::values_mut) {
            entry.canonicalize();
        }
    }
}

impl ModuleData {
    /// The time of data that is loaded behind the keys.
    const AFTER_KEYS: u64 = 2;
}

impl Entry {
    /// Decodes what `DUMP` gave. A payload has neither expiry nor eviction.
    ///
    /// # Errors
    /// As [`DumpPayload::parse`] and [`DumpPayload::each`]; `Duplicate` for a member, field, group, consumer or pending
    /// entry that stands twice; `BadValue` for a stream that contradicts itself; `LimitExceeded` for more than 1 GiB of data.
    pub fn from_dump(payload: &[u8], zero: ZeroChecksum) -> Result<Self> {
        let mut collector = Collector::new(DecodeLimits::default().max_total_bytes);
        let mut entry = None;
        let mut place = Place::default();
        DumpPayload::parse(payload, zero)?.each(|event, _| {
            if let Event::Key(key) = event {
                place.value_type = Some(key.value_type.name());
            }
            match collector.push(event) {
                Ok(Some(Collected::Entry { entry: found, .. })) => entry = Some(found),
                Ok(_) => {}
                Err(fault) => return Err(Error::new(fault.error_kind(0), 0, with_element(&place, fault))),
            }
            Ok(())
        })?;
        // A payload without a value was refused.
        entry.ok_or_else(|| Error::new(ErrorKind::Truncated { needed: 1 }, 0, place))
    }

    /// Encodes a payload for `RESTORE`; see [`DumpEmitter`], which is faster for many. Expiry and
    /// eviction are not part of it: they are arguments of the command.
    ///
    /// # Errors
    /// `Unrepresentable`, as [`Dataset::encode`].
    pub fn to_dump(&self, options: &EncodeOptions) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        DumpEmitter::new(options)?.write(self, &mut payload)?;
        Ok(payload)
    }

    /// Sorts what has no order: classes of metadata, and all of [`Value::canonicalize`].
    pub fn canonicalize(&mut self) {
        self.metadata.sort_by_key(|metadata| metadata.class.0);
        self.value.canonicalize();
    }
}

/// Puts the events of a snapshot together to a [`Dataset`].
pub struct DatasetBuilder {
    collector: Collector,
    dataset: Dataset,
    is_lenient: bool,
}

impl DatasetBuilder {
    /// Bytes that an entry takes in a tree whose nodes are half full at least.
    const ENTRY_BYTES: usize = 2 * size_of::<(Bytes, Entry)>();
    /// Bytes that a database takes beside: the first node of its tree has room for 11 entries.
    const DATABASE_BYTES: usize = 11 * size_of::<(Bytes, Entry)>() + 2 * size_of::<(u64, Database)>();

    /// A builder of data of at most `max_total_bytes`: the memory that it occupies, not its size in the snapshot.
    #[must_use]
    pub fn new(max_total_bytes: u64) -> Self {
        Self { collector: Collector::new(max_total_bytes), dataset: Dataset::default(), is_lenient: false }
    }

    /// As [`Collector::leniently`]; also the last of a key that stands twice counts.
    #[must_use]
    pub fn leniently(self) -> Self {
        Self { collector: self.collector.leniently(), is_lenient: true, ..self }
    }

    /// What a lenient builder passed over since the last call, to be dressed by the decoder that gave the last event.
    pub fn faults(&mut self) -> Vec<Fault> {
        self.collector.faults()
    }

    /// Takes the next event of a snapshot.
    ///
    /// # Errors
    /// As [`Collector::push`]; a key that stands twice in its database.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Start(version) => self.dataset.source = Some(*version),
            Event::Key(key) => {
                let database = self.dataset.databases.get(&key.db);
                if database.is_some_and(|database| key.key.with_text(|key| database.contains_key(key))) {
                    self.collector.tolerate(Fault::new(&KEY_TWICE, 0))?;
                }
            }
            _ => {}
        }
        match self.collector.push(event)? {
            None => {}
            Some(Collected::Aux(field)) => self.dataset.aux.push(field),
            Some(Collected::Function(function)) => self.dataset.functions.push(function),
            Some(Collected::ModuleData(data)) => self.dataset.module_data.push(data),
            Some(Collected::Entry { db, key, entry }) => {
                let is_new = !self.dataset.databases.contains_key(&db);
                self.collector.take(if is_new { Self::DATABASE_BYTES } else { Self::ENTRY_BYTES })?;
                self.dataset.databases.entry(db).or_default().insert(key, entry);
            }
        }
        Ok(())
    }

    /// What was put together so far.
    #[must_use]
    pub fn finish(self) -> Dataset {
        self.dataset
    }
}

/// Runs a decoder over a whole snapshot. `note` says whether reading goes on past a deviation.
fn decode(
    bytes: &[u8],
    mut decoder: Decoder,
    mut builder: DatasetBuilder,
    mut note: impl FnMut(Error) -> Result<()>,
) -> Result<Dataset> {
    let mut rest = bytes;
    while !decoder.is_done() {
        let start = decoder.offset();
        let step = match decoder.step(rest) {
            Ok(step) => step,
            Err(fault) => return Err(decoder.dress(fault)),
        };
        let consumed = step.consumed;
        let pushed = match &step.event {
            Some(event) => builder.push(event),
            None if consumed == rest.len() => break,
            None => Ok(()),
        };
        if let Err(fault) = pushed {
            return Err(placed(fault, start, &decoder));
        }
        if builder.is_lenient {
            let mut deviations = decoder.deviations();
            for fault in builder.faults() {
                let deviation = placed(fault, start, &decoder);
                // The decoder looks into the nodes of streams too.
                if !deviations.contains(&deviation) {
                    deviations.push(deviation);
                }
            }
            for deviation in deviations {
                builder.collector.take(Error::BYTES).map_err(|fault| placed(fault, start, &decoder))?;
                note(deviation)?;
            }
        }
        rest = rest.get(consumed..).unwrap_or_default();
    }
    if !rest.is_empty() {
        // Behind the end nothing is read, only counted.
        let _ = decoder.step(rest);
    }
    let summary = decoder.finish()?;
    if let Some(trailing) = summary.trailing {
        let found = Found::Number(trailing.len());
        note(Error::new(
            ErrorKind::BadValue { expected: "nothing behind the snapshot", found },
            trailing.start,
            Place::default(),
        ))?;
    }
    Ok(builder.finish())
}

/// Dresses a fault of the builder: unless it is one inside a packed blob, it is put where its step starts.
#[cold]
fn placed(fault: Fault, step_start: u64, decoder: &Decoder) -> Error {
    let error = decoder.dress(fault);
    let offset = fault.blob_offset().map_or(step_start, |_| error.offset());
    Error::new(error.kind().clone(), offset, with_element(error.place(), fault))
}

/// An element that stands twice is named by its position.
fn with_element(place: &Place, fault: Fault) -> Place {
    let is_element = [&MEMBER_TWICE, &FIELD_TWICE, &INDEX_TWICE].into_iter().any(|cause| fault.is(cause));
    Place { element: if is_element { Some(fault.word()) } else { place.element }, ..place.clone() }
}
