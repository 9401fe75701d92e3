//! A reading position that has no index: what is left of the chunk.
//!
//! The bounds check of a read is the test for the chunk's end, so running dry
//! is an ordinary [`Fault`] that says how many bytes are missing.

use crate::error::Fault;

/// What is left of a chunk.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'i> {
    rest: &'i [u8],
}

impl<'i> Cursor<'i> {
    #[inline(always)]
    pub(crate) fn new(rest: &'i [u8]) -> Self {
        Self { rest }
    }

    /// What is left.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'i [u8] {
        self.rest
    }

    /// Bytes left.
    #[inline(always)]
    pub(crate) fn left(&self) -> u64 {
        self.rest.len() as u64
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                Ok(*byte)
            }
            None => Err(Fault::short(1)),
        }
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'i [u8; N], Fault> {
        match self.rest.split_first_chunk::<N>() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(array)
            }
            None => Err(self.missing(N as u64)),
        }
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, len: u64) -> Result<&'i [u8], Fault> {
        // A length beyond the address space cannot be in the chunk either.
        let split = match usize::try_from(len) {
            Ok(len) => self.rest.split_at_checked(len),
            Err(_) => None,
        };
        match split {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.missing(len)),
        }
    }

    #[cold]
    #[inline(never)]
    fn missing(&self, wanted: u64) -> Fault {
        Fault::short(wanted.saturating_sub(self.left()))
    }
}
