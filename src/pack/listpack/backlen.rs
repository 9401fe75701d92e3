//! The backward length behind a listpack entry.
//!
//! It is the size of encoding and data in 7-bit groups, the most significant first; every byte but the first has its top bit
//! set. For three sizes servers disagree how many bytes these take: [`BacklenForm`].

use super::{HEADER, read};
use crate::pack::low_u32;
use alloc::vec::Vec;

/// How many bytes stand behind a listpack entry of 2^14 - 1, 2^21 - 1 or 2^28 - 1 bytes, its encoding counted: a text of 5 bytes
/// less. Each server takes one of the two forms only: the other one reads as another listpack.
///
/// Sources: `lpEncodeBacklen()` of Redis 8.6 and Valkey 8.1, and of Valkey 9.1 (its pull request 3601; Redis' 15151).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BacklenForm {
    /// 3, 4 and 5: one more than the number needs.
    Wide,
    /// 2, 3 and 4.
    Narrow,
}

impl BacklenForm {
    /// The other form.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Wide => Self::Narrow,
            Self::Narrow => Self::Wide,
        }
    }

    /// Bytes of the backward length of an entry of `size` bytes.
    #[inline(always)]
    fn bytes(self, size: usize) -> usize {
        match size {
            0..=127 => 1,
            128..16_383 => 2,
            _ => self.long_bytes(size),
        }
    }

    fn long_bytes(self, size: usize) -> usize {
        let wide: usize = match size {
            0..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        if self == Self::Narrow && is_disputed(size) { wide.saturating_sub(1) } else { wide }
    }

    /// The backward length of an entry of `size` bytes.
    #[inline]
    pub(super) fn write(self, size: usize, out: &mut [u8; 5]) -> &[u8] {
        let group = |shift: u32| {
            let [low, ..] = (size >> shift).to_le_bytes();
            low & 0x7f
        };
        let [top, b1, b2, b3, b4] = [group(28), group(21), group(14), group(7), group(0)];
        let len = self.bytes(size);
        *out = match len {
            1 => [b4, 0, 0, 0, 0],
            2 => [b3, b4 | 0x80, 0, 0, 0],
            3 => [b2, b3 | 0x80, b4 | 0x80, 0, 0],
            4 => [b1, b2 | 0x80, b3 | 0x80, b4 | 0x80, 0],
            _ => [top, b1 | 0x80, b2 | 0x80, b3 | 0x80, b4 | 0x80],
        };
        out.get(..len).unwrap_or_default()
    }
}

/// Whether the two forms differ behind an entry of `size` bytes.
#[inline(always)]
fn is_disputed(size: usize) -> bool {
    matches!(size, 16_383 | 2_097_151 | 268_435_455)
}

/// Bytes of the backward length that stands in front of `rest`, behind an entry of `size` bytes. Which form it has is told by
/// its first byte: all bits of a number of such a size are set.
#[inline(always)]
pub(super) fn stored_bytes(size: usize, rest: &[u8]) -> usize {
    let is_narrow = is_disputed(size) && rest.first() == Some(&0x7f);
    if is_narrow { BacklenForm::Narrow } else { BacklenForm::Wide }.bytes(size)
}

/// Whether `found` is the backward length of an entry of `size` bytes, in either form.
pub(super) fn is_backlen(found: &[u8], size: usize) -> bool {
    [BacklenForm::Wide, BacklenForm::Narrow].into_iter().any(|form| found == form.write(size, &mut [0; 5]))
}

/// Entries of a listpack, as far as it can be read: encoding and data, and the backward length.
fn framed(blob: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = blob.get(HEADER..).unwrap_or_default();
    core::iter::from_fn(move || {
        let (_, behind) = read(rest)?;
        let (entry, _) = rest.split_at_checked(rest.len().wrapping_sub(behind.len()))?;
        let (backlen, behind) = behind.split_at_checked(stored_bytes(entry.len(), behind))?;
        rest = behind;
        Some((entry, backlen))
    })
}

/// Whether an entry of a listpack has a backward length that only servers of this form take.
#[inline]
pub(crate) fn has_form(blob: &[u8], form: BacklenForm) -> bool {
    /// No smaller listpack holds such an entry.
    const LEAST: usize = HEADER + 16_383 + 2 + 1;
    blob.len() >= LEAST && has_long_form(blob, form)
}

#[inline(never)]
fn has_long_form(blob: &[u8], form: BacklenForm) -> bool {
    framed(blob).any(|(entry, backlen)| is_disputed(entry.len()) && backlen.len() == form.bytes(entry.len()))
}

/// Puts a listpack into `out`, its backward lengths in this form. Behind an entry that cannot be read, all stays as it is.
pub(crate) fn rewrite(blob: &[u8], form: BacklenForm, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(blob.get(..HEADER).unwrap_or_default());
    let mut at = HEADER;
    for (entry, backlen) in framed(blob) {
        out.extend_from_slice(entry);
        out.extend_from_slice(form.write(entry.len(), &mut [0; 5]));
        at = at.saturating_add(entry.len()).saturating_add(backlen.len());
    }
    out.extend_from_slice(blob.get(at..).unwrap_or_default());
    let total = low_u32(out.len());
    if let Some(stated) = out.first_chunk_mut() {
        *stated = total.to_le_bytes();
    }
}
