//! The string object: every key, field, element, aux field and packed blob.
//!
//! ```text
//! length + bytes                        the bytes themselves
//! C0 i8 | C1 i16 LE | C2 i32 LE         the decimal text of an integer
//! C3 length clen, length ulen, clen B   LZF, expands to ulen bytes
//! ```
//! Source: Redis 8.0 `rdb.c` `rdbGenericLoadStringObject()`.

use super::lzf::{self, Compressor};
use super::{cursor::Cursor, feed::Limits, length, number};
use crate::error::{Cause, Fault, FaultKind, Form};
use alloc::vec::Vec;

/// A string as it is stored: bytes, or an integer that stands for its decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// An integer; its text is its canonical decimal form.
    Int(i64),
}

impl Scalar<'_> {
    /// Calls `f` with the text.
    #[inline(always)]
    pub fn with_text<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Bytes(bytes) => f(bytes),
            Self::Int(int) => f(itoa::Buffer::new().format(*int).as_bytes()),
        }
    }

    /// Appends the text to `out`.
    pub fn push_to(&self, out: &mut Vec<u8>) {
        self.with_text(|text| out.extend_from_slice(text));
    }

    /// The text as owned bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }

    /// Length of the text in bytes.
    #[must_use]
    pub fn text_len(&self) -> u64 {
        self.with_text(|text| text.len() as u64)
    }

    /// The integer this stands for, if its text is a canonical decimal `i64`.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => number::parse_int(bytes),
            Self::Int(int) => Some(*int),
        }
    }
}

static UNKNOWN: Cause = Cause::new(FaultKind::Encoding, "a string encoding", Form::Byte);
static ONLY_BYTES: Cause = Cause::new(FaultKind::Encoding, "a string of bytes", Form::Text("an integer"));
static EXPANDS: Cause = Cause::new(FaultKind::Length, "an LZF string that expands at most 88 times", Form::Number);
static TOO_LARGE: Cause = Cause::new(FaultKind::Limit, "an expanded string within the limit on its bytes", Form::Number);
static EMPTY: Cause = Cause::new(FaultKind::Encoding, "an LZF string with content", Form::Number);

/// Reads a string; the cursor stays where it is on a fault.
#[inline(always)]
pub(crate) fn read<'i: 'e, 'e>(cursor: &mut Cursor<'i>, buffer: &'e mut Vec<u8>, limits: Limits) -> Result<Scalar<'e>, Fault> {
    let mut ahead = *cursor;
    let lead = ahead.byte()?;
    let scalar = match lead >> 6 {
        0 => Scalar::Bytes(ahead.take(u64::from(lead))?),
        1 => {
            let len = u64::from(lead & 0x3f) << 8 | u64::from(ahead.byte()?);
            Scalar::Bytes(ahead.take(len)?)
        }
        _ => read_rare(lead, &mut ahead, buffer, limits)?,
    };
    *cursor = ahead;
    Ok(scalar)
}

/// Long, integer and LZF strings.
#[inline(never)]
fn read_rare<'i: 'e, 'e>(lead: u8, ahead: &mut Cursor<'i>, buffer: &'e mut Vec<u8>, limits: Limits) -> Result<Scalar<'e>, Fault> {
    match lead {
        0xc0 => {
            let [byte] = ahead.array()?;
            Ok(Scalar::Int(i64::from(i8::from_le_bytes([*byte]))))
        }
        0xc1 => Ok(Scalar::Int(i64::from(i16::from_le_bytes(*ahead.array()?)))),
        0xc2 => Ok(Scalar::Int(i64::from(i32::from_le_bytes(*ahead.array()?)))),
        0xc3 => {
            let behind_lead = ahead.left();
            let (packed_len, len) = read_lzf_head(ahead, limits)?;
            let head = behind_lead.wrapping_sub(ahead.left()).wrapping_add(1);
            let packed = ahead.take(packed_len)?;
            Ok(Scalar::Bytes(lzf::expand(packed, head, len, buffer)?))
        }
        0xc4.. => Err(Fault::new(&UNKNOWN, u64::from(lead))),
        _ => {
            let len = length::read_long(lead, ahead)?;
            Ok(Scalar::Bytes(ahead.take(len)?))
        }
    }
}

/// The two lengths of an LZF string, checked before anything is allocated.
fn read_lzf_head(ahead: &mut Cursor<'_>, limits: Limits) -> Result<(u64, usize), Fault> {
    let packed_len = length::read(ahead)?;
    let len = length::read(ahead)?;
    if packed_len == 0 || len == 0 {
        return Err(Fault::new(&EMPTY, 0));
    }
    if len > packed_len.saturating_mul(lzf::MAX_RATIO) {
        return Err(Fault::new(&EXPANDS, len));
    }
    match usize::try_from(len) {
        Ok(expanded) if len <= limits.max_item_bytes => Ok((packed_len, expanded)),
        _ => Err(Fault::new(&TOO_LARGE, len)),
    }
}

/// Reads the head of a string: how many bytes follow it.
#[inline(always)]
pub(crate) fn read_size(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut ahead = *cursor;
    let lead = ahead.byte()?;
    let size = match lead >> 6 {
        0 => u64::from(lead),
        1 => u64::from(lead & 0x3f) << 8 | u64::from(ahead.byte()?),
        2 => length::read_long(lead, &mut ahead)?,
        _ => match lead {
            0xc0 => 1,
            0xc1 => 2,
            0xc2 => 4,
            0xc3 => {
                let packed_len = length::read(&mut ahead)?;
                length::read(&mut ahead)?;
                packed_len
            }
            _ => return Err(Fault::new(&UNKNOWN, u64::from(lead))),
        },
    };
    *cursor = ahead;
    Ok(size)
}

/// How a string value begins: at once, or as plain bytes to come.
pub(crate) enum Head<'e> {
    /// The whole string.
    Whole(Scalar<'e>),
    /// This many plain bytes follow.
    Plain(u64),
}

/// Reads a string of at most `whole` plain bytes, or only the head of a longer one.
#[inline(always)]
pub(crate) fn read_head<'i: 'e, 'e>(
    cursor: &mut Cursor<'i>,
    whole: u64,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
) -> Result<Head<'e>, Fault> {
    let mut ahead = *cursor;
    let lead = ahead.byte()?;
    let len = match lead >> 6 {
        0 => u64::from(lead),
        1 => u64::from(lead & 0x3f) << 8 | u64::from(ahead.byte()?),
        2 => length::read_long(lead, &mut ahead)?,
        _ => {
            let scalar = read_rare(lead, &mut ahead, buffer, limits)?;
            *cursor = ahead;
            return Ok(Head::Whole(scalar));
        }
    };
    if len > whole {
        *cursor = ahead;
        return Ok(Head::Plain(len));
    }
    let bytes = ahead.take(len)?;
    *cursor = ahead;
    Ok(Head::Whole(Scalar::Bytes(bytes)))
}

/// Where the content of a string stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Content<'e> {
    pub(crate) bytes: &'e [u8],
    /// False where the bytes were expanded: then they stand nowhere in the stream.
    pub(crate) is_plain: bool,
}

/// Reads a string that must be bytes, such as a packed blob.
#[inline(always)]
pub(crate) fn read_bytes<'i: 'e, 'e>(
    cursor: &mut Cursor<'i>,
    buffer: &'e mut Vec<u8>,
    limits: Limits,
) -> Result<Content<'e>, Fault> {
    let is_plain = cursor.rest().first().is_none_or(|lead| *lead < 0xc0);
    let start = *cursor;
    match read(cursor, buffer, limits)? {
        Scalar::Bytes(bytes) => Ok(Content { bytes, is_plain }),
        Scalar::Int(_) => {
            *cursor = start;
            Err(Fault::new(&ONLY_BYTES, 0))
        }
    }
}

/// Writes strings in the form that servers choose: integers of up to 32 bits as such, compressed
/// where that saves at least four bytes, everything else as bytes.
///
/// Source of the rule: Redis 8.0 `rdb.c` `rdbSaveRawString()`, `rdbTryIntegerEncoding()`.
#[derive(Default)]
pub(crate) struct Strings {
    /// Made when the first string is long enough.
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
    is_compressing: bool,
}

impl Strings {
    /// Strings up to this length are not worth the try.
    const SHORT: usize = 20;

    pub(crate) fn new(is_compressing: bool) -> Self {
        Self { is_compressing, ..Self::default() }
    }

    /// Compresses from now on, or not; says what it did before.
    pub(crate) fn set_compressing(&mut self, is_compressing: bool) -> bool {
        core::mem::replace(&mut self.is_compressing, is_compressing)
    }

    /// Appends a string.
    pub(crate) fn write(&mut self, scalar: Scalar<'_>, out: &mut Vec<u8>) {
        /// Longer text cannot be a 32-bit integer.
        const MAX_INT_TEXT: usize = 11;
        let int = match scalar {
            Scalar::Int(int) => Some(int),
            Scalar::Bytes(bytes) if bytes.len() <= MAX_INT_TEXT => number::parse_int(bytes),
            Scalar::Bytes(_) => None,
        };
        if let Some(int) = int {
            if let Ok(byte) = i8::try_from(int) {
                out.push(0xc0);
                return out.extend_from_slice(&byte.to_le_bytes());
            }
            if let Ok(short) = i16::try_from(int) {
                out.push(0xc1);
                return out.extend_from_slice(&short.to_le_bytes());
            }
            if let Ok(word) = i32::try_from(int) {
                out.push(0xc2);
                return out.extend_from_slice(&word.to_le_bytes());
            }
        }
        scalar.with_text(|text| self.write_blob(text, out));
    }

    /// Appends bytes that are no integer.
    pub(crate) fn write_blob(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.is_compressing && bytes.len() > Self::SHORT && self.compress(bytes, out) {
            return;
        }
        length::write(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }

    /// Appends the compressed form, if it is short enough.
    fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let compressor = self.compressor.get_or_insert_with(Compressor::new);
        self.compressed.clear();
        let is_short = compressor.compress(bytes, bytes.len().saturating_sub(4), &mut self.compressed);
        if is_short {
            out.push(0xc3);
            length::write(self.compressed.len() as u64, out);
            length::write(bytes.len() as u64, out);
            out.extend_from_slice(&self.compressed);
        }
        is_short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, FaultKind> {
        let mut buffer = Vec::new();
        read(&mut Cursor::new(bytes), &mut buffer, Limits::default()).map(|s| s.to_vec()).map_err(Fault::kind)
    }

    #[test]
    fn every_form_gives_its_text() {
        assert_eq!(decode(b"\x05hello").unwrap(), b"hello");
        assert_eq!(decode(&[0xc0, 0x7b]).unwrap(), b"123");
        assert_eq!(decode(&[0xc1, 0x00, 0x80]).unwrap(), b"-32768");
        assert_eq!(decode(&[0xc2, 0xff, 0xff, 0xff, 0x7f]).unwrap(), b"2147483647");
        // 1000 times "a", as Redis 7.0.15 saves it.
        let lzf = [
            0xc3, 0x12, 0x43, 0xe8, 0x01, 0x61, 0x61, 0xe0, 0xff, 0x00, 0xe0, 0xff, 0x00, 0xe0, 0xff, 0x00, 0xe0, 0xc3, 0x00,
            0x01, 0x61, 0x61,
        ];
        assert_eq!(decode(&lzf).unwrap(), [b'a'; 1000]);
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_expanded() {
        assert_eq!(decode(&[0xc3, 0x05, 0x80, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5]), Err(FaultKind::Length));
        assert_eq!(decode(&[0xc3, 0x00, 0x05]), Err(FaultKind::Encoding));
        assert_eq!(decode(&[0xc3, 0x05, 0x00, 1, 2, 3, 4, 5]), Err(FaultKind::Encoding));
        assert_eq!(decode(&[0xc4, 0x00]), Err(FaultKind::Encoding));
    }

    #[test]
    fn integers_are_written_as_the_reference_does() {
        let write = |text: &[u8]| {
            let mut out = Vec::new();
            Strings::new(true).write(Scalar::Bytes(text), &mut out);
            out
        };
        assert_eq!(write(b"123"), [0xc0, 0x7b]);
        assert_eq!(write(b"-129"), [0xc1, 0x7f, 0xff]);
        assert_eq!(write(b"-2147483648"), [0xc2, 0, 0, 0, 0x80]);
        assert_eq!(write(b"2147483648"), b"\x0a2147483648");
        for text in [&b"007"[..], b"+1", b"-0", b" 1", b"1e3", b""] {
            let mut expected = alloc::vec![text.len() as u8];
            expected.extend_from_slice(text);
            assert_eq!(write(text), expected);
        }
    }
}
