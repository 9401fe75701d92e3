//! Names that stand twice, found without a table that a hostile file could fill with collisions:
//! hashes are sorted, and among equal ones the names.

use crate::wire::Scalar;
use alloc::vec::Vec;
use core::hash::Hasher;
use siphasher::sip::SipHasher13;

/// Up to here every name is compared with those before it.
const FEW: usize = 8;

/// Two places of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Repeat {
    /// Where the name stands again.
    pub(crate) later: usize,
    /// Where it stood before.
    pub(crate) earlier: usize,
}

/// Bytes of memory that the search takes for one name, beside those for repeats.
pub(super) const BYTES_EACH: usize = size_of::<u64>();

/// Every place where a name stands that stood before, ascending, with the last place before it.
pub(crate) fn repeats<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a [u8]) -> Vec<Repeat> {
    let mut found = Vec::new();
    if items.len() <= FEW {
        for (later, item) in items.iter().enumerate() {
            let mut before = items.iter().take(later);
            if let Some(earlier) = before.rposition(|before| name(before) == name(item)) {
                found.push(Repeat { later, earlier });
            }
        }
        return found;
    }
    // The upper bits of a hash and the place in one word, which sorts faster than two.
    let place_bits = usize::BITS.saturating_sub(items.len().leading_zeros());
    let place_mask = (1u64 << place_bits).wrapping_sub(1);
    let word = |(at, item)| {
        let mut hasher = SipHasher13::new();
        hasher.write(name(item));
        hasher.finish() & !place_mask | at as u64
    };
    let mut words: Vec<u64> = items.iter().enumerate().map(word).collect();
    words.sort_unstable();
    let name_at = |word: u64| usize::try_from(word & place_mask).ok().and_then(|at| items.get(at)).map(&name);
    for same in words.chunk_by_mut(|a, b| (a ^ b) & !place_mask == 0).filter(|same| same.len() > 1) {
        // Places ascend among equal names.
        same.sort_by_key(|word| name_at(*word));
        for pair in same.windows(2) {
            if let [earlier, later] = pair
                && name_at(*earlier) == name_at(*later)
            {
                let at = |word: u64| usize::try_from(word & place_mask).unwrap_or(usize::MAX);
                found.push(Repeat { later: at(*later), earlier: at(*earlier) });
            }
        }
    }
    found.sort_unstable();
    found
}

/// Tells whether a name may have stood before in the same small value, without keeping any. It never misses one. Where it says so
/// of another, or of one too many, the names have to be compared.
pub(super) struct Suspects {
    /// The number of a value and the hash of a name, each at the place that the hash says or a few behind it.
    marks: Vec<u64>,
    value: u32,
    names: usize,
    /// Places for the value in hand, less one: few for a small one, so that they stay in the processor's nearest memory.
    mask: usize,
}

impl Suspects {
    /// Names of one value; servers pack fewer.
    const MOST: usize = 1024;
    const PLACES: usize = 4 * Self::MOST;
    /// Places that are looked at for one name.
    const PROBES: usize = 16;

    pub(super) fn new() -> Self {
        Self { marks: Vec::new(), value: 0, names: 0, mask: 0 }
    }

    /// Another value begins, which says that it has so many names.
    pub(super) fn begin(&mut self, names: u64) {
        self.names = 0;
        let names = usize::try_from(names).unwrap_or(usize::MAX).clamp(Self::PROBES, Self::MOST);
        self.mask = names.next_power_of_two().saturating_mul(4).saturating_sub(1);
        self.marks.resize(Self::PLACES, 0);
        self.value = self.value.checked_add(1).unwrap_or_else(|| {
            self.marks.fill(0);
            1
        });
    }

    #[inline]
    pub(super) fn may_repeat(&mut self, name: Scalar<'_>) -> bool {
        self.names = self.names.saturating_add(1);
        if self.names > Self::MOST {
            return true;
        }
        let hash = name.with_text(quick_hash);
        let mark = u64::from(self.value) << 32 | hash;
        let first = usize::try_from(hash).unwrap_or(usize::MAX);
        for place in (0..Self::PROBES).map(|step| first.wrapping_add(step) & self.mask) {
            match self.marks.get_mut(place) {
                Some(found) if *found == mark => return true,
                Some(found) if *found >> 32 != u64::from(self.value) => {
                    *found = mark;
                    return false;
                }
                _ => {}
            }
        }
        true
    }
}

/// 32 bits that are spread well enough; who makes two names alike gets them compared.
#[inline]
fn quick_hash(name: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    let (words, _) = name.as_chunks();
    let whole = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = match name.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    mix(whole, last) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn found(names: &[&str]) -> Vec<(usize, usize)> {
        repeats(names, |name| name.as_bytes()).into_iter().map(|repeat| (repeat.earlier, repeat.later)).collect()
    }

    #[test]
    fn every_name_that_stood_before_is_found_among_few_and_many() {
        assert_eq!(found(&["a", "", "b", "ab"]), []);
        assert_eq!(found(&["a", "b", "a", "", "", "a"]), [(0, 2), (3, 4), (2, 5)]);
        let count = if cfg!(miri) { 40 } else { 1000 };
        let (middle, last) = (count / 2, count - 1);
        let mut many: Vec<String> = (0..count).map(|n| format!("name {n}")).collect();
        assert_eq!(repeats(&many, |name| name.as_bytes()), []);
        many[last] = many[3].clone();
        many[middle] = many[3].clone();
        let pairs = [Repeat { later: middle, earlier: 3 }, Repeat { later: last, earlier: middle }];
        assert_eq!(repeats(&many, |name| name.as_bytes()), pairs);
    }

    #[test]
    fn no_name_that_stands_twice_is_missed_and_few_others_are_suspected() {
        let count = if cfg!(miri) { 40 } else { Suspects::MOST };
        let names: Vec<String> = (0..count).map(|n| format!("name {n}")).collect();
        let mut suspects = Suspects::new();
        for twice in [0, 1, count / 2] {
            suspects.begin(count as u64);
            let first = names.iter().filter(|name| suspects.may_repeat(Scalar::Bytes(name.as_bytes()))).count();
            assert!(first < count / 100 + 1, "{first}");
            suspects.begin(count as u64);
            let all = names.iter().take(count - 1).chain([&names[twice]]);
            assert_eq!(all.map(|name| suspects.may_repeat(Scalar::Bytes(name.as_bytes()))).last(), Some(true));
        }
        suspects.begin(2);
        assert!(!suspects.may_repeat(Scalar::Int(5)) && suspects.may_repeat(Scalar::Bytes(b"5")), "texts are compared");
        assert!((0..=Suspects::MOST).any(|_| suspects.may_repeat(Scalar::Bytes(b""))));
    }
}
