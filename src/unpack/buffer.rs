//! Bytes between two steps: what is carried of the input, and what is given out.

use crate::error::{Error, ErrorKind, Place};
use alloc::vec::Vec;

/// The item in hand, as far as it has arrived, and where in the file it stands.
#[derive(Default)]
pub(super) struct Carry {
    bytes: Vec<u8>,
    /// Bytes of the file that were taken.
    offset: u64,
    /// Bytes that were missing at the last look.
    missing: u64,
}

impl Carry {
    /// Takes from the input until `needed` bytes are there; whether they are.
    pub(super) fn fill(&mut self, rest: &mut &[u8], needed: usize) -> bool {
        let wanted = needed.saturating_sub(self.bytes.len());
        let (taken, left) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
        self.bytes.extend_from_slice(taken);
        *rest = left;
        self.offset = self.offset.saturating_add(taken.len() as u64);
        self.missing = wanted.saturating_sub(taken.len()) as u64;
        self.missing == 0
    }

    /// Passes over at most `len` bytes of the input; gives how many.
    pub(super) fn skip(&mut self, rest: &mut &[u8], len: u64) -> u64 {
        let (taken, left) = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)).unwrap_or((rest, &[]));
        *rest = left;
        let taken = taken.len() as u64;
        self.offset = self.offset.saturating_add(taken);
        self.missing = 1;
        taken
    }

    /// The item's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A little-endian number of `len` bytes, `at` bytes into the item.
    pub(super) fn number(&self, at: usize, len: usize) -> u64 {
        let bytes = self.bytes.iter().skip(at).take(len);
        bytes.rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Compares a checksum with the one that the item stores.
    pub(super) fn check(&self, computed: u32, stored: u64) -> Result<(), Error> {
        let computed = u64::from(computed);
        if computed == stored { Ok(()) } else { Err(self.error(ErrorKind::BadChecksum { computed, stored })) }
    }

    /// The item was read.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// An error of the item in hand.
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset.saturating_sub(self.bytes.len() as u64), Place::default())
    }

    /// The error of a file that ends here.
    pub(super) fn truncated(&self) -> Error {
        Error::new(ErrorKind::Truncated { needed: self.missing.max(1) }, self.offset, Place::default())
    }
}

/// Unpacked bytes, until the next step.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    ready: usize,
}

impl Out {
    /// Room for at least `len` bytes.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        &mut self.bytes
    }

    /// Gives out the first `len` bytes of the room.
    pub(super) fn give(&mut self, len: usize) {
        self.ready = len;
    }

    /// Gives out a copy.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        for (to, from) in self.room(bytes.len()).iter_mut().zip(bytes) {
            *to = *from;
        }
        self.ready = bytes.len();
    }

    /// What is given out.
    pub(super) fn ready(&self) -> &[u8] {
        self.bytes.get(..self.ready).unwrap_or_default()
    }

    /// Nothing is given out any more.
    pub(super) fn clear(&mut self) {
        self.ready = 0;
    }
}
