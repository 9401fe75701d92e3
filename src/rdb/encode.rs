//! The encoder: the decoder's mirror. It takes the events that the decoder
//! gives, walks the same states, and refuses an event out of order.

use super::encode_value::ValueState;
use super::event::{Checksum, Event, Eviction, Key};
use super::module::{ModuleAux, ModuleItem};
use super::opcode;
use super::version::Version;
use crate::error::{Error, ErrorKind, Found, KeyPreview, Place, Result};
use crate::wire::feed::Step;
use crate::wire::{crc64, length, scalar};
use alloc::vec::Vec;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Body,
    Value,
    ModuleAux,
    Done,
}

/// Writes a snapshot from events, in bounded memory: the caller drains the
/// output when it likes.
///
/// ```
/// use aikv::rdb::{Checksum, Encoder, Event, Eviction, Key, Part, Span, ValueType, Version, Dialect};
/// use aikv::wire::Scalar;
///
/// let mut encoder = Encoder::new(Version::redis(6));
/// let mut file = Vec::new();
/// let key = Key {
///     key: Scalar::Bytes(b"k"),
///     value_type: ValueType::from_byte(Dialect::Redis, 0).unwrap(),
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
    phase: Phase,
    value: ValueState,
    db: Option<u64>,
    key: Option<(KeyPreview, &'static str)>,
    running: RunningChecksum,
    offset: u64,
}

impl Encoder {
    /// An encoder of snapshots of `version`.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            has_checksum: version.has_checksum(),
            phase: Phase::Header,
            value: ValueState::default(),
            db: None,
            key: None,
            running: RunningChecksum::default(),
            offset: 0,
        }
    }

    /// As [`Encoder::new`], with a checksum behind versions that have none.
    ///
    /// Servers that skip what follows the EOF opcode of RDB 1 to 4 load such a
    /// file, and readers who look for the checksum can verify it.
    #[must_use]
    pub fn with_checksum(version: Version) -> Self {
        Self { has_checksum: true, ..Self::new(version) }
    }

    /// Appends the bytes of `event` to `out`.
    ///
    /// A key's `db` is not looked at: [`Event::SelectDb`] says it. What an
    /// [`Event::End`] knows of the checksum decides whether one is computed
    /// (`Off` writes zeros).
    ///
    /// # Errors
    /// `OutOfOrder` where the event cannot follow the one before it;
    /// `Unrepresentable` where this version has no such value type. Nothing
    /// was appended then.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match self.append(event, out) {
            Ok(()) => {
                self.commit(out.get(start..).unwrap_or_default());
                if let Event::End(checksum) = event {
                    self.trailer(*checksum, out);
                }
                Ok(())
            }
            Err(kind) => {
                out.truncate(start);
                let place = Place {
                    db: self.db,
                    key: self.key.map(|(key, _)| key),
                    value_type: self.key.map(|(_, value_type)| value_type),
                    element: None,
                };
                Err(Error::new(kind, self.offset, place))
            }
        }
    }

    /// Appends a step of a decoder of the same version byte for byte.
    /// The checksum is computed anew.
    ///
    /// # Errors
    /// As [`Encoder::write`].
    pub fn copy(&mut self, step: &Step<'_, Event<'_>>, out: &mut Vec<u8>) -> Result<()> {
        match &step.event {
            None => Ok(()),
            Some(event @ (Event::Start(_) | Event::End(_))) => self.write(event, out),
            Some(event) => {
                let start = out.len();
                // The event keeps the states in step; its bytes are those of the source.
                let mut encoded = core::mem::take(&mut self.running.discarded);
                encoded.clear();
                let written = self.append(event, &mut encoded);
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

    fn append(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        match (self.phase, event) {
            (Phase::Header, Event::Start(version)) if *version == self.version => {
                out.extend_from_slice(&version.header());
                self.phase = Phase::Body;
            }
            (Phase::Body, Event::Key(key)) => self.key_head(key, out)?,
            (Phase::Value, Event::Value(part)) => self.value.write(part, out)?,
            (Phase::Value, Event::KeyEnd { .. }) => {
                self.value.finish()?;
                self.phase = Phase::Body;
                self.key = None;
            }
            (Phase::Body, Event::SelectDb(db)) => {
                out.push(opcode::SELECT_DB);
                length::write(*db, out);
                self.db = Some(*db);
            }
            (Phase::Body, Event::ResizeDb { keys, expires }) => {
                out.push(opcode::RESIZE_DB);
                length::write(*keys, out);
                length::write(*expires, out);
            }
            (Phase::Body, Event::Aux { key, value }) => {
                out.push(opcode::AUX);
                scalar::write(*key, out);
                scalar::write(*value, out);
            }
            (Phase::Body, Event::Function { code }) => {
                out.push(opcode::FUNCTION);
                scalar::write(*code, out);
            }
            (Phase::Body, Event::FunctionPreGa { name, engine, description, code }) => {
                out.push(opcode::FUNCTION_PRE_GA);
                scalar::write(*name, out);
                scalar::write(*engine, out);
                length::write(u64::from(description.is_some()), out);
                if let Some(description) = description {
                    scalar::write(*description, out);
                }
                scalar::write(*code, out);
            }
            (Phase::Body, Event::ModuleAux(ModuleAux::Open { id, when })) => {
                out.push(opcode::MODULE_AUX);
                length::write(id.0, out);
                length::write(2, out);
                length::write(*when, out);
                self.phase = Phase::ModuleAux;
            }
            (Phase::ModuleAux, Event::ModuleAux(ModuleAux::Item(item))) => {
                item.write(out);
                if *item == ModuleItem::End {
                    self.phase = Phase::Body;
                }
            }
            (Phase::Body, Event::End(_)) => {
                out.push(opcode::EOF);
                self.phase = Phase::Done;
            }
            _ => return Err(self.out_of_order(event)),
        }
        Ok(())
    }

    fn key_head(&mut self, key: &Key<'_>, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let value_type = key.value_type;
        self.key = Some((key.key.with_text(KeyPreview::new), value_type.name()));
        if value_type.since() > self.version.number() {
            return Err(ErrorKind::Unrepresentable { what: value_type.name(), target: "this RDB version" });
        }
        if let Some(expires_at_ms) = key.expires_at_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend_from_slice(&expires_at_ms.to_le_bytes());
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
        out.push(value_type.byte());
        scalar::write(key.key, out);
        self.value = ValueState::new(value_type.layout());
        self.phase = Phase::Value;
        Ok(())
    }

    fn out_of_order(&self, event: &Event<'_>) -> ErrorKind {
        let expected = match self.phase {
            Phase::Header => "the start of a snapshot of this version",
            Phase::Body => "a key, a record between keys or the end",
            Phase::Value => "the key's value or its end",
            Phase::ModuleAux => "an item of module data",
            Phase::Done => "nothing behind the end",
        };
        let found = match event {
            Event::Start(_) => "a start",
            Event::Aux { .. } => "an aux field",
            Event::SelectDb(_) | Event::ResizeDb { .. } => "a database record",
            Event::Function { .. } | Event::FunctionPreGa { .. } => "a function",
            Event::ModuleAux(_) => "module data",
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
