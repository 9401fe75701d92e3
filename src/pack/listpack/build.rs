//! Builds listpacks.

use super::backlen::BacklenForm;
use super::{HEADER, ListpackEntries};
use crate::pack::{END, Entries, Head, MAX_BYTES, Reading, low_u32};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// Builds listpacks.
#[derive(Debug)]
pub(crate) struct ListpackBuilder {
    /// Header, entries and end byte; the header is written last.
    blob: Vec<u8>,
    count: u64,
    form: BacklenForm,
}

impl ListpackBuilder {
    /// An empty listpack, for servers whose backward lengths have this form.
    pub(crate) fn new(form: BacklenForm) -> Self {
        let mut empty = Self { blob: Vec::new(), count: 0, form };
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
        let backlen = self.form.write(size, &mut buffer);
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
