//! Items with distinct names, found by name: the keys of a database, the members of a set, the fields
//! of a hash. Few are searched one by one, more by a table of hashes that only who knows the
//! seed can fill with collisions.

use super::super::store::Store;
use crate::error::Fault;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hasher;
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// What has a name.
pub(super) trait Name {
    fn name(&self) -> &[u8];
}

/// Hashes names.
#[derive(Clone, Debug)]
pub(super) struct Hashing(SipHasher13);

impl Hashing {
    pub(super) fn new([first, second]: [u64; 2]) -> Self {
        Self(SipHasher13::new_with_keys(first, second))
    }

    #[inline]
    fn of(&self, name: &[u8]) -> u32 {
        let mut hasher = self.0;
        hasher.write(name);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// An item's hash and place. The hash is kept so that a table that grows reads no names.
#[derive(Clone, Copy, Debug)]
struct Cell {
    hash: u32,
    at: u32,
}

impl Cell {
    /// A table takes its bucket from the low bits and its tag from the high ones.
    #[inline]
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

/// Items with distinct names, in no order.
#[derive(Clone, Debug)]
pub(super) struct Named<T> {
    items: Vec<T>,
    index: Option<Box<HashTable<Cell>>>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { items: Vec::new(), index: None }
    }
}

impl<T: Name> Named<T> {
    /// Up to here names are searched one by one.
    const FEW: usize = 8;
    /// Memory that counts for an item beside its own: its cell in a table that has just grown.
    const INDEX_BYTES: usize = 32;

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    /// The items, whose names must stay as they are.
    pub(super) fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }

    /// Where the item of this name is, until one is removed.
    #[inline]
    pub(super) fn find(&self, name: &[u8], hashing: &Hashing) -> Option<usize> {
        match &self.index {
            None => self.items.iter().position(|item| item.name() == name),
            Some(index) => {
                let hash = hashing.of(name);
                let is_it =
                    |cell: &Cell| cell.hash == hash && self.items.get(cell.at as usize).is_some_and(|item| item.name() == name);
                index.find(Cell::spread(hash), is_it).map(|cell| cell.at as usize)
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8], hashing: &Hashing) -> Option<&T> {
        self.items.get(self.find(name, hashing)?)
    }

    /// The item, whose name must stay as it is.
    #[inline]
    pub(super) fn get_mut(&mut self, name: &[u8], hashing: &Hashing) -> Option<&mut T> {
        let at = self.find(name, hashing)?;
        self.items.get_mut(at)
    }

    /// The item at a place that was found.
    #[inline]
    pub(super) fn at_mut(&mut self, at: usize) -> Option<&mut T> {
        self.items.get_mut(at)
    }

    /// Adds an item whose name is not there.
    pub(super) fn add(&mut self, item: T, hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        let at = u32::try_from(self.items.len()).map_err(|_| memory.full())?;
        memory.take(Self::INDEX_BYTES)?;
        if self.index.is_none() && self.items.len() >= Self::FEW {
            let mut index = HashTable::with_capacity(2 * Self::FEW);
            for (place, item) in (0u32..).zip(&self.items) {
                let hash = hashing.of(item.name());
                index.insert_unique(Cell::spread(hash), Cell { hash, at: place }, |cell| Cell::spread(cell.hash));
            }
            self.index = Some(Box::new(index));
        }
        if let Some(index) = &mut self.index {
            let hash = hashing.of(item.name());
            let again = |cell: &Cell| Cell::spread(cell.hash);
            index.try_reserve(1, again).map_err(|_| memory.full())?;
            memory.push(&mut self.items, item)?;
            index.insert_unique(Cell::spread(hash), Cell { hash, at }, again);
            return Ok(());
        }
        memory.push(&mut self.items, item)
    }

    /// Removes the item at a place that was found; the last one takes its place.
    pub(super) fn remove_at(&mut self, at: usize, hashing: &Hashing, memory: &mut Store) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        if let Some(index) = &mut self.index {
            let hash = hashing.of(self.items.get(at)?.name());
            if let Ok(cell) = index.find_entry(Cell::spread(hash), |cell| cell.at as usize == at) {
                cell.remove();
            }
            if at != last {
                let hash = hashing.of(self.items.get(last)?.name());
                if let Some(cell) = index.find_mut(Cell::spread(hash), |cell| cell.at as usize == last) {
                    cell.at = u32::try_from(at).unwrap_or(cell.at);
                }
            }
        }
        if at > last {
            return None;
        }
        memory.give_back(Self::INDEX_BYTES);
        Some(self.items.swap_remove(at))
    }

    pub(super) fn remove(&mut self, name: &[u8], hashing: &Hashing, memory: &mut Store) -> Option<T> {
        let at = self.find(name, hashing)?;
        self.remove_at(at, hashing, memory)
    }

    /// Memory that counts for the items, but for what they hold themselves.
    pub(super) fn heap_bytes(&self) -> usize {
        let index = self.items.len().saturating_mul(Self::INDEX_BYTES);
        self.items.capacity().saturating_mul(size_of::<T>()).saturating_add(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    impl Name for String {
        fn name(&self) -> &[u8] {
            self.as_bytes()
        }
    }

    #[test]
    fn names_are_found_while_items_come_and_go() {
        let hashing = Hashing::new([1, 2]);
        let mut memory = Store::new(1_000_000);
        let mut named = Named::default();
        for n in 0..200 {
            named.add(format!("name {n}"), &hashing, &mut memory).unwrap();
        }
        for n in (0..200).step_by(3) {
            assert_eq!(named.remove(format!("name {n}").as_bytes(), &hashing, &mut memory), Some(format!("name {n}")));
        }
        for n in 0..200 {
            let name = format!("name {n}");
            assert_eq!(named.get(name.as_bytes(), &hashing), (n % 3 != 0).then_some(&name), "{n}");
        }
        assert_eq!(named.len(), 133);
        assert_eq!(named.remove_at(133, &hashing, &mut memory), None);
    }

    #[test]
    fn items_count_as_memory() {
        let hashing = Hashing::new([1, 2]);
        let mut memory = Store::new(5 * 32 + 4 * 24 + 8);
        let mut named = Named::default();
        let mut added = 0;
        while named.add(format!("{added}"), &hashing, &mut memory).is_ok() {
            added += 1;
        }
        assert_eq!(added, 4, "one more would have doubled the room");
    }
}
