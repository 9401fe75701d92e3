//! Names that stand twice, found without a table that a hostile file could fill with collisions:
//! hashes are sorted, and among equal ones the names.

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
}
