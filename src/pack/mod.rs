//! Blobs that hold many entries: listpack, ziplist, intset, zipmap.
//!
//! A blob is checked for its header, length and end byte when it is opened
//! ([`Packed::open`]); its entries are checked while they are iterated. Beside
//! each reader stands the builder of the same form: it appends to a buffer of
//! its own and takes the smallest form of every entry, as the servers do.

#![cfg_attr(not(test), expect(dead_code, reason = "the encoder builds them"))]
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
    pub(crate) blob: &'a [u8],
}

static EMPTY: Cause = Cause::inside(FaultKind::Packed, "a packed value with entries", Form::Text("an empty one"));

impl<'a> Packed<'a> {
    /// Checks the frame of `blob`: header, stated length, end byte, and that it
    /// holds something.
    #[inline(always)]
    pub(crate) fn open(container: Container, blob: &'a [u8]) -> Result<Self, Fault> {
        let is_empty = match container {
            Container::Intset => intset::open(blob)?,
            Container::Listpack => listpack::open(blob)?,
            Container::Ziplist => ziplist::open(blob)?,
            Container::Zipmap => zipmap::open(blob)?,
        };
        if is_empty {
            return Err(Fault::located(&EMPTY, 0, 0));
        }
        Ok(Self { container, blob })
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
    /// states, if the blob says.
    #[must_use]
    pub fn stated_entries(&self) -> Option<u64> {
        match self.container {
            Container::Intset => Some(intset::count(self.blob)),
            Container::Listpack => listpack::stated(self.blob),
            Container::Ziplist => ziplist::stated(self.blob),
            Container::Zipmap => zipmap::stated(self.blob),
        }
    }
}
