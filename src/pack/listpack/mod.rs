//! Listpack.
//!
//! ```text
//! u32 LE total bytes | u16 LE entries (65535 = unknown) | entries | FF
//! entry = encoding + data | backward length
//!
//! 0xxxxxxx                  integer 0..127
//! 10xxxxxx + x bytes        string of up to 63 bytes
//! 110xxxxx yyyyyyyy         13-bit integer, big-endian
//! 1110xxxx yyyyyyyy + n     string of up to 4095 bytes, length big-endian
//! F0 + u32 LE + n           string
//! F1 F2 F3 F4               integer of 2, 3, 4, 8 bytes, little-endian
//! ```
//! The backward length is the size of encoding and data: see [`backlen`].
//! Source: Redis 8.0 `listpack.c` `lpEncodeGetType()`, `lpValidateIntegrity()`.

pub(crate) mod backlen;
mod build;
#[cfg(test)]
mod tests;

pub(crate) use build::ListpackBuilder;

use self::backlen::is_backlen;
use super::{Entries, Reading};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;

/// Bytes before the first entry.
const HEADER: usize = 6;

static TOO_SHORT: Cause = Cause::inside(FaultKind::Packed, "a listpack of at least 7 bytes", Form::Number);
static TOTAL: Cause = Cause::inside(FaultKind::Packed, "a listpack that states its own length", Form::Number);
static NO_END: Cause = Cause::inside(FaultKind::Packed, "the listpack's end byte FF", Form::Byte);
static EARLY_END: Cause = Cause::inside(FaultKind::Packed, "a listpack entry", Form::Text("its end byte"));
static ENCODING: Cause = Cause::inside(FaultKind::Encoding, "a listpack entry", Form::Byte);
static PAST_END: Cause =
    Cause::inside(FaultKind::Packed, "a listpack entry inside the listpack", Form::Text("one that reaches past its end"));
static BACKLEN: Cause =
    Cause::inside(FaultKind::Packed, "the entry's own size behind a listpack entry", Form::Text("another backward length"));
static COUNT: Cause = Cause::inside(FaultKind::Packed, "as many listpack entries as its header states", Form::Number);

/// Checks the frame; says whether the listpack is empty. A lenient reader does
/// not look at the length stated.
#[inline(always)]
pub(crate) fn open(blob: &[u8], reading: Reading) -> Result<bool, Fault> {
    let [t0, t1, t2, t3, _, _, first, ..] = blob else {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    };
    let total = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
    if usize::try_from(total) != Ok(blob.len()) && reading == Reading::Strict {
        return Err(Fault::located(&TOTAL, 0, u64::from(total)));
    }
    match blob.last() {
        Some(0xff) => Ok(*first == 0xff && blob.len() == 7),
        last => Err(Fault::located(&NO_END, blob.len().wrapping_sub(1), last.copied().map_or(0, u64::from))),
    }
}

/// Entries that the header states, unless it says that it does not know.
pub(crate) fn stated(blob: &[u8]) -> Option<u64> {
    match blob {
        [_, _, _, _, 0xff, 0xff, ..] => None,
        [_, _, _, _, low, high, ..] => Some(u64::from(u16::from_le_bytes([*low, *high]))),
        _ => None,
    }
}

/// The bit of [`ListpackEntries::seen`] that no count reaches.
const LENIENT: u64 = 1 << 63;

/// Iterates a listpack whose frame was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListpackEntries<'a> {
    blob: &'a [u8],
    rest: &'a [u8],
    /// Entries read, and [`LENIENT`] of a lenient reader. One word for both:
    /// streams hold and copy three of these for every entry.
    seen: u64,
}

impl<'a> ListpackEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8], reading: Reading) -> Self {
        let seen = if reading == Reading::Lenient { LENIENT } else { 0 };
        Self { blob, rest: blob.get(HEADER..).unwrap_or_default(), seen }
    }

    fn is_lenient(&self) -> bool {
        self.seen & LENIENT != 0
    }

    #[cold]
    #[inline(never)]
    fn fault(&self, cause: &'static Cause, found: u64) -> Fault {
        Fault::located(cause, self.at(), found)
    }

    /// The end byte was reached: it must be the last one, after as many entries as stated.
    #[inline(never)]
    fn end(&self) -> Result<(), Fault> {
        if self.rest.len() != 1 {
            return Err(self.fault(&EARLY_END, 0));
        }
        match stated(self.blob) {
            Some(stated) if stated != self.seen && !self.is_lenient() => Err(Fault::located(&COUNT, 4, self.seen)),
            _ => Ok(()),
        }
    }

    /// No entry stands here: the end byte, or a fault.
    #[cold]
    #[inline(never)]
    fn no_entry(&self) -> Result<Option<Scalar<'a>>, Fault> {
        match self.rest.first() {
            Some(0xff) => self.end().map(|()| None),
            Some(lead @ 0xf5..) => Err(self.fault(&ENCODING, u64::from(*lead))),
            lead => Err(self.fault(&PAST_END, lead.copied().map_or(0, u64::from))),
        }
    }

    /// The entries from here on, for a second reading of those that a first one has been over.
    #[inline(always)]
    pub(crate) fn again(&self) -> EntriesAgain<'a> {
        EntriesAgain { rest: self.rest }
    }

    /// Checks the backward length of an entry of more than 127 bytes, and steps
    /// over it. A lenient reader steps as far, whatever stands there.
    #[inline(never)]
    fn skip_long_backlen(&self, size: usize, rest: &'a [u8]) -> Result<&'a [u8], Fault> {
        let len = backlen::stored_bytes(size, rest);
        match rest.split_at_checked(len) {
            Some((found, rest)) if is_backlen(found, size) => Ok(rest),
            // Not over the end byte.
            Some((_, rest @ [_, ..])) if self.is_lenient() => Ok(rest),
            _ => Err(self.fault(&BACKLEN, 0)),
        }
    }
}

impl<'a> Entries<'a> for ListpackEntries<'a> {
    #[inline(always)]
    fn next(&mut self) -> Result<Option<Scalar<'a>>, Fault> {
        let Some((value, rest)) = read(self.rest) else {
            return self.no_entry();
        };
        let size = self.rest.len().wrapping_sub(rest.len());
        let rest = match rest.split_first() {
            Some((&back, rest)) if usize::from(back) == size && size < 128 => rest,
            _ => self.skip_long_backlen(size, rest)?,
        };
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Ok(Some(value))
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.blob.len().wrapping_sub(self.rest.len())
    }
}

/// Entries that were checked when they were read before. Nothing but the place
/// is kept: every entry of a stream holds two of these.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntriesAgain<'a> {
    rest: &'a [u8],
}

impl<'a> EntriesAgain<'a> {
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Scalar<'a>> {
        let (value, rest) = read(self.rest)?;
        let size = self.rest.len().wrapping_sub(rest.len());
        self.rest = rest.get(backlen::stored_bytes(size, rest)..)?;
        Some(value)
    }
}

/// Reads encoding and data of an entry: its value, and what stands behind it.
/// `None` if no entry stands there, or not all of one.
#[inline(always)]
fn read(entry: &[u8]) -> Option<(Scalar<'_>, &[u8])> {
    let (&lead, rest) = entry.split_first()?;
    match lead {
        0..0x80 => Some((Scalar::Int(i64::from(lead)), rest)),
        0x80..0xc0 => {
            let (text, rest) = rest.split_at_checked(usize::from(lead & 0x3f))?;
            Some((Scalar::Bytes(text), rest))
        }
        0xc0..0xe0 => {
            let (&low, rest) = rest.split_first()?;
            let unsigned = i16::from_be_bytes([lead & 0x1f, low]);
            Some((Scalar::Int(i64::from(unsigned << 3 >> 3)), rest))
        }
        _ => read_wide(lead, rest),
    }
}

/// A string of at least 64 bytes or an integer of 16 bits and more.
#[inline(always)]
fn read_wide(lead: u8, rest: &[u8]) -> Option<(Scalar<'_>, &[u8])> {
    match (lead, rest) {
        (0xe0..=0xef, [low, rest @ ..]) => {
            let len = usize::from(lead & 0x0f) << 8 | usize::from(*low);
            let (text, rest) = rest.split_at_checked(len)?;
            Some((Scalar::Bytes(text), rest))
        }
        (0xf0, [a, b, c, d, rest @ ..]) => {
            let len = u32::from_le_bytes([*a, *b, *c, *d]);
            let (text, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            Some((Scalar::Bytes(text), rest))
        }
        (0xf1, [a, b, rest @ ..]) => Some((Scalar::Int(i64::from(i16::from_le_bytes([*a, *b]))), rest)),
        (0xf2, [a, b, c, rest @ ..]) => Some((Scalar::Int(i64::from(i32::from_le_bytes([0, *a, *b, *c]) >> 8)), rest)),
        (0xf3, [a, b, c, d, rest @ ..]) => Some((Scalar::Int(i64::from(i32::from_le_bytes([*a, *b, *c, *d]))), rest)),
        (0xf4, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            Some((Scalar::Int(i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])), rest))
        }
        _ => None,
    }
}
