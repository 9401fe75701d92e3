//! Names that stand twice, found without a table that a hostile file could fill with collisions:
//! hashes are sorted, and among equal ones the names.

use alloc::vec::Vec;
use core::hash::Hasher;
use siphasher::sip::SipHasher13;

/// Up to here every name is compared with those before it.
const FEW: usize = 8;

/// Two places of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Repeat {
    /// Where the name stands again.
    pub(super) later: usize,
    /// Where it stood before.
    pub(super) earlier: usize,
}

/// Bytes of memory that the search takes for one name, beside those for repeats.
pub(super) const BYTES_EACH: usize = size_of::<(u64, usize)>();

/// Every place where a name stands that stood before, ascending, with the last place before it.
pub(super) fn repeats<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a [u8]) -> Vec<Repeat> {
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
    let hash = |item| {
        let mut hasher = SipHasher13::new();
        hasher.write(name(item));
        hasher.finish()
    };
    let mut hashes: Vec<(u64, usize)> = items.iter().enumerate().map(|(at, item)| (hash(item), at)).collect();
    hashes.sort_unstable();
    for same in hashes.chunk_by_mut(|(a, _), (b, _)| a == b).filter(|same| same.len() > 1) {
        let name_at = |at: usize| items.get(at).map(&name);
        same.sort_by(|(_, a), (_, b)| name_at(*a).cmp(&name_at(*b)).then(a.cmp(b)));
        for pair in same.windows(2) {
            if let [(_, earlier), (_, later)] = pair
                && name_at(*earlier) == name_at(*later)
            {
                found.push(Repeat { later: *later, earlier: *earlier });
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
        let mut many: Vec<String> = (0..1000).map(|n| format!("name {n}")).collect();
        assert_eq!(repeats(&many, |name| name.as_bytes()), []);
        many[999] = many[3].clone();
        many[500] = many[3].clone();
        let pairs = [Repeat { later: 500, earlier: 3 }, Repeat { later: 999, earlier: 500 }];
        assert_eq!(repeats(&many, |name| name.as_bytes()), pairs);
    }
}
