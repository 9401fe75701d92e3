//! What `DUMP` gives and `RESTORE` takes: one value, its version and a checksum.
//!
//! ```text
//! [key metadata (Redis >= 8.6)] | value type | value | u16 LE version | u64 LE CRC64
//! ```
//! The checksum covers everything before it. Key, expiry and eviction are not part of it.
//! Source: Redis 8.6 `cluster.c` `createDumpPayload()`, `verifyDumpPayload()`; Valkey 9.1 `cluster.c`.

use super::decoder::Decoder;
use super::encode::Encoder;
use super::event::Event;
use super::version::Version;
use crate::error::{Error, ErrorKind, Found, Place, Result};
use crate::wire::crc64;
use crate::wire::feed::{Limits, Step};
use alloc::vec::Vec;

/// Version and checksum at the end of a payload.
const FOOTER_BYTES: usize = 10;

/// What is made of a checksum of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroChecksum {
    /// It is a checksum like any other, as for every server but the one below.
    #[default]
    Compared,
    /// The payload has none, as for Redis 8.6.
    Absent,
}

/// A `DUMP` payload whose version and checksum are right.
///
/// ```
/// use aikv::rdb::{DumpPayload, Event, Part, Version, ZeroChecksum};
///
/// // DUMP of "hello" by Redis 7.0.15.
/// let bytes = b"\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a";
/// let payload = DumpPayload::parse(bytes, ZeroChecksum::Compared)?;
/// assert_eq!(payload.version(), Version::redis(10));
/// let mut text = Vec::new();
/// payload.each(|event, _| {
///     if let Event::Value(Part::Bytes { piece, .. }) = event {
///         text = piece.to_vec();
///     }
///     Ok(())
/// })?;
/// assert_eq!(text, b"hello");
/// # Ok::<(), aikv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpPayload<'a> {
    version: Version,
    body: &'a [u8],
}

impl<'a> DumpPayload<'a> {
    /// Checks version and checksum. The value is read by [`DumpPayload::each`].
    ///
    /// # Errors
    /// `Truncated` for less than type byte, version and checksum; `UnsupportedVersion`;
    /// `BadChecksum`. Offsets count from the payload's start.
    pub fn parse(bytes: &'a [u8], zero: ZeroChecksum) -> Result<Self> {
        if bytes.len() <= FOOTER_BYTES {
            let needed = (FOOTER_BYTES as u64).saturating_add(1).saturating_sub(bytes.len() as u64);
            return Err(Error::new(ErrorKind::Truncated { needed }, bytes.len() as u64, Place::default()));
        }
        Self::frame(bytes, zero)
    }

    /// As [`DumpPayload::parse`], of what `FUNCTION DUMP` gives: the libraries of a server, which may be none. They are read by
    /// [`DumpPayload::each_library`].
    pub(crate) fn parse_libraries(bytes: &'a [u8], zero: ZeroChecksum) -> Result<Self> {
        Self::frame(bytes, zero)
    }

    fn frame(bytes: &'a [u8], zero: ZeroChecksum) -> Result<Self> {
        let error = |kind, offset: usize| Error::new(kind, offset as u64, Place::default());
        let Some((body, [low, high, checksum @ ..])) = bytes.split_last_chunk::<FOOTER_BYTES>() else {
            let needed = (FOOTER_BYTES as u64).saturating_sub(bytes.len() as u64);
            return Err(error(ErrorKind::Truncated { needed }, bytes.len()));
        };
        let number = u64::from(u16::from_le_bytes([*low, *high]));
        let version = if number >= Version::VALKEY_MIN { Version::valkey(number) } else { Version::redis(number) };
        // Some libraries write version 0, and no server minds.
        if !version.is_supported() && number != 0 {
            return Err(error(version.unsupported().error_kind(0), body.len()));
        }
        let stored = u64::from_le_bytes(*checksum);
        let summed = bytes.get(..body.len().saturating_add(2)).unwrap_or_default();
        let computed = crc64::update(0, summed);
        if stored != computed && (stored != 0 || zero == ZeroChecksum::Compared) {
            return Err(error(ErrorKind::BadChecksum { computed, stored }, body.len().saturating_add(2)));
        }
        Ok(Self { version, body })
    }

    /// The version it was written by: 80 and later is Valkey's.
    #[must_use]
    pub fn version(self) -> Version {
        self.version
    }

    /// Everything in front of version and checksum.
    #[must_use]
    pub fn body(self) -> &'a [u8] {
        self.body
    }

    /// Hands on every event and its bytes: perhaps [`Event::KeyMeta`], an [`Event::Key`] with an
    /// empty name, the parts of its value, [`Event::KeyEnd`]. Every element is checked.
    ///
    /// # Errors
    /// As [`Decoder::step`]; `UnknownOpcode` where a record stands that is no value; `Truncated`
    /// where the value is not whole; `BadValue` for bytes behind it; whatever `f` returns.
    pub fn each(self, f: impl FnMut(&Event<'_>, &[u8]) -> Result<()>) -> Result<()> {
        self.each_within(Limits::default(), f)
    }

    /// Hands on the records of a payload of libraries, each an [`Event::Function`].
    ///
    /// Source: Redis 7.0 `functions.c` `functionRestoreCommand()`, which reads them as they stand in a snapshot.
    ///
    /// # Errors
    /// As [`Decoder::step`]; `BadValue` for any other record; whatever `f` returns.
    pub(crate) fn each_library(self, limits: Limits, mut f: impl FnMut(&Event<'_>) -> Result<()>) -> Result<()> {
        let mut decoder = Decoder::resume(self.version, 0, 0, limits);
        let mut rest = self.body;
        while !rest.is_empty() {
            let start = decoder.offset();
            let step = match decoder.step(rest) {
                Ok(step) => step,
                Err(fault) => return Err(decoder.dress(fault)),
            };
            match step.event {
                Some(event @ Event::Function { .. }) => f(&event)?,
                Some(_) => {
                    let kind = ErrorKind::BadValue { expected: "a function library", found: Found::Text("another record") };
                    return Err(Error::new(kind, start, Place::default()));
                }
                None => {}
            }
            rest = rest.get(step.consumed..).unwrap_or_default();
        }
        // A record that is not whole is still in hand.
        if decoder.offset() == self.body.len() as u64 { Ok(()) } else { decoder.finish().map(drop) }
    }

    /// As [`DumpPayload::each`], with bounds on what one item may occupy.
    ///
    /// # Errors
    /// As [`DumpPayload::each`], and `LimitExceeded`.
    pub fn each_within(self, limits: Limits, mut f: impl FnMut(&Event<'_>, &[u8]) -> Result<()>) -> Result<()> {
        let mut decoder = Decoder::payload(self.version, limits);
        let mut rest = self.body;
        while !decoder.is_done() {
            let step = match decoder.step(rest) {
                Ok(step) => step,
                Err(fault) => return Err(decoder.dress(fault)),
            };
            let Step { consumed, raw, event } = step;
            let Some(event) = event else {
                return decoder.finish().map(drop);
            };
            let checked = event.check();
            let result = match checked {
                Ok(()) => f(&event, raw),
                Err(fault) => return Err(decoder.dress(fault)),
            };
            result?;
            rest = rest.get(consumed..).unwrap_or_default();
        }
        if rest.is_empty() {
            return Ok(());
        }
        let kind =
            ErrorKind::BadValue { expected: "version and checksum behind the value", found: Found::Number(rest.len() as u64) };
        Err(Error::new(kind, decoder.offset(), Place::default()))
    }
}

/// Writes a `DUMP` payload from the events of one key, as [`DumpPayload::each`] gives them; those
/// of a snapshot do too, whose key, expiry and eviction are left out.
///
/// ```
/// use aikv::rdb::{Checksum, DumpEncoder, Event, Eviction, Key, Part, Span, ValueType, Version};
/// use aikv::wire::Scalar;
///
/// let mut encoder = DumpEncoder::new(Version::redis(10));
/// let mut payload = Vec::new();
/// let key = Key {
///     key: Scalar::Bytes(b"greeting"),
///     value_type: ValueType::STRING,
///     db: 0,
///     expires_at_ms: None,
///     eviction: Eviction::None,
/// };
/// encoder.write(&Event::Key(key), &mut payload)?;
/// encoder.write(&Event::Value(Part::Bytes { piece: Scalar::Bytes(b"hello"), left: 0 }), &mut payload)?;
/// encoder.write(&Event::KeyEnd { span: Span::default() }, &mut payload)?;
/// encoder.finish(&mut payload)?;
/// // What Redis 7.0.15 dumps.
/// assert_eq!(payload, b"\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a");
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct DumpEncoder {
    encoder: Encoder,
    version: Version,
}

impl DumpEncoder {
    /// An encoder of payloads of `version`. Redis 2.6 to 3.2.0 take only their own, later servers
    /// every one up to their own.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { encoder: Encoder::payload(version), version }
    }

    /// Writes strings as they are.
    #[must_use]
    pub fn without_compression(self) -> Self {
        Self { encoder: self.encoder.without_compression(), ..self }
    }

    /// Appends the bytes of `event` to `out`.
    ///
    /// # Errors
    /// As [`Encoder::write`].
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<()> {
        self.encoder.write(event, out)
    }

    /// Appends version and checksum; `payload` is all that was written.
    ///
    /// # Errors
    /// `OutOfOrder` where the value is not whole.
    pub fn finish(self, payload: &mut Vec<u8>) -> Result<()> {
        self.encoder.finish()?;
        seal(payload, self.version);
        Ok(())
    }
}

/// Appends version and checksum to type byte and value.
pub fn seal(body: &mut Vec<u8>, version: Version) {
    let [low, high, ..] = version.number().to_le_bytes();
    body.extend_from_slice(&[low, high]);
    let checksum = crc64::update(0, body);
    body.extend_from_slice(&checksum.to_le_bytes());
}
