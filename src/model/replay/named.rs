//! Items with distinct names, found by name: the keys of a database, the members of a set, the fields
//! of a hash. Few are searched one by one, more by a table of hashes that only who knows the
//! seed can fill with collisions.

use super::super::store::Store;
use crate::error::Fault;
use alloc::vec::Vec;
use core::hash::Hasher;
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
    pub(super) fn of(&self, name: &[u8]) -> u32 {
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
    /// The place of no item.
    const NOWHERE: u32 = u32::MAX;
    const FREE: Self = Self { hash: 0, at: Self::NOWHERE };
}

/// Where items are, by the hashes of their names: open addressing with linear probing, so that a
/// look touches one line of memory as a rule.
#[derive(Clone, Debug, Default)]
struct Index {
    /// A power of two of cells, a third of them free at least, or none.
    cells: Vec<Cell>,
    used: usize,
}

impl Index {
    const FIRST: usize = 32;

    fn mask(&self) -> usize {
        self.cells.len().wrapping_sub(1)
    }

    /// The cell of the item of this hash of which `is_it` says so.
    #[inline]
    fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        let mut place = hash as usize & self.mask();
        loop {
            let cell = self.cells.get(place)?;
            if cell.at == Cell::NOWHERE {
                return None;
            }
            if cell.hash == hash && is_it(cell.at) {
                return Some(place);
            }
            place = place.wrapping_add(1) & self.mask();
        }
    }

    /// Notes an item. There is a free cell.
    #[inline]
    fn insert(&mut self, cell: Cell) {
        let mask = self.mask();
        let mut place = cell.hash as usize & mask;
        while let Some(there) = self.cells.get_mut(place) {
            if there.at == Cell::NOWHERE {
                *there = cell;
                self.used = self.used.wrapping_add(1);
                return;
            }
            place = place.wrapping_add(1) & mask;
        }
    }

    /// Makes room for one more.
    fn reserve(&mut self, memory: &mut Store) -> Result<(), Fault> {
        if self.used.saturating_add(1).saturating_mul(3) <= self.cells.len().saturating_mul(2) {
            return Ok(());
        }
        let len = self.cells.len().saturating_mul(2).max(Self::FIRST);
        let mut wider = Self::default();
        memory.grow(&mut wider.cells, len)?;
        wider.cells.resize(len, Cell::FREE);
        for cell in self.cells.iter().filter(|cell| cell.at != Cell::NOWHERE) {
            wider.insert(*cell);
        }
        memory.give_back(self.heap_bytes());
        *self = wider;
        Ok(())
    }

    /// Frees a cell; those behind it move up, so that a look finds them without it.
    fn remove(&mut self, place: usize) {
        let mask = self.mask();
        let (mut hole, mut place) = (place, place);
        loop {
            place = place.wrapping_add(1) & mask;
            let Some(cell) = self.cells.get(place).copied() else { return };
            let from_home = place.wrapping_sub(cell.hash as usize) & mask;
            let from_hole = place.wrapping_sub(hole) & mask;
            let is_free = cell.at == Cell::NOWHERE;
            if is_free || from_home >= from_hole {
                if let Some(there) = self.cells.get_mut(hole) {
                    *there = if is_free { Cell::FREE } else { cell };
                }
                hole = place;
            }
            if is_free {
                self.used = self.used.wrapping_sub(1);
                return;
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        self.cells.capacity().saturating_mul(size_of::<Cell>())
    }
}

/// Items with distinct names, in no order.
#[derive(Clone, Debug)]
pub(super) struct Named<T> {
    items: Vec<T>,
    /// Of many items only.
    index: Index,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { items: Vec::new(), index: Index::default() }
    }
}

impl<T: Name> Named<T> {
    /// Up to here names are searched one by one.
    const FEW: usize = 8;

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
        if self.index.cells.is_empty() {
            return self.items.iter().position(|item| item.name() == name);
        }
        let is_it = |at| self.items.get(at as usize).is_some_and(|item| item.name() == name);
        let place = self.index.find(hashing.of(name), is_it)?;
        self.index.cells.get(place).map(|cell| cell.at as usize)
    }

    /// Reads a word where an item of this hash is looked for first.
    #[inline]
    pub(super) fn touch(&self, hash: u32) -> usize {
        self.index.cells.get(hash as usize & self.index.mask()).map_or(0, |cell| cell.at as usize)
    }

    /// Where the item of a name with this hash is in all likelihood, without a look at it.
    #[inline]
    pub(super) fn guess(&self, hash: u32) -> Option<usize> {
        if self.index.cells.is_empty() {
            return self.items.len().checked_sub(1);
        }
        let place = self.index.find(hash, |_| true)?;
        self.index.cells.get(place).map(|cell| cell.at as usize)
    }

    /// For [`Value::touch`](super::value::Value::touch).
    #[inline]
    pub(super) fn touch_deep(&self, depth: u8, hash: u32) -> usize {
        match depth {
            1 => self.items.len(),
            2 => self.touch(hash),
            _ => self.guess(hash).and_then(|at| self.items.get(at)).map_or(0, |item| item.name().len()),
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
    #[inline]
    pub(super) fn add(&mut self, item: T, hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        if self.index.cells.is_empty() && self.items.len() >= Self::FEW {
            self.index_all(hashing, memory)?;
        }
        if !self.index.cells.is_empty() {
            let at = u32::try_from(self.items.len()).ok().filter(|at| *at != Cell::NOWHERE);
            let cell = Cell { hash: hashing.of(item.name()), at: at.ok_or_else(|| memory.full())? };
            self.index.reserve(memory)?;
            self.index.insert(cell);
        }
        memory.push(&mut self.items, item)
    }

    #[cold]
    fn index_all(&mut self, hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        let mut index = Index::default();
        for (at, item) in (0..).zip(&self.items) {
            index.reserve(memory)?;
            index.insert(Cell { hash: hashing.of(item.name()), at });
        }
        self.index = index;
        Ok(())
    }

    /// Removes the item at a place that was found; the last one takes its place.
    pub(super) fn remove_at(&mut self, at: usize, hashing: &Hashing) -> Option<T> {
        let last = self.items.len().checked_sub(1).filter(|last| at <= *last)?;
        let index = &mut self.index;
        if !index.cells.is_empty() {
            let hash = |at: usize| self.items.get(at).map(|item| hashing.of(item.name()));
            let place = index.find(hash(at)?, |found| found as usize == at)?;
            index.remove(place);
            if at != last {
                let place = index.find(hash(last)?, |found| found as usize == last)?;
                if let Some(cell) = index.cells.get_mut(place) {
                    cell.at = u32::try_from(at).unwrap_or(cell.at);
                }
            }
        }
        Some(self.items.swap_remove(at))
    }

    pub(super) fn remove(&mut self, name: &[u8], hashing: &Hashing) -> Option<T> {
        let at = self.find(name, hashing)?;
        self.remove_at(at, hashing)
    }

    /// Memory that counts for the items, but for what they hold themselves.
    pub(super) fn heap_bytes(&self) -> usize {
        let index = self.index.heap_bytes();
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
            assert_eq!(named.remove(format!("name {n}").as_bytes(), &hashing), Some(format!("name {n}")));
        }
        for n in 0..200 {
            let name = format!("name {n}");
            assert_eq!(named.get(name.as_bytes(), &hashing), (n % 3 != 0).then_some(&name), "{n}");
        }
        assert_eq!(named.len(), 133);
        assert_eq!(named.remove_at(133, &hashing), None);
    }

    #[test]
    fn items_count_as_memory() {
        let hashing = Hashing::new([1, 2]);
        let mut memory = Store::new(5 * 24);
        let mut named = Named::default();
        let mut added = 0;
        while named.add(format!("{added}"), &hashing, &mut memory).is_ok() {
            added += 1;
        }
        assert_eq!(added, 4, "one more would have doubled the room");
    }
}
