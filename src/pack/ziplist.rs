//! Ziplist.
//!
//! ```text
//! u32 LE bytes | u32 LE offset of the last entry | u16 LE entries (65535 = unknown) | entries | FF
//! entry = size of the entry before (1 byte, or FE + u32 LE) | encoding | data
//!
//! 00xxxxxx                string of up to 63 bytes
//! 01xxxxxx yyyyyyyy       string of up to 16383 bytes, length big-endian
//! 10...... + u32 BE       string
//! C0 D0 E0 F0 FE          integer of 2, 4, 8, 3, 1 bytes, little-endian
//! F1..FD                  integer 0..12
//! ```
//! Source: Redis 6.2 and 8.0 `ziplist.c` `ziplistValidateIntegrity()`.

use super::Entries;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;

/// Bytes before the first entry.
const HEADER: usize = 10;

static TOO_SHORT: Cause = Cause::inside(FaultKind::Packed, "a ziplist of at least 11 bytes", Form::Number);
static TOTAL: Cause = Cause::inside(FaultKind::Packed, "a ziplist that states its own length", Form::Number);
static TAIL: Cause = Cause::inside(FaultKind::Packed, "the offset of the ziplist's last entry", Form::Number);
static NO_END: Cause = Cause::inside(FaultKind::Packed, "the ziplist's end byte FF", Form::Byte);
static EARLY_END: Cause = Cause::inside(FaultKind::Packed, "a ziplist entry", Form::Text("its end byte"));
static ENCODING: Cause = Cause::inside(FaultKind::Encoding, "a ziplist entry", Form::Byte);
static PAST_END: Cause =
    Cause::inside(FaultKind::Packed, "a ziplist entry inside the ziplist", Form::Text("one that reaches past its end"));
static BEFORE: Cause = Cause::inside(FaultKind::Packed, "the size of the ziplist entry before this one", Form::Number);
static COUNT: Cause = Cause::inside(FaultKind::Packed, "as many ziplist entries as its header states", Form::Number);

/// Checks the frame; says whether the ziplist is empty.
#[inline(always)]
pub(crate) fn open(blob: &[u8]) -> Result<bool, Fault> {
    let [t0, t1, t2, t3, tail @ .., end] = blob else {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    };
    if blob.len() <= HEADER {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    }
    let total = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
    if usize::try_from(total) != Ok(blob.len()) {
        return Err(Fault::located(&TOTAL, 0, u64::from(total)));
    }
    if *end != 0xff {
        return Err(Fault::located(&NO_END, blob.len().wrapping_sub(1), u64::from(*end)));
    }
    let tail = tail.first_chunk().map_or(0, |tail| u32::from_le_bytes(*tail));
    let last = blob.len().wrapping_sub(1);
    match usize::try_from(tail) {
        Ok(at) if (HEADER..=last).contains(&at) => Ok(blob.len() == HEADER.wrapping_add(1)),
        _ => Err(Fault::located(&TAIL, 4, u64::from(tail))),
    }
}

/// Entries that the header states, unless it says that it does not know.
pub(crate) fn stated(blob: &[u8]) -> Option<u64> {
    match blob.get(8..HEADER) {
        Some([0xff, 0xff]) => None,
        Some([low, high]) => Some(u64::from(u16::from_le_bytes([*low, *high]))),
        _ => None,
    }
}

/// Iterates a ziplist whose frame was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZiplistEntries<'a> {
    blob: &'a [u8],
    rest: &'a [u8],
    /// Size of the entry before, 0 before the first.
    before: usize,
    seen: u64,
}

impl<'a> ZiplistEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8]) -> Self {
        Self { blob, rest: blob.get(HEADER..).unwrap_or_default(), before: 0, seen: 0 }
    }

    #[cold]
    #[inline(never)]
    fn fault(&self, cause: &'static Cause, found: u64) -> Fault {
        Fault::located(cause, self.at(), found)
    }

    /// The end byte was reached: it must be the last one, the tail offset must
    /// name the last entry, and the count must be right.
    #[inline(never)]
    fn end(&self) -> Result<(), Fault> {
        if self.rest.len() != 1 {
            return Err(self.fault(&EARLY_END, 0));
        }
        let last = self.at().wrapping_sub(self.before);
        let tail = self.blob.get(4..8).and_then(<[u8]>::first_chunk).map_or(0, |tail| u32::from_le_bytes(*tail));
        if usize::try_from(tail) != Ok(last) {
            return Err(Fault::located(&TAIL, 4, u64::from(tail)));
        }
        match stated(self.blob) {
            Some(stated) if stated != self.seen => Err(Fault::located(&COUNT, 8, self.seen)),
            _ => Ok(()),
        }
    }

    /// The value of an entry whose lead byte is `lead`, and what follows it.
    #[inline(always)]
    fn value(&self, lead: u8, rest: &'a [u8]) -> Result<(Scalar<'a>, &'a [u8]), Fault> {
        let past_end = || self.fault(&PAST_END, u64::from(lead));
        let text = |len: usize, rest: &'a [u8]| {
            let (text, rest) = rest.split_at_checked(len).ok_or_else(past_end)?;
            Ok((Scalar::Bytes(text), rest))
        };
        match (lead, rest) {
            (0..0x40, rest) => text(usize::from(lead), rest),
            (0x40..0x80, [low, rest @ ..]) => text(usize::from(lead & 0x3f) << 8 | usize::from(*low), rest),
            // The servers mask the low bits of this byte.
            (0x80..0xc0, [a, b, c, d, rest @ ..]) => {
                text(usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).map_err(|_| past_end())?, rest)
            }
            (0xc0, [a, b, rest @ ..]) => Ok((Scalar::Int(i64::from(i16::from_le_bytes([*a, *b]))), rest)),
            (0xd0, [a, b, c, d, rest @ ..]) => Ok((Scalar::Int(i64::from(i32::from_le_bytes([*a, *b, *c, *d]))), rest)),
            (0xe0, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                Ok((Scalar::Int(i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])), rest))
            }
            (0xf0, [a, b, c, rest @ ..]) => Ok((Scalar::Int(i64::from(i32::from_le_bytes([0, *a, *b, *c]) >> 8)), rest)),
            (0xfe, [a, rest @ ..]) => Ok((Scalar::Int(i64::from(i8::from_le_bytes([*a]))), rest)),
            (0xf1..=0xfd, rest) => Ok((Scalar::Int(i64::from(lead & 0x0f).wrapping_sub(1)), rest)),
            // The end byte where an encoding should be: the entry reaches over it.
            (0x40..=0xc0 | 0xd0 | 0xe0 | 0xf0 | 0xfe, _) | (0xff, []) => Err(past_end()),
            _ => Err(self.fault(&ENCODING, u64::from(lead))),
        }
    }
}

impl<'a> Entries<'a> for ZiplistEntries<'a> {
    #[inline(always)]
    fn next(&mut self) -> Result<Option<Scalar<'a>>, Fault> {
        let (before, rest) = match self.rest {
            [0xff, ..] => return self.end().map(|()| None),
            // A long form of a small size is left behind by deletions.
            [0xfe, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]), rest),
            [0xfe, ..] | [] => return Err(self.fault(&PAST_END, 0)),
            [before, rest @ ..] => (u32::from(*before), rest),
        };
        if usize::try_from(before) != Ok(self.before) {
            return Err(self.fault(&BEFORE, u64::from(before)));
        }
        let (value, rest) = match rest.split_first() {
            Some((&lead, rest)) => self.value(lead, rest)?,
            None => return Err(self.fault(&PAST_END, 0)),
        };
        self.before = self.rest.len().wrapping_sub(rest.len());
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Ok(Some(value))
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.blob.len().wrapping_sub(self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn blob(entries: &[u8], tail: u32, count: u16) -> Vec<u8> {
        let mut blob = ((entries.len() + 11) as u32).to_le_bytes().to_vec();
        blob.extend_from_slice(&tail.to_le_bytes());
        blob.extend_from_slice(&count.to_le_bytes());
        blob.extend_from_slice(entries);
        blob.push(0xff);
        blob
    }

    fn decode(blob: &[u8]) -> Result<Vec<Vec<u8>>, (FaultKind, u64)> {
        open(blob).map_err(|f| (f.kind(), f.blob_offset().unwrap()))?;
        let mut entries = ZiplistEntries::new(blob);
        let mut out = Vec::new();
        loop {
            match entries.next() {
                Ok(Some(value)) => out.push(value.to_vec()),
                Ok(None) => return Ok(out),
                Err(fault) => return Err((fault.kind(), fault.blob_offset().unwrap())),
            }
        }
    }

    #[test]
    fn every_integer_form_at_its_extremes() {
        let cases: &[(&[u8], &str)] = &[
            (&[0, 0xf1], "0"),
            (&[0, 0xfd], "12"),
            (&[0, 0xfe, 0x80], "-128"),
            (&[0, 0xc0, 0xff, 0x7f], "32767"),
            (&[0, 0xf0, 0x00, 0x00, 0x80], "-8388608"),
            (&[0, 0xd0, 0xff, 0xff, 0xff, 0x7f], "2147483647"),
            (&[0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
        ];
        for (entry, text) in cases {
            assert_eq!(decode(&blob(entry, 10, 1)).unwrap(), [text.as_bytes()]);
        }
    }

    #[test]
    fn strings_of_every_length_form() {
        let mut medium = alloc::vec![0, 0x40, 0x40];
        medium.extend_from_slice(&[b'm'; 64]);
        assert_eq!(decode(&blob(&medium, 10, 1)).unwrap(), [[b'm'; 64]]);
        // The servers mask the low six bits of a 32-bit length byte.
        assert_eq!(decode(&blob(&[0, 0x85, 0, 0, 0, 3, b'a', b'b', b'c'], 10, 1)).unwrap(), [b"abc"]);
        // The long form of a small size before, as deletions leave it.
        assert_eq!(decode(&blob(&[0, 1, b'a', 0xfe, 3, 0, 0, 0, 1, b'b'], 13, 2)).unwrap(), [b"a", b"b"]);
    }

    #[test]
    fn faults_name_their_byte() {
        assert_eq!(decode(&[10, 0, 0, 0, 10, 0, 0, 0, 0, 0]), Err((FaultKind::Packed, 0)), "shorter than a header");
        assert_eq!(decode(&blob(&[0, 0xf1], 9, 1)), Err((FaultKind::Packed, 4)), "tail before the entries");
        assert_eq!(decode(&blob(&[0, 0xf1], 99, 1)), Err((FaultKind::Packed, 4)), "tail past the end");
        assert_eq!(decode(&blob(&[0, 0xf1, 2, 0xf1], 10, 2)), Err((FaultKind::Packed, 4)), "tail not on the last entry");
        assert_eq!(decode(&blob(&[0, 0xf1], 10, 2)), Err((FaultKind::Packed, 8)), "count too large");
        assert_eq!(decode(&blob(&[0, 0xf1], 10, 65535)).unwrap().len(), 1);
        assert_eq!(decode(&blob(&[0, 0xf1, 9, 0xf1], 12, 2)), Err((FaultKind::Packed, 12)), "wrong size before");
        assert_eq!(decode(&blob(&[0, 0xc1, 0, 0], 10, 1)), Err((FaultKind::Encoding, 10)), "undefined encoding");
        assert_eq!(decode(&blob(&[0, 0x80, 0xff, 0xff, 0xff, 0xff], 10, 1)), Err((FaultKind::Packed, 10)), "length past the end");
        assert_eq!(decode(&blob(&[0, 0xf1, 0xff, 0xf1], 10, 1)), Err((FaultKind::Packed, 12)), "end byte before the end");
    }

    #[test]
    fn no_blob_of_few_bytes_panics() {
        for first in 0..=u16::MAX {
            let [a, b] = first.to_le_bytes();
            let _ = decode(&blob(&[a, b], 10, 1));
            let _ = decode(&blob(&[0, a, b], 10, 1));
            let _ = decode(&[a, b, 0, 0, 10, 0, 0, 0, 1, 0, 0xff]);
        }
    }
}
