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

use super::{END, Entries, Head, MAX_BYTES, Reading, low_u32};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;

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

/// Checks the frame; says whether the ziplist is empty. A lenient reader does
/// not look at length and tail stated.
#[inline(always)]
pub(crate) fn open(blob: &[u8], reading: Reading) -> Result<bool, Fault> {
    let [t0, t1, t2, t3, tail @ .., end] = blob else {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    };
    if blob.len() <= HEADER {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    }
    let total = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
    if usize::try_from(total) != Ok(blob.len()) && reading == Reading::Strict {
        return Err(Fault::located(&TOTAL, 0, u64::from(total)));
    }
    if *end != 0xff {
        return Err(Fault::located(&NO_END, blob.len().wrapping_sub(1), u64::from(*end)));
    }
    let tail = tail.first_chunk().map_or(0, |tail| u32::from_le_bytes(*tail));
    let is_inside = usize::try_from(tail).is_ok_and(|at| (HEADER..blob.len()).contains(&at));
    if !is_inside && reading == Reading::Strict {
        return Err(Fault::located(&TAIL, 4, u64::from(tail)));
    }
    Ok(blob.len() == HEADER.wrapping_add(1))
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
    reading: Reading,
}

impl<'a> ZiplistEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8], reading: Reading) -> Self {
        Self { blob, rest: blob.get(HEADER..).unwrap_or_default(), before: 0, seen: 0, reading }
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
        if self.reading == Reading::Lenient {
            return Ok(());
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
        if usize::try_from(before) != Ok(self.before) && self.reading == Reading::Strict {
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

/// The integer forms that the readers of a ziplist know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integers {
    /// Of 2, 4 and 8 bytes: Redis 2.4 and before (RDB 1 to 5).
    Long,
    /// Also of 3 and 1 bytes, and 0 to 12 in the encoding itself: since Redis 2.6 (RDB 6).
    All,
}

/// Builds ziplists.
#[derive(Debug)]
pub(crate) struct ZiplistBuilder {
    /// Header, entries and end byte; the header is written last.
    blob: Vec<u8>,
    count: u64,
    /// Offset of the last entry; of the end byte while there is none.
    tail: usize,
    integers: Integers,
}

impl ZiplistBuilder {
    /// An empty ziplist for readers of these integers.
    pub(crate) fn new(integers: Integers) -> Self {
        let mut empty = Self { blob: Vec::new(), count: 0, tail: HEADER, integers };
        empty.clear();
        empty
    }

    /// Starts anew in the same buffer.
    pub(crate) fn clear(&mut self) {
        self.blob.clear();
        self.blob.extend_from_slice(&[0; HEADER]);
        self.blob.push(END);
        self.count = 0;
        self.tail = HEADER;
    }

    /// Size of the whole ziplist so far.
    pub(crate) fn len_bytes(&self) -> usize {
        self.blob.len()
    }

    /// Entries so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Appends an entry. False, and nothing appended, if the ziplist became
    /// too large for a server.
    #[must_use]
    #[inline]
    pub(crate) fn push(&mut self, scalar: Scalar<'_>) -> bool {
        let (head, text) = smallest(scalar, self.integers);
        let before = self.before();
        let size = before.len.saturating_add(head.len).saturating_add(text.len());
        if self.blob.len().saturating_add(size) > MAX_BYTES {
            return false;
        }
        self.blob.pop();
        self.tail = self.blob.len();
        before.push_to(&mut self.blob);
        head.push_to(&mut self.blob);
        self.blob.extend_from_slice(text);
        self.blob.push(END);
        self.count = self.count.wrapping_add(1);
        true
    }

    /// The ziplist so far, whole; more entries may follow.
    pub(crate) fn finish(&mut self) -> &[u8] {
        let [b0, b1, b2, b3] = low_u32(self.blob.len()).to_le_bytes();
        let [t0, t1, t2, t3] = low_u32(self.tail).to_le_bytes();
        let [c0, c1] = u16::try_from(self.count).unwrap_or(u16::MAX).to_le_bytes();
        if let Some(header) = self.blob.first_chunk_mut::<HEADER>() {
            *header = [b0, b1, b2, b3, t0, t1, t2, t3, c0, c1];
        }
        &self.blob
    }

    /// The size of the last entry, as the next one begins with it.
    ///
    /// Source: Redis 6.2 `ziplist.c` `zipStorePrevEntryLength()`.
    #[inline(always)]
    fn before(&self) -> Head {
        let size = low_u32(self.blob.len().wrapping_sub(1).wrapping_sub(self.tail));
        let [b0, b1, b2, b3] = size.to_le_bytes();
        if size < 254 { Head::new([b0]) } else { Head::new([0xfe, b0, b1, b2, b3]) }
    }
}

/// The smallest form of an entry: encoding and length, and the text. Text that
/// is a canonical integer is stored as one.
///
/// Source: Redis 6.2 `ziplist.c` `zipTryEncoding()`, `zipStoreEntryEncoding()`.
#[inline(always)]
fn smallest(scalar: Scalar<'_>, integers: Integers) -> (Head, &[u8]) {
    let text = match (scalar.as_int(), scalar) {
        (Some(int), _) | (None, Scalar::Int(int)) => return (integer(int, integers), &[]),
        (None, Scalar::Bytes(text)) => text,
    };
    let [l0, l1, l2, l3] = low_u32(text.len()).to_le_bytes();
    let head = match text.len() {
        0..0x40 => Head::new([l0]),
        0x40..0x4000 => Head::new([0x40 | l1, l0]),
        _ => Head::new([0x80, l3, l2, l1, l0]),
    };
    (head, text)
}

/// The smallest form of an integer.
#[inline(always)]
fn integer(int: i64, integers: Integers) -> Head {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = int.to_le_bytes();
    match (int, integers) {
        (0..=12, Integers::All) => Head::new([0xf1_u8.wrapping_add(b0)]),
        (-0x80..=0x7f, Integers::All) => Head::new([0xfe, b0]),
        (-0x8000..=0x7fff, _) => Head::new([0xc0, b0, b1]),
        (-0x80_0000..=0x7f_ffff, Integers::All) => Head::new([0xf0, b0, b1, b2]),
        (-0x8000_0000..=0x7fff_ffff, _) => Head::new([0xd0, b0, b1, b2, b3]),
        _ => Head::new([0xe0, b0, b1, b2, b3, b4, b5, b6, b7]),
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
        open(blob, Reading::Strict).map_err(|f| (f.kind(), f.blob_offset().unwrap()))?;
        let mut entries = ZiplistEntries::new(blob, Reading::Strict);
        let mut out = Vec::new();
        loop {
            match entries.next() {
                Ok(Some(value)) => out.push(value.to_vec()),
                Ok(None) => return Ok(out),
                Err(fault) => return Err((fault.kind(), fault.blob_offset().unwrap())),
            }
        }
    }

    fn build(entries: &[&[u8]], integers: Integers) -> Vec<u8> {
        let mut builder = ZiplistBuilder::new(integers);
        for entry in entries {
            assert!(builder.push(Scalar::Bytes(entry)));
        }
        assert_eq!(builder.count(), entries.len() as u64);
        let len = builder.len_bytes();
        let built = builder.finish().to_vec();
        assert_eq!(built.len(), len);
        built
    }

    /// The integer limits of the format, on both sides; sizes without the byte
    /// for the entry before.
    #[test]
    fn integers_take_the_smallest_form_their_reader_knows() {
        for (int, size, long_size) in [
            (0, 1, 3),
            (12, 1, 3),
            (13, 2, 3),
            (-1, 2, 3),
            (127, 2, 3),
            (-128, 2, 3),
            (128, 3, 3),
            (-129, 3, 3),
            (32767, 3, 3),
            (-32768, 3, 3),
            (32768, 4, 5),
            (-32769, 4, 5),
            (8_388_607, 4, 5),
            (-8_388_608, 4, 5),
            (8_388_608, 5, 5),
            (-8_388_609, 5, 5),
            (2_147_483_647, 5, 5),
            (-2_147_483_648, 5, 5),
            (2_147_483_648, 9, 9),
            (-2_147_483_649, 9, 9),
            (i64::MAX, 9, 9),
            (i64::MIN, 9, 9),
        ] {
            for (integers, size) in [(Integers::All, size), (Integers::Long, long_size)] {
                let mut builder = ZiplistBuilder::new(integers);
                assert!(builder.push(Scalar::Int(int)));
                let built = builder.finish();
                assert_eq!(built.len(), HEADER + 1 + size + 1, "{int} of {integers:?}");
                let mut entries = ZiplistEntries::new(built, Reading::Strict);
                assert_eq!(entries.next().unwrap(), Some(Scalar::Int(int)));
                assert_eq!(entries.next().unwrap(), None);
                if integers == Integers::Long {
                    assert!(matches!(built[HEADER + 1], 0xc0 | 0xd0 | 0xe0), "{int}");
                }
            }
        }
    }

    #[test]
    fn text_that_is_no_canonical_integer_stays_text() {
        for text in [&b""[..], b"007", b"-0", b"+1", b" 1", b"1e3", b"9223372036854775808", b"18446744073709551616"] {
            let built = build(&[text], Integers::All);
            assert_eq!(built[HEADER + 1], text.len() as u8);
            assert_eq!(decode(&built).unwrap(), [text]);
        }
    }

    /// The string limits of the format, and that of the size before.
    #[test]
    fn strings_take_the_smallest_form() {
        for (len, head, before) in [
            (0, &[0][..], 1),
            (63, &[63], 1),
            (64, &[0x40, 64], 1),
            (250, &[0x40, 250], 1),
            (251, &[0x40, 251], 5),
            (16_383, &[0x7f, 0xff], 5),
            (16_384, &[0x80, 0, 0, 0x40, 0], 5),
            (70_000, &[0x80, 0, 1, 0x11, 0x70], 5),
        ] {
            let text = alloc::vec![b'x'; len];
            let built = build(&[&text, b"1"], Integers::All);
            assert_eq!(&built[HEADER + 1..][..head.len()], head);
            assert_eq!(built.len(), HEADER + 1 + head.len() + len + before + 1 + 1, "{len} bytes");
            assert_eq!(decode(&built).unwrap(), [&text[..], b"1"]);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "65536 entries")]
    fn a_count_that_does_not_fit_is_unknown() {
        let mut builder = ZiplistBuilder::new(Integers::All);
        for count in 1..=65_536u64 {
            assert!(builder.push(Scalar::Bytes(b"")));
            let header = [builder.finish()[8], builder.finish()[9]];
            assert_eq!(u64::from(u16::from_le_bytes(header)), count.min(65_535));
        }
        assert_eq!(decode(builder.finish()).unwrap().len(), 65_536);
    }

    #[test]
    fn a_builder_is_used_again() {
        let mut builder = ZiplistBuilder::new(Integers::All);
        assert_eq!(builder.finish(), blob(&[], 10, 0), "empty");
        assert!(builder.push(Scalar::Bytes(b"gone")));
        builder.finish();
        builder.clear();
        assert!(builder.push(Scalar::Int(5)));
        builder.finish();
        assert!(builder.push(Scalar::Int(6)), "an entry behind a whole ziplist");
        assert_eq!(builder.finish(), blob(&[0, 0xf6, 2, 0xf7], 12, 2));
    }

    #[test]
    #[cfg_attr(miri, ignore = "holds a GiB")]
    fn no_ziplist_grows_past_what_servers_allow() {
        let mut builder = ZiplistBuilder::new(Integers::All);
        let rest = MAX_BYTES - builder.len_bytes();
        // A byte for the size before, five for the text's length.
        let text = alloc::vec![0; rest - 1 - 5 + 1];
        assert!(!builder.push(Scalar::Bytes(&text)));
        assert_eq!((builder.count(), builder.len_bytes()), (0, 11), "nothing was appended");
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
}
