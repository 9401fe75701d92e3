//! Blobs that hold many entries: listpack, ziplist, intset, zipmap.
//!
//! A blob is checked for its header, length and end byte when it is opened
//! ([`Packed::open`]); its entries are checked while they are iterated. Beside
//! each reader stands the builder of the same form: it appends to a buffer of
//! its own and takes the smallest form of every entry, as the servers do.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

pub(crate) mod intset;
pub(crate) mod listpack;
pub(crate) mod ziplist;
pub(crate) mod zipmap;

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// No server makes a larger packed blob; builders refuse an entry that would.
///
/// Source: Redis 8.0 `listpack.c` `LISTPACK_MAX_SAFETY_LIMIT`, `ziplist.c` `ZIPLIST_MAX_SAFETY_LIMIT`.
const MAX_BYTES: usize = 1 << 30;

/// The end byte of every form but the intset.
const END: u8 = 0xff;

/// The first bytes of an entry: a length, or a whole integer.
#[derive(Clone, Copy)]
struct Head {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Head {
    /// An encoding byte and an integer of 64 bits.
    const LONGEST: usize = 9;

    #[inline(always)]
    fn new<const N: usize>(head: [u8; N]) -> Self {
        const { assert!(N <= Self::LONGEST) }
        let mut bytes = [0; Self::LONGEST];
        bytes.iter_mut().zip(head).for_each(|(to, from)| *to = from);
        Self { bytes, len: N }
    }

    /// Appends all bytes and takes back those not used: cheaper than a copy of unknown length.
    #[inline(always)]
    fn push_to(self, out: &mut Vec<u8>) {
        let end = out.len().wrapping_add(self.len);
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// A length in 32 bits; one that does not fit is over [`MAX_BYTES`] and refused.
fn low_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The kinds of packed blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Container {
    /// Sorted integers of one width (Redis >= 2.4).
    Intset,
    /// Entries with their own length behind them (streams since 5.0, elsewhere since 7.0).
    Listpack,
    /// Entries with the length of the one before them (2.4 to 6.2).
    Ziplist,
    /// Field and value pairs (2.4 and before).
    Zipmap,
}

impl Container {
    /// The field's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intset => "intset",
            Self::Listpack => "listpack",
            Self::Ziplist => "ziplist",
            Self::Zipmap => "zipmap",
        }
    }
}

/// What is done about a blob that contradicts itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u64)]
pub enum Reading {
    /// It is refused, as a server that sanitises deeply does.
    #[default]
    Strict,
    /// It is read on where every entry can still be told from the next: past a
    /// wrong length, count or tail offset in its header, a wrong size of an
    /// entry beside the entry, intset members out of order, and zipmap lengths
    /// in too long a form. Undefined encodings, entries past the end and a
    /// missing end byte are refused even so.
    Lenient,
}

/// Iterates the entries of a blob from front to back, each checked when it is reached.
pub(crate) trait Entries<'a>: Copy {
    /// The next entry, or `None` at the blob's end, which is checked too.
    fn next(&mut self) -> Result<Option<Scalar<'a>>, Fault>;

    /// Offset in the blob of the entry that comes next.
    fn at(&self) -> usize;
}

/// A blob whose frame is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    pub(crate) container: Container,
    pub(crate) reading: Reading,
    pub(crate) blob: &'a [u8],
}

static EMPTY: Cause = Cause::inside(FaultKind::Packed, "a packed value with entries", Form::Text("an empty one"));

/// Whether [`Packed::open`] found a sound frame with nothing in it: the value
/// that servers skip when they load a snapshot.
pub(crate) fn is_empty(fault: Fault) -> bool {
    fault.is(&EMPTY)
}

impl<'a> Packed<'a> {
    /// Checks the frame of `blob`: header, stated length, end byte, and that it
    /// holds something.
    #[inline(always)]
    pub(crate) fn open(container: Container, blob: &'a [u8]) -> Result<Self, Fault> {
        Self::open_as(Reading::Strict, container, blob)
    }

    /// As [`Packed::open`], but for what [`Reading::Lenient`] allows; the blob is read leniently.
    pub(crate) fn open_leniently(container: Container, blob: &'a [u8]) -> Result<Self, Fault> {
        Self::open_as(Reading::Lenient, container, blob)
    }

    #[inline(always)]
    fn open_as(reading: Reading, container: Container, blob: &'a [u8]) -> Result<Self, Fault> {
        let is_empty = match container {
            Container::Intset => intset::open(blob, reading)?,
            Container::Listpack => listpack::open(blob, reading)?,
            Container::Ziplist => ziplist::open(blob, reading)?,
            Container::Zipmap => zipmap::open(blob)?,
        };
        if is_empty {
            return Err(Fault::located(&EMPTY, 0, 0));
        }
        Ok(Self { container, reading, blob })
    }

    /// As [`Packed::open_leniently`], but an empty blob is one without entries.
    pub(crate) fn open_though_empty(container: Container, blob: &'a [u8]) -> Result<Self, Fault> {
        match Self::open_leniently(container, blob) {
            Err(fault) if is_empty(fault) => Ok(Self { container, reading: Reading::Lenient, blob }),
            packed => packed,
        }
    }

    /// A blob whose frame may be broken: its entries are sound up to the first fault.
    pub(crate) fn unframed(container: Container, blob: &'a [u8]) -> Self {
        Self { container, reading: Reading::Strict, blob }
    }

    /// The same blob, its entries read as [`Reading::Lenient`] says.
    #[must_use]
    pub fn leniently(self) -> Self {
        Self { reading: Reading::Lenient, ..self }
    }

    /// How its entries are read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// What kind of blob it is.
    #[must_use]
    pub fn container(&self) -> Container {
        self.container
    }

    /// The bytes of the blob, expanded if they were compressed.
    #[must_use]
    pub fn blob(&self) -> &'a [u8] {
        self.blob
    }

    /// Number of entries (fields and values counted apart) that the header
    /// states, if the blob says. Nothing for a blob that is read leniently: its
    /// header may be wrong.
    #[must_use]
    pub fn stated_entries(&self) -> Option<u64> {
        match self.container {
            _ if self.reading == Reading::Lenient => None,
            Container::Intset => Some(intset::count(self.blob)),
            Container::Listpack => listpack::stated(self.blob),
            Container::Ziplist => ziplist::stated(self.blob),
            Container::Zipmap => zipmap::stated(self.blob),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::intset::IntsetEntries;
    use super::listpack::ListpackEntries;
    use super::ziplist::ZiplistEntries;
    use super::zipmap::ZipmapEntries;
    use super::*;

    fn all<'a>(mut entries: impl Entries<'a>) -> Result<Vec<Vec<u8>>, Fault> {
        let mut found = Vec::new();
        while let Some(entry) = entries.next()? {
            found.push(entry.to_vec());
        }
        Ok(found)
    }

    fn entries(packed: Packed<'_>) -> Result<Vec<Vec<u8>>, Fault> {
        let Packed { container, reading, blob } = packed;
        match container {
            Container::Intset => all(IntsetEntries::new(blob, reading)),
            Container::Listpack => all(ListpackEntries::new(blob, reading)),
            Container::Ziplist => all(ZiplistEntries::new(blob, reading)),
            Container::Zipmap => all(ZipmapEntries::new(blob, reading)),
        }
    }

    fn strictly(container: Container, blob: &[u8]) -> Result<Vec<Vec<u8>>, (FaultKind, u64)> {
        let found = Packed::open(container, blob).and_then(entries);
        found.map_err(|fault| (fault.kind(), fault.blob_offset().unwrap()))
    }

    fn leniently(container: Container, blob: &[u8]) -> Result<Vec<Vec<u8>>, (FaultKind, u64)> {
        let found = Packed::open_leniently(container, blob).and_then(entries);
        found.map_err(|fault| (fault.kind(), fault.blob_offset().unwrap()))
    }

    #[test]
    fn contradictions_are_refused_strictly_and_read_leniently() {
        use Container::{Intset, Listpack, Ziplist, Zipmap};
        type Case<'a> = (Container, &'a str, &'a [u8], &'a [&'a [u8]]);
        let cases: &[Case<'_>] = &[
            (Listpack, "length", b"\x0f\0\0\0\x02\0\x81a\x02\x81b\x02\xff", &[b"a", b"b"]),
            (Listpack, "count too small", b"\x0d\0\0\0\x01\0\x81a\x02\x81b\x02\xff", &[b"a", b"b"]),
            (Listpack, "count too large", b"\x0d\0\0\0\x03\0\x81a\x02\x81b\x02\xff", &[b"a", b"b"]),
            (Listpack, "backward length", b"\x0d\0\0\0\x02\0\x81a\x09\x81b\x02\xff", &[b"a", b"b"]),
            (Ziplist, "length", b"\x99\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "tail off the last entry", b"\x11\0\0\0\x0a\0\0\0\x02\0\0\x01a\x03\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "tail outside", b"\x11\0\0\0\xff\xff\0\0\x02\0\0\x01a\x03\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "count too small", b"\x11\0\0\0\x0d\0\0\0\x01\0\0\x01a\x03\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "count too large", b"\x11\0\0\0\x0d\0\0\0\x09\0\0\x01a\x03\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "size before", b"\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\x07\x01b\xff", &[b"a", b"b"]),
            (Ziplist, "size before the first", b"\x0e\0\0\0\x0a\0\0\0\x01\0\x05\x01a\xff", &[b"a"]),
            (Ziplist, "long size before", b"\x15\0\0\0\x0d\0\0\0\x02\0\0\x01a\xfe\x09\0\0\0\x01b\xff", &[b"a", b"b"]),
            (Intset, "count too small", b"\x02\0\0\0\x01\0\0\0\x01\0\x02\0", &[b"1", b"2"]),
            (Intset, "count too large", b"\x02\0\0\0\x09\0\0\0\x01\0\x02\0", &[b"1", b"2"]),
            (Intset, "unsorted", b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0", &[b"2", b"1"]),
            (Intset, "twice", b"\x02\0\0\0\x02\0\0\0\x02\0\x02\0", &[b"2", b"2"]),
            (Zipmap, "count", b"\x05\x01f\x01\0v\xff", &[b"f", b"v"]),
            (Zipmap, "long form of a short length", b"\x01\xfe\x01\0\0\0f\xfe\x01\0\0\0\0v\xff", &[b"f", b"v"]),
        ];
        for (container, what, blob, expected) in cases {
            let name = container.name();
            assert!(matches!(strictly(*container, blob), Err((FaultKind::Packed, _))), "{name}: {what}");
            assert_eq!(leniently(*container, blob).unwrap(), *expected, "{name}: {what}");
            if let Ok(packed) = Packed::open(*container, blob) {
                assert_eq!(entries(packed.leniently()).unwrap(), *expected, "{name}: {what}");
            }
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_even_leniently() {
        use Container::{Intset, Listpack, Ziplist, Zipmap};
        use FaultKind::{Encoding, Packed};
        let cases: &[(Container, &str, &[u8], FaultKind, u64)] = &[
            (Listpack, "shorter than a header", b"\x06\0\0\0\0\0", Packed, 0),
            (Listpack, "no end byte", b"\x0a\0\0\0\x01\0\x81a\x02\0", Packed, 9),
            (Listpack, "end byte early", b"\x0d\0\0\0\x02\0\x81a\x02\xffb\x02\xff", Packed, 9),
            (Listpack, "undefined encoding", b"\x09\0\0\0\x01\0\xf5\x01\xff", Encoding, 6),
            (Listpack, "entry past the end", b"\x0a\0\0\0\x01\0\x85a\x02\xff", Packed, 6),
            (Listpack, "backward length over the end byte", b"\x09\0\0\0\x01\0\x81a\xff", Packed, 6),
            (Ziplist, "shorter than a header", b"\x0a\0\0\0\x0a\0\0\0\0\0", Packed, 0),
            (Ziplist, "no end byte", b"\x0e\0\0\0\x0a\0\0\0\x01\0\0\x01a\0", Packed, 13),
            (Ziplist, "end byte early", b"\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\xff\x01b\xff", Packed, 13),
            (Ziplist, "undefined encoding", b"\x0e\0\0\0\x0a\0\0\0\x01\0\0\xc1a\xff", Encoding, 10),
            (Ziplist, "entry past the end", b"\x0e\0\0\0\x0a\0\0\0\x01\0\0\x05a\xff", Packed, 10),
            (Intset, "width", b"\x03\0\0\0\x01\0\0\0\x01\0\0", Packed, 0),
            (Intset, "half a member", b"\x02\0\0\0\x01\0\0\0\x01\0\x02", Packed, 4),
            (Zipmap, "no end byte", b"\x01\x01f\x01\0v", Packed, 5),
            (Zipmap, "field without value", b"\x01\x01f\xff", Packed, 3),
            (Zipmap, "value past the end", b"\x01\x01f\x05\0v\xff", Packed, 3),
        ];
        for (container, what, blob, kind, at) in cases {
            let name = container.name();
            assert_eq!(leniently(*container, blob), Err((*kind, *at)), "{name}: {what}");
            assert_eq!(strictly(*container, blob), Err((*kind, *at)), "{name}: {what}");
        }
    }

    #[test]
    fn an_empty_blob_is_told_from_a_broken_one() {
        for (container, empty, broken) in [
            (Container::Intset, &b"\x02\0\0\0\0\0\0\0"[..], &b"\x03\0\0\0\0\0\0\0"[..]),
            (Container::Listpack, b"\x07\0\0\0\0\0\xff", b"\x07\0\0\0\0\0\0"),
            (Container::Ziplist, b"\x0b\0\0\0\x0a\0\0\0\0\0\xff", b"\x0b\0\0\0\x0a\0\0\0\0\0\0"),
            (Container::Zipmap, b"\0\xff", b"\0\0"),
        ] {
            for open in [Packed::open, Packed::open_leniently] {
                assert!(is_empty(open(container, empty).unwrap_err()), "{}", container.name());
                assert!(!is_empty(open(container, broken).unwrap_err()), "{}", container.name());
                assert!(!is_empty(open(container, b"").unwrap_err()), "{}", container.name());
            }
        }
    }

    #[test]
    fn a_count_is_stated_only_where_it_was_checked() {
        let blob = b"\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff";
        let packed = Packed::open(Container::Listpack, blob).unwrap();
        assert_eq!((packed.reading(), packed.stated_entries()), (Reading::Strict, Some(2)));
        let packed = packed.leniently();
        assert_eq!((packed.reading(), packed.stated_entries()), (Reading::Lenient, None));
    }

    /// Item 65 of the list of hostile inputs. Every entry takes a byte at least, so a walk ends.
    #[test]
    #[cfg_attr(miri, ignore = "two million blobs")]
    fn no_blob_of_few_bytes_panics() {
        for first in 0..=u16::MAX {
            let [a, b] = first.to_le_bytes();
            let short: [&[u8]; 9] = [
                &[a],
                &[a, b],
                &[a, b, 0xff],
                &[a, b, 0, 0xff],
                &[a, b, 1, b'x', 0xff],
                &[a, b, 0, 0, 0, 0],
                &[a, b, 0, 0, 0, 0xff],
                &[a, b, 0xff, 0xff, 0xff, 0xff],
                &[a, b, 1, b'x', b'y', 0xff],
            ];
            let framed: [(Container, &[u8]); 9] = [
                (Container::Listpack, &[9, 0, 0, 0, 1, 0, a, b, 0xff]),
                (Container::Listpack, &[10, 0, 0, 0, 1, 0, a, b, 0x7f, 0xff]),
                (Container::Listpack, &[12, 0, 0, 0, 2, 0, 1, 1, a, b, 1, 0xff]),
                (Container::Ziplist, &[13, 0, 0, 0, 10, 0, 0, 0, 1, 0, a, b, 0xff]),
                (Container::Ziplist, &[16, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0xf1, 2, a, b, 0xff]),
                (Container::Intset, &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, a, b]),
                (Container::Intset, &[a, 0, 0, 0, b, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]),
                (Container::Zipmap, &[1, a, b, b'x', b'y', 0xff]),
                (Container::Zipmap, &[1, 1, b'f', a, b, b'v', 0xff]),
            ];
            let forms = [Container::Intset, Container::Listpack, Container::Ziplist, Container::Zipmap];
            let all = short.iter().flat_map(|blob| forms.map(|form| (form, *blob))).chain(framed);
            for (container, blob) in all {
                let (strict, lenient) = (strictly(container, blob), leniently(container, blob));
                for found in [&strict, &lenient] {
                    let is_inside = match found {
                        Ok(entries) => entries.len() <= blob.len(),
                        Err((_, at)) => *at <= blob.len() as u64,
                    };
                    assert!(is_inside, "{}: {blob:02x?}: {found:?}", container.name());
                }
                if strict.is_ok() {
                    assert_eq!(lenient, strict, "{}: {blob:02x?}", container.name());
                }
            }
        }
    }

    /// A wider one makes every event wider.
    #[test]
    fn a_packed_blob_is_four_words() {
        assert!(size_of::<Packed<'_>>() <= 32);
    }
}
