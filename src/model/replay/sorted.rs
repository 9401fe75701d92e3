//! Keys in their order.

use super::value::{Slot, Value};
use alloc::vec::Vec;
use core::hint::black_box;

/// Bytes of a key that are compared without a look at the key.
const PREFIX: usize = 24;

/// The beginning of a key as numbers that compare as its bytes do, and the key's place.
struct Ranked {
    prefix: [u64; PREFIX / 8],
    at: usize,
}

impl Ranked {
    fn new(at: usize, key: &[u8]) -> Self {
        let mut bytes = [0; PREFIX];
        for (to, from) in bytes.iter_mut().zip(key) {
            *to = *from;
        }
        let mut prefix = [0; PREFIX / 8];
        for (to, from) in prefix.iter_mut().zip(bytes.as_chunks().0) {
            *to = u64::from_be_bytes(*from);
        }
        Self { prefix, at }
    }
}

/// Takes slots out in the order of their keys.
///
/// A comparison of keys where they are waits for memory, so their beginnings are sorted. And since every slot
/// that is taken out is somewhere else, the next few are looked at before, which waits for all of them at once.
pub(super) fn into_sorted(mut slots: Vec<Slot>) -> impl Iterator<Item = Slot> {
    /// Slots that are looked at together.
    const AHEAD: usize = 32;
    let mut order: Vec<Ranked> = slots.iter().enumerate().map(|(at, slot)| Ranked::new(at, slot.key.as_slice())).collect();
    let key = |ranked: &Ranked| slots.get(ranked.at).map(|slot| slot.key.as_slice());
    order.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| key(a).cmp(&key(b))));
    let mut next = 0usize;
    core::iter::from_fn(move || {
        if next.is_multiple_of(AHEAD) {
            let ahead = || order.iter().skip(next).take(AHEAD).filter_map(|ranked| slots.get(ranked.at));
            for depth in 0..Value::DEPTHS {
                black_box(ahead().map(|slot| slot.value.touch(depth, 0)).fold(0, usize::wrapping_add));
            }
        }
        let ranked = order.get(next)?;
        next = next.wrapping_add(1);
        slots.get_mut(ranked.at).map(Slot::take)
    })
}
