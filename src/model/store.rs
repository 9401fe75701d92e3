//! Memory for collected data, within a limit.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::Scalar;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

static FULL: Cause = Cause::new(FaultKind::Limit, "data within the limit on its memory", Form::Number);

/// Hands out memory. Short texts share blocks, so that each costs no allocation of its own.
#[derive(Debug)]
pub(super) struct Store {
    limit: u64,
    used: u64,
    /// The free rest of the block in use.
    block: BytesMut,
}

impl Store {
    const BLOCK: usize = 16 * 1024;
    /// Longer texts have memory of their own.
    const SHORT: usize = 1024;
    /// Elements that a list has room for at first.
    const FIRST: usize = 4;

    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0, block: BytesMut::new() }
    }

    /// Counts memory; refuses what is over the limit before anyone takes it.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        let used = self.used.saturating_add(bytes as u64);
        if used > self.limit {
            return Err(Fault::new(&FULL, used));
        }
        self.used = used;
        Ok(())
    }

    /// What is said where there is no memory.
    #[cold]
    pub(super) fn full(&self) -> Fault {
        Fault::new(&FULL, self.used)
    }

    /// Memory that is left.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Counts memory as free again.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes as u64);
    }

    /// Counts all memory as free again, but for the block in use.
    pub(super) fn clear(&mut self) {
        self.used = self.block.capacity() as u64;
    }

    /// Keeps a text.
    pub(super) fn text(&mut self, scalar: Scalar<'_>) -> Result<Bytes, Fault> {
        scalar.with_text(|text| self.bytes(text))
    }

    /// As [`Store::text`], of bytes.
    pub(super) fn bytes(&mut self, text: &[u8]) -> Result<Bytes, Fault> {
        if text.len() > Self::SHORT {
            self.take(text.len())?;
            return Ok(Bytes::copy_from_slice(text));
        }
        if self.block.capacity() < text.len() {
            self.take(Self::BLOCK)?;
            self.block = BytesMut::with_capacity(Self::BLOCK);
        }
        self.block.extend_from_slice(text);
        Ok(self.block.split().freeze())
    }

    /// Appends to a list, which grows only within the limit.
    #[inline]
    pub(super) fn push<T>(&mut self, list: &mut Vec<T>, item: T) -> Result<(), Fault> {
        if list.len() == list.capacity() {
            self.grow(list, list.len().max(Self::FIRST))?;
        }
        list.push(item);
        Ok(())
    }

    /// Appends to a text that comes in pieces.
    pub(super) fn extend(&mut self, text: &mut Vec<u8>, piece: &[u8]) -> Result<(), Fault> {
        if text.capacity().saturating_sub(text.len()) < piece.len() {
            self.grow(text, text.len().max(piece.len()))?;
        }
        text.extend_from_slice(piece);
        Ok(())
    }

    /// Makes room for so many more elements.
    pub(super) fn grow<T>(&mut self, list: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        let before = list.capacity();
        let asked = list.len().saturating_add(more);
        self.take(asked.saturating_sub(before).saturating_mul(size_of::<T>()))?;
        list.try_reserve_exact(more).map_err(|_| self.full())?;
        let unasked = list.capacity().saturating_sub(asked.max(before));
        self.take(unasked.saturating_mul(size_of::<T>()))
    }

    /// Gives back what a list that is whole does not need.
    pub(super) fn settle<T>(&mut self, list: &mut Vec<T>) {
        let before = list.capacity();
        list.shrink_to_fit();
        self.give_back(before.saturating_sub(list.capacity()).saturating_mul(size_of::<T>()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_as_it_is_taken_and_given_back() {
        let mut store = Store::new(20_000);
        let mut list = Vec::new();
        for _ in 0..5 {
            store.push(&mut list, 7u64).unwrap();
        }
        assert_eq!((list.capacity(), store.used), (8, 64));
        store.settle(&mut list);
        assert_eq!(store.used, list.capacity() as u64 * 8);
        store.clear();
        assert_eq!(store.used, 0);
        assert_eq!(store.text(Scalar::Int(-5)).unwrap(), &b"-5"[..]);
        assert_eq!(store.used, 16 * 1024, "a block for short texts");
        store.text(Scalar::Bytes(&[7; 1000])).unwrap();
        assert_eq!(store.used, 16 * 1024, "the same block");
        assert_eq!(store.text(Scalar::Bytes(&[7; 4000])).map_err(Fault::kind), Err(FaultKind::Limit));
        assert_eq!(store.push(&mut Vec::new(), [0u8; 1000]).map_err(Fault::kind), Err(FaultKind::Limit));
    }
}
