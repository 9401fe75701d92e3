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
//! The backward length is the size of encoding and data in 7-bit groups, the
//! most significant first; every byte but the first has its top bit set.
//! Source: Redis 8.0 `listpack.c` `lpEncodeBacklen()`, `lpValidateIntegrity()`.

use super::{END, Entries, Head, MAX_BYTES, Reading, low_u32};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;

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
        let mut expected = [0u8; 5];
        let mut expected = backlen(size, &mut expected);
        let len = stored_backlen_bytes(size, rest);
        if len < expected.len() {
            expected = SHORT.get(..len).unwrap_or_default();
        }
        match rest.split_at_checked(len) {
            Some((found, rest)) if found == expected => Ok(rest),
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
        self.rest = rest.get(stored_backlen_bytes(size, rest)..)?;
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

/// Builds listpacks.
#[derive(Debug)]
pub(crate) struct ListpackBuilder {
    /// Header, entries and end byte; the header is written last.
    blob: Vec<u8>,
    count: u64,
}

impl ListpackBuilder {
    /// An empty listpack.
    pub(crate) fn new() -> Self {
        let mut empty = Self { blob: Vec::new(), count: 0 };
        empty.clear();
        empty
    }

    /// Starts anew in the same buffer.
    pub(crate) fn clear(&mut self) {
        self.blob.clear();
        self.blob.extend_from_slice(&[0; HEADER]);
        self.blob.push(END);
        self.count = 0;
    }

    /// Size of the whole listpack so far.
    pub(crate) fn len_bytes(&self) -> usize {
        self.blob.len()
    }

    /// Entries so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Appends an entry. False, and nothing appended, if the listpack became
    /// too large for a server.
    #[must_use]
    #[inline]
    pub(crate) fn push(&mut self, scalar: Scalar<'_>) -> bool {
        let (head, text) = smallest(scalar);
        let size = head.len.saturating_add(text.len());
        let mut buffer = [0; 5];
        let backlen = backlen(size, &mut buffer);
        if self.blob.len().saturating_add(size).saturating_add(backlen.len()) > MAX_BYTES {
            return false;
        }
        self.blob.pop();
        head.push_to(&mut self.blob);
        self.blob.extend_from_slice(text);
        self.blob.extend_from_slice(backlen);
        self.blob.push(END);
        self.count = self.count.wrapping_add(1);
        true
    }

    /// Puts another integer in place of the first entry.
    pub(crate) fn set_first(&mut self, int: i64) {
        let mut entries = ListpackEntries::new(&self.blob, Reading::Strict);
        // Where there is none, nothing is replaced.
        let first = HEADER..entries.next().ok().flatten().map_or(HEADER, |_| entries.at());
        let Head { bytes, len } = integer(int);
        let [backlen, ..] = len.to_le_bytes();
        self.blob.splice(first, bytes.into_iter().take(len).chain([backlen]));
    }

    /// The listpack so far, whole; more entries may follow.
    pub(crate) fn finish(&mut self) -> &[u8] {
        let [t0, t1, t2, t3] = low_u32(self.blob.len()).to_le_bytes();
        let [c0, c1] = u16::try_from(self.count).unwrap_or(u16::MAX).to_le_bytes();
        if let Some(header) = self.blob.first_chunk_mut::<HEADER>() {
            *header = [t0, t1, t2, t3, c0, c1];
        }
        &self.blob
    }
}

/// The smallest form of an entry: what stands before its text, and the text.
/// Text that is a canonical integer is stored as one.
///
/// Source: Redis 8.0 `listpack.c` `lpEncodeGetType()`, `lpEncodeString()`.
#[inline(always)]
fn smallest(scalar: Scalar<'_>) -> (Head, &[u8]) {
    let text = match (scalar.as_int(), scalar) {
        (Some(int), _) | (None, Scalar::Int(int)) => return (integer(int), &[]),
        (None, Scalar::Bytes(text)) => text,
    };
    let [l0, l1, l2, l3] = low_u32(text.len()).to_le_bytes();
    let head = match text.len() {
        0..64 => Head::new([0x80 | l0]),
        64..4096 => Head::new([0xe0 | l1, l0]),
        _ => Head::new([0xf0, l0, l1, l2, l3]),
    };
    (head, text)
}

/// The smallest form of an integer.
#[inline(always)]
fn integer(int: i64) -> Head {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = int.to_le_bytes();
    match int {
        0..=127 => Head::new([b0]),
        -0x1000..=0x0fff => Head::new([0xc0 | b1 & 0x1f, b0]),
        -0x8000..=0x7fff => Head::new([0xf1, b0, b1]),
        -0x80_0000..=0x7f_ffff => Head::new([0xf2, b0, b1, b2]),
        -0x8000_0000..=0x7fff_ffff => Head::new([0xf3, b0, b1, b2, b3]),
        _ => Head::new([0xf4, b0, b1, b2, b3, b4, b5, b6, b7]),
    }
}

/// The backward length of an entry of 2^14 - 1, 2^21 - 1 or 2^28 - 1 bytes in the form of newer servers: seven bits to
/// a byte, all of them set.
static SHORT: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];

/// Bytes of the backward length that stands behind an entry of `size` bytes.
///
/// Servers wrote a byte too many for three sizes, and newer ones do not; each refuses the other's form. Sources: `lpEncodeBacklen()`
/// of Redis 8.6 and Valkey 8.1, and of Valkey 9.1 (its pull request 3601; Redis' 15151). Which form stands there is told by its
/// first byte.
#[inline(always)]
fn stored_backlen_bytes(size: usize, rest: &[u8]) -> usize {
    let len = backlen_bytes(size);
    match size {
        16_383 | 2_097_151 | 268_435_455 if rest.first() == SHORT.first() => len.saturating_sub(1),
        _ => len,
    }
}

/// Bytes of the backward length of an entry of `size` bytes, as most servers have it: 16383 already takes three bytes.
#[inline(always)]
fn backlen_bytes(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The backward length of an entry of `size` bytes.
fn backlen(size: usize, out: &mut [u8; 5]) -> &[u8] {
    let group = |shift: u32| {
        let [low, ..] = (size >> shift).to_le_bytes();
        low & 0x7f
    };
    let [top, b1, b2, b3, b4] = [group(28), group(21), group(14), group(7), group(0)];
    let len = backlen_bytes(size);
    *out = match len {
        1 => [b4, 0, 0, 0, 0],
        2 => [b3, b4 | 0x80, 0, 0, 0],
        3 => [b2, b3 | 0x80, b4 | 0x80, 0, 0],
        4 => [b1, b2 | 0x80, b3 | 0x80, b4 | 0x80, 0],
        _ => [top, b1 | 0x80, b2 | 0x80, b3 | 0x80, b4 | 0x80],
    };
    out.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn blob(entries: &[u8], count: u16) -> Vec<u8> {
        let mut blob = ((entries.len() + 7) as u32).to_le_bytes().to_vec();
        blob.extend_from_slice(&count.to_le_bytes());
        blob.extend_from_slice(entries);
        blob.push(0xff);
        blob
    }

    fn decode(blob: &[u8]) -> Result<Vec<Vec<u8>>, (FaultKind, u64)> {
        let mut entries = ListpackEntries::new(blob, Reading::Strict);
        let mut out = Vec::new();
        open(blob, Reading::Strict).map_err(|f| (f.kind(), f.blob_offset().unwrap()))?;
        loop {
            match entries.next() {
                Ok(Some(value)) => out.push(value.to_vec()),
                Ok(None) => return Ok(out),
                Err(fault) => return Err((fault.kind(), fault.blob_offset().unwrap())),
            }
        }
    }

    /// A list of `a b c 1 2 300 -5000` as Redis 7.0.15 dumps it.
    #[test]
    fn list_of_a_real_server() {
        let blob = [
            0x1b, 0, 0, 0, 0x07, 0, 0x81, 0x61, 2, 0x81, 0x62, 2, 0x81, 0x63, 2, 1, 1, 2, 1, 0xc1, 0x2c, 2, 0xf1, 0x78, 0xec, 3,
            0xff,
        ];
        assert_eq!(decode(&blob).unwrap(), [&b"a"[..], b"b", b"c", b"1", b"2", b"300", b"-5000"]);
    }

    fn build(entries: &[&[u8]]) -> Vec<u8> {
        let mut builder = ListpackBuilder::new();
        for entry in entries {
            assert!(builder.push(Scalar::Bytes(entry)));
        }
        assert_eq!(builder.count(), entries.len() as u64);
        let len = builder.len_bytes();
        let built = builder.finish().to_vec();
        assert_eq!(built.len(), len);
        built
    }

    /// As Redis 7.0.15 dumps them.
    #[test]
    fn listpacks_are_built_as_a_real_server_does() {
        let list = [
            0x1b, 0, 0, 0, 0x07, 0, 0x81, 0x61, 2, 0x81, 0x62, 2, 0x81, 0x63, 2, 1, 1, 2, 1, 0xc1, 0x2c, 2, 0xf1, 0x78, 0xec, 3,
            0xff,
        ];
        assert_eq!(build(&[b"a", b"b", b"c", b"1", b"2", b"300", b"-5000"]), list);
        let hash = [0x12, 0, 0, 0, 4, 0, 0x81, 0x66, 2, 0x81, 0x76, 2, 0x81, 0x6e, 2, 1, 1, 0xff];
        assert_eq!(build(&[b"f", b"v", b"n", b"1"]), hash);
        let zset = [0x14, 0, 0, 0, 4, 0, 0x81, 0x61, 2, 0x83, 0x31, 0x2e, 0x35, 4, 0x81, 0x62, 2, 2, 1, 0xff];
        assert_eq!(build(&[b"a", b"1.5", b"b", b"2"]), zset);
    }

    #[test]
    fn the_first_entry_is_replaced_by_an_integer_of_any_size() {
        for int in [0i64, 1, 127, 128, 5000, -1, 70_000, i64::MAX] {
            let mut builder = ListpackBuilder::new();
            for entry in [&b"300"[..], b"a", b"7"] {
                assert!(builder.push(Scalar::Bytes(entry)));
            }
            builder.set_first(int);
            assert_eq!(builder.finish(), build(&[alloc::string::ToString::to_string(&int).as_bytes(), b"a", b"7"]), "{int}");
        }
    }

    #[test]
    fn text_that_is_no_canonical_integer_stays_text() {
        for text in [&b""[..], b"007", b"-0", b"+1", b" 1", b"1e3", b"9223372036854775808", b"18446744073709551616"] {
            let built = build(&[text]);
            assert_eq!(built[6], 0x80 | text.len() as u8);
            assert_eq!(decode(&built).unwrap(), [text]);
        }
        let mut builder = ListpackBuilder::new();
        assert!(builder.push(Scalar::Int(i64::MIN)));
        assert_eq!(builder.finish(), build(&[b"-9223372036854775808"]), "an integer is its text");
    }

    /// The integer limits of the format, on both sides.
    #[test]
    fn integers_take_the_smallest_form() {
        for (int, size) in [
            (0, 1),
            (127, 1),
            (128, 2),
            (4095, 2),
            (4096, 3),
            (-1, 2),
            (-4096, 2),
            (-4097, 3),
            (32767, 3),
            (32768, 4),
            (-32768, 3),
            (-32769, 4),
            (8_388_607, 4),
            (8_388_608, 5),
            (-8_388_608, 4),
            (-8_388_609, 5),
            (2_147_483_647, 5),
            (2_147_483_648, 9),
            (-2_147_483_648, 5),
            (-2_147_483_649, 9),
            (i64::MAX, 9),
            (i64::MIN, 9),
        ] {
            let mut builder = ListpackBuilder::new();
            assert!(builder.push(Scalar::Int(int)));
            let built = builder.finish();
            assert_eq!(built.len(), HEADER + size + 1 + 1, "{int}");
            let mut entries = ListpackEntries::new(built, Reading::Strict);
            assert_eq!(entries.next().unwrap(), Some(Scalar::Int(int)));
            assert_eq!(entries.next().unwrap(), None);
        }
    }

    /// The string limits of the format, and those of the backward length.
    #[test]
    fn strings_take_the_smallest_form() {
        for (len, head, back) in [
            (0, 1, 1),
            (63, 1, 1),
            (64, 2, 1),
            (125, 2, 1),
            (126, 2, 2),
            (4095, 2, 2),
            (4096, 5, 2),
            (16_377, 5, 2),
            (16_378, 5, 3),
            (2_097_145, 5, 3),
            (2_097_146, 5, 4),
        ] {
            let text = alloc::vec![b'x'; len];
            let built = build(&[&text, b"1"]);
            assert_eq!(built.len(), HEADER + head + len + back + 2 + 1, "{len} bytes");
            assert_eq!(decode(&built).unwrap(), [&text[..], b"1"]);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "65536 entries")]
    fn a_count_that_does_not_fit_is_unknown() {
        let mut builder = ListpackBuilder::new();
        for count in 1..=65_536u64 {
            assert!(builder.push(Scalar::Bytes(b"")));
            let header = [builder.finish()[4], builder.finish()[5]];
            assert_eq!(u64::from(u16::from_le_bytes(header)), count.min(65_535));
        }
        assert_eq!(decode(builder.finish()).unwrap().len(), 65_536);
    }

    #[test]
    fn a_builder_is_used_again() {
        let mut builder = ListpackBuilder::new();
        assert_eq!(builder.finish(), [7, 0, 0, 0, 0, 0, 0xff], "empty");
        assert!(builder.push(Scalar::Bytes(b"gone")));
        builder.finish();
        builder.clear();
        assert!(builder.push(Scalar::Int(5)));
        builder.finish();
        assert!(builder.push(Scalar::Int(6)), "an entry behind a whole listpack");
        assert_eq!(builder.finish(), blob(&[5, 1, 6, 1], 2));
    }

    #[test]
    #[cfg_attr(miri, ignore = "holds a GiB")]
    fn no_listpack_grows_past_what_servers_allow() {
        let mut builder = ListpackBuilder::new();
        let rest = MAX_BYTES - builder.len_bytes();
        // Five bytes of length before the text, five of backward length behind.
        let text = alloc::vec![0; rest - 5 - 5 + 1];
        assert!(!builder.push(Scalar::Bytes(&text)));
        assert_eq!((builder.count(), builder.len_bytes()), (0, 7), "nothing was appended");
    }

    #[test]
    fn integers_at_their_extremes() {
        let cases: &[(&[u8], i64)] = &[
            (&[0x7f, 1], 127),
            (&[0xcf, 0xff, 2], 4095),
            (&[0xd0, 0x00, 2], -4096),
            (&[0xdf, 0xff, 2], -1),
            (&[0xf1, 0xff, 0x7f, 3], 32767),
            (&[0xf1, 0x00, 0x80, 3], -32768),
            (&[0xf2, 0xff, 0xff, 0x7f, 4], 8_388_607),
            (&[0xf2, 0x00, 0x00, 0x80, 4], -8_388_608),
            (&[0xf3, 0xff, 0xff, 0xff, 0x7f, 5], 2_147_483_647),
            (&[0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 9], i64::MAX),
            (&[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9], i64::MIN),
        ];
        for (bytes, value) in cases {
            let blob = blob(bytes, 1);
            let mut entries = ListpackEntries::new(&blob, Reading::Strict);
            assert_eq!(entries.next().unwrap(), Some(Scalar::Int(*value)));
        }
    }

    #[test]
    fn backward_lengths_change_size_where_the_reference_does() {
        let mut buffer = [0; 5];
        for (size, len) in [
            (1, 1),
            (127, 1),
            (128, 2),
            (16_382, 2),
            (16_383, 3),
            (2_097_150, 3),
            (2_097_151, 4),
            (268_435_454, 4),
            (268_435_455, 5),
        ] {
            assert_eq!(backlen(size, &mut buffer).len(), len, "size {size}");
        }
        assert_eq!(backlen(128, &mut buffer), [0x01, 0x80]);
        assert_eq!(backlen(16_383, &mut buffer), [0x00, 0xff, 0xff]);
    }

    /// As Valkey 9.1.2 and Redis 8.6.3 save a string of 16378 bytes in a hash: each refuses the other's file.
    #[test]
    fn both_backward_lengths_of_an_entry_of_16383_bytes_are_read() {
        let text = std::vec![b'x'; 16_378];
        let entry = |back: &[u8]| [b"\xf0\xfa\x3f\0\0", &text[..], back, b"\x01\x01"].concat();
        for back in [&b"\x7f\xff"[..], b"\x00\xff\xff"] {
            let blob = blob(&entry(back), 2);
            assert_eq!(decode(&blob).unwrap(), [text.clone(), b"1".to_vec()]);
            let mut again = ListpackEntries::new(&blob, Reading::Strict).again();
            assert_eq!(again.next().map(|text| text.to_vec()), Some(text.clone()));
            assert_eq!((again.next().map(|text| text.to_vec()), again.next()), (Some(b"1".to_vec()), None));
        }
        for wrong in [&b"\x7f\xfe"[..], b"\x00\xff"] {
            assert_eq!(decode(&blob(&entry(wrong), 2)), Err((FaultKind::Packed, 6)), "{wrong:?}");
        }
        assert!(decode(&blob(&entry(b"\x7f\xff\xff"), 2)).is_err(), "two bytes say that it ends there");
    }

    #[test]
    fn faults_name_their_byte() {
        assert_eq!(decode(&[7, 0, 0, 0, 0, 0]), Err((FaultKind::Packed, 0)), "shorter than a header");
        assert_eq!(decode(&[8, 0, 0, 0, 0, 0, 0xff]), Err((FaultKind::Packed, 0)), "wrong total");
        assert_eq!(decode(&[8, 0, 0, 0, 1, 0, 1, 1]), Err((FaultKind::Packed, 7)), "no end byte");
        assert_eq!(decode(&blob(&[1, 1, 2, 1], 3)), Err((FaultKind::Packed, 4)), "count too large");
        assert_eq!(decode(&blob(&[1, 1, 2, 1], 1)), Err((FaultKind::Packed, 4)), "count too small");
        assert_eq!(decode(&blob(&[1, 1, 2, 1], 65535)).unwrap().len(), 2);
        assert_eq!(decode(&blob(&[1, 1, 0xf5, 1], 2)), Err((FaultKind::Encoding, 8)), "undefined encoding");
        assert_eq!(decode(&blob(&[1, 2], 1)), Err((FaultKind::Packed, 6)), "wrong backward length");
        assert_eq!(decode(&blob(&[0xff, 1, 1], 1)), Err((FaultKind::Packed, 6)), "end byte before the end");
        assert_eq!(decode(&blob(&[0xf0, 0xf0, 0xff, 0xff, 0xff], 1)), Err((FaultKind::Packed, 6)), "length wraps on 32 bits");
        assert_eq!(decode(&blob(&[0xbf, 1, 1], 1)), Err((FaultKind::Packed, 6)), "string past the end");
    }
}
