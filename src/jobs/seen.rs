//! What was seen before, by a keyed hash of 128 bits: two names that differ are
//! taken for the same with a chance of n² in 2^128, which nobody without the seed can raise.

use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashSet;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Two random words. Whoever makes a file must not know them.
pub type Seed = [u64; 2];

/// A set of names that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    hasher: SipHasher13,
    hashes: HashSet<u128, BuildHasherDefault<Itself>>,
    limit_bytes: u64,
    /// Whether there was no room for some name.
    is_full: bool,
}

impl Seen {
    /// Bytes of memory that one name takes: its hash and a byte, in a table that is half full after it grew.
    const BYTES_EACH: u64 = 40;
    /// Names whose room is kept when the set is emptied.
    const KEEP: usize = 1024;

    pub(crate) fn new(seed: Seed, limit_bytes: u64) -> Self {
        let [first, second] = seed;
        Self { hasher: SipHasher13::new_with_keys(first, second), hashes: HashSet::default(), limit_bytes, is_full: false }
    }

    /// Notes a name within a space, such as a key within its database; says whether it is new.
    /// Once there is no room, every name is.
    #[inline]
    pub(crate) fn is_new(&mut self, space: u64, name: &[u8]) -> bool {
        let mut hasher = self.hasher;
        hasher.write_u64(space);
        hasher.write(name);
        let hash = hasher.finish128().as_u128();
        let bytes = (self.hashes.len() as u64).saturating_mul(Self::BYTES_EACH);
        if self.is_full || bytes > self.limit_bytes || self.hashes.try_reserve(1).is_err() {
            self.is_full = true;
            return !self.hashes.contains(&hash);
        }
        self.hashes.insert(hash)
    }

    /// Whether there was no room for some name.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Names noted.
    pub(crate) fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Hands out the hashes of all names, sorted, and forgets them.
    pub(crate) fn take(&mut self) -> Vec<u128> {
        let mut hashes: Vec<u128> = self.hashes.drain().collect();
        hashes.sort_unstable();
        self.is_full = false;
        hashes
    }

    pub(crate) fn clear(&mut self) {
        if self.hashes.capacity() > Self::KEEP {
            self.hashes = HashSet::default();
        } else {
            self.hashes.clear();
        }
        self.is_full = false;
    }
}

/// The hash of a hash is the hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u128(&mut self, hash: u128) {
        // Half of the bits are as good as all of them.
        self.0 = u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of names")]
    fn names_are_told_apart_within_their_space() {
        let mut seen = Seen::new([1, 2], 1 << 20);
        for space in 0..3 {
            for name in 0..1000u32 {
                assert!(seen.is_new(space, &name.to_le_bytes()));
            }
        }
        assert!(!seen.is_new(1, &7u32.to_le_bytes()));
        seen.clear();
        assert!(seen.is_new(1, &7u32.to_le_bytes()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of names")]
    fn memory_has_an_end() {
        let mut seen = Seen::new([1, 2], 4000);
        let new = (0..1000u32).filter(|name| seen.is_new(0, &name.to_le_bytes())).count();
        assert_eq!(new, 1000);
        assert!(seen.is_full());
        assert!(seen.len() <= 101);
        assert!(!seen.is_new(0, &5u32.to_le_bytes()), "what was noted is still known");
        let known = seen.len();
        let taken = seen.take();
        assert!(taken.is_sorted() && taken.len() as u64 == known);
        assert!(!seen.is_full() && seen.is_new(0, &5u32.to_le_bytes()), "they are forgotten");
        assert!(taken.contains(&seen.take()[0]), "one name has one hash");
    }
}
