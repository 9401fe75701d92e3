//! The databases that commands work on.

use super::super::dataset::{Database, Entry, Function};
use super::super::store::Store;
use super::args::{Done, Halt, WRONG_TYPE};
use super::expiry::Expiry;
use super::named::{Hashing, Name, Named};
use super::sorted::into_sorted;
use super::text::SlotText;
use super::value::{Container, Extra, Slot, Value};
use crate::rdb::Eviction;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;
use core::hint::black_box;

/// Everything that commands change, and what they need to do so.
pub(super) struct Space {
    /// The clock against which relative times count: Unix milliseconds.
    pub(super) now_ms: i64,
    /// Memory taken by the data.
    pub(super) memory: Store,
    pub(super) hashing: Hashing,
    pub(super) functions: Vec<Function>,
    /// Databases are numbered below this.
    databases: u64,
    /// The selected database.
    db: Numbered,
    others: Vec<Numbered>,
}

/// A key and an element to look at: their hashes, and where the key is in all likelihood.
#[derive(Clone, Copy)]
struct Sight {
    key: u32,
    element: u32,
    place: usize,
}

struct Numbered {
    number: u64,
    keys: Named<Slot>,
}

/// The selected database, borrowed apart from what counts its memory.
pub(super) struct Keys<'s> {
    pub(super) keys: &'s mut Named<Slot>,
    pub(super) memory: &'s mut Store,
    pub(super) hashing: &'s Hashing,
}

impl Space {
    /// Memory that counts for a key beside its slot: its place in the tree that is handed out.
    const ENTRY_BYTES: usize = 2 * size_of::<(Bytes, Entry)>();

    pub(super) fn new(now_ms: i64, seed: [u64; 2], databases: u64, max_total_bytes: u64) -> Self {
        Self {
            now_ms,
            memory: Store::new(max_total_bytes),
            hashing: Hashing::new(seed),
            functions: Vec::new(),
            databases,
            db: Numbered { number: 0, keys: Named::default() },
            others: Vec::new(),
        }
    }

    /// The number of the selected database.
    pub(super) fn selected(&self) -> u64 {
        self.db.number
    }

    /// The number of a database, if there is one of this number.
    pub(super) fn number(&self, number: i64) -> Option<u64> {
        u64::try_from(number).ok().filter(|number| *number < self.databases)
    }

    /// Makes another database the selected one. A number from a snapshot may be any.
    pub(super) fn select(&mut self, number: u64) -> Done {
        if number == self.db.number {
            return Ok(());
        }
        let other = match self.others.iter_mut().find(|other| other.number == number) {
            Some(other) => other,
            None => {
                self.memory.push(&mut self.others, Numbered { number, keys: Named::default() })?;
                self.others.last_mut().ok_or_else(|| self.memory.full())?
            }
        };
        core::mem::swap(&mut self.db, other);
        Ok(())
    }

    /// `SWAPDB`: the keys of two databases change places.
    pub(super) fn swap(&mut self, first: u64, second: u64) -> Done {
        if first == second {
            return Ok(());
        }
        let selected = self.selected();
        self.select(first)?;
        let keys = core::mem::take(&mut self.db.keys);
        self.select(second)?;
        let keys = core::mem::replace(&mut self.db.keys, keys);
        self.select(first)?;
        self.db.keys = keys;
        self.select(selected)
    }

    /// Empties the selected database.
    pub(super) fn flush(&mut self) {
        let keys = core::mem::take(&mut self.db.keys);
        self.memory.give_back(keys.heap_bytes());
        for slot in keys.items() {
            self.memory.give_back(slot.heap_bytes().saturating_add(Self::ENTRY_BYTES));
        }
    }

    /// Empties all databases.
    pub(super) fn flush_all(&mut self) -> Done {
        let selected = self.selected();
        self.flush();
        let numbers: Vec<u64> = self.others.iter().map(|other| other.number).collect();
        for number in numbers {
            self.select(number)?;
            self.flush();
        }
        self.select(selected)
    }

    /// The selected database.
    #[inline]
    pub(super) fn keys(&mut self) -> Keys<'_> {
        Keys { keys: &mut self.db.keys, memory: &mut self.memory, hashing: &self.hashing }
    }

    /// Looks at a few keys and elements of their values, so that all is at hand when commands come to it.
    ///
    /// Each loop reads one word for each of them that only the loop before has the place of, and nothing
    /// is decided by what it reads: so the processor waits for all of them at once.
    pub(super) fn look_at<'k, const FEW: usize>(&self, names: impl Iterator<Item = (&'k [u8], &'k [u8])>) {
        let keys = &self.db.keys;
        let mut sights = [Sight { key: 0, element: 0, place: usize::MAX }; FEW];
        let mut len = 0usize;
        for (sight, (key, element)) in sights.iter_mut().zip(names) {
            sight.key = self.hashing.of(key);
            sight.element = self.hashing.of(element);
            len = len.wrapping_add(1);
        }
        let sights = sights.get_mut(..len).unwrap_or_default();
        black_box(sights.iter().map(|sight| keys.touch(sight.key)).fold(0, usize::wrapping_add));
        for sight in &mut *sights {
            sight.place = keys.guess(sight.key).unwrap_or(usize::MAX);
        }
        for depth in 0..Value::DEPTHS {
            let touch = |sight: &Sight| keys.items().get(sight.place).map_or(0, |slot| slot.value.touch(depth, sight.element));
            black_box(sights.iter().map(touch).fold(0, usize::wrapping_add));
        }
    }

    /// A key of the selected database.
    #[inline]
    pub(super) fn slot(&mut self, key: &[u8]) -> Option<&mut Slot> {
        self.db.keys.get_mut(key, &self.hashing)
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.db.keys.find(key, &self.hashing).is_some()
    }

    /// The container that a key holds, if the key is there, with what counts memory and hashes names.
    ///
    /// A command that takes elements out calls [`Space::settle`] at its end.
    #[inline]
    pub(super) fn find<C: Container>(&mut self, key: &[u8]) -> Result<Option<(&mut C, &mut Store, &Hashing)>, Halt> {
        let Some(slot) = self.db.keys.get_mut(key, &self.hashing) else { return Ok(None) };
        let container = C::of(&mut slot.value).ok_or(WRONG_TYPE)?;
        Ok(Some((container, &mut self.memory, &self.hashing)))
    }

    /// As [`Space::find`]; a key that is not there is made, and holds nothing yet.
    #[inline]
    pub(super) fn make<C: Container>(&mut self, key: &[u8]) -> Result<(&mut C, &mut Store, &Hashing), Halt> {
        let (value, memory, hashing) = self.keys().or_add(key, || C::default().into_value())?;
        Ok((C::of(value).ok_or(WRONG_TYPE)?, memory, hashing))
    }

    /// Removes a key whose container has become empty.
    pub(super) fn settle<C: Container>(&mut self, key: &[u8]) {
        if self.slot(key).and_then(|slot| C::of(&mut slot.value)).is_some_and(|container| container.is_empty()) {
            self.remove(key);
        }
    }

    /// Gives a key a value, in place of all that it had. The value's memory counts already.
    #[inline]
    pub(super) fn put(&mut self, key: &[u8], value: Value, expiry: Expiry) -> Done {
        if let Some(slot) = self.db.keys.get_mut(key, &self.hashing) {
            self.memory.give_back(slot.value.heap_bytes());
            slot.value = value;
            slot.expiry = expiry;
            slot.extra = None;
            return Ok(());
        }
        let key = SlotText::new(key, &mut self.memory)?;
        self.add(Slot { key, value, expiry, extra: None })
    }

    /// Adds a key that is not there. The memory of its slot's content counts already.
    pub(super) fn add(&mut self, slot: Slot) -> Done {
        self.memory.take(Self::ENTRY_BYTES)?;
        Ok(self.db.keys.add(slot, &self.hashing, &mut self.memory)?)
    }

    /// Takes a key out. The memory of what is in the slot still counts.
    pub(super) fn take(&mut self, key: &[u8]) -> Option<Slot> {
        let slot = self.db.keys.remove(key, &self.hashing)?;
        self.memory.give_back(Self::ENTRY_BYTES);
        Some(slot)
    }

    /// Removes a key; says whether it was there.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let slot = self.take(key);
        if let Some(slot) = &slot {
            self.memory.give_back(slot.heap_bytes());
        }
        slot.is_some()
    }

    /// Removes the keys of all databases whose names this is true of.
    pub(super) fn remove_if(&mut self, is_doomed: impl Fn(&[u8]) -> bool) {
        let Self { db, others, memory, hashing, .. } = self;
        for Numbered { keys, .. } in core::iter::once(db).chain(others) {
            let mut at = 0;
            while let Some(slot) = keys.at_mut(at) {
                if !is_doomed(slot.name()) {
                    at = at.saturating_add(1);
                } else if let Some(slot) = keys.remove_at(at, hashing) {
                    memory.give_back(slot.heap_bytes().saturating_add(Self::ENTRY_BYTES));
                }
            }
        }
    }

    /// Takes over a key of a snapshot, in place of one that is there.
    pub(super) fn load(&mut self, key: &[u8], entry: Entry) -> Done {
        let Entry { value, expires_at_ms, eviction, metadata } = entry;
        let value = Value::from_model(value, &self.hashing, &mut self.memory)?;
        self.put(key, value, expires_at_ms.into())?;
        if (eviction != Eviction::None || !metadata.is_empty())
            && let Some(slot) = self.slot(key)
        {
            slot.extra = Some(Box::new(Extra { eviction, metadata }));
        }
        Ok(())
    }

    /// Removes what has expired by this clock: keys, and fields of other keys. Says how many of each.
    pub(super) fn drop_expired(&mut self, now_ms: i64) -> (u64, u64) {
        let (mut dropped_keys, mut dropped_fields) = (0u64, 0u64);
        let Self { db, others, memory, hashing, .. } = self;
        for Numbered { keys, .. } in core::iter::once(db).chain(others) {
            let mut at = 0;
            while let Some(slot) = keys.at_mut(at) {
                let is_expired = slot.expiry.has_passed(now_ms);
                if is_expired {
                    dropped_keys = dropped_keys.saturating_add(1);
                } else if let Value::Hash(hash) = &mut slot.value {
                    dropped_fields = dropped_fields.saturating_add(hash.drop_expired(now_ms, hashing, memory));
                }
                if is_expired || matches!(&slot.value, Value::Hash(hash) if hash.is_empty()) {
                    if let Some(slot) = keys.remove_at(at, hashing) {
                        memory.give_back(slot.heap_bytes().saturating_add(Self::ENTRY_BYTES));
                    }
                } else {
                    at = at.saturating_add(1);
                }
            }
        }
        (dropped_keys, dropped_fields)
    }

    /// Everything as it is handed out.
    pub(super) fn into_databases(self) -> (BTreeMap<u64, Database>, Vec<Function>) {
        let Self { db, mut others, functions, .. } = self;
        // Counted already: a key's place in the tree, and short texts with the elements they are in.
        let mut blocks = Store::new(u64::MAX);
        others.push(db);
        let mut databases = BTreeMap::new();
        for Numbered { number, keys } in others {
            if keys.is_empty() {
                continue;
            }
            let slots = into_sorted(keys.into_items());
            databases.insert(number, slots.map(|slot| slot.into_model(&mut blocks)).collect());
        }
        (databases, functions)
    }
}

impl<'s> Keys<'s> {
    /// The slot of a key, which is made if it is not there.
    #[inline]
    pub(super) fn or_add(
        self,
        key: &[u8],
        value: impl FnOnce() -> Value,
    ) -> Result<(&'s mut Value, &'s mut Store, &'s Hashing), Halt> {
        let Self { keys, memory, hashing } = self;
        let at = match keys.find(key, hashing) {
            Some(at) => at,
            None => {
                let key = SlotText::new(key, memory)?;
                memory.take(Space::ENTRY_BYTES)?;
                keys.add(Slot { key, value: value(), expiry: Expiry::NEVER, extra: None }, hashing, memory)?;
                keys.len().saturating_sub(1)
            }
        };
        match keys.at_mut(at) {
            Some(slot) => Ok((&mut slot.value, memory, hashing)),
            None => Err(memory.full().into()),
        }
    }
}
