//! Intset: `u32 LE width (2, 4, 8) | u32 LE count | count x signed LE`, strictly ascending.
//!
//! Source: Redis 8.0 `intset.c` `intsetValidateIntegrity()`.

use super::{Entries, MAX_BYTES, Reading, low_u32};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// Bytes before the first integer.
const HEADER: usize = 8;

static TOO_SHORT: Cause = Cause::inside(FaultKind::Packed, "an intset of at least 8 bytes", Form::Number);
static WIDTH: Cause = Cause::inside(FaultKind::Packed, "an intset width of 2, 4 or 8", Form::Number);
static COUNT: Cause = Cause::inside(FaultKind::Packed, "an intset as long as its width and count say", Form::Number);
static ORDER: Cause =
    Cause::inside(FaultKind::Packed, "intset members in ascending order", Form::Text("a member not above the one before"));

/// Checks width, count and length; says whether the intset is empty. A lenient
/// reader takes a wrong count where the members are whole.
#[inline(always)]
pub(crate) fn open(blob: &[u8], reading: Reading) -> Result<bool, Fault> {
    let Some(([w0, w1, w2, w3, c0, c1, c2, c3], members)) = blob.split_first_chunk::<HEADER>() else {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    };
    let width = u32::from_le_bytes([*w0, *w1, *w2, *w3]);
    let count = u32::from_le_bytes([*c0, *c1, *c2, *c3]);
    if !matches!(width, 2 | 4 | 8) {
        return Err(Fault::located(&WIDTH, 0, u64::from(width)));
    }
    let len = members.len() as u64;
    let is_sound = u64::from(count).wrapping_mul(u64::from(width)) == len
        || (reading == Reading::Lenient && len.is_multiple_of(u64::from(width)));
    if is_sound { Ok(members.is_empty()) } else { Err(Fault::located(&COUNT, 4, u64::from(count))) }
}

/// Members stated.
pub(crate) fn count(blob: &[u8]) -> u64 {
    blob.get(4..HEADER).and_then(<[u8]>::first_chunk).map_or(0, |count| u64::from(u32::from_le_bytes(*count)))
}

/// Iterates an intset whose frame was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntsetEntries<'a> {
    blob: &'a [u8],
    rest: &'a [u8],
    width: u64,
    before: Option<i64>,
    reading: Reading,
}

impl<'a> IntsetEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8], reading: Reading) -> Self {
        let width = blob.first().copied().map_or(0, u64::from);
        Self { blob, rest: blob.get(HEADER..).unwrap_or_default(), width, before: None, reading }
    }
}

impl<'a> Entries<'a> for IntsetEntries<'a> {
    #[inline(always)]
    fn next(&mut self) -> Result<Option<Scalar<'a>>, Fault> {
        let taken = match self.width {
            2 => self.rest.split_first_chunk().map(|(int, rest)| (i64::from(i16::from_le_bytes(*int)), rest)),
            4 => self.rest.split_first_chunk().map(|(int, rest)| (i64::from(i32::from_le_bytes(*int)), rest)),
            _ => self.rest.split_first_chunk().map(|(int, rest)| (i64::from_le_bytes(*int), rest)),
        };
        let Some((int, rest)) = taken else {
            return Ok(None);
        };
        if self.before.is_some_and(|before| before >= int) && self.reading == Reading::Strict {
            return Err(Fault::located(&ORDER, self.at(), 0));
        }
        self.before = Some(int);
        self.rest = rest;
        Ok(Some(Scalar::Int(int)))
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.blob.len().wrapping_sub(self.rest.len())
    }
}

/// Builds intsets.
#[derive(Debug)]
pub(crate) struct IntsetBuilder {
    /// Strictly ascending. The width shows with the last one only.
    members: Vec<i64>,
    blob: Vec<u8>,
}

impl IntsetBuilder {
    /// An empty intset; none is legal without a member.
    pub(crate) fn new() -> Self {
        Self { members: Vec::new(), blob: Vec::new() }
    }

    /// Starts anew in the same buffers.
    pub(crate) fn clear(&mut self) {
        self.members.clear();
    }

    /// Size of the whole intset so far.
    pub(crate) fn len_bytes(&self) -> usize {
        self.members.len().saturating_mul(self.width()).saturating_add(HEADER)
    }

    /// Appends a member. False, and nothing appended, if it is not above the
    /// one before, or if the intset became too large.
    #[must_use]
    pub(crate) fn push(&mut self, member: i64) -> bool {
        if self.members.last().is_some_and(|before| *before >= member) {
            return false;
        }
        self.members.push(member);
        let fits = self.len_bytes() <= MAX_BYTES;
        if !fits {
            self.members.pop();
        }
        fits
    }

    /// The intset so far, whole; more members may follow.
    pub(crate) fn finish(&mut self) -> &[u8] {
        let width = self.width();
        self.blob.clear();
        self.blob.extend_from_slice(&low_u32(width).to_le_bytes());
        self.blob.extend_from_slice(&low_u32(self.members.len()).to_le_bytes());
        for member in &self.members {
            self.blob.extend_from_slice(member.to_le_bytes().get(..width).unwrap_or_default());
        }
        &self.blob
    }

    /// The least width that holds every member: the first and the last are the extremes.
    ///
    /// Source: Redis 8.0 `intset.c` `_intsetValueEncoding()`.
    fn width(&self) -> usize {
        match (self.members.first(), self.members.last()) {
            (Some(-0x8000..), Some(..=0x7fff)) | (None, _) => 2,
            (Some(-0x8000_0000..), Some(..=0x7fff_ffff)) => 4,
            _ => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn decode(blob: &[u8]) -> Result<Vec<i64>, u64> {
        open(blob, Reading::Strict).map_err(|f| f.blob_offset().unwrap())?;
        let mut entries = IntsetEntries::new(blob, Reading::Strict);
        let mut out = Vec::new();
        while let Some(value) = entries.next().map_err(|f| f.blob_offset().unwrap())? {
            out.push(value.as_int().unwrap());
        }
        Ok(out)
    }

    /// `{1, 2, 70000}` as Redis 7.0.15 dumps it.
    #[test]
    fn set_of_a_real_server() {
        let blob = [4, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x70, 0x11, 1, 0];
        assert_eq!(decode(&blob).unwrap(), [1, 2, 70000]);
    }

    fn build(members: &[i64]) -> Vec<u8> {
        let mut builder = IntsetBuilder::new();
        for member in members {
            assert!(builder.push(*member));
        }
        let len = builder.len_bytes();
        let built = builder.finish().to_vec();
        assert_eq!(built.len(), len);
        built
    }

    /// As Redis 7.0.15 dumps `{1, 2, 70000}`.
    #[test]
    fn an_intset_is_built_as_a_real_server_does() {
        let blob = [4, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x70, 0x11, 1, 0];
        assert_eq!(build(&[1, 2, 70000]), blob);
    }

    #[test]
    fn the_width_is_the_least_that_holds_every_member() {
        for (members, width) in [
            (&[0][..], 2),
            (&[-32768, 32767], 2),
            (&[-32769, 0], 4),
            (&[0, 32768], 4),
            (&[-2_147_483_648, 2_147_483_647], 4),
            (&[-2_147_483_649, 0, 1], 8),
            (&[0, 2_147_483_648], 8),
            (&[i64::MIN, i64::MAX], 8),
        ] {
            let built = build(members);
            assert_eq!(built[0], width, "{members:?}");
            assert_eq!(decode(&built).unwrap(), members);
        }
    }

    #[test]
    fn members_out_of_order_are_refused() {
        let mut builder = IntsetBuilder::new();
        assert!(builder.push(5));
        assert!(!builder.push(5), "twice");
        assert!(!builder.push(-1), "below");
        assert!(builder.push(6));
        assert_eq!(builder.finish(), build(&[5, 6]));
        builder.clear();
        assert!(builder.push(-1), "a new set");
        assert_eq!(builder.finish(), build(&[-1]));
    }

    #[test]
    fn faults_name_their_byte() {
        assert_eq!(decode(&[3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]), Err(0), "width");
        assert_eq!(decode(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0]), Err(4), "count");
        assert_eq!(decode(&[8, 0, 0, 0, 0, 0, 0, 0x20]), Err(4), "count times width wraps 32 bits");
        assert_eq!(decode(&[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0]), Err(10), "unsorted");
        assert_eq!(decode(&[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 2, 0]), Err(10), "twice");
        assert_eq!(decode(&[2, 0, 0, 0]), Err(0), "short");
        assert_eq!(decode(&[8, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]).unwrap(), [5], "wider than needed");
    }
}
