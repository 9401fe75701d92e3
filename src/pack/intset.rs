//! Intset: `u32 LE width (2, 4, 8) | u32 LE count | count x signed LE`, strictly ascending.
//!
//! Source: Redis 8.0 `intset.c` `intsetValidateIntegrity()`.

use super::Entries;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;

/// Bytes before the first integer.
const HEADER: usize = 8;

static TOO_SHORT: Cause = Cause::inside(FaultKind::Packed, "an intset of at least 8 bytes", Form::Number);
static WIDTH: Cause = Cause::inside(FaultKind::Packed, "an intset width of 2, 4 or 8", Form::Number);
static COUNT: Cause = Cause::inside(FaultKind::Packed, "an intset as long as its width and count say", Form::Number);
static EMPTY: Cause = Cause::inside(FaultKind::Packed, "an intset with members", Form::Number);
static ORDER: Cause =
    Cause::inside(FaultKind::Packed, "intset members in ascending order", Form::Text("a member not above the one before"));

/// Checks width, count and length. No server makes an empty intset.
#[inline(always)]
pub(crate) fn open(blob: &[u8]) -> Result<(), Fault> {
    let Some(([w0, w1, w2, w3, c0, c1, c2, c3], members)) = blob.split_first_chunk::<HEADER>() else {
        return Err(Fault::located(&TOO_SHORT, 0, blob.len() as u64));
    };
    let width = u32::from_le_bytes([*w0, *w1, *w2, *w3]);
    let count = u32::from_le_bytes([*c0, *c1, *c2, *c3]);
    if !matches!(width, 2 | 4 | 8) {
        return Err(Fault::located(&WIDTH, 0, u64::from(width)));
    }
    if u64::from(count).wrapping_mul(u64::from(width)) != members.len() as u64 {
        return Err(Fault::located(&COUNT, 4, u64::from(count)));
    }
    if count == 0 { Err(Fault::located(&EMPTY, 4, 0)) } else { Ok(()) }
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
}

impl<'a> IntsetEntries<'a> {
    #[inline(always)]
    pub(crate) fn new(blob: &'a [u8]) -> Self {
        let width = blob.first().copied().map_or(0, u64::from);
        Self { blob, rest: blob.get(HEADER..).unwrap_or_default(), width, before: None }
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
        if self.before.is_some_and(|before| before >= int) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn decode(blob: &[u8]) -> Result<Vec<i64>, u64> {
        open(blob).map_err(|f| f.blob_offset().unwrap())?;
        let mut entries = IntsetEntries::new(blob);
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
