//! The encoder: the decoder's mirror. It takes the events that the decoder
//! gives, walks the same states, and refuses an event out of order.

use super::encode_value::ValueState;
use super::event::{Checksum, Event, Eviction, Key, Part};
use super::key_meta::{self, KeyMeta};
use super::known::{known, known_type, seconds};
use super::module::{ModuleAux, ModuleItem};
use super::opcode;
use super::slots::SlotImport;
use super::template::HashTemplate;
use super::value_type::{Layout, Shape};
use super::version::Version;
use crate::error::{Error, ErrorKind, Found, KeyPreview, Place, Result};
use crate::pack::listpack::backlen::{self, BacklenForm};
use crate::wire::feed::Step;
use crate::wire::scalar::Strings;
use crate::wire::{crc64, length};
use alloc::vec::Vec;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Body,
    Value,
    ModuleAux,
    /// Before a class of a key's metadata, of which that many follow.
    KeyMeta(u64),
    /// Within a class of a key's metadata.
    KeyMetaItem(u64),
    /// Behind a key's metadata: its key, or what else may stand in its head.
    KeyHead,
    /// Within a template, of which that many names follow.
    HashTemplate(u64),
    SlotImport(u64),
    Done,
}

/// How much of what a version lacks is written all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounds {
    /// Nothing: what its servers do not know is refused.
    Version,
    /// All that newer servers read under its header.
    None,
}

/// Writes a snapshot from events, in bounded memory: the caller drains the
/// output when it likes.
///
/// ```
/// use aikv::rdb::{Checksum, Encoder, Event, Eviction, Key, Part, Span, ValueType, Version};
/// use aikv::wire::Scalar;
///
/// let mut encoder = Encoder::new(Version::redis(6));
/// let mut file = Vec::new();
/// let key = Key {
///     key: Scalar::Bytes(b"k"),
///     value_type: ValueType::STRING,
///     db: 0,
///     expires_at_ms: None,
///     eviction: Eviction::None,
/// };
/// for event in [
///     Event::Start(Version::redis(6)),
///     Event::SelectDb(0),
///     Event::Key(key),
///     Event::Value(Part::Bytes { piece: Scalar::Bytes(b"v"), left: 0 }),
///     Event::KeyEnd { span: Span::default() },
///     Event::End(Checksum::Verified),
/// ] {
///     encoder.write(&event, &mut file)?;
/// }
/// encoder.finish()?;
/// // The bytes that Redis 2.6 and every later server load.
/// assert_eq!(file, b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22");
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Encoder {
    version: Version,
    has_checksum: bool,
    bounds: Bounds,
    is_payload: bool,
    strings: Strings,
    phase: Phase,
    /// Metadata of the key that follows: servers want it directly before the value type.
    meta: Vec<u8>,
    value: ValueState,
    db: Option<u64>,
    key: Option<(KeyPreview, &'static str)>,
    running: RunningChecksum,
    offset: u64,
}

impl Encoder {
    /// An encoder of snapshots of `version`. Strings are compressed as servers do by default,
    /// those that come in pieces excepted.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            has_checksum: version.has_checksum(),
            bounds: Bounds::Version,
            is_payload: false,
            strings: Strings::new(true),
            phase: Phase::Header,
            meta: Vec::new(),
            value: ValueState::default(),
            db: None,
            key: None,
            running: RunningChecksum::default(),
            offset: 0,
        }
    }

    /// As [`Encoder::new`], but writes what newer servers read under an older header, and a
    /// checksum behind versions that have none.
    ///
    /// Servers that skip what follows the EOF opcode of RDB 1 to 4 load such a
    /// file, and readers who look for the checksum can verify it.
    #[must_use]
    pub fn with_checksum(version: Version) -> Self {
        Self { has_checksum: true, bounds: Bounds::None, ..Self::new(version) }
    }

    /// Writes strings as they are.
    #[must_use]
    pub fn without_compression(mut self) -> Self {
        self.strings = Strings::new(false);
        self
    }

    /// Has strings compressed from here on, or not; says whether they were.
    pub(crate) fn set_compressing(&mut self, is_compressing: bool) -> bool {
        self.strings.set_compressing(is_compressing)
    }

    /// An encoder of the part of a `DUMP` payload in front of version and checksum.
    pub(crate) fn payload(version: Version) -> Self {
        Self { phase: Phase::Body, has_checksum: false, is_payload: true, ..Self::new(version) }
    }

    /// Makes an encoder whose payload is whole ready for another one.
    pub(crate) fn begin_payload(&mut self) {
        self.phase = Phase::Body;
    }

    /// Appends the bytes of `event` to `out`.
    ///
    /// A key's `db` is not looked at: [`Event::SelectDb`] says it. What an
    /// [`Event::End`] knows of the checksum decides whether one is computed
    /// (`Off` writes zeros). Metadata of a key is held back until its key comes: servers read it
    /// only behind expiry and eviction. Where the key is refused, the metadata waits for the next one.
    ///
    /// # Errors
    /// `OutOfOrder` where the event cannot follow the one before it;
    /// `Unrepresentable` where this version has no such record or value type, or no room for a
    /// length or expiry. Nothing was appended then.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let appended = match self.bounds {
            Bounds::Version => self.representable(event),
            Bounds::None => Ok(()),
        };
        match appended.and_then(|()| self.append(event, out)) {
            Ok(()) => {
                self.commit(out.get(start..).unwrap_or_default());
                if let Event::End(checksum) = event {
                    self.trailer(*checksum, out);
                }
                Ok(())
            }
            Err(kind) => {
                out.truncate(start);
                Err(Error::new(kind, self.offset, self.place(event)))
            }
        }
    }

    /// Whether this version has a form for `event`, wherever it stands; nothing is written.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub(crate) fn check(&self, event: &Event<'_>) -> Result<()> {
        self.representable(event).map_err(|kind| Error::new(kind, self.offset, self.place(event)))
    }

    fn place(&self, event: &Event<'_>) -> Place {
        let key = match event {
            Event::Key(key) => Some((key.key.with_text(KeyPreview::new), key.value_type.name())),
            _ => self.key,
        };
        Place { db: self.db, key: key.map(|(key, _)| key), value_type: key.map(|(_, value_type)| value_type), element: None }
    }

    /// Appends a step of a decoder of the same version byte for byte, also where this version has
    /// no such record. The checksum is computed anew; keys without elements are left out.
    ///
    /// # Errors
    /// As [`Encoder::write`]. `OutOfOrder` too at the end of a key whose value was skipped: its bytes
    /// came with no step.
    pub fn copy(&mut self, step: &Step<'_, Event<'_>>, out: &mut Vec<u8>) -> Result<()> {
        match &step.event {
            None => Ok(()),
            // Metadata of such a key may be in the output already.
            Some(Event::EmptyKey(_)) if self.phase == Phase::Body => Ok(()),
            Some(event @ (Event::Start(_) | Event::End(_))) => self.write(event, out),
            Some(event) => {
                let start = out.len();
                // The event keeps the states in step; its bytes are those of the source.
                let mut encoded = core::mem::take(&mut self.running.discarded);
                encoded.clear();
                let is_compressing = self.strings.set_compressing(false);
                let written = self.append(event, &mut encoded);
                self.strings.set_compressing(is_compressing);
                self.running.discarded = encoded;
                if let Err(kind) = written {
                    return Err(Error::new(kind, self.offset, Place { db: self.db, ..Place::default() }));
                }
                out.extend_from_slice(step.raw);
                self.commit(out.get(start..).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Appends bytes of whole records as they are: what a decoder has read of them, step by step. Until the last of a
    /// record came, nothing else may be written.
    #[inline]
    pub(crate) fn splice(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(raw);
        self.commit(raw);
    }

    /// Appends a part of a value of this layout in place of its bytes, the backward lengths of its listpack in this form: the
    /// other parts are spliced.
    ///
    /// # Errors
    /// `OutOfOrder` for a part that no value of this layout has.
    pub(crate) fn splice_part(
        &mut self,
        layout: Layout,
        part: &Part<'_>,
        form: BacklenForm,
        is_first: bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut listpack = Vec::new();
        backlen::rewrite(part.listpack().unwrap_or_default(), form, &mut listpack);
        let part = &part.with_listpack(&listpack);
        let start = out.len();
        let written = ValueState::in_front_of(layout, part, is_first).write(part, &mut self.strings, out);
        self.commit(out.get(start..).unwrap_or_default());
        written.map_err(|kind| Error::new(kind, self.offset, self.place(&Event::Value(*part))))
    }

    /// Says that no event follows.
    ///
    /// # Errors
    /// `OutOfOrder` where the end has not been written.
    pub fn finish(self) -> Result<()> {
        if self.phase == Phase::Done {
            return Ok(());
        }
        let kind = ErrorKind::OutOfOrder { expected: "the snapshot's end", found: Found::Text("nothing") };
        Err(Error::new(kind, self.offset, Place { db: self.db, ..Place::default() }))
    }

    /// Bytes written so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn commit(&mut self, appended: &[u8]) {
        self.running.add(appended);
        self.offset = self.offset.saturating_add(appended.len() as u64);
    }

    fn trailer(&mut self, checksum: Checksum, out: &mut Vec<u8>) {
        if self.has_checksum {
            let stored = if checksum == Checksum::Off { 0 } else { self.running.value() };
            out.extend_from_slice(&stored.to_le_bytes());
            self.offset = self.offset.saturating_add(8);
        }
    }

    /// What this version's servers do not know.
    fn representable(&self, event: &Event<'_>) -> Result<(), ErrorKind> {
        let known = match event {
            // The rest of a key's head is not part of a payload.
            Event::Key(key) if self.is_payload => match key.value_type.layout().shape {
                Shape::Template { is_own: false, .. } if key.value_type.is_in(self.version) => {
                    return Err(ErrorKind::Unrepresentable { what: key.value_type.name(), target: "a DUMP payload" });
                }
                _ => known_type(self.version, key.value_type),
            },
            _ => known(self.version, event),
        };
        known.map_err(|what| ErrorKind::Unrepresentable { what, target: "this RDB version" })
    }

    fn append(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let strings = &mut self.strings;
        match (self.phase, event) {
            (Phase::Header, Event::Start(version)) if *version == self.version => {
                out.extend_from_slice(&version.header());
                self.phase = Phase::Body;
            }
            (Phase::Body | Phase::KeyHead, Event::Key(key)) => self.key_head(key, out),
            (Phase::Value, Event::Value(part)) => self.value.write(part, strings, out)?,
            (Phase::Value, Event::KeyEnd { .. }) => {
                self.value.finish()?;
                self.phase = if self.is_payload { Phase::Done } else { Phase::Body };
                self.key = None;
            }
            (phase, Event::KeyMeta(meta)) => {
                self.phase = match (phase, meta) {
                    (Phase::Body | Phase::KeyHead, KeyMeta::Classes(classes @ 1..=key_meta::MAX_CLASSES)) => {
                        Phase::KeyMeta(*classes)
                    }
                    (Phase::KeyMeta(classes @ 1..), KeyMeta::Class(_)) => Phase::KeyMetaItem(classes.saturating_sub(1)),
                    (Phase::KeyMetaItem(0), KeyMeta::Item(ModuleItem::End)) => Phase::KeyHead,
                    (Phase::KeyMetaItem(classes), KeyMeta::Item(ModuleItem::End)) => Phase::KeyMeta(classes),
                    (Phase::KeyMetaItem(_), KeyMeta::Item(item)) if !matches!(item, ModuleItem::Id(_)) => phase,
                    _ => return Err(self.out_of_order(event)),
                };
                meta.write_with(strings, &mut self.meta);
            }
            (Phase::Body | Phase::KeyHead, Event::Enterprise { opcode, value }) => {
                // No server that knows such a number knows metadata: the order is kept.
                out.append(&mut self.meta);
                let [opcode, ..] = opcode.to_le_bytes();
                out.push(opcode);
                length::write(*value, out);
            }
            (Phase::HashTemplate(left @ 1..), Event::HashTemplate(HashTemplate::Name(name))) => {
                strings.write(*name, out);
                self.phase = if left == 1 { Phase::Body } else { Phase::HashTemplate(left.saturating_sub(1)) };
            }
            (Phase::SlotImport(left @ 1..), Event::SlotImport(SlotImport::Range { first, last })) => {
                length::write(*first, out);
                length::write(*last, out);
                self.phase = if left == 1 { Phase::Body } else { Phase::SlotImport(left.saturating_sub(1)) };
            }
            (Phase::ModuleAux, Event::ModuleAux(ModuleAux::Item(item))) => {
                item.write(strings, out);
                if *item == ModuleItem::End {
                    self.phase = Phase::Body;
                }
            }
            (Phase::Body, Event::End(_)) => {
                out.push(opcode::EOF);
                self.phase = Phase::Done;
            }
            (Phase::Body, record) if !self.is_payload => return self.record(record, out),
            _ => return Err(self.out_of_order(event)),
        }
        Ok(())
    }

    /// A record between keys.
    fn record(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let strings = &mut self.strings;
        match event {
            Event::SelectDb(db) => {
                out.push(opcode::SELECT_DB);
                length::write(*db, out);
                self.db = Some(*db);
            }
            Event::ResizeDb { keys, expires } => {
                out.push(opcode::RESIZE_DB);
                length::write(*keys, out);
                length::write(*expires, out);
            }
            Event::SlotInfo { slot, keys, expires } => {
                out.push(opcode::SLOT_INFO);
                length::write(*slot, out);
                length::write(*keys, out);
                length::write(*expires, out);
            }
            Event::Aux { key, value } => {
                out.push(opcode::AUX);
                strings.write(*key, out);
                strings.write(*value, out);
            }
            Event::Function { code } => {
                out.push(opcode::FUNCTION);
                strings.write(*code, out);
            }
            Event::FunctionPreGa { name, engine, description, code } => {
                out.push(opcode::FUNCTION_PRE_GA);
                strings.write(*name, out);
                strings.write(*engine, out);
                length::write(u64::from(description.is_some()), out);
                if let Some(description) = description {
                    strings.write(*description, out);
                }
                strings.write(*code, out);
            }
            Event::ModuleAux(ModuleAux::Open { id, when }) => {
                out.push(opcode::MODULE_AUX);
                length::write(id.0, out);
                length::write(2, out);
                length::write(*when, out);
                self.phase = Phase::ModuleAux;
            }
            Event::HashTemplate(HashTemplate::Open { id, fields: fields @ 1.. }) => {
                out.push(opcode::HASH_TEMPLATE);
                length::write(*id, out);
                length::write(*fields, out);
                self.phase = Phase::HashTemplate(*fields);
            }
            Event::SlotImport(SlotImport::Open { job, ranges }) => {
                out.push(opcode::SLOT_IMPORT);
                strings.write(*job, out);
                length::write(*ranges, out);
                if *ranges > 0 {
                    self.phase = Phase::SlotImport(*ranges);
                }
            }
            _ => return Err(self.out_of_order(event)),
        }
        Ok(())
    }

    fn key_head(&mut self, key: &Key<'_>, out: &mut Vec<u8>) {
        let value_type = key.value_type;
        self.key = Some((key.key.with_text(KeyPreview::new), value_type.name()));
        if !self.is_payload {
            match key.expires_at_ms {
                None => {}
                Some(at) if self.version.number() < 3 && self.bounds == Bounds::Version => {
                    out.push(opcode::EXPIRE_S);
                    out.extend_from_slice(&seconds(at).unwrap_or(i32::MAX).to_le_bytes());
                }
                Some(at) => {
                    out.push(opcode::EXPIRE_MS);
                    out.extend_from_slice(&at.to_le_bytes());
                }
            }
            match key.eviction {
                Eviction::None => {}
                Eviction::Freq(freq) => {
                    let [freq, ..] = freq.to_le_bytes();
                    out.extend_from_slice(&[opcode::FREQ, freq]);
                }
                Eviction::Idle(seconds) => {
                    out.push(opcode::IDLE);
                    length::write(seconds, out);
                }
            }
        }
        out.append(&mut self.meta);
        out.push(value_type.byte());
        if !self.is_payload {
            self.strings.write(key.key, out);
        }
        self.value = ValueState::new(value_type.layout());
        self.phase = Phase::Value;
    }

    fn out_of_order(&self, event: &Event<'_>) -> ErrorKind {
        let expected = match self.phase {
            Phase::Header => "the start of a snapshot of this version",
            Phase::Body => "a key, a record between keys or the end",
            Phase::Value => "the key's value or its end",
            Phase::ModuleAux => "an item of module data",
            Phase::KeyMeta(_) | Phase::KeyMetaItem(_) => "key metadata",
            Phase::KeyHead => "the key of the metadata before",
            Phase::HashTemplate(_) => "a name of the template",
            Phase::SlotImport(_) => "a range of slots",
            Phase::Done => "nothing behind the end",
        };
        let found = match event {
            Event::Start(_) => "a start",
            Event::Aux { .. } => "an aux field",
            Event::SelectDb(_) | Event::ResizeDb { .. } => "a database record",
            Event::Function { .. } | Event::FunctionPreGa { .. } => "a function",
            Event::ModuleAux(_) => "module data",
            Event::HashTemplate(_) => "a hash template",
            Event::SlotInfo { .. } | Event::SlotImport(_) => "a slot record",
            Event::Enterprise { .. } => "a number of Redis Enterprise",
            Event::KeyMeta(_) => "key metadata",
            Event::EmptyKey(_) => "a key without elements",
            Event::Key(_) => "a key",
            Event::Value(_) => "a value",
            Event::KeyEnd { .. } => "a key's end",
            Event::End(_) => "the end",
        };
        ErrorKind::OutOfOrder { expected, found: Found::Text(found) }
    }
}

/// Sums what is written in blocks: checksums of short runs cost too much.
#[derive(Default)]
struct RunningChecksum {
    crc: u64,
    pending: Vec<u8>,
    /// Room for encodings that only keep the states in step.
    discarded: Vec<u8>,
}

impl RunningChecksum {
    const BLOCK: usize = 16 * 1024;

    fn add(&mut self, bytes: &[u8]) {
        if self.pending.len().saturating_add(bytes.len()) < Self::BLOCK {
            self.pending.extend_from_slice(bytes);
            return;
        }
        self.crc = crc64::update(self.value(), bytes);
        self.pending.clear();
    }

    fn value(&self) -> u64 {
        crc64::update(self.crc, &self.pending)
    }
}
